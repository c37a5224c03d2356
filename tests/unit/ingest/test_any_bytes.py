"""Whatever the bytes and the topic: readings or `InvalidMessage`, nothing else. Ten thousand cases and more.

Most of them are mutations of valid payloads on their real topics: of the bytes, of the JSON, of the device's frame inside.
"""

from __future__ import annotations

import base64
import json
import math
from copy import deepcopy
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.decode import Decoded, decode_message
from models.domain.failures import InvalidMessage
from models.domain.message import RawMessage
from tests.unit.ingest.samples import RECEIVED_AT, registry, valid_messages

pytestmark = pytest.mark.lengthy

CONTEXTS = registry()
VALID = valid_messages()
VALID_JSON = [message for message in VALID if message.payload[:1] in b"{["]
POSTGRES_INTEGER_MAX = 2**31 - 1

CASES_PER_BATCH = 20
"""Mutations are drawn from a seed, many per example: hypothesis alone would take minutes for as many cases."""

many = settings(max_examples=1000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
batches = settings(many, max_examples=220)

ODD_VALUES: list[Any] = [
    *(math.nan, math.inf, -math.inf, 1e308, -0.0, 10**30, -(10**30), 2**63, 2**64 - 1, 2**31, 840, -1, 0.5, True, False, None),
    *("", "\x00", "a\x00b", "12.5", "NaN", "\ud800", "9" * 300, "2026-11-22T10:00:00", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "2026-11-22T10:00:60Z", "2026-W47-7T10:00Z", "2026-11-22T10:00:00Z"),
    *([], {}, [[]], [{}], {"card_id": 1}, [None], "second", "container_fill"),
]
json_values = st.recursive(
    st.sampled_from(ODD_VALUES).map(deepcopy) | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=4,
)
topics = st.one_of(
    st.sampled_from([message.mqtt_topic for message in VALID]),
    st.builds(lambda tail: "stadspuls/v1/" + tail, st.text(max_size=20)),
    st.builds(lambda tail: "v3/" + tail, st.text("ab/@", max_size=20)),
    st.builds(lambda tail: "application/" + tail, st.text("ab/", max_size=20)),
    st.sampled_from(
        [
            "senml/a",
            "lwm2m/a",
            "ngsi-ld/a",
            "ndw/trafficspeed/a",
            "ndw/bridges/a",
            "vendor/sidcon/a",
            "vendor/x/a",
            "sparkplug/g/DDATA/n/d",
        ]
    ),
    st.sampled_from(["v3/a@b/devices/c/down/ack", "application/1/device/a/event/log", "application/1/device/a/event/up"]),
    st.text(max_size=30),
)


def check(message: RawMessage) -> Decoded | InvalidMessage:
    """Decodes; asserts everything that the store relies on."""
    try:
        decoded = decode_message(message, CONTEXTS)
    except InvalidMessage as error:
        return checked_refusal(message, error)
    places = [*decoded.indexes, *(rejected.index for rejected in decoded.rejected)]
    assert sorted(places) == list(range(len(places)))
    assert len(decoded.indexes) == len(decoded.readings)
    assert decoded.without_reading == (not places)
    for rejected in decoded.rejected:
        assert_storable_text(rejected.detail)
    for reading in decoded.readings:
        assert type(reading).model_validate(reading.model_dump(), strict=True) == reading
        for value in reading.model_dump().values():
            if isinstance(value, str):
                assert_storable_text(value)
            elif isinstance(value, float):
                assert math.isfinite(value)
            elif isinstance(value, int):
                assert abs(value) <= POSTGRES_INTEGER_MAX
    return decoded


def checked_refusal(message: RawMessage, refused: InvalidMessage) -> InvalidMessage:
    assert_storable_text(refused.detail)
    assert refused.at_byte is None or 0 <= refused.at_byte <= len(message.payload)
    return refused


def assert_storable_text(text: str) -> None:
    assert "\x00" not in text
    assert len(text.encode()) <= 2000


@many
@given(topic=topics, payload=st.binary(max_size=200), retain=st.booleans())
def test_any_bytes_on_any_topic(topic: str, payload: bytes, retain: bool) -> None:
    check(RawMessage(topic, payload, RECEIVED_AT, retain=retain))


@settings(many, max_examples=400)
@given(topic=topics, document=json_values, ascii_only=st.booleans())
def test_any_json_on_any_topic(topic: str, document: Any, ascii_only: bool) -> None:
    check(RawMessage(topic, as_json(document, ascii_only), RECEIVED_AT))


@batches
@given(seed=st.integers(0, 2**64))
def test_valid_payloads_with_changed_bytes(seed: int) -> None:
    random = Random(seed)
    for _ in range(CASES_PER_BATCH):
        original = random.choice(VALID)
        payload = bytearray(original.payload)
        for _ in range(random.randint(1, 3)):
            start = random.randint(0, len(payload))
            payload[start : start + random.choice((0, 1, 1, 2, 12, 1000))] = _odd_bytes(random)
        check(replace(original, payload=bytes(payload)))


@batches
@given(seed=st.integers(0, 2**64))
def test_valid_payloads_with_changed_values(seed: int) -> None:
    """Any value at any depth becomes another, vanishes, or gets a neighbour; frames inside are changed byte by byte."""
    random = Random(seed)
    for _ in range(CASES_PER_BATCH):
        original = random.choice(VALID_JSON)
        document = json.loads(original.payload)
        for _ in range(random.randint(1, 3)):
            _change(document, random)
        check(replace(original, payload=as_json(document, random.random() < 0.5)))


def _change(document: Any, random: Random) -> None:
    places = _places(document)
    if not places:
        return
    frames = [place for place in places if place[1] in ("frm_payload", "data") and isinstance(place[0][place[1]], str)]
    holder, key = random.choice(frames) if frames and random.random() < 0.4 else random.choice(places)
    how = random.choice(("replace", "remove", "add"))
    if (holder, key) in frames:
        holder[key] = base64.b64encode(_changed_frame(holder[key], random)).decode()
    elif how == "remove":
        del holder[key]
    elif how == "add" and isinstance(holder, dict):
        holder[random.choice(("readings", "channel", "RFID", "x", "\x00"))] = deepcopy(random.choice(ODD_VALUES))
    else:
        holder[key] = deepcopy(random.choice(ODD_VALUES))


def _changed_frame(encoded: str, random: Random) -> bytes:
    try:
        frame = bytearray(base64.b64decode(encoded, validate=True))
    except ValueError:
        frame = bytearray()
    start = random.randint(0, len(frame))
    frame[start : start + random.choice((0, 1, 2, 100))] = _odd_bytes(random)
    return bytes(frame)


def _odd_bytes(random: Random) -> bytes:
    return random.choice((b"", b"\x00", b"\xff", b"\xc3", b'"', b"{", b"[", b"}", b"1e999", random.randbytes(random.randint(1, 6))))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every holder and key in a document."""
    if isinstance(value, dict):
        return [place for key, inner in value.items() for place in [(value, key), *_places(inner)]]
    if isinstance(value, list):
        return [place for index, inner in enumerate(value) for place in [(value, index), *_places(inner)]]
    return []


def as_json(document: Any, ascii_only: bool) -> bytes:
    """As Python writes it, NaN, lone surrogates and all."""
    return json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def test_every_valid_message_decodes_completely() -> None:
    for message in VALID:
        decoded = check(message)
        assert isinstance(decoded, Decoded), (message, decoded)
        assert decoded.readings
        assert not decoded.rejected
        assert decoded.unknown_fields == 0

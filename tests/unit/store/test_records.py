"""From a Kafka record to the message that decoders take."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.store.records import header_texts, raw_message, stand_in
from models.domain.failures import DeadLetterReason, InvalidMessage
from runtime.memory_kafka import MemoryRecord

TOPIC = "stadspuls/v1/c-1/readings"


def record(headers: dict[str, bytes] | None = None, **values: Any) -> MemoryRecord:
    standard = {"mqtt_topic": TOPIC.encode(), "received_at_us": b"1795348800000001", "dup": b"0", "retain": b"1"}
    given_headers = standard if headers is None else headers
    return MemoryRecord("telemetry.raw", 3, 7, 1_000, TOPIC.encode(), values.get("value", b"{}"), tuple(given_headers.items()))


def test_a_record_carries_what_the_mqtt_side_knew() -> None:
    message = raw_message(record())
    assert message.mqtt_topic == TOPIC
    assert message.received_at == datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=UTC)
    assert (message.dup, message.retain, message.partition, message.offset) == (False, True, 3, 7)


def test_a_stub_is_too_large() -> None:
    stub = orjson.dumps({"length": 400_000, "sha256": "ab"})
    headers = {"mqtt_topic": TOPIC.encode(), "received_at_us": b"1", "too_large": stub}
    with pytest.raises(InvalidMessage, match="400000 bytes") as refused:
        raw_message(record(headers))
    assert refused.value.reason is DeadLetterReason.TOO_LARGE


@given(
    st.dictionaries(st.sampled_from(["mqtt_topic", "received_at_us", "dup", "too_large", "other"]), st.binary(max_size=30)),
    st.none() | st.binary(max_size=50),
)
def test_any_record_becomes_a_message_or_is_refused_and_has_a_stand_in(headers: dict[str, bytes], value: bytes | None) -> None:
    made = record(headers, value=value)
    with contextlib.suppress(InvalidMessage):
        raw_message(made)
    assert stand_in(made).received_at.tzinfo is not None
    assert header_texts(made).keys() == dict(made.headers).keys()

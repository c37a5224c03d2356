"""Listed fields of listed sources are gone before anything is written; the rest of the reading is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt_to_kafka.private_fields import PrivateFields, normalised, remove_fields

KEYS = st.sampled_from(["cardId", "CARD_ID", "fill", "temp", "card"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def keys_of(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [*document, *(key for value in document.values() for key in keys_of(value))]
    return [key for value in document for key in keys_of(value)] if isinstance(document, list) else []


def without(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: without(value) for key, value in document.items() if normalised(key) != "cardid"}
    return [without(value) for value in document] if isinstance(document, list) else document


@given(DOCUMENTS)
def test_the_listed_keys_are_gone_at_any_depth_and_everything_else_is_as_it_was(document: Any) -> None:
    payload = json.dumps(document).encode()
    filtered = remove_fields(payload, frozenset({"cardid"}))
    assert filtered.payload is not None
    assert json.loads(filtered.payload) == without(document)
    if filtered.removed == 0:
        assert filtered.payload == payload
        assert not [key for key in keys_of(document) if normalised(key) == "cardid"]


@given(st.binary(max_size=60))
def test_any_bytes_are_filtered_or_withheld(payload: bytes) -> None:
    filtered = remove_fields(payload, frozenset({"cardid"}))
    if filtered.payload is None:
        with pytest.raises(ValueError):  # noqa: PT011  # the point is that it is not JSON, in whatever way
            json.loads(payload)


def test_a_payload_that_is_no_json_is_withheld() -> None:
    assert remove_fields(b'{"card_id": "04A1', frozenset({"cardid"})).payload is None
    assert remove_fields(b"[" * 100_000, frozenset({"cardid"})).payload is None
    assert remove_fields(b"[" * 300 + b"]" * 300, frozenset({"cardid"})).payload is None


def test_fields_belong_to_the_topics_of_their_filter() -> None:
    private = PrivateFields({"v3/+/devices/+/up": ("card_id",), "v3/#": ("user",)})
    assert private.of("v3/access@ttn/devices/lock-1/up") == {"cardid", "user"}
    assert private.of("v3/access@ttn/devices/lock-1/join") == {"user"}
    assert private.of("stadspuls/v1/c-1/readings") == frozenset()

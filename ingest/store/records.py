"""A Kafka record of `telemetry.raw` as the message that decoders take. Called once for every record; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from ingest.privacy import forbidden_in_bytes
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from runtime.consumer_batch import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOO_LARGE_HEADER = "too_large"
WITHHELD_HEADER = "withheld"


def raw_message(record: Record) -> RawMessage:
    """The message as MQTT delivered it. Raises `InvalidMessage` for a stub of one that was too large, and for a record that
    `mqtt_to_kafka` did not write."""
    headers = dict(record.headers)
    try:
        mqtt_topic = headers["mqtt_topic"].decode()
        received_at = _moment(headers["received_at_us"])
    except (KeyError, ValueError, OverflowError) as error:
        raise InvalidMessage(
            DeadLetterReason.MALFORMED, f"the Kafka record has no usable headers mqtt_topic and received_at_us: {error!r}"
        ) from error
    if TOO_LARGE_HEADER in headers:
        raise _refused_stub(record)
    if WITHHELD_HEADER in headers:
        raise InvalidMessage(
            DeadLetterReason.PRIVACY,
            "the source is known to send personal fields and this payload could not be read to remove them: it was not passed on",
        )
    return RawMessage(
        mqtt_topic,
        record.value or b"",
        received_at,
        headers.get("dup") == b"1",
        headers.get("retain") == b"1",
        record.partition,
        record.offset,
    )


@lru_cache(maxsize=1024)
def _moment(microseconds: bytes) -> datetime:
    """Messages that MQTT delivered together carry the same moment."""
    return _EPOCH + timedelta(microseconds=int(microseconds))


def stand_in(record: Record) -> RawMessage:
    """A message made of whatever a record has, for the dead letter of one that `raw_message` refused. Never raises."""
    headers = dict(record.headers)
    topic = headers.get("mqtt_topic", record.key or b"")
    try:
        received_at = _moment(headers["received_at_us"])
    except (KeyError, ValueError, OverflowError):
        received_at = _EPOCH + timedelta(milliseconds=max(0, record.timestamp))
    return RawMessage(
        topic.decode(errors="replace"), record.value or b"", received_at, partition=record.partition, offset=record.offset
    )


def header_texts(record: Record) -> dict[str, str]:
    """The record's headers as a person can read them; bytes that are no text are shown as escapes."""
    return {name: value.decode(errors="backslashreplace") for name, value in record.headers}


def original_size_and_hash(record: Record) -> tuple[int, str] | None:
    """Length and SHA-256 of the payload that a stub stands for; None for a record that is no stub, or whose header is unreadable."""
    for name, value in record.headers:
        if name == TOO_LARGE_HEADER:
            try:
                stub: dict[str, Any] = orjson.loads(value)
                return int(stub["length"]), str(stub["sha256"])
            except (KeyError, TypeError, ValueError):
                return None
    return None


def _refused_stub(record: Record) -> InvalidMessage:
    personal = forbidden_in_bytes(record.value or b"")
    if personal:
        return InvalidMessage(DeadLetterReason.PRIVACY, f"the payload has fields for personal data: {', '.join(personal)}")
    original = original_size_and_hash(record)
    size = f"of {original[0]} bytes " if original else ""
    return InvalidMessage(DeadLetterReason.TOO_LARGE, f"the payload {size}is over the limit; only its beginning was kept")

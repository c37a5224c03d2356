"""A Kafka record of `telemetry.raw` as the message that decoders take. Called once for every record; pure."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from runtime.consumer_batch import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOO_LARGE_HEADER = "too_large"


def raw_message(record: Record) -> RawMessage:
    """The message as MQTT delivered it. Raises `InvalidMessage` for a stub of one that was too large, and for a record that
    `mqtt_to_kafka` did not write."""
    headers = dict(record.headers)
    try:
        mqtt_topic = headers["mqtt_topic"].decode()
        received_at = _EPOCH + timedelta(microseconds=int(headers["received_at_us"]))
    except (KeyError, ValueError, OverflowError) as error:
        raise InvalidMessage(
            DeadLetterReason.MALFORMED, f"the Kafka record has no usable headers mqtt_topic and received_at_us: {error!r}"
        ) from error
    if TOO_LARGE_HEADER in headers:
        raise InvalidMessage(DeadLetterReason.TOO_LARGE, _stub_sentence(headers[TOO_LARGE_HEADER]))
    return RawMessage(
        mqtt_topic,
        record.value or b"",
        received_at,
        headers.get("dup") == b"1",
        headers.get("retain") == b"1",
        record.partition,
        record.offset,
    )


def stand_in(record: Record) -> RawMessage:
    """A message made of whatever a record has, for the dead letter of one that `raw_message` refused. Never raises."""
    headers = dict(record.headers)
    topic = headers.get("mqtt_topic", record.key or b"")
    try:
        received_at = _EPOCH + timedelta(microseconds=int(headers["received_at_us"]))
    except (KeyError, ValueError, OverflowError):
        received_at = _EPOCH + timedelta(milliseconds=max(0, record.timestamp))
    return RawMessage(
        topic.decode(errors="replace"), record.value or b"", received_at, partition=record.partition, offset=record.offset
    )


def header_texts(record: Record) -> dict[str, str]:
    """The record's headers as a person can read them; bytes that are no text are shown as escapes."""
    return {clean_text(name): clean_text(value.decode(errors="backslashreplace")) for name, value in record.headers}


def clean_text(text: str) -> str:
    """The text with what PostgreSQL cannot hold written as escapes: NUL and unpaired surrogates."""
    if text.isascii():
        return text.replace("\x00", "\\x00") if "\x00" in text else text
    return text.encode(errors="backslashreplace").decode().replace("\x00", "\\x00")


def content_hash(payload: bytes) -> str:
    """SHA-256 of the payload, hexadecimal."""
    return hashlib.sha256(payload).hexdigest()


def keyed_hash(payload: bytes, key: bytes) -> str:
    """HMAC-SHA-256 of the payload: without the key nobody can test a guess of what a personal payload was."""
    return "hmac:" + hmac.new(key, payload, hashlib.sha256).hexdigest()


def _stub_sentence(header: bytes) -> str:
    try:
        stub: dict[str, Any] = orjson.loads(header)
        return (
            f"the payload of {int(stub['length'])} bytes is over the limit; SHA-256 {stub['sha256']}; only its beginning was kept"
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return "the payload is over the limit; only its beginning was kept"

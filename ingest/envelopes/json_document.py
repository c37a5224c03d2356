"""Reading JSON that anybody may have sent: every failure is an `InvalidMessage` with its byte, no document surprises later.

What orjson does with the odd cases is relied on and tested: NaN and Infinity are refused, of a repeated key the last one
counts, whole numbers over 64 bits become floats, nesting over 1024 levels is refused.
"""

from __future__ import annotations

import binascii
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ingest.privacy import forbidden_in
from models.domain.failures import DeadLetterReason, InvalidMessage

_SHOWN_LENGTH = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


MAX_READINGS_PER_MESSAGE = 4096


def parse_object(payload: bytes) -> dict[str, Any]:
    """The payload as a JSON object without personal fields. Raises `InvalidMessage` malformed or privacy."""
    document = _parsed(payload)
    if type(document) is not dict:
        raise InvalidMessage(DeadLetterReason.MALFORMED, f"the payload must be a JSON object, not {kind_of(document)}", at_byte=0)
    refuse_personal(document)
    return document


def parse_objects(payload: bytes, what: str, *, one_alone: bool = False) -> list[dict[str, Any]]:
    """The payload as a list of JSON objects without personal fields; with `one_alone`, also one without a list. Raises `InvalidMessage`."""
    document = _parsed(payload)
    if type(document) is not list and not (one_alone and type(document) is dict):
        raise InvalidMessage(
            DeadLetterReason.MALFORMED, f"the payload must be a JSON list of {what}, not {kind_of(document)}", at_byte=0
        )
    refuse_personal(document)
    return objects(document, what)


def objects(found: Any, what: str) -> list[dict[str, Any]]:
    """A value of a document as a list of 1 to 4096 objects; one object alone is a list of one. Raises `InvalidMessage` schema."""
    listed = [found] if type(found) is dict else found
    if (
        type(listed) is not list
        or not 1 <= len(listed) <= MAX_READINGS_PER_MESSAGE
        or any(type(item) is not dict for item in listed)
    ):
        got = f"a list of {len(listed)}, not all of them objects" if type(listed) is list else kind_of(found)
        raise schema(f"{what} must be a list of 1 to {MAX_READINGS_PER_MESSAGE} objects, not {got}")
    return listed


def number_in(parent: dict[str, Any], key: str) -> float | None:
    """The number under a key; None if it is omitted or null. Raises `InvalidMessage` schema for anything else."""
    value = parent.get(key)
    if value is None:
        return None
    if type(value) is not int and type(value) is not float:
        raise schema(f"{key} must be a number, not {shown(value)}")
    return float(value)


def sensor_in(mqtt_topic: str, prefix: str) -> str:
    """The sensor that a topic `<prefix><sensor_id>` is of. Raises `InvalidMessage` schema."""
    sensor_id = mqtt_topic[len(prefix) :]
    if not sensor_id or "/" in sensor_id:
        raise schema(f"the topic must be {prefix}<sensor_id>, not {shown(mqtt_topic)}")
    return sensor_id


def _parsed(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _malformed(payload, error) from None


def refuse_personal(document: Any) -> None:
    """`InvalidMessage` privacy for a document with a field for personal data."""
    personal = forbidden_in(document)
    if personal:
        raise InvalidMessage(DeadLetterReason.PRIVACY, f"the payload has fields for personal data: {', '.join(personal)}")


def object_in(parent: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under a key; an omitted one is empty, as network servers leave out what is empty."""
    value = parent.get(key)
    if value is None:
        return {}
    if type(value) is not dict:
        raise schema(f"{key} must be an object, not {kind_of(value)}")
    return value


def whole_number_in(parent: dict[str, Any], key: str, maximum: int) -> int:
    """The whole number under a key, from 0 to `maximum`; an omitted one is 0, as network servers leave out zeros."""
    value = parent.get(key, 0)
    if type(value) is not int or not 0 <= value <= maximum:
        raise schema(f"{key} must be a whole number from 0 to {maximum}, not {shown(value)}")
    return value


def text_in(parent: dict[str, Any], key: str) -> str:
    """The text under a key, "" where there is none."""
    value = parent.get(key)
    return value if type(value) is str else ""


def moment_in(parent: dict[str, Any], key: str) -> datetime | None:
    """The time under a key as aware UTC; None if it is omitted or empty."""
    value = parent.get(key)
    if value is None or value == "":
        return None
    return moment(value, key)


def unix_moment(seconds: float, name: str) -> datetime:
    """Seconds since 1970 as aware UTC, to the microsecond. Raises `InvalidMessage` schema for what is no time."""
    try:
        return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
    except (OverflowError, ValueError):
        raise schema(f"{name} {shown(seconds)} is no time in seconds since 1970") from None


def moment(value: Any, name: str) -> datetime:
    """An ISO 8601 time with its zone as aware UTC; digits below the microsecond are cut off."""
    if type(value) is not str:
        raise schema(f"{name} must be a time like 2026-11-22T10:00:00Z, not {shown(value)}")
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is None:
            raise schema(f"{name} {shown(value)} has no time zone: end it with Z or an offset such as +01:00")
        return parsed if parsed.tzinfo is UTC else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise schema(f"{name} must be a time like 2026-11-22T10:00:00Z, not {shown(value)}") from None


def device_bytes_in(parent: dict[str, Any], key: str) -> bytes:
    """Base64 under a key as bytes; omitted means none."""
    value = parent.get(key)
    if value is None:
        return b""
    if type(value) is not str:
        raise schema(f"{key} must be base64 text, not {kind_of(value)}")
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError as error:
        raise InvalidMessage(DeadLetterReason.MALFORMED, f"{key} is not base64: {error}") from None


def schema(detail: str) -> InvalidMessage:
    return InvalidMessage(DeadLetterReason.SCHEMA, detail)


def shown(value: Any) -> str:
    """A value for a sentence: short, printable, without NUL or lone surrogates, which a database's text refuses."""
    text = ascii(value) if isinstance(value, str | int | float | bool | None) else kind_of(value)
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"


def kind_of(value: Any) -> str:
    """The JSON word for what a value is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    words = {dict: "an object", list: "a list", str: "text", int: "a number", float: "a number", bytes: "bytes"}
    return words.get(type(value), type(value).__name__)


def _malformed(payload: bytes, error: orjson.JSONDecodeError) -> InvalidMessage:
    try:
        text = payload.decode()
    except UnicodeDecodeError as wrong:
        return InvalidMessage(
            DeadLetterReason.MALFORMED, f"the payload is not UTF-8 text: byte {wrong.start} does not fit", at_byte=wrong.start
        )
    if not text.strip():
        return InvalidMessage(DeadLetterReason.MALFORMED, "the payload is empty", at_byte=0)
    at_byte = len(text[: error.pos].encode())
    return InvalidMessage(
        DeadLetterReason.MALFORMED, f"the payload is not JSON from byte {at_byte} on: {error.msg}", at_byte=at_byte
    )

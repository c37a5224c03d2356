"""The marks of readings that come without any time: pure, out of the payload. Called by `decode`.

A retained message without a time may be of any age and is refused, with a number or without.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingest.envelopes.json_document import schema, shown
from ingest.envelopes.uplink import DeviceFrame
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from models.domain.sequences import LARGEST_NUMBER, SequenceMark, content_of

_LONGEST_SESSION = 64


def mark_of_item(message: RawMessage, sensor_id: str, item: dict[str, Any], channel: str) -> SequenceMark:
    """Of a reading in our own JSON. Raises `InvalidMessage` identity where it has no sequence number, schema where that is none."""
    number = item.get("seq")
    if number is None or message.retain:
        raise no_time(message)
    if type(number) is not int or not 0 <= number <= LARGEST_NUMBER:
        raise schema(f"seq must be a whole number from 0 to {LARGEST_NUMBER}, not {shown(number)}")
    content = content_of(orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
    session = _session(item.get("boot", ""), "boot")
    return SequenceMark(sensor_id, channel, session, number, 0, content, session_is_certain=session != "")


def mark_of_frame(message: RawMessage, sensor_id: str, uplink: DeviceFrame, place: int) -> SequenceMark:
    """Of a reading in a device's frame, by the frame counter of its session. Raises `InvalidMessage` identity for a retained message."""
    if message.retain:
        raise no_time(message)
    content = content_of(bytes((uplink.f_port,)) + uplink.frame)
    return SequenceMark(sensor_id, "", _session(uplink.session, "the session"), uplink.f_cnt, place, content)


def no_time(message: RawMessage) -> InvalidMessage:
    """There is nothing in the message that a reading could be identified by."""
    detail = "the payload has no time and no sequence number: nothing tells one reading of it from the next"
    if message.retain:
        detail = "a retained message without a time of its own may be of any age"
    return InvalidMessage(DeadLetterReason.IDENTITY, detail)


def _session(value: Any, name: str) -> str:
    text = str(value) if type(value) is int else value
    if type(text) is not str or len(text) > _LONGEST_SESSION or not text.isprintable():
        raise schema(f"{name} must be a whole number or text of up to {_LONGEST_SESSION} printable characters, not {shown(value)}")
    return text

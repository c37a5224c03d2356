"""Dragino MDS200-LB, a microwave radar distance sensor: fixed layouts, big endian, chosen by the LoRaWAN port.

It sees two distances: the closest object, and the next one behind it. Down in a container the closest one is the waste. Port 2 is one
measurement, port 3 a datalog of old ones with their own times, ports 4 and 5 tell about the device.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.codecs.codec import Codec, DecodedFields, FrameReader, malformed, quantity, require_length, shown_only
from models.domain.failures import DeadLetterReason, InvalidMessage

_BATTERY = quantity("battery_v", ">H", lambda millivolt: millivolt / 1000)
_CLOSEST = quantity("distance_mm", ">H", lambda mm: float(mm) or None)
_BEHIND = shown_only("second_distance_mm", ">H", lambda mm: float(mm) or None)
_ALARMS = shown_only(
    "alarms", ">B", lambda bits: f"interrupt {bits & 1}, distance {bits >> 1 & 1}, distance alarms counted {bits >> 2}"
)
_LOG_FLAGS = shown_only("flags", ">B")
_LOG_TIME = shown_only("unix_time", ">I")

MEASUREMENT = (_BATTERY, _CLOSEST, _BEHIND, _ALARMS)
LOG_RECORD = (_BATTERY, _CLOSEST, _BEHIND, _LOG_FLAGS, _LOG_TIME)
_MEASUREMENT_BYTES = sum(item.layout.size for item in MEASUREMENT)
_LOG_RECORD_BYTES = sum(item.layout.size for item in LOG_RECORD)
_ABOUT_THE_DEVICE = (4, 5)


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading from port 2, one per record from port 3, none from ports 4 and 5."""
    if f_port == 2:
        require_length(frame, _MEASUREMENT_BYTES, "a measurement on port 2")
        reader = FrameReader(frame)
        for item in MEASUREMENT:
            reader.take(item)
        return [reader.decoded]
    if f_port == 3:
        return _datalog(frame)
    if f_port in _ABOUT_THE_DEVICE:
        return []
    raise InvalidMessage(
        DeadLetterReason.SCHEMA, f"f_port is {f_port}; a MDS200-LB is read on 2 (measurement), 3 (datalog), 4 and 5 (device)"
    )


def _datalog(frame: bytes) -> list[DecodedFields]:
    if not frame or len(frame) % _LOG_RECORD_BYTES:
        whole = len(frame) - len(frame) % _LOG_RECORD_BYTES
        raise malformed(f"a datalog has records of {_LOG_RECORD_BYTES} bytes, this frame has {len(frame)}", at_byte=whole)
    records = []
    for start in range(0, len(frame), _LOG_RECORD_BYTES):
        reader = FrameReader(frame, start)
        values = {item.name: reader.take(item) for item in LOG_RECORD}
        reader.decoded.observed_at = datetime.fromtimestamp(values[_LOG_TIME.name], UTC)
        records.append(reader.decoded)
    return records


DRAGINO_MDS200 = Codec(
    name="dragino_mds200",
    title="Dragino MDS200-LB microwave radar distance sensor",
    kind="container_fill",
    products=frozenset({"dragino/mds200-lb"}),
    decode=decode,
    example=("0ce404d2079e02", 2),
    traps=(
        "Two distances: the closest object counts, the one behind it is shown and not stored. 0 is no object.",
        "Byte 6 packs two alarm bits and a counter of alarms in the six bits above them.",
        "A datalog (port 3) has old readings with their own times.",
        "All of the battery word is the battery: no bits of it are flags, unlike on a LDDS75.",
    ),
)

"""Dragino LDDS75 and DDS75-LB, ultrasonic distance sensors: fixed layouts, big endian, chosen by the LoRaWAN port.

Port 2 is one measurement, port 3 a datalog of old ones with their own times, port 5 tells about the device. A distance of 0 mm means
that no sensor is connected, 20 mm that something is too close to measure: both are no distance.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.codecs.codec import Codec, DecodedFields, FrameReader, malformed, quantity, require_length, shown_only
from models.domain.failures import DeadLetterReason, InvalidMessage

_NO_DISTANCE = (0, 20)
_NO_TEMPERATURE = 0x7FFF
_MULTI_SAMPLE = 0x10
_BATTERY_MASK = 0x3FFF

_BATTERY = quantity("battery_v", ">H", lambda millivolt: (millivolt & _BATTERY_MASK) / 1000)
_DISTANCE = quantity("distance_mm", ">H", lambda mm: None if mm in _NO_DISTANCE else float(mm))
_TEMPERATURE = quantity("temperature_c", ">h", lambda tenths: None if tenths == _NO_TEMPERATURE else tenths / 10)
_INTERRUPT = shown_only("interrupt", ">B")
_SENSOR_PRESENT = shown_only("sensor_present", ">B")
_LOG_FLAGS = shown_only("flags", ">B")
_LOG_TIME = shown_only("unix_time", ">I")

MEASUREMENT = (_BATTERY, _DISTANCE, _INTERRUPT, _TEMPERATURE, _SENSOR_PRESENT)
LOG_RECORD = (_BATTERY, _DISTANCE, _TEMPERATURE, _LOG_FLAGS, _LOG_TIME)
_MEASUREMENT_BYTES = sum(item.layout.size for item in MEASUREMENT)
_LOG_RECORD_BYTES = sum(item.layout.size for item in LOG_RECORD)
_LOG_SENSOR_PRESENT = 0x02


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading from port 2, one per record from port 3, none from port 5."""
    if f_port == 2:
        return [_measurement(frame)]
    if f_port == 3:
        return _datalog(frame)
    if f_port == 5:
        return []
    raise InvalidMessage(
        DeadLetterReason.SCHEMA, f"f_port is {f_port}; a LDDS75 or DDS75-LB is read on 2 (measurement), 3 (datalog) and 5 (device)"
    )


def _measurement(frame: bytes) -> DecodedFields:
    if frame and frame[0] & _MULTI_SAMPLE:
        raise InvalidMessage(
            DeadLetterReason.SCHEMA,
            "this is a multi-sample frame (bit 0x10 of byte 0), which does not say when its samples were taken",
            at_byte=0,
        )
    require_length(frame, _MEASUREMENT_BYTES, "a measurement on port 2")
    reader = FrameReader(frame)
    for item in MEASUREMENT:
        value = reader.take(item)
        if item is _SENSOR_PRESENT and not value:
            reader.decoded.values.pop(_DISTANCE.name, None)
    return reader.decoded


def _datalog(frame: bytes) -> list[DecodedFields]:
    if not frame or len(frame) % _LOG_RECORD_BYTES:
        whole = len(frame) - len(frame) % _LOG_RECORD_BYTES
        raise malformed(f"a datalog has records of {_LOG_RECORD_BYTES} bytes, this frame has {len(frame)}", at_byte=whole)
    records = []
    for start in range(0, len(frame), _LOG_RECORD_BYTES):
        reader = FrameReader(frame, start)
        values = {item.name: reader.take(item) for item in LOG_RECORD}
        if not values[_LOG_FLAGS.name] & _LOG_SENSOR_PRESENT:
            reader.decoded.values.pop(_DISTANCE.name, None)
        reader.decoded.observed_at = datetime.fromtimestamp(values[_LOG_TIME.name], UTC)
        records.append(reader.decoded)
    return records


DRAGINO_LDDS75 = Codec(
    name="dragino_ldds75",
    title="Dragino LDDS75 / DDS75-LB ultrasonic distance sensor",
    kind="container_fill",
    products=frozenset({"dragino/ldds75", "dragino/dds75-lb"}),
    decode=decode,
    example=("0ce40b050000e401", 2),
    traps=(
        "A distance of 0 mm (no sensor) or 20 mm (too close) is no distance; the rest of the reading is kept.",
        "The battery's upper two bits are flags.",
        "A datalog (port 3) has old readings with their own times; a record without a set clock is a dead letter `clock`, the others are kept.",
        "A multi-sample frame does not say when its samples were taken: a dead letter `schema`, never made-up times.",
        "The port chooses the layout: 2 measurement, 3 datalog, 5 device information without a reading.",
    ),
)

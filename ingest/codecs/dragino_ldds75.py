"""Dragino LDDS75 and DDS75-LB, ultrasonic distance sensors: fixed layouts, big endian, chosen by the LoRaWAN port.

Port 2 is one measurement or several samples of one frame, port 3 a datalog of old measurements with their own times, port 5 tells about the
device, port 6 is a list of detections. A distance of 0 mm means that no sensor is connected, 20 mm that something is too close to measure:
both are no distance.
"""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median

from ingest.codecs.codec import Codec, DecodedFields, FrameReader, Part, malformed, quantity, require_length, shown_only
from models.domain.failures import DeadLetterReason, InvalidMessage

_NO_DISTANCE = (0, 20)
_NO_TEMPERATURE = 0x7FFF
_MULTI_SAMPLE = 0x10
_BATTERY_MASK = 0x3FFF
_BATTERY_MASK_OF_SAMPLES = 0x0FFF
_MOST_SAMPLES = 20
_SAMPLE_BYTES = 2

_BATTERY = quantity("battery_v", ">H", lambda millivolt: (millivolt & _BATTERY_MASK) / 1000)
_DISTANCE = quantity("distance_mm", ">H", lambda mm: None if mm in _NO_DISTANCE else float(mm))
_TEMPERATURE = quantity("temperature_c", ">h", lambda tenths: None if tenths == _NO_TEMPERATURE else tenths / 10)
_INTERRUPT = shown_only("interrupt", ">B")
_SENSOR_PRESENT = shown_only("sensor_present", ">B")
_SAMPLES_BATTERY = quantity("battery_v", ">H", lambda millivolt: (millivolt & _BATTERY_MASK_OF_SAMPLES) / 1000)
_BEFORE_SAMPLES = shown_only("not_described", ">6s", bytes.hex)
_LOG_FLAGS = shown_only("flags", ">B")
_LOG_TIME = shown_only("unix_time", ">I")

MEASUREMENT = (_BATTERY, _DISTANCE, _INTERRUPT, _TEMPERATURE, _SENSOR_PRESENT)
LOG_RECORD = (_BATTERY, _DISTANCE, _TEMPERATURE, _LOG_FLAGS, _LOG_TIME)
_MEASUREMENT_BYTES = sum(item.layout.size for item in MEASUREMENT)
_LOG_RECORD_BYTES = sum(item.layout.size for item in LOG_RECORD)
_LOG_SENSOR_PRESENT = 0x02
_BEFORE_SAMPLES_BYTES = 8
_AFTER_SAMPLES = (_INTERRUPT, _TEMPERATURE, _SENSOR_PRESENT)
_AFTER_SAMPLES_BYTES = sum(item.layout.size for item in _AFTER_SAMPLES)


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading from ports 2 and 6, one per record from port 3, none from port 5."""
    if f_port == 2:
        # The flag of a frame with samples is also a bit of a battery over 4.095 V: a measurement is told by its length.
        return [
            _samples(frame) if len(frame) != _MEASUREMENT_BYTES and frame[:1] and frame[0] & _MULTI_SAMPLE else _measurement(frame)
        ]
    if f_port == 3:
        return _datalog(frame)
    if f_port == 5:
        return []
    if f_port == 6:
        return _detections(frame)
    raise InvalidMessage(
        DeadLetterReason.SCHEMA,
        f"f_port is {f_port}; a LDDS75 or DDS75-LB is read on 2 (measurement), 3 (datalog), 5 (device) and 6 (detections)",
    )


def _measurement(frame: bytes) -> DecodedFields:
    require_length(frame, _MEASUREMENT_BYTES, "a measurement on port 2")
    reader = FrameReader(frame)
    for item in MEASUREMENT:
        value = reader.take(item)
        if item is _SENSOR_PRESENT and not value:
            reader.decoded.values.pop(_DISTANCE.name, None)
    return reader.decoded


def _samples(frame: bytes) -> DecodedFields:
    """A frame with up to 20 samples does not say when they were taken: it is one reading, and their median its distance."""
    room = len(frame) - _BEFORE_SAMPLES_BYTES - _AFTER_SAMPLES_BYTES
    if not 0 < room <= _MOST_SAMPLES * _SAMPLE_BYTES or room % _SAMPLE_BYTES:
        raise malformed(
            f"a frame with samples has room for 1 to {_MOST_SAMPLES}, this one has {len(frame)} bytes", at_byte=len(frame)
        )
    reader = FrameReader(frame)
    reader.take(_SAMPLES_BATTERY)
    reader.take(_BEFORE_SAMPLES)
    _take_median(reader, room // _SAMPLE_BYTES)
    for item in _AFTER_SAMPLES:
        value = reader.take(item)
        if item is _SENSOR_PRESENT and not value:
            reader.decoded.values.pop(_DISTANCE.name, None)
    return reader.decoded


def _detections(frame: bytes) -> list[DecodedFields]:
    """A list of distances without battery or times: one reading, none if nothing was detected."""
    if not frame or len(frame) % _SAMPLE_BYTES:
        raise malformed(f"a list of detections has {_SAMPLE_BYTES} bytes each, this frame has {len(frame)}", at_byte=len(frame))
    reader = FrameReader(frame)
    _take_median(reader, len(frame) // _SAMPLE_BYTES)
    return [reader.decoded] if reader.decoded.values else []


def _take_median(reader: FrameReader, count: int) -> None:
    """Shows each sample; the median of those that are a distance goes into the reading."""
    start = reader.position
    samples = [reader.take(_DISTANCE._replace(name=f"sample_{number}_mm", quantity=False)) for number in range(count)]
    found = [sample for sample in samples if sample is not None]
    if found:
        distance = float(median(found))
        reader.decoded.values[_DISTANCE.name] = distance
        reader.decoded.parts.append(Part(_DISTANCE.name, start, reader.position, distance, True))


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
        "A frame with several samples (port 2, bit 0x10 of byte 0) or detections (port 6) does not say when they were taken: one reading of the "
        "frame's time, the median of what is a distance, never made-up times.",
        "The bit of a frame with several samples is also one of a battery over 4.095 V: 8 bytes are one measurement.",
        "The port chooses the layout: 2 measurement, 3 datalog, 5 device information without a reading, 6 detections.",
    ),
)

"""Sensoneo Single Sensor 3.0, an ultrasonic level sensor with four echoes: a fixed layout of 17 bytes, the id little endian.

The distance is the median of the echoes that came back: 0 is none. The temperature is declared as an unsigned byte, but no such
sensor measures 128 °C or more, while it does freeze: from there on it is read as a negative number.
"""

from __future__ import annotations

from statistics import median

from ingest.codecs.codec import Codec, DecodedFields, FrameReader, Part, malformed, quantity, require_length, shown_only

FRAME_BYTES = 17
_HEAD = b"\xff\xff"
_SINGLE_SENSOR = 2
_ROLES = ("master", "slave", "standalone")
_TILT_EVENT = 0x04
_MM_PER_STEP = 20


def _role(nibbles: int) -> str:
    if nibbles >> 4 != _SINGLE_SENSOR:
        raise ValueError(f"says product {nibbles >> 4}, a Single Sensor is {_SINGLE_SENSOR}")
    if nibbles & 0x0F >= len(_ROLES):
        raise ValueError(f"says role {nibbles & 0x0F}, the vendor knows 0 to {len(_ROLES) - 1}")
    return _ROLES[nibbles & 0x0F]


_HEAD_ITEM = shown_only("head", ">2s", bytes.hex)
_PRODUCT = shown_only("product_and_role", ">B", _role)
_BEFORE_ECHOES = (shown_only("firmware", ">B"), shown_only("sensor_number", "<I"))
_EVENTS = shown_only("events", ">B")
_ECHOES = tuple(shown_only(f"sonar_{number}_cm", ">B", lambda steps: steps * 2) for number in range(4))
_AFTER_ECHOES = (
    quantity("battery_v", ">B", lambda steps: (2500 + 10 * steps) / 1000),
    quantity("temperature_c", ">b", float),
    shown_only("tilt_deg", ">B"),
    shown_only("event_count", ">B"),
)


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading. Without any echo it has no distance; `tilted` is the event bit, as the angle is not in use."""
    require_length(frame, FRAME_BYTES, "a Single Sensor 3.0 frame")
    if not frame.startswith(_HEAD):
        raise malformed(f"the frame begins with {frame[:2].hex(' ')}, a Single Sensor's with {_HEAD.hex(' ')}", at_byte=0)
    reader = FrameReader(frame)
    decoded = reader.decoded
    for item in (_HEAD_ITEM, _PRODUCT, *_BEFORE_ECHOES):
        reader.take(item)
    events_at = reader.position
    tilted = bool(reader.take(_EVENTS) & _TILT_EVENT)
    decoded.values["tilted"] = tilted
    decoded.parts.append(Part("tilted", events_at, events_at + 1, tilted, True))
    echoes_at = reader.position
    echoes = [steps * _MM_PER_STEP for steps in frame[echoes_at : echoes_at + len(_ECHOES)] if steps]
    for item in _ECHOES:
        reader.take(item)
    if echoes:
        distance = float(median(echoes))
        decoded.values["distance_mm"] = distance
        decoded.parts.append(Part("distance_mm", echoes_at, reader.position, distance, True))
    for item in _AFTER_ECHOES:
        reader.take(item)
    return [decoded]


SENSONEO_SINGLE_SENSOR_3 = Codec(
    name="sensoneo_single_sensor_3",
    title="Sensoneo Single Sensor 3.0 ultrasonic level sensor",
    kind="container_fill",
    products=frozenset(),
    decode=decode,
    example=("ffff22051234567801515253f964150007", 1),
    traps=(
        "Distances are steps of 2 cm; the median of the echoes that came back counts, 0 is no echo.",
        "The sensor's number is little endian.",
        "Battery is an offset of 2.5 V and steps of 10 mV.",
        "Temperature is declared unsigned: 128 and more are read as below zero.",
        "The table of events ends at 0x04 in the document at hand: other bits are shown, not stored.",
    ),
)

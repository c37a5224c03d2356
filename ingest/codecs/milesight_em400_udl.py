"""Milesight EM400-UDL, an ultrasonic level sensor with a thermometer: one channel further than an EM310-UDL."""

from __future__ import annotations

from ingest.codecs.codec import Codec, DecodedFields, quantity, shown_only
from ingest.codecs.milesight_tlv import BATTERY, JOIN, Layout, decode_tlv, tilted

_TEMPERATURE = quantity("temperature_c", "<h", lambda tenths: tenths / 10)
_DISTANCE = quantity("distance_mm", "<H", float)


def _alarm(state: int) -> bool:
    if state not in (0, 1):
        raise ValueError(f"is {state}, the vendor knows 0 (released) and 1 (alarm)")
    return state == 1


LAYOUT: Layout = {
    **BATTERY,
    (0x03, 0x67): (_TEMPERATURE,),
    (0x04, 0x82): (_DISTANCE,),
    (0x05, 0x00): (quantity("tilted", "<B", tilted),),
    (0x83, 0x67): (_TEMPERATURE, shown_only("temperature_alarm", "<B", _alarm)),
    (0x84, 0x82): (_DISTANCE, shown_only("distance_alarm", "<B", _alarm)),
    **JOIN,
}


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading, none from a join; see `decode_tlv`."""
    return decode_tlv(frame, LAYOUT, "EM400-UDL")


MILESIGHT_EM400_UDL = Codec(
    name="milesight_em400_udl",
    title="Milesight EM400-UDL ultrasonic level sensor",
    kind="container_fill",
    products=frozenset({"milesight-iot/em400-udl"}),
    decode=decode,
    example=("01755c0367010104824408050001", 85),
    traps=(
        "Distance is on channel 04, where an EM310-UDL has its position: a frame of the other model is refused or read only to there.",
        "An alarm (83 67, 84 82) repeats a value with one byte more; beside the periodic value it counts once.",
        "Temperature is signed, in tenths.",
    ),
)

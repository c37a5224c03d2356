"""Milesight EM310-UDL, an ultrasonic level sensor: distance on channel 3, position on channel 4."""

from __future__ import annotations

from ingest.codecs.codec import Codec, DecodedFields, quantity
from ingest.codecs.milesight_tlv import BATTERY, JOIN, Layout, decode_tlv, tilted

LAYOUT: Layout = {
    **BATTERY,
    (0x03, 0x82): (quantity("distance_mm", "<H", float),),
    (0x04, 0x00): (quantity("tilted", "<B", tilted),),
    **JOIN,
}


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading, none from a join; see `decode_tlv`."""
    return decode_tlv(frame, LAYOUT, "EM310-UDL")


MILESIGHT_EM310_UDL = Codec(
    name="milesight_em310_udl",
    title="Milesight EM310-UDL ultrasonic level sensor",
    kind="container_fill",
    products=frozenset({"milesight-iot/em310-udl"}),
    decode=decode,
    example=("01755c03824408040001", 85),
    traps=(
        "The same channel is another quantity on another model (03 is the temperature of an EM400-UDL): the registry's device model decides.",
        "Nothing can be read after an unknown channel, as its length is unknown: what came before it is kept and the field counted.",
        "Battery in per cent, stored as a ratio.",
    ),
)

"""Milesight EM310-TILT, an inclinometer for structures: angles about three axes in hundredths of a degree."""

from __future__ import annotations

from ingest.codecs.codec import Codec, DecodedFields, quantity
from ingest.codecs.milesight_tlv import BATTERY, JOIN, Layout, decode_tlv

_AXES = 0x07


def _degrees(hundredths: int) -> float:
    return hundredths / 100


def _over_threshold(bits: int) -> bool:
    if bits & ~_AXES:
        raise ValueError(f"is {bits:#04x}, the vendor knows bits 0 to 2 (x, y, z over their threshold)")
    return bool(bits)


LAYOUT: Layout = {
    **BATTERY,
    (0x03, 0xCF): (
        quantity("inclination_x_deg", "<h", _degrees),
        quantity("inclination_y_deg", "<h", _degrees),
        quantity("inclination_z_deg", "<h", _degrees),
        quantity("tilt_alarm", "<B", _over_threshold),
    ),
    **JOIN,
}


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading, none from a join; see `decode_tlv`."""
    return decode_tlv(frame, LAYOUT, "EM310-TILT")


MILESIGHT_EM310_TILT = Codec(
    name="milesight_em310_tilt",
    title="Milesight EM310-TILT inclinometer",
    kind="bridge_state",
    products=frozenset({"milesight-iot/em310-tilt"}),
    decode=decode,
    example=("01756403cf10fd5900e82304", 85),
    traps=(
        "Angles are signed hundredths of a degree; the byte after them has a bit per axis that is over its threshold.",
        "A tilt about an axis is no inclination against the position at rest: the axes have columns of their own.",
    ),
)

"""Decentlab DL-MBX, an ultrasonic distance sensor: distance and its number of valid samples, then the battery."""

from __future__ import annotations

from ingest.codecs.codec import Codec, DecodedFields, Item, quantity, shown_only
from ingest.codecs.decentlab_protocol import BATTERY, read_groups, without_valid_sample

GROUPS: tuple[tuple[Item, ...], ...] = (
    (quantity("distance_mm", ">H", float), shown_only("valid_samples", ">H")),
    (BATTERY,),
)


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading, or none when no flag is set. A distance of which no sample was valid is no distance."""
    reader = read_groups(frame, GROUPS, "DL-MBX")
    if without_valid_sample(reader):
        reader.decoded.values.pop("distance_mm", None)
    return [reader.decoded] if reader.decoded.values else []


DECENTLAB_DL_MBX = Codec(
    name="decentlab_dl_mbx",
    title="Decentlab DL-MBX ultrasonic distance sensor",
    kind="container_fill",
    products=frozenset({"decentlab/dl-mbx"}),
    decode=decode,
    example=("02012f000304d200010bb1", 1),
    traps=(
        "A distance of which no sample was valid is no distance; the battery is kept.",
        "Groups may be absent: a frame may have the battery alone.",
    ),
)

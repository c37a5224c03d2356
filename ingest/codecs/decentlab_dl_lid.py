"""Decentlab DL-LID and DL-LID2, laser distance sensors: statistics of a burst of samples, then the battery.

The median is the distance: one stray echo moves the average, not the median. The other words are shown as a signal of quality.
"""

from __future__ import annotations

from ingest.codecs.codec import Codec, DecodedFields, Item, quantity, shown_only
from ingest.codecs.decentlab_protocol import BATTERY, read_groups, without_valid_sample

GROUPS: tuple[tuple[Item, ...], ...] = (
    (
        shown_only("average_mm", ">H"),
        shown_only("minimum_mm", ">H"),
        shown_only("maximum_mm", ">H"),
        quantity("distance_mm", ">H", float),
        shown_only("percentile_10_mm", ">H"),
        shown_only("percentile_25_mm", ">H"),
        shown_only("percentile_75_mm", ">H"),
        shown_only("percentile_90_mm", ">H"),
        shown_only("mode_mm", ">H"),
        shown_only("valid_samples", ">H"),
        shown_only("acquisition_ms", ">H", lambda ticks: ticks / 1.024),
        shown_only("total_samples", ">H"),
    ),
    (BATTERY,),
)


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading, or none when no flag is set. A distance of which no sample was valid is no distance."""
    reader = read_groups(frame, GROUPS, "DL-LID")
    if without_valid_sample(reader):
        reader.decoded.values.pop("distance_mm", None)
    return [reader.decoded] if reader.decoded.values else []


DECENTLAB_DL_LID = Codec(
    name="decentlab_dl_lid",
    title="Decentlab DL-LID / DL-LID2 laser distance sensor",
    kind="container_fill",
    products=frozenset({"decentlab/dl-lid", "decentlab/dl-lid2"}),
    decode=decode,
    example=("023ec50003067a06360686067c0636067c068606860686000a0053000a0be6", 1),
    traps=(
        "The distance is the median of the burst, not the average that comes first.",
        "A distance of which no sample was valid is no distance; the battery is kept.",
        "Acquisition time counts in 1/1.024 ms.",
    ),
)

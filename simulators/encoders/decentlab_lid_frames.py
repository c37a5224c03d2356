"""Frames of Decentlab's laser distance sensor DL-LID, as bytes: protocol 2, big endian. From the maker's published layout."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.batch import Batch
from simulators.encoders.frame_rows import frames_of, new_rows, put

_SPREAD_MM = (2, -9, 11, 0, -6, -2, 3, 8, 1)
"""Average, minimum, maximum, median, p10, p25, p75, p90 and mode, against the median."""
_HEAD_BYTES = 5


class DlLidFrames:
    """Device id, flags 0003, nine statistics in mm, valid samples, acquisition time, total samples, battery mV."""

    f_port = 1
    decimals: Mapping[str, int] = {"distance_mm": 0, "battery_v": 3}

    def frames(self, batch: Batch) -> list[bytes]:
        rows = new_rows(len(batch), "02 0000 0003" + "0000" * len(_SPREAD_MM) + "000a 0053 000a 0000")
        put(rows, 1, batch.device.astype(float) + 4096, ">u2")
        for place, apart in enumerate(_SPREAD_MM):
            put(rows, _HEAD_BYTES + 2 * place, (batch.values["distance_mm"] + apart).clip(min=0), ">u2")
        put(rows, rows.shape[1] - 2, batch.values["battery_v"] * 1000, ">u2")
        return frames_of(rows)

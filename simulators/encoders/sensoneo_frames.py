"""Frames of Sensoneo's Single Sensor 3.0, as bytes: 17 of them, the sensor's number little endian. From the maker's published layout."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulators.batch import Batch
from simulators.encoders.frame_rows import frames_of, new_rows, put

_APART_STEPS = (0, -1, 1)
"""Three of the four echoes, in steps of 2 cm from the surface; the fourth does not come back."""


class SensoneoFrames:
    """Head, product and role, firmware, number, events, four echoes in 2 cm, battery 2.5 V + 10 mV, °C, tilt, event count."""

    f_port = 1
    decimals: Mapping[str, int] = {"distance_mm": 0, "temperature_c": 0, "battery_v": 2, "tilted": -1}

    def frames(self, batch: Batch) -> list[bytes]:
        rows = new_rows(len(batch), "ffff 22 05 00000000 01 00000000 00 00 00 00")
        put(rows, 4, batch.device.astype(float) + 70_000, "<u4")
        rows[:, 8] |= np.where(batch.values["tilted"] > 0, 0x04, 0).astype(np.uint8)
        for place, apart in enumerate(_APART_STEPS):
            put(rows, 9 + place, (np.round(batch.values["distance_mm"] / 20) + apart).clip(1, 255), "u1")
        put(rows, 13, (batch.values["battery_v"] * 1000 - 2500) / 10, "u1")
        put(rows, 14, batch.values["temperature_c"], "i1")
        put(rows, 16, (batch.sequence & 0xFF).astype(float), "u1")
        return frames_of(rows)

"""Frames of Dragino's LDDS75, DDS75-LB and MDS200-LB, as bytes, big endian: measurements and the datalog. From the maker's published layouts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulators.batch import Batch
from simulators.encoders.frame_rows import frames_of, new_rows, put


class Ldds75Frames:
    """Port 2: battery mV, distance mm, interrupt, temperature 0.1 °C, sensor present."""

    f_port = 2
    decimals: Mapping[str, int] = {"distance_mm": 0, "temperature_c": 1, "battery_v": 3}

    def frames(self, batch: Batch) -> list[bytes]:
        rows = new_rows(len(batch), "0000 0000 00 0000 01")
        put(rows, 0, batch.values["battery_v"] * 1000, ">u2")
        put(rows, 2, batch.values["distance_mm"], ">u2")
        put(rows, 5, batch.values["temperature_c"] * 10, ">i2")
        return frames_of(rows)


class Mds200Frames:
    """Port 2: battery mV, distance of the closest object mm, distance of what is behind it (none), alarms."""

    f_port = 2
    decimals: Mapping[str, int] = {"distance_mm": 0, "battery_v": 3}

    def frames(self, batch: Batch) -> list[bytes]:
        rows = new_rows(len(batch), "0000 0000 0000 00")
        put(rows, 0, batch.values["battery_v"] * 1000, ">u2")
        put(rows, 2, batch.values["distance_mm"], ">u2")
        return frames_of(rows)


DATALOG_PORT = 3


def datalog_frame(batch: Batch) -> bytes:
    """Port 3: one frame with a record per row, each with its own time: what a device sends after it was asked for its log."""
    rows = new_rows(len(batch), "0000 0000 0000 02 00000000")
    put(rows, 0, batch.values["battery_v"] * 1000, ">u2")
    put(rows, 2, batch.values["distance_mm"], ">u2")
    put(rows, 4, batch.values["temperature_c"] * 10, ">i2")
    put(rows, 7, (batch.observed_at_us // 1_000_000).astype(np.float64), ">u4")
    return b"".join(frames_of(rows))

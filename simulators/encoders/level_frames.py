"""Frames of two level sensors, as bytes: Milesight EM310-UDL and Decentlab DL-MBX. From the makers' published layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from simulators.batch import Batch


class FrameCodec(Protocol):
    """The device's side of a codec: `frames` gives one frame per row, `f_port` is the port it goes out on."""

    f_port: int

    @property
    def decimals(self) -> Mapping[str, int]: ...

    def frames(self, batch: Batch) -> list[bytes]: ...


class Em310UdlFrames:
    """Channel, type, value, little endian: battery % (01 75), distance mm (03 82), position 0 normal / 1 tilted (04 00)."""

    f_port = 85
    decimals: Mapping[str, int] = {"distance_mm": 0, "battery_ratio": 2, "tilted": -1}

    def frames(self, batch: Batch) -> list[bytes]:
        rows = np.zeros((len(batch), 10), np.uint8)
        rows[:] = (0x01, 0x75, 0, 0x03, 0x82, 0, 0, 0x04, 0x00, 0)
        distance = batch.values["distance_mm"].astype(np.int64)
        rows[:, 2] = np.round(batch.values["battery_ratio"] * 100).astype(np.uint8)
        rows[:, 5] = distance & 0xFF
        rows[:, 6] = distance >> 8
        rows[:, 9] = batch.values["tilted"].astype(np.uint8)
        return _split(rows)


class DlMbxFrames:
    """Protocol 2, big endian: device id, flags 0003, distance mm, number of valid samples, battery mV."""

    f_port = 1
    decimals: Mapping[str, int] = {"distance_mm": 0, "battery_v": 3}
    _VALID_SAMPLES = 10

    def frames(self, batch: Batch) -> list[bytes]:
        words = np.empty((len(batch), 5), ">u2")
        words[:, 0] = batch.device + 4096
        words[:, 1] = 0x0003
        words[:, 2] = batch.values["distance_mm"].astype(np.int64)
        words[:, 3] = self._VALID_SAMPLES
        words[:, 4] = np.round(batch.values["battery_v"] * 1000).astype(np.int64)
        rows = np.empty((len(batch), 11), np.uint8)
        rows[:, 0] = 2
        rows[:, 1:] = words.view(np.uint8).reshape(len(batch), 10)
        return _split(rows)


def _split(rows: np.ndarray) -> list[bytes]:
    width, data = rows.shape[1], rows.tobytes()
    return [data[start : start + width] for start in range(0, len(data), width)]

"""Frames of one device model as rows of an array of bytes. Written by every frame codec here, from the makers' published layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from simulators.batch import Floats

Rows = npt.NDArray[np.uint8]


def new_rows(count: int, template: str) -> Rows:
    """`count` copies of a frame given in hex; what differs is then put in."""
    row = np.frombuffer(bytes.fromhex(template), np.uint8)
    return np.tile(row, (count, 1))


def put(rows: Rows, start: int, values: Floats, layout: str) -> None:
    """The values, rounded, into the bytes from `start` on; `layout` is a numpy type such as ">u2"."""
    numbers: npt.NDArray[Any] = np.round(np.nan_to_num(values)).astype(np.int64).astype(layout)
    width = numbers.dtype.itemsize
    rows[:, start : start + width] = numbers.view(np.uint8).reshape(len(rows), width)


def frames_of(rows: Rows) -> list[bytes]:
    """One frame per row."""
    width, data = rows.shape[1], rows.tobytes()
    return [data[start : start + width] for start in range(0, len(data), width)]

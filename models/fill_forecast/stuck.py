"""A level that stands still while deposits go on: a stuck sensor, known by what adds up over many readings.

What was read is held against what deposits would have brought: over a window that should have brought a good deal, a sound level rises by as much
(its slope on that is 1), a stuck one by nothing. Called by `fusion`, which does not follow such readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.deposit_volume import DepositVolume
from models.fill_forecast.history import BoolArray, FloatArray, IntArray

_RISES = (0.15, 0.2, 0.3, 0.4)
"""What windows should have brought: short ones tell soon where the sensor is quiet, long ones where it is not."""
_JITTERS = 5.0
"""A window brings at least so many times the jitter."""
_FEWEST_READINGS = 4
_STILL_SLOPE = 0.25
_SURE = 5.0
"""So many standard deviations below 1 a sound sensor's slope does not come in years."""
_STILL_SPREAD, _LEAST_SPREAD = 1.3, 0.008
"""A level that stands still spreads by its jitter, and by little more."""
_OF_ITS_JITTER = 4.0
_FROM_QUANTILE = 1.4826


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """Readings from `begins` to `ends`, both inclusive, one window a place."""

    begins: IntArray
    ends: IntArray


def stuck_readings(
    levels: FloatArray, total: FloatArray, parts: IntArray, volume: DepositVolume, jitter: float, step: float
) -> BoolArray:
    """True where a reading stood still, but for the sensor's `jitter`, while deposits went on. `total` are deposits up to each reading, `parts`
    numbers the stretches in which level and deposits can be compared (a negative one: not at all), `step` is the distance of a sensor's levels
    where it knows few. The first reading of a stretch that stands still is right, and stays."""
    found = np.zeros(len(levels), dtype=bool)
    brought = volume.share * total
    for rise in _RISES:
        if rise < max(_JITTERS * jitter, 3 * step):
            continue
        windows = _windows(brought, parts, rise)
        if not len(windows.begins):
            continue
        still = _stands_still(levels, brought, windows, volume, jitter)
        for begin, end in zip(windows.begins[still].tolist(), windows.ends[still].tolist(), strict=True):
            found[begin + 1 : end + 1] = True
    _go_on(found, levels, jitter)
    return found


def _go_on(found: BoolArray, levels: FloatArray, jitter: float) -> None:
    """Who is stuck stays so until the level moves, emptyings or not: adds to `found` what follows at the same level."""
    band = max(_LEAST_SPREAD, _OF_ITS_JITTER * jitter)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], found.astype(np.int8), [0]])))
    for begin, end in edges.reshape(-1, 2).tolist():
        moved = np.flatnonzero(np.abs(levels[end:] - np.mean(levels[begin:end])) > band)
        found[end : end + int(moved[0]) if len(moved) else len(found)] = True


def _windows(brought: FloatArray, parts: IntArray, rise: float) -> _Windows:
    """From each reading to the first by which so much should have come in, within one part."""
    begins = np.arange(len(brought))
    ends = np.searchsorted(brought, brought + rise)
    inside = ends < len(brought)
    begins, ends = begins[inside], ends[inside]
    together = (parts[begins] == parts[ends]) & (parts[begins] >= 0) & (ends - begins + 1 >= _FEWEST_READINGS)
    return _Windows(begins[together], ends[together])


def _stands_still(levels: FloatArray, brought: FloatArray, windows: _Windows, volume: DepositVolume, jitter: float) -> BoolArray:
    """Which windows have a slope that no sound sensor has, and the spread of a level that stands still. How sure a slope is, the other windows of the
    container tell as well: a heap that shifts moves it by more than jitter does."""
    count = windows.ends - windows.begins + 1.0
    read, expected = _mean(levels, windows), _mean(brought, windows)
    spread = np.sqrt(np.maximum(0.0, _mean(levels**2, windows) - read**2))
    squares = np.maximum(1e-12, _mean(brought**2, windows) - expected**2)
    slope = (_mean(levels * brought, windows) - read * expected) / squares
    rise = brought[windows.ends] - brought[windows.begins]
    by_volume = volume.variance(rise / volume.share) / rise**2
    seen = _FROM_QUANTILE * float(np.median(np.abs(slope - np.median(slope))))
    unsure = np.sqrt(np.maximum(by_volume + jitter**2 / (squares * count), seen**2))
    still: BoolArray = (
        (np.abs(slope) <= _STILL_SLOPE) & (1 - slope >= _SURE * unsure) & (spread <= max(_LEAST_SPREAD, _STILL_SPREAD * jitter))
    )
    return still


def _mean(values: FloatArray, windows: _Windows) -> FloatArray:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: FloatArray = (sums[windows.ends + 1] - sums[windows.begins]) / (windows.ends - windows.begins + 1)
    return means

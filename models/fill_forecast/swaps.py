"""Another sensor in the place of the one before: what the level does from one to the next is neither inflow nor an emptying."""

from __future__ import annotations

import numpy as np

from models.fill_forecast.emptyings import Emptyings
from models.fill_forecast.history import BoolArray, FloatArray, IntArray
from models.fill_forecast.suspects import REPORT_LATE

_NEAR_EMPTY = 0.15


def swap_steps(times: FloatArray, swapped: FloatArray) -> IntArray:
    """Steps from the last reading of one sensor to the first of the next."""
    steps = np.searchsorted(times, swapped, side="left") - 1
    return np.unique(steps[(steps >= 0) & (steps < len(times) - 1)]).astype(np.int64)


def without_offsets(times: FloatArray, emptyings: Emptyings, swaps: IntArray, reported: FloatArray) -> Emptyings:
    """A fall from one sensor to the next is an emptying only where it ends near empty, or about as empty as emptyings end, or where a truck
    reported it. `reported` are the collections that trucks reported."""
    if not len(swaps) or not len(emptyings):
        return emptyings
    near = max(_NEAR_EMPTY, float(np.median(emptyings.level_after)) + 0.1)
    at_swap = np.isin(emptyings.last_before, swaps)
    return emptyings.of(~at_swap | (emptyings.level_after <= near) | _told_of(times, emptyings, reported))


def _told_of(times: FloatArray, emptyings: Emptyings, reported: FloatArray) -> BoolArray:
    """Which emptyings are the nearest to a report that may be of them."""
    told = np.zeros(len(emptyings), dtype=bool)
    if len(reported):
        begin, end = times[emptyings.last_before], times[emptyings.first_after]
        apart = np.maximum(0.0, np.maximum(begin - reported[:, None], reported[:, None] - end))
        told[apart.argmin(axis=1)[apart.min(axis=1) <= REPORT_LATE]] = True
    return told

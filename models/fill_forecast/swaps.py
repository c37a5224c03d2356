"""Another sensor in the place of the one before: what the level does from one to the next is neither inflow nor an emptying."""

from __future__ import annotations

import numpy as np

from models.fill_forecast.emptyings import Emptyings
from models.fill_forecast.history import FloatArray, IntArray

_NEAR_EMPTY = 0.15


def swap_steps(times: FloatArray, swapped: FloatArray) -> IntArray:
    """Steps from the last reading of one sensor to the first of the next."""
    steps = np.searchsorted(times, swapped, side="left") - 1
    return np.unique(steps[(steps >= 0) & (steps < len(times) - 1)]).astype(np.int64)


def without_offsets(emptyings: Emptyings, swaps: IntArray) -> Emptyings:
    """A fall from one sensor to the next is an emptying only where it ends near empty, or about as empty as emptyings end."""
    if not len(swaps) or not len(emptyings):
        return emptyings
    near = max(_NEAR_EMPTY, float(np.median(emptyings.level_after)) + 0.1)
    return emptyings.of(~np.isin(emptyings.last_before, swaps) | (emptyings.level_after <= near))

"""The level at a moment as the readings before and after it tell it together: the nearest to a truth that a sensor gives.

One reading is off by the sensor's error and by a heap that shifts within a day; where a day brings less than that, readings of days around are
averaged, each carried to the moment by what usually comes in. Suspect readings are left out, as the curve has left them out. Used to see how
forecasts turned out, never to make one.
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import DAY, FloatArray
from models.fill_forecast.inflow import InflowCurve
from models.fill_forecast.suspects import FULL, LONGEST_JUMP, jumps_to

_GAIN_WITHIN = 0.025
"""Averaged are readings within the time in which so much comes in: about a sensor's error."""
_SHORTEST_DAYS, _LONGEST_DAYS = 0.11, 1.5
_NEAREST = DAY / 4


def settled_levels(curve: InflowCurve, at: FloatArray, *, since: float = -np.inf) -> FloatArray:
    """Levels at moments, 0 to 1; NaN where nothing trusted was read within six hours, or only across an emptying, or where the level had jumped out
    of all proportion since the last emptying: then it is not known. Readings up to `since` are left out: what a forecast started from would agree
    with it by its own error."""
    found = np.full(len(at), np.nan)
    if not len(curve.times):
        return found
    reach = _reach(curve)
    first_after = curve.emptyings.first_after
    place = np.searchsorted(curve.times, at, side="right")
    fresh = int(np.searchsorted(curve.times, since, side="right"))
    jumps = jumps_to(curve.times, curve.levels)
    for index, (moment, right) in enumerate(zip(at.tolist(), place.tolist(), strict=True)):
        if right > 0 and bool(np.any(first_after == right)):
            continue  # emptied between the two readings around it: nobody knows on which side
        segment = int(np.searchsorted(first_after, max(0, right - 1), side="right"))
        begin = int(first_after[segment - 1]) if segment else 0
        end = int(first_after[segment]) if segment < len(first_after) else len(curve.times)
        lately = max(begin, int(np.searchsorted(curve.times, moment - LONGEST_JUMP)))
        if bool(np.any((jumps > lately) & (jumps < right))):
            continue
        begin = max(begin, fresh)
        low = max(begin, int(np.searchsorted(curve.times, moment - reach)))
        high = min(end, int(np.searchsorted(curve.times, moment + reach, side="right")))
        if high <= low:  # readings further apart than that: the nearest one
            low = right if right - 1 < begin else right - 1
            high = min(end, low + 1)
        times, levels = curve.times[low:high], curve.levels[low:high]
        if not len(times) or float(np.abs(times - moment).min()) > _NEAREST:
            continue
        nearest = float(levels[np.argmin(np.abs(times - moment))])
        carried = levels + curve.usual.inflow(times, np.full(len(times), moment))
        # At full a reading says "at least": carrying it back or forth says nothing.
        found[index] = nearest if nearest >= FULL else np.clip(carried.mean(), 0.0, 1.0)
    return found


def settled_share(curve: InflowCurve) -> float:
    """Of the squared difference between a settled level and a reading's, the part that is the settled level's own error. A heap shifts within about
    a day, so that averaging over less leaves nearly all of its error. The level of a forecast is of several readings too; that its error is taken
    for a reading's keeps the interval of slow containers from being too narrow."""
    return 1 / (2 + 2 * _reach(curve) / DAY)


def _reach(curve: InflowCurve) -> float:
    return DAY * float(np.clip(_GAIN_WITHIN / max(curve.rate_per_day, 1e-6), _SHORTEST_DAYS, _LONGEST_DAYS))

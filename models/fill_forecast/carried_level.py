"""The level now as several readings since the last emptying tell it together, each carried forward by what came in since: steadier than one reading
where the sensor's jitter is as large as a day's inflow."""

from __future__ import annotations

import numpy as np

from models.fill_forecast.fillings import FillingRates
from models.fill_forecast.history import DAY, is_sparse
from models.fill_forecast.inflow import InflowCurve

_LEAST_READINGS = 3


def carried_over_days(curve: InflowCurve, cutoff: float, days: int) -> float:
    """The mean of the last days' readings, carried forward at the usual rate."""
    first = _first_of(curve, cutoff - days * DAY)
    if first >= len(curve.times):
        return float(curve.levels[-1])
    carried = curve.levels[first:] + max(0.0, curve.rate_per_day) * (curve.times[-1] - curve.times[first:]) / DAY
    return min(1.0, float(carried.mean()))


def carried_over_a_day(curve: InflowCurve, cutoff: float, fillings: FillingRates) -> float:
    """The median of the last day's readings, carried forward by what fillings bring at those hours of the day; the robust level where there
    are fewer than three, or readings are hours apart."""
    first = _first_of(curve, cutoff - DAY)
    if len(curve.times) - first < _LEAST_READINGS or is_sparse(curve.times):
        return curve.level_read()
    usual = curve.usual.inflow(curve.times[first:], np.full(len(curve.times) - first, cutoff))
    if not np.isnan(fillings.middle) and curve.usual.per_day > 0:
        usual = usual * max(0.0, fillings.middle) / curve.usual.per_day
    return float(np.clip(np.median(curve.levels[first:] + usual), 0.0, 1.0))


def _first_of(curve: InflowCurve, begin: float) -> int:
    """Index of the first reading from `begin` on that is of the filling that goes on."""
    of_filling = curve.emptyings.filling_begins
    return max(of_filling, int(np.searchsorted(curve.times, begin)))

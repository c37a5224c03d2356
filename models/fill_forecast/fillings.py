"""How fast a container filled, filling by filling: the slope of the readings between two emptyings.

A rate over weeks is what flowed in over all of them, and adds up whatever was taken for an emptying and was none. The slope of one filling knows
nothing of the falls at its ends, and the middle one of many slopes nothing of the odd filling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.history import DAY, FloatArray, IntArray
from models.fill_forecast.inflow import InflowCurve
from models.fill_forecast.suspects import FULL

_LEAST_READINGS = 6
_LEAST_DAYS = 1.0
_LEAST_DAYS_NOW = 0.75
_FADING_DAYS = 45.0
"""Fillings that ended so long ago count 1/e of one that ended just now."""


@dataclass(frozen=True, slots=True)
class FillingRates:
    """Shares of a day. `middle` and `mean` are those of ended fillings, weighed by how long they lasted and how long ago they ended, `days` the
    sum of these weights; `now` is that of the filling that goes on, `days_now` long so far. NaN where there is none."""

    middle: float
    mean: float
    days: float
    now: float
    days_now: float


def filling_rates(curve: InflowCurve, cutoff: float) -> FillingRates:
    """From the readings below full of each filling, of those that were read often and long enough."""
    starts = np.concatenate([[0], curve.emptyings.first_after]).astype(np.int64)
    filling = np.zeros(len(curve.times), dtype=np.int64)
    filling[curve.emptyings.first_after] = 1
    filling = np.cumsum(filling)
    known = curve.levels < FULL
    at, level, filling = curve.times[known], curve.levels[known], filling[known]
    count = len(starts)
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, filling, at)
    np.maximum.at(last, filling, at)
    readings = np.bincount(filling, minlength=count)
    day = (at - curve.times[starts][filling]) / DAY
    slopes = _slopes(day, level, filling, readings)
    days = np.where(readings > 0, (last - first) / DAY, 0.0)
    told = (readings >= _LEAST_READINGS) & ~np.isnan(slopes)
    ended = told & (days >= _LEAST_DAYS)
    ended[-1] = False
    weight = days[ended] * np.exp(-(cutoff - last[ended]) / DAY / _FADING_DAYS)
    total = float(weight.sum())
    now = bool(told[-1]) and days[-1] >= _LEAST_DAYS_NOW
    return FillingRates(
        middle=_weighed_median(slopes[ended], weight) if total > 0 else np.nan,
        mean=float((weight * slopes[ended]).sum()) / total if total > 0 else np.nan,
        days=total,
        now=float(slopes[-1]) if now else np.nan,
        days_now=float(days[-1]),
    )


def _slopes(day: FloatArray, level: FloatArray, filling: IntArray, readings: IntArray) -> FloatArray:
    """Least squares slope of each filling, NaN where its readings do not tell one."""
    size = len(readings)

    def total(values: FloatArray) -> FloatArray:
        sums: FloatArray = np.bincount(filling, values, size).astype(np.float64)
        return sums

    of_day, of_level = total(day), total(level)
    spread = readings * total(day * day) - of_day**2
    shared = readings * total(day * level) - of_day * of_level
    return np.where(spread > 1e-9, shared / np.maximum(spread, 1e-9), np.nan)


def _weighed_median(values: FloatArray, weight: FloatArray) -> float:
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(running, 0.5 * running[-1])])

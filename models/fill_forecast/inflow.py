"""From a level signal to what flowed in: the sawtooth opened up into one cumulative curve.

The curve follows the level between emptyings and continues over them. Where the level stood at full, or a long gap hides an
emptying, the usual rate stands in, because what was read there is only a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.emptyings import Emptyings, detect_emptyings
from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, History, usual_interval
from models.fill_forecast.suspects import FULL, suspect_readings


@dataclass(frozen=True, slots=True, eq=False)
class InflowCurve:
    """Cumulative inflow at the trusted readings of a history.

    `cumulative` may fall a little from reading to reading (jitter is kept: it is part of what is uncertain). `censored[i]` says
    that the interval up to reading i+1 touched full. `residual` is the level that emptyings usually leave.
    """

    times: FloatArray
    levels: FloatArray
    cumulative: FloatArray
    censored: BoolArray
    emptyings: Emptyings
    suspects: BoolArray
    residual: float
    rate_per_day: float

    def level_at_end(self) -> float:
        """The robust level at the newest trusted reading: the median of the last three since the last emptying, carried
        forward at the usual rate; the newest reading itself where readings are far apart."""
        first = int(self.emptyings.first_after[-1]) if len(self.emptyings) else 0
        last = self.levels[max(first, len(self.levels) - 3) :]
        if len(last) < 3 or usual_interval(self.times) > 8 * HOUR:
            return float(self.levels[-1])
        lag_days = (self.times[-1] - self.times[-2]) / DAY
        return float(np.clip(np.median(last) + min(0.05, max(0.0, self.rate_per_day) * lag_days), 0.0, 1.0))


def inflow_curve(history: History) -> InflowCurve:
    """The curve of a history that has at least one reading."""
    suspects = suspect_readings(history.times, history.levels)
    times, levels = history.times[~suspects], history.levels[~suspects]
    emptyings = detect_emptyings(times, levels, history.collections)
    residual = float(np.median(emptyings.level_after)) if len(emptyings) >= 3 else 0.0
    increments, seconds = np.diff(levels), np.diff(times)
    emptied = np.zeros(len(increments), dtype=bool)
    emptied[emptyings.last_before] = True
    full = levels >= FULL
    censored = (full[1:] | full[:-1]) & ~emptied
    open_ = ~emptied & ~censored
    rate = _rate_per_second(increments, seconds, open_, censored)
    usual = rate * seconds
    # What came in around an emptying: the usual share of the gap, at least what is seen above the usual residual.
    seen_after = np.maximum(0.0, levels[1:] - residual - 0.05)
    increments = np.where(emptied, np.maximum(usual, np.minimum(seen_after, 2 * usual)), increments)
    increments = np.where(censored, np.maximum(increments, usual), increments)
    return InflowCurve(
        times=times,
        levels=levels,
        cumulative=np.concatenate([[0.0], np.cumsum(increments)]) if len(times) else np.empty(0),
        censored=censored,
        emptyings=emptyings,
        suspects=suspects,
        residual=min(residual, 0.5),
        rate_per_day=rate * DAY,
    )


def hourly(curve: InflowCurve, *, days: float, end: float) -> tuple[FloatArray, FloatArray]:
    """(hours, cumulative): the curve on whole UTC hours of the last `days` before `end`, NaN inside gaps of more than a day
    (or four usual intervals) and outside the readings."""
    last = np.floor(min(end, curve.times[-1]) / HOUR)
    first = np.ceil(max(end - days * DAY, curve.times[0]) / HOUR)
    hours = np.arange(first, last + 1)
    if not len(hours):
        return hours, np.empty(0)
    values = np.interp(hours * HOUR, curve.times, curve.cumulative)
    slot = np.clip(np.searchsorted(curve.times, hours * HOUR, side="left"), 1, max(1, len(curve.times) - 1))
    if len(curve.times) > 1:
        gap = curve.times[slot] - curve.times[slot - 1]
        inside = (hours * HOUR > curve.times[slot - 1]) & (hours * HOUR < curve.times[slot])
        values[inside & (gap > max(1.01 * DAY, 4 * usual_interval(curve.times)))] = np.nan
    return hours, values


def _rate_per_second(increments: FloatArray, seconds: FloatArray, open_: BoolArray, censored: BoolArray) -> float:
    """Mean inflow per second where the level could be read; the censored part's lower bound when there is nothing else."""
    chosen = open_ if seconds[open_].sum() > 0 else censored
    total = float(seconds[chosen].sum())
    return max(0.0, float(increments[chosen].sum()) / total) if total > 0 else 0.0

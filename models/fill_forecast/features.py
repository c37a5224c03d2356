"""What a global model sees of one container at one cutoff: numbers that mean the same for every container. Of a horizon: `window_features`.

`state_at` looks only at what was observed by the cutoff. No container code, no place and no absolute date is among the features, so that a
container that was never seen is a case like the others.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from models.fill_forecast.carried_level import carried_over_a_day, carried_over_days
from models.fill_forecast.fillings import FillingRates, filling_rates
from models.fill_forecast.fusion import fused
from models.fill_forecast.history import DAY, HOUR, FloatArray, History, IntArray, tells_for
from models.fill_forecast.inflow import InflowCurve, hourly, inflow_curve
from models.fill_forecast.suspects import FULL, jitter

TAIL_DAYS = 120.0
"""How much of a history before the cutoff counts."""

_LAGS = 15
_GRID_DAYS = 112

FILLING_NAMES = ("filling_rate_middle", "filling_rate_mean", "filling_days", "filling_rate_now", "filling_days_now")
"""The fields of `FillingRates`, in their order."""
STATE_NAMES: tuple[str, ...] = (
    "level_last",
    "level_robust",
    "level_day_mean",
    "level_carried_1d",
    "level_carried_3d",
    "level_carried_7d",
    "level_gap_hours",
    "since_emptying_hours",
    "inflow_since_emptying",
    *(f"rate_{days}d" for days in (1, 3, 7, 14, 28, 90)),
    *FILLING_NAMES,
    "daily_inflow_spread",
    "level_before_emptying",
    "residual",
    "emptying_interval_days",
    "emptyings_28d",
    "share_full_28d",
    "share_suspect_7d",
    "jitter",
    "level_steps",
    "days_of_data",
    *(f"lag_{lag}" for lag in (1, 2, 3, 4, 5, 6, 7, 14)),
    "mean_56d",
    "zero_share_56d",
    "change_1d",
)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One container at one cutoff: `values` in the order of STATE_NAMES, and what `window_features` are made from."""

    cutoff: float
    values: FloatArray
    curve: InflowCurve
    level: float
    observed_at: float
    hours: FloatArray
    cumulative: FloatArray
    daily_levels: FloatArray
    """`daily_levels[k]`: last observed level k days before the cutoff, NaN where nothing was read within a day."""
    rates: dict[int, float]
    fillings: FillingRates
    step: float
    """The distance between neighbouring levels of a sensor that knows few of them, else 0."""
    holidays: IntArray

    @property
    def counted_level(self) -> float:
        """What the served model counts from, as the container's own past does: of a jump half, of a level that stands still half of what was
        missed."""
        return self.curve.level_at_end()


def tail(history: History, cutoff: float, known_at: float) -> History:
    """The seen part of a history within TAIL_DAYS before the cutoff."""
    return history.seen(cutoff, known_at).since(cutoff - TAIL_DAYS * DAY)


def state_at(history: History, cutoff: float, known_at: float) -> State | None:
    """The state at a cutoff; None without a reading in the tail."""
    seen = fused(tail(history, cutoff, known_at))
    if not len(seen.times):
        return None
    curve = inflow_curve(seen)
    hours, cumulative = hourly(curve, days=TAIL_DAYS, end=cutoff)
    daily = _daily_levels(seen, cutoff)
    rates = {days: _rate(curve, cutoff, days) for days in (1, 3, 7, 14, 28, 90)}
    steps = np.unique(seen.levels)
    step = float(np.min(np.diff(steps))) if 2 <= len(steps) <= 12 and len(seen.levels) >= 30 else 0.0
    fillings = filling_rates(curve, cutoff)
    values = np.array(
        [
            *_level_values(seen, curve, cutoff, fillings),
            *rates.values(),
            *astuple(fillings),
            *_usage_values(seen, curve, cutoff, daily, step),
        ]
    )
    return State(
        cutoff=cutoff,
        values=values,
        curve=curve,
        level=curve.level_read(),
        observed_at=float(curve.times[-1]),
        hours=hours,
        cumulative=cumulative,
        daily_levels=daily,
        rates=rates,
        fillings=fillings,
        step=step,
        holidays=seen.holidays,
    )


def _level_values(seen: History, curve: InflowCurve, cutoff: float, fillings: FillingRates) -> list[float]:
    last_day = curve.times > cutoff - DAY
    since = float(curve.times[curve.emptyings.first_after[-1]]) if len(curve.emptyings) else np.nan
    if not np.isnan(since):
        last_day &= curve.times >= since
    mean = float(curve.levels[last_day].mean()) if bool(last_day.any()) else float(curve.levels[-1])
    first = curve.emptyings.filling_begins
    return [
        float(seen.levels[-1]),
        curve.level_lately(),
        mean,
        carried_over_a_day(curve, cutoff, fillings),
        *(carried_over_days(curve, cutoff, days) for days in (3, 7)),
        (cutoff - float(seen.times[-1])) / HOUR,
        (cutoff - since) / HOUR,
        float(curve.cumulative[-1] - curve.cumulative[first]),
    ]


def _usage_values(seen: History, curve: InflowCurve, cutoff: float, daily: FloatArray, step: float) -> list[float]:
    emptied = curve.times[curve.emptyings.first_after] if len(curve.emptyings) else np.empty(0)
    recent28, recent7 = seen.times > cutoff - 28 * DAY, seen.times > cutoff - 7 * DAY
    days = np.arange(cutoff - 28 * DAY, cutoff + 1, DAY)
    inflow = np.diff(np.interp(days, curve.times, curve.cumulative)) if len(curve.times) > 1 else np.zeros(28)
    known = daily[:56][~np.isnan(daily[:56])]
    return [
        float(inflow.std()),
        float(np.median(curve.emptyings.level_before[-10:])) if len(emptied) else np.nan,
        curve.left.level,
        float(np.median(np.diff(emptied[-10:]))) / DAY if len(emptied) > 1 else np.nan,
        float(np.sum(emptied > cutoff - 28 * DAY)),
        float(np.mean(seen.levels[recent28] >= FULL)) if bool(recent28.any()) else np.nan,
        float(np.mean(curve.suspects[recent7])) if bool(recent7.any()) else np.nan,
        jitter(seen.levels[recent28]),
        step,
        (cutoff - float(seen.times[0])) / DAY,
        *(float(daily[lag]) for lag in (1, 2, 3, 4, 5, 6, 7, 14)),
        float(known.mean()) if len(known) else np.nan,
        float(np.mean(known < 0.02)) if len(known) else np.nan,
        float(daily[0] - daily[1]),
    ]


def _rate(curve: InflowCurve, cutoff: float, days: int) -> float:
    """Inflow per day over the last `days`, not negative."""
    begin = max(cutoff - days * DAY, float(curve.times[0]))
    seconds = float(curve.times[-1]) - begin
    if seconds < 0.25 * DAY:
        return max(0.0, curve.rate_per_day)
    start = float(np.interp(begin, curve.times, curve.cumulative))
    return max(0.0, (float(curve.cumulative[-1]) - start) / seconds * DAY)


def _daily_levels(seen: History, cutoff: float) -> FloatArray:
    moments = cutoff - np.arange(_GRID_DAYS) * DAY
    slots = np.searchsorted(seen.times, moments, side="right") - 1
    found = seen.levels[np.maximum(slots, 0)].astype(float)
    late = (slots < 0) | (moments - seen.times[np.maximum(slots, 0)] >= tells_for(seen.times))
    return np.where(late, np.nan, found)

"""How forecasts turned out, as the calibration takes it: against the settled level at each target, with the collections that really happened.

Forecasts of the past that nobody made are made here too, from what was known at their cutoffs, for a forecaster that is new or just fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.history import DAY, HOUR, FloatArray, History, moment
from models.fill_forecast.inflow import InflowCurve, inflow_curve
from models.fill_forecast.overlay import uncut_levels
from models.fill_forecast.recalibration import HIGH, LOW, Resolved, misses
from models.fill_forecast.settled import settled_levels, settled_share
from models.fill_forecast.suspects import FULL

RESOLVED_HORIZON_HOURS: tuple[int, ...] = (6, 12, 24, 48, 72, 96, 120, 144, 168)
_NOT_SHARED = 0.7
"""Of the squared error of a settled level: what is not the forecast's too. A sensor is off for days, and with it the level at the cutoff: in
simulation the two errors correlate by 0.26 a day after the cutoff and by 0.07 after a week."""
_LEAST_DAYS = 28.0
_LEAST_ERRORS = 40


def resolved_of(
    forecast: InflowForecast,
    fraction: str,
    curve: InflowCurve,
    *,
    known_until: float,
    horizon_hours: Sequence[int] = RESOLVED_HORIZON_HOURS,
    wide_as: InflowForecast | None = None,
) -> Resolved:
    """Of the horizons that ended by `known_until` and at which the level is settled. `curve` is of the container's history, read until later.
    With `wide_as`, another forecast at the same moment, as if the medians had been spread as widely as that one's."""
    cutoff = forecast.cutoff.timestamp()
    hours = np.array([h for h in horizon_hours if h in forecast.horizon_hours and cutoff + h * HOUR <= known_until], dtype=float)
    truth = settled_levels(curve, cutoff + hours * HOUR, since=cutoff)
    hours, truth = hours[~np.isnan(truth)], truth[~np.isnan(truth)]
    collected, unsure = emptied_about(curve)
    unsure = unsure[collected > cutoff]
    collected = collected[collected > cutoff]
    targets = cutoff + hours * HOUR
    levels = np.empty((len(forecast.quantiles), len(hours)))
    middle = forecast.quantiles.index(0.5)
    length = hours.copy()
    truth_error = np.full(len(hours), _truth_error(forecast, curve))
    for column, target in enumerate(targets.tolist()):
        before = collected[collected <= target]
        emptied, end = [moment(at) for at in before.tolist()], [moment(target)]
        levels[:, column] = uncut_levels(forecast, emptied, end)[:, 0]
        if wide_as is not None:
            widths = uncut_levels(wide_as, emptied, end)[:, 0]
            levels[:, column] = levels[middle, column] + widths - widths[middle]
        if len(before):
            truth_error[column] = np.hypot(truth_error[column], unsure[len(before) - 1])
        length[column] = (target - (before[-1] if len(before) else cutoff)) / HOUR
    below, above = misses(forecast.quantiles, levels, truth, truth_error=truth_error)
    return Resolved((fraction,) * len(hours), length, length < hours, below, above, (truth >= FULL).astype(np.float64))


def _truth_error(forecast: InflowForecast, curve: InflowCurve) -> float:
    """Half the width of the 80 % interval of a settled level's error, as far as it is not the forecast's too, from that of the level at the cutoff,
    which is a sensor's as well."""
    if not forecast.level_error:
        return 0.0
    share = settled_share(curve)
    low, high = (forecast.level_error[forecast.quantiles.index(quantile)] for quantile in (LOW, HIGH))
    return 0.5 * (high - low) * float(np.sqrt(_NOT_SHARED * share / (1 - share)))


def before_calibration(forecast: InflowForecast) -> InflowForecast:
    """As the forecaster had said it."""
    if forecast.uncalibrated is None:
        return forecast
    raw = forecast.uncalibrated
    return forecast.model_copy(
        update={
            "inflow_quantiles": raw.inflow_quantiles,
            "level_error": raw.level_error,
            "after_collection_spread": raw.after_collection_spread,
            "uncalibrated": None,
        }
    )


def emptied_about(curve: InflowCurve) -> tuple[FloatArray, FloatArray]:
    """(when each emptying of a curve was, how much of the level after it that leaves open): the middle between the readings around it, and half
    of the middle eight tenths of what usually comes in between these."""
    before, after = curve.times[curve.emptyings.last_before], curve.times[curve.emptyings.first_after]
    return 0.5 * (before + after), 0.4 * curve.usual.inflow(before, after)


@dataclass(frozen=True, slots=True, eq=False)
class Hindsight:
    """A forecast of the past, and what came true; it is taken to be as wide as `wide_as`, where there is one."""

    forecast: InflowForecast
    history: History
    curve: InflowCurve
    wide_as: InflowForecast | None = None


ForecastMany = Callable[[Sequence[History], float], Sequence[InflowForecast | None]]
"""Forecasts of `QUANTILES` from what was observed by a cutoff."""


def hindsight(
    forecast_many: ForecastMany,
    histories: Sequence[History],
    cutoffs: Sequence[float],
    *,
    wide_as: ForecastMany | None = None,
    step: int = 1,
) -> list[Hindsight]:
    """What a forecaster would have said at these cutoffs. It must have learnt nothing later than the first of them, or nothing that counts for
    containers of four weeks and more: younger, silent and uninformative ones are left out, and those that may have been emptied unseen. How wide
    another one would have been (`wide_as`) may be asked of one that has learnt later. One container in `step` is asked at each cutoff, another at the
    next: outcomes of one container have more in common than those of one day."""
    curves: dict[str, InflowCurve] = {}
    found: list[Hindsight] = []
    for turn, cutoff in enumerate(cutoffs):
        asked = histories[turn % step :: step]
        open_ = [item for item in asked if len(item.times) and item.times[0] + _LEAST_DAYS * DAY <= cutoff < item.times[-1]]
        wide = wide_as(open_, cutoff) if wide_as is not None else [None] * len(open_)
        for history, made, its_width in zip(open_, forecast_many(open_, cutoff), wide, strict=True):
            if made is not None and not made.emptied_unseen and cutoff - made.level_observed_at.timestamp() <= DAY / 2:
                name = history.container_id
                curve = curves.get(name) or curves.setdefault(name, inflow_curve(history))
                # What was read before a sensor came to life is not in the curve: its container was young for weeks after that.
                if curve.days_of_data and curve.times[0] + _LEAST_DAYS * DAY <= cutoff:
                    found.append(Hindsight(made, history, curve, its_width))
    return found


def level_errors(found: Sequence[Hindsight]) -> dict[str, tuple[float, ...]]:
    """By fraction, for each of `QUANTILES`, how far the settled level lay from what was taken for it at the cutoff; the middle stays."""
    errors: dict[str, list[float]] = {}
    for item in found:
        cutoff = item.forecast.cutoff.timestamp()
        settled = float(settled_levels(item.curve, np.array([cutoff]), since=cutoff)[0])
        if settled < FULL:  # not where it was not read, either
            own = float(np.sqrt(1 - settled_share(item.curve)))
            errors.setdefault(item.history.fraction, []).append(own * (settled - item.forecast.level_at_cutoff))
    sides = np.sign(np.array(QUANTILES) - 0.5)
    return {
        fraction: tuple((sides * np.maximum(0.0, sides * np.quantile(values, QUANTILES))).tolist())
        for fraction, values in errors.items()
        if len(values) >= _LEAST_ERRORS
    }


def resolved(found: Sequence[Hindsight], *, known_until: float) -> Resolved:
    return joined(
        [
            resolved_of(item.forecast, item.history.fraction, item.curve, known_until=known_until, wide_as=item.wide_as)
            for item in found
        ]
    )


def joined(parts: Sequence[Resolved]) -> Resolved:
    names = tuple(name for part in parts for name in part.fraction)
    length, collected, below, above, full = (
        np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0)
        for name in ("length_hours", "collected", "below", "above", "full")
    )
    return Resolved(names, length, collected.astype(np.bool_), below, above, full)

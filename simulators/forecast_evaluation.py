"""How good the forecaster that serves is on simulated series: coverage of its 80 % interval, and the error of its time to 80 %.

Nothing after a cutoff is seen. Levels are compared as observed, with the true collections laid over the forecast, as the planner would lay the
planned ones; time to 80 % is compared with when the true level got there before the next emptying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.backtest import FAST_RATE
from models.fill_forecast.forecaster import Forecaster
from models.fill_forecast.history import DAY, History, moment
from models.fill_forecast.overlay import level_quantiles, time_to_level
from models.fill_forecast.rows import observed_levels
from simulators.batch import Floats
from simulators.evaluation import history_of_series
from simulators.fill_series import FillSeries

HORIZON_DAYS = 7
_LEVEL = 0.8
_LOW, _HIGH = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class CoverageCase:
    """One forecast of one horizon. `inside` is 1, 0, or 0.5 where the truth lies on a bound."""

    fraction: str
    horizon_days: int
    inside: float
    width: float


@dataclass(frozen=True, slots=True)
class TimeCase:
    """One forecast of a container that did reach 80 %, `after_days` later; `error_days` is how much later the median said it would."""

    fast: bool
    after_days: float
    error_days: float


def evaluate(
    series: Sequence[FillSeries], forecaster: Forecaster, cutoffs: Sequence[float]
) -> tuple[list[CoverageCase], list[TimeCase]]:
    """Fits at the first cutoff (seconds since 1970) on what was known then, and scores every container's forecast at each."""
    histories = [history_of_series(item) for item in series]
    fitted = forecaster.fit(histories, cutoff=cutoffs[0], known_at=cutoffs[0])
    coverage: list[CoverageCase] = []
    times: list[TimeCase] = []
    for cutoff in cutoffs:
        for item, history in zip(series, histories, strict=True):
            forecast = fitted.forecast(history, cutoff=cutoff, known_at=cutoff)
            if forecast is not None:
                coverage += _coverage(item, history, forecast, cutoff)
                times += _time(item, forecast, cutoff)
    return coverage, times


def _coverage(series: FillSeries, history: History, forecast: InflowForecast, cutoff: float) -> list[CoverageCase]:
    targets = cutoff + DAY * np.arange(1.0, HORIZON_DAYS + 1)
    truths = observed_levels(history, targets)
    collections = [moment(at) for at in series.emptied.tolist() if cutoff < at <= targets[-1]]
    levels = level_quantiles(forecast, collections, [moment(at) for at in targets.tolist()])
    low, high = (levels.levels[levels.quantiles.index(quantile)] for quantile in (_LOW, _HIGH))
    return [
        CoverageCase(series.fraction, day, _inside(truth, low[day - 1], high[day - 1]), float(high[day - 1] - low[day - 1]))
        for day, truth in enumerate(truths.tolist(), start=1)
        if not np.isnan(truth)
    ]


def _inside(truth: float, low: float, high: float) -> float:
    return 0.5 * (float(low <= truth <= high) + float(low < truth < high))


def _time(series: FillSeries, forecast: InflowForecast, cutoff: float) -> list[TimeCase]:
    reached = _reaches(series, cutoff)
    if reached is None:
        return []
    said = time_to_level(forecast, _LEVEL).by(0.5)
    said_at = cutoff + forecast.horizon_hours[-1] * 3600 if said is None else said.timestamp()
    rate = float(np.clip(np.diff(series.truth), 0, None).sum() / (series.times[-1] - series.times[0]) * DAY)
    return [TimeCase(rate >= FAST_RATE, (reached - cutoff) / DAY, (said_at - reached) / DAY)]


def _reaches(series: FillSeries, cutoff: float) -> float | None:
    """When the true level is first at 80 % after the cutoff, within seven days and before the next emptying; None when it is not, is
    there already, or nobody read the container lately."""
    before = int(np.searchsorted(series.times, cutoff, side="right")) - 1
    if before < 0 or cutoff - series.times[before] > DAY / 4 or series.truth[before] >= _LEVEL:
        return None
    emptied: Floats = series.emptied
    later = emptied[emptied > series.times[before]]
    end = min(cutoff + HORIZON_DAYS * DAY, later[0] if len(later) else np.inf)
    inside = slice(before + 1, int(np.searchsorted(series.times, end)))
    there = np.flatnonzero(series.truth[inside] >= _LEVEL)
    return float(series.times[inside][there[0]]) if len(there) else None

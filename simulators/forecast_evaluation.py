"""How good forecasts are on simulated series: coverage of the 80 % interval, and the error of the time to 80 %.

The truth is the simulator's: the true level at the target, read or not and whatever the sensor said, with the true collections laid over the
forecast as the planner would lay the planned ones. Time to 80 % is compared with when the level would have got there had nobody collected.
Nothing after a cutoff is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.backtest import FAST_RATE
from models.fill_forecast.explain import GOOD
from models.fill_forecast.fit_served import fit_served
from models.fill_forecast.forecaster import Forecaster
from models.fill_forecast.history import DAY, HOUR, History, moment
from models.fill_forecast.inflow import InflowCurve, inflow_curve
from models.fill_forecast.overlay import level_quantiles, time_to_level
from models.fill_forecast.recalibration import Factors, Resolved, factors_of, is_calibrated, recalibrated
from models.fill_forecast.resolving import RESOLVED_HORIZON_HOURS, joined, resolved_of
from models.fill_forecast.scores import mean_pinball
from models.fill_forecast.served_inflow import ServedInflow
from simulators import oracle
from simulators.evaluation import history_of_series
from simulators.fill_series import ENDS, FillSeries, simulate_fill

HORIZON_DAYS = 7
LEVEL = 0.8
DAILY_CUTOFFS = tuple(ENDS.timestamp() - days * DAY + 4 * HOUR for days in range(38, 7, -1))
"""Seconds since 1970, early in the morning, when plans are made."""
CUTOFFS = DAILY_CUTOFFS[::5]
SPREAD_DAYS = 20
"""So long before the first scored forecasts their model is fitted, and forecasts are kept whose outcomes spread them."""
_LOW, _HIGH = 0.1, 0.9
_SAID_WITHIN_DAYS = 5.0
_TIME_PATHS, _LEVEL_PATHS = 201, 301


@dataclass(frozen=True, slots=True)
class CoverageCase:
    """One forecast of one horizon. `inside` is 1, 0, or 0.5 where the truth lies on a bound (at full, at empty); `closed` counts such a truth as
    inside. `middle_error` is the truth less the median."""

    container_id: str
    fraction: str
    horizon_days: int
    truth: float
    inside: float
    closed: bool
    width: float
    middle_error: float


@dataclass(frozen=True, slots=True)
class TimeCase:
    """One forecast that said, by its median, that 80 % is reached within five days: `lead_days` ahead; `good` where nothing was wrong with the data,
    as far as the forecast knew. `error_days` is how much later it said so than it was; `learning_error_days` that of somebody who knows all but the
    rate, and `least_error_days` of somebody who knows that, too (`simulators.oracle`); `reading_error_days` of somebody who has to read level and
    rate from the sensor (`simulators.reading_oracle`), where that was asked for. None where they expect it beyond a fortnight."""

    fraction: str
    fast: bool
    good: bool
    lead_days: float
    error_days: float
    learning_error_days: float | None
    least_error_days: float | None
    reading_error_days: float | None = None


@dataclass(frozen=True, slots=True)
class LevelCase:
    """The pinball loss (a fraction of the capacity, mean of all quantiles) of one forecast at one horizon, and that of those who know more: see
    `simulators.oracle`. `good` as in `TimeCase`."""

    fraction: str
    good: bool
    horizon_days: int
    loss: float
    reading_loss: float
    learning_loss: float
    least_loss: float


def city_of(seeds: Sequence[int], faults: Mapping[str, float], *, containers: int, days: float) -> list[FillSeries]:
    """The series of several seeds as of one city, used as measured."""
    return [
        replace(item, container_id=f"{seed}/{item.container_id}")
        for seed in seeds
        for item in simulate_fill(seed, faults, containers=containers, days=days)
    ]


def evaluate(
    series: Sequence[FillSeries], forecaster: Forecaster, *, cutoffs: Sequence[float] = CUTOFFS
) -> tuple[list[CoverageCase], list[TimeCase]]:
    """Fits once, 38 days before the end, on what was known then, and scores every container's forecast at each of `cutoffs` from then on."""
    rng = np.random.default_rng(0)
    histories = [history_of_series(item) for item in series]
    fitted = forecaster.fit(histories, cutoff=cutoffs[0], known_at=cutoffs[0])
    coverage: list[CoverageCase] = []
    times: list[TimeCase] = []
    for cutoff in cutoffs:
        for item, history in zip(series, histories, strict=True):
            _score(item, fitted.forecast(history, cutoff=cutoff, known_at=cutoff), rng, coverage, times)
    return coverage, times


def evaluate_service(
    series: Sequence[FillSeries],
    *,
    refit_days: float,
    truth_wait_hours: float,
    cutoffs: Sequence[float] = CUTOFFS,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[list[CoverageCase], list[TimeCase]]:
    """As the service does it: fitted 20 days before the first of `cutoffs` and every `refit_days` from then on, each new model taken if it is not
    worse than the one that serves; forecasts kept every day, and those of `cutoffs` spread by how the kept ones of their model had turned out
    `truth_wait_hours` before."""
    rng = np.random.default_rng(0)
    histories = [history_of_series(item) for item in series]
    first = cutoffs[0] - SPREAD_DAYS * DAY
    model: ServedInflow | None = None
    fitted_at = first
    kept = KeptForecasts()
    coverage: list[CoverageCase] = []
    times: list[TimeCase] = []
    for cutoff in np.arange(first, cutoffs[-1] + 1, DAY).tolist():
        if model is None or cutoff - fitted_at >= refit_days * DAY:
            found = fit_served(histories, cutoff=cutoff, known_at=cutoff, serving=model)
            progress(f"fitted {(cutoff - first) / DAY:.0f} days on: {found.comparison.sentence}")
            fitted_at = cutoff
            if model is None or found.comparison.not_worse:
                model = found.model
                # Another model's outcomes say nothing of how wide this one has to be.
                kept = KeptForecasts()
        made = model.forecast_many(histories, cutoff=cutoff, known_at=cutoff)
        if cutoff in cutoffs:
            factors = kept.turned_out(cutoff - truth_wait_hours * HOUR, read_until=cutoff)
            for item, forecast in zip(series, made, strict=True):
                spread = forecast
                if forecast is not None and is_calibrated(forecast):
                    spread = recalibrated(forecast, item.fraction, factors)
                _score(item, spread, rng, coverage, times)
            progress(f"scored {(cutoff - first) / DAY:.0f} days on")
        kept.add(histories, made)
    return coverage, times


def _score(
    item: FillSeries,
    forecast: InflowForecast | None,
    rng: np.random.Generator,
    coverage: list[CoverageCase],
    times: list[TimeCase],
) -> None:
    if forecast is None:
        return
    coverage += coverage_cases(item, forecast)
    timed = time_case(item, forecast, rng)
    times += [timed] if timed is not None else []


class KeptForecasts:
    """Forecasts of one model, and how they turned out: each outcome told once, by what had been read when it was asked for."""

    def __init__(self) -> None:
        self._kept: list[tuple[History, InflowForecast]] = []
        self._outcomes: list[Resolved] = []
        self._asked = -np.inf

    def add(self, histories: Sequence[History], made: Sequence[InflowForecast | None]) -> None:
        """Keeps those of which outcomes say something."""
        told = zip(histories, made, strict=True)
        self._kept += [(history, forecast) for history, forecast in told if forecast is not None and is_calibrated(forecast)]

    def turned_out(self, until: float, *, read_until: float) -> Factors:
        """The factors that outcomes up to `until` teach."""
        curves: dict[str, InflowCurve] = {}
        for history, forecast in self._kept:
            cutoff = forecast.cutoff.timestamp()
            ended = [hours for hours in RESOLVED_HORIZON_HOURS if self._asked < cutoff + hours * HOUR <= until]
            if not ended:
                continue
            name = history.container_id
            curve = curves.get(name) or curves.setdefault(name, inflow_curve(history.seen(read_until, read_until)))
            self._outcomes.append(resolved_of(forecast, history.fraction, curve, known_until=until, horizon_hours=ended))
        self._asked = until
        return factors_of(joined(self._outcomes))


def coverage_cases(series: FillSeries, forecast: InflowForecast) -> list[CoverageCase]:
    """One case a day of the next week."""
    cutoff = forecast.cutoff.timestamp()
    targets = cutoff + DAY * np.arange(1.0, HORIZON_DAYS + 1)
    truths = series.course.level_at(targets)
    collections = [moment(at) for at in series.emptied.tolist() if cutoff < at <= targets[-1]]
    levels = level_quantiles(forecast, collections, [moment(at) for at in targets.tolist()])
    low, middle, high = (levels.levels[levels.quantiles.index(quantile)].tolist() for quantile in (_LOW, 0.5, _HIGH))
    return [
        CoverageCase(
            series.container_id, series.fraction, day, truth, 0.5 * (float(below <= truth <= above) + float(below < truth < above)),
            below <= truth <= above, above - below, truth - central,
        )
        for day, (truth, below, central, above) in enumerate(zip(truths.tolist(), low, middle, high, strict=True), start=1)
    ]  # fmt: skip


def level_cases(series: FillSeries, forecast: InflowForecast, reading: oracle.Belief, rng: np.random.Generator) -> list[LevelCase]:
    """One case a day of the next week, collections as they came. `reading` is what `simulators.reading_oracle` believes at the cutoff."""
    cutoff = forecast.cutoff.timestamp()
    targets = cutoff + DAY * np.arange(1.0, HORIZON_DAYS + 1)
    truths = series.course.level_at(targets)
    emptied = series.emptied[(series.emptied > cutoff) & (series.emptied <= targets[-1])]
    said = level_quantiles(forecast, [moment(at) for at in emptied.tolist()], [moment(at) for at in targets.tolist()]).levels.T
    beliefs = (
        reading,
        oracle.learns(series.course, cutoff, paths=_LEVEL_PATHS, rng=rng),
        oracle.knows(series.course, cutoff, paths=_LEVEL_PATHS),
    )
    known = [
        oracle.level_quantiles(series.course, targets, cutoff, belief, emptied, forecast.quantiles, rng=rng) for belief in beliefs
    ]
    losses = [
        [mean_pinball(truths[[day]], told[[day]], forecast.quantiles) for day in range(HORIZON_DAYS)] for told in (said, *known)
    ]
    good = forecast.data_grade == GOOD
    return [LevelCase(series.fraction, good, day, *of_day) for day, of_day in enumerate(zip(*losses, strict=True), start=1)]


def time_case(
    series: FillSeries, forecast: InflowForecast, rng: np.random.Generator, reading: oracle.Belief | None = None
) -> TimeCase | None:
    """None where the container stands at 80 % already, or the forecast does not expect it within five days."""
    cutoff = forecast.cutoff.timestamp()
    said = time_to_level(forecast, LEVEL).by(0.5)
    if (
        said is None
        or series.course.level_at(np.array([cutoff]))[0] >= LEVEL
        or not cutoff < said.timestamp() <= cutoff + _SAID_WITHIN_DAYS * DAY
    ):
        return None
    reached = series.course.reaches(LEVEL, cutoff)
    # Not reached by the end of the series: at least that late.
    true = reached if reached is not None else float(series.course.times[-1])

    def error_of(belief: oracle.Belief | None) -> float | None:
        expected = None if belief is None else oracle.median_time(series.course, LEVEL, cutoff, belief, days=14, rng=rng)
        return None if expected is None else (expected - true) / DAY

    least = error_of(oracle.knows(series.course, cutoff, paths=_TIME_PATHS))
    rate = float(np.diff(series.course.inflow[[0, -1]])[0] / (series.course.times[-1] - series.course.times[0]) * DAY)
    return TimeCase(
        series.fraction,
        fast=rate >= FAST_RATE,
        good=forecast.data_grade == GOOD,
        lead_days=(said.timestamp() - cutoff) / DAY,
        error_days=(said.timestamp() - true) / DAY,
        learning_error_days=error_of(oracle.learns(series.course, cutoff, paths=_TIME_PATHS, rng=rng)),
        least_error_days=least,
        reading_error_days=error_of(reading),
    )

"""A backtest: what the forecaster would have said on each day, with nothing but what was known then.

Daily cutoffs in the last share of each container's time. The global model is refitted every so many days on the cases that had ended by
then; members are weighed, and quantiles calibrated, on forecasts that it had made before and that had ended. To have such forecasts from
the first day on, it starts some refits before the part that is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from models.fill_forecast import members as simple
from models.fill_forecast.calibration import WINDOW_DAYS, calibrated, offsets
from models.fill_forecast.history import DAY, BoolArray, FloatArray, History, IntArray
from models.fill_forecast.level_model import ITERATIONS, LARGEST_FIT, fit_level_model, sample_of, usual_level
from models.fill_forecast.own_errors import with_past_errors
from models.fill_forecast.rows import Progress, Rows, build_rows, joined, silent, silent_rows, test_begins, without_truth
from models.fill_forecast.scores import TIE_DIGITS
from models.fill_forecast.spread import Spread, in_turn
from models.fill_forecast.weighing import LEAST_ROWS, combined, weigh

_WEIGHING_DAYS = 180.0
"""Members are weighed on forecasts of so many days; fits begin so long before the scored part."""
FAST_RATE = 0.12
"""Containers that usually get at least this share of themselves a day are "fast"."""


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """As the command takes them. `quantiles` rise and hold 0.5. `days_only`: of a coming collection a forecast is told the day (UTC) alone."""

    origin_hour: int = 4
    test_share: float = 0.25
    horizon_days: int = 7
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    refit_days: int = 45
    days_only: bool = False
    seed: int = 0
    iterations: int = ITERATIONS


@dataclass(frozen=True, slots=True, eq=False)
class BacktestResult:
    """The scored cases: all containers, all cutoffs of their test part, all horizons, whether their truth was read or not.

    `forecasts[name]` are quantiles [row, quantile]; the first is the forecaster, the others baselines. `fast[row]` is the class of
    the row's container, from its rates before its test part. `weights` tells the members' mean weights over all refits, `unfitted` the share of
    the cases that no global model could be asked for, because too little had ended when it would have been fitted. Of a container that was silent
    for longer than is looked back, nothing is known, and all forecasts say so.
    """

    rows: Rows
    forecasts: dict[str, FloatArray]
    fast: BoolArray
    weights: dict[str, float]
    unfitted: float


FORECASTER = "forecaster"
_GLOBAL, _AROUND_USUAL = "global model", "global model around usual"


def backtest(
    histories: Sequence[History],
    options: BacktestOptions,
    *,
    plans: Sequence[FloatArray] | None = None,
    progress: Progress = silent,
    spread: Spread = in_turn,
) -> BacktestResult:
    """Runs it. `plans[i]` are the planned collections of container i, past and future, as far as the forecaster is told; None means
    that nothing is known about collections, and a plan without one until a cutoff counts as much there. Minutes for 30 containers and three
    years, one thread."""
    nothing = [np.empty(0)] * len(histories)
    rows = build_rows(
        histories,
        origin_hour=options.origin_hour,
        horizon_days=options.horizon_days,
        plans=nothing if plans is None else plans,
        days_only=options.days_only,
        progress=progress,
        spread=spread,
    )
    rows = with_past_errors(rows, usual_level(rows))
    rows = replace(rows, truth=np.round(rows.truth, TIE_DIGITS))
    starts = np.array([test_begins(history, options.test_share) for history in histories])
    scored = rows.cutoff >= starts[rows.container]
    group = _Groups(histories, rows, starts)
    rates = {name: simple.with_own_errors(rows, point(rows), options.quantiles) for name, point in simple.POINT_BASELINES.items()}
    made = _roll(rows, scored, group, options, rates, _is_planned(rows, plans), progress, spread)
    forecasts = {FORECASTER: made.forecast[scored], **_baselines(rows, scored, rates, options.quantiles, plans is not None)}
    forecasts = {name: np.round(forecast, TIE_DIGITS) for name, forecast in forecasts.items()}
    test, forecasts = _with_silent(rows.of(scored), forecasts, histories, options)
    return BacktestResult(test, forecasts, group.fast[test.container], made.mean_weights, made.unfitted)


def _is_planned(rows: Rows, plans: Sequence[FloatArray] | None) -> BoolArray:
    """Of each row whether its container's plan says anything yet: one that lies ahead of all that was read cannot be told from a useless one."""
    if plans is None:
        return np.zeros(len(rows), dtype=bool)
    begins = np.array([float(plan[0]) if len(plan) else np.inf for plan in plans])
    planned: BoolArray = begins[rows.container] <= rows.cutoff
    return planned


def _with_silent(
    test: Rows, forecasts: Mapping[str, FloatArray], histories: Sequence[History], options: BacktestOptions
) -> tuple[Rows, dict[str, FloatArray]]:
    """With the scored cutoffs at which a container had been silent for so long that it has no row: anything may be, says every forecast."""
    missing = silent_rows(test, histories, origin_hour=options.origin_hour, test_share=options.test_share)
    if not len(missing):
        return test, dict(forecasts)
    every = joined([test, missing])
    order = np.lexsort((every.horizon_days, every.cutoff, every.container))
    unknown = simple.anything(len(missing), options.quantiles)
    return every.of(order), {name: np.concatenate([values, unknown])[order] for name, values in forecasts.items()}


class _Groups:
    """Fractions, among which weights and calibration are learnt, and the speed class, under which scores are printed."""

    def __init__(self, histories: Sequence[History], rows: Rows, starts: FloatArray) -> None:
        names = sorted({history.fraction for history in histories})
        self.fraction: IntArray = np.array([names.index(history.fraction) for history in histories])
        self.fast: BoolArray = np.zeros(len(histories), dtype=bool)
        rate = rows.named("rate_28d")
        for index in range(len(histories)):
            before = (rows.container == index) & (rows.cutoff < starts[index])
            if bool(before.any()):
                self.fast[index] = float(np.nanmedian(rate[before])) >= FAST_RATE


@dataclass(slots=True)
class _Made:
    forecast: FloatArray
    mean_weights: dict[str, float]
    unfitted: float


def _roll(
    rows: Rows,
    scored: BoolArray,
    group: _Groups,
    options: BacktestOptions,
    rates: Mapping[str, FloatArray],
    planned: BoolArray,
    progress: Progress,
    spread: Spread,
) -> _Made:
    """Goes through the refits in time order; whatever is used at one of them had ended before it. `rates` are forecasts of the simple
    rates for all rows, members too where a plan is known (`planned` [row])."""
    spans = _refit_spans(rows, scored, options)
    asked = np.zeros(len(rows), dtype=bool)
    asked[np.concatenate([now for _, now in spans])] = True
    members = _simple_members(rows, asked, rates, planned, options.quantiles)
    global_members = (_GLOBAL, _AROUND_USUAL) if bool(planned.any()) else (_GLOBAL,)
    members = {name: np.full((len(rows), len(options.quantiles)), np.nan) for name in global_members} | members
    tasks = [(span, name) for span in spans for name in global_members]
    pieces = (_piece(rows, refit, now, options, around_usual=name == _AROUND_USUAL) for (refit, now), name in tasks)
    for done, (((_, now), name), predicted) in enumerate(zip(tasks, spread(_fit_and_predict, pieces), strict=True), start=1):
        if predicted is not None:
            members[name][now] = predicted
        progress("fitting and forecasting", done, len(tasks))
    forecast = np.full((len(rows), len(options.quantiles)), np.nan)
    weighted: list[dict[str, float]] = []
    for refit, now in spans:
        past = asked & (rows.cutoff >= refit - _WEIGHING_DAYS * DAY) & (rows.cutoff < refit) & rows.resolved_by(refit)
        for fraction in np.unique(group.fraction):
            for told in (True, False):
                of_it, alike = group.fraction[rows.container] == fraction, planned == told
                mine = now[(of_it & alike)[now]]
                weighted += _weigh_alike(rows, mine, (past & of_it & alike, past & alike, past), members, told, forecast, options)
    _calibrate(rows, forecast, scored, group, options)
    means = {name: float(np.mean([item.get(name, 0.0) for item in weighted])) for name in members} if weighted else {}
    return _Made(forecast, means, float(np.mean(np.isnan(members[_GLOBAL][scored, 0]))))


def _simple_members(
    rows: Rows, asked: BoolArray, rates: Mapping[str, FloatArray], planned: BoolArray, quantiles: tuple[float, ...]
) -> dict[str, FloatArray]:
    """Quantiles [row, quantile] of the members that need no fit, of the rows `asked` (others: NaN)."""
    wanted = {
        **(simple.MEMBERS_WITH_PLAN if bool(planned.any()) else {}),
        **({} if bool(planned.all()) else simple.MEMBERS_WITHOUT_PLAN),
    }
    made: dict[str, FloatArray] = {}
    for name, member in wanted.items():
        made[name] = np.full((len(rows), len(quantiles)), np.nan)
        made[name][asked] = member(rows.of(asked), quantiles)
    return made | ({name: rates[name] for name in simple.RATES_WITH_PLAN} if bool(planned.any()) else {})


def _members_of(planned: bool) -> tuple[str, ...]:
    """Which members forecasts have, the first ones first where little is known; no global model where none could be fitted."""
    if planned:
        return (_GLOBAL, _AROUND_USUAL, *simple.MEMBERS_WITH_PLAN, *simple.RATES_WITH_PLAN)
    return (_GLOBAL, *simple.MEMBERS_WITHOUT_PLAN)


def _refit_spans(rows: Rows, scored: BoolArray, options: BacktestOptions) -> list[tuple[float, IntArray]]:
    """(moment of a refit, rows whose cutoffs it forecasts), those before the scored part first; spans without a row are left out. They are
    counted from the first cutoff of all, whatever part is scored, so that a forecast does not depend on when a container was last read."""
    length = options.refit_days * DAY
    begin = float(rows.cutoff.min())
    first = (rows.cutoff[scored].min() - begin) // length - ceil(_WEIGHING_DAYS / options.refit_days)
    spans = []
    for refit in (begin + length * np.arange(first, (rows.cutoff.max() - begin) / length + 1)).tolist():
        now = np.flatnonzero((rows.cutoff >= refit) & (rows.cutoff < refit + length))
        if len(now):
            spans.append((refit, now))
    return spans


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """One fit and what it is to forecast. `past` are rows whose truth was read before the first of `now`, which come without truth."""

    past: Rows
    now: Rows
    quantiles: tuple[float, ...]
    seed: int
    around_usual: bool
    iterations: int


def _piece(rows: Rows, refit: float, now: IntArray, options: BacktestOptions, *, around_usual: bool) -> _Piece:
    seed = options.seed + round(refit / DAY)
    ended = np.flatnonzero(rows.resolved_by(refit))
    ended = ended[sample_of(len(ended), LARGEST_FIT, np.random.default_rng(seed))]
    return _Piece(rows.of(ended), without_truth(rows.of(now)), options.quantiles, seed, around_usual, options.iterations)


def _fit_and_predict(piece: _Piece) -> FloatArray | None:
    model = fit_level_model(
        piece.past, piece.quantiles, seed=piece.seed, around_usual=piece.around_usual, iterations=piece.iterations
    )
    return None if model is None else model.predict(piece.now)


def _weigh_alike(
    rows: Rows,
    now: IntArray,
    past: Sequence[BoolArray],
    members: Mapping[str, FloatArray],
    planned: bool,
    forecast: FloatArray,
    options: BacktestOptions,
) -> list[dict[str, float]]:
    """Writes the forecasts of the rows `now`, of one fraction, with a plan or without; `past` are rows to weigh their members on, each choice wider
    than the one before."""
    if not len(now):
        return []
    names = [name for name in _members_of(planned) if not bool(np.isnan(members[name][now, 0]).any())]
    there = ~np.isnan(np.column_stack([members[name][:, 0] for name in names])).any(axis=1)
    used: list[dict[str, float]] = []
    for horizon in np.unique(rows.horizon_days[now]):
        ahead = rows.horizon_days == horizon
        first, *wider = (chosen & there for chosen in past)
        known = _enough(first & ahead, *(chosen & ahead for chosen in wider), *wider)
        weights = weigh({name: members[name][known] for name in names}, rows.truth[known], options.quantiles)
        here = now[ahead[now]]
        forecast[here] = combined({name: members[name][here] for name in names}, weights)
        used.append(weights)
    return used


def _enough(*wider: BoolArray) -> BoolArray:
    """The first of some choices of rows, each wider than the one before, that holds enough to weigh members on, or the last."""
    return next((chosen for chosen in wider if chosen.sum() >= LEAST_ROWS), wider[-1])


def _calibrate(rows: Rows, forecast: FloatArray, scored: BoolArray, group: _Groups, options: BacktestOptions) -> None:
    """Calibrates each scored cutoff on the uncalibrated forecasts that had ended in the 60 days before it."""
    raw = forecast.copy()
    for fraction in np.unique(group.fraction):
        for horizon in np.unique(rows.horizon_days):
            cell = np.flatnonzero((group.fraction[rows.container] == fraction) & (rows.horizon_days == horizon))
            ended = cell[~np.isnan(raw[cell, 0]) & ~np.isnan(rows.truth[cell])]
            ended = ended[np.argsort(rows.target_at[ended], kind="stable")]
            times = rows.target_at[ended]
            mine = cell[scored[cell]]
            for cutoff in np.unique(rows.cutoff[mine]):
                lately = ended[np.searchsorted(times, cutoff - WINDOW_DAYS * DAY) : np.searchsorted(times, cutoff, side="right")]
                here = mine[rows.cutoff[mine] == cutoff]
                moved = offsets(rows.truth[lately], raw[lately], options.quantiles)
                forecast[here] = calibrated(raw[here], moved)


def _baselines(
    rows: Rows, scored: BoolArray, rates: Mapping[str, FloatArray], quantiles: tuple[float, ...], planned: bool
) -> dict[str, FloatArray]:
    """Every baseline of the table, on the scored rows. With a plan those that can be told it are told it, and say so by their name."""
    made: dict[str, FloatArray] = {}
    for name, forecast in rates.items():
        aware = planned and name in simple.RATES_WITH_PLAN
        made[f"plan + {name}" if aware else name] = forecast[scored]
    if planned:
        made["plan + own empirical inflow"] = simple.own_inflow(rows.of(scored), quantiles)
    for name, member in simple.DISTRIBUTION_BASELINES.items():
        made[name] = member(rows.of(scored), quantiles)
    return made

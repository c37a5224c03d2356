"""`EmpiricalInflow`: the container's own past as its forecast.

Every window of the last weeks that is as long as the horizon, and starts at the same hour of the day where there are enough of
these, is one example of what may flow in; the weekday and hour profile scales it to the window in question. In its first week a
container is given the distribution of its fraction, and until the fourth week a mixture of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.deposit_volume import DepositVolume, VolumePrior, fraction_priors
from models.fill_forecast.explain import STALE, basis_sentence, data_grade
from models.fill_forecast.forecaster import HORIZON_HOURS, QUANTILES, in_order
from models.fill_forecast.fusion import fused
from models.fill_forecast.history import DAY, FIRST_WEEK_DAYS, HOUR, FloatArray, History, IntArray, days_read, moment
from models.fill_forecast.inflow import InflowCurve, UsualInflow, hourly, inflow_curve
from models.fill_forecast.recalibration import factors_of, recalibrated
from models.fill_forecast.resolving import hindsight, level_errors, resolved
from models.fill_forecast.suspects import FULL
from models.fill_forecast.unseen_emptying import UnseenEmptying, unseen_emptying
from models.fill_forecast.week_profile import hour_of_week, usual_inflow, week_profile
from models.fill_forecast.widening import normal_quantiles, widened

VERSION = "8"
WINDOW_DAYS = 60
_OWN_ONLY_AFTER_DAYS = 28.0
_ENOUGH_STARTS = 20
_POOL_STARTS = 40
_LEAST_RATE = 1e-6
"""A share of the container a day: even where nothing has come in yet, the hours in which something will are known."""
_PACE_DAYS = 14.0
_PRIOR_DAYS = 3.0
_HINDSIGHT_STEP = 4 * DAY
"""Whole days: how often a container is full, and how sure its next hours are, differs by the hour that one looks from."""
_FEWEST_CUTOFFS, _HINDSIGHT_CUTOFFS = 4, 12
_MOST_HINDSIGHTS = 2400
_EQUAL_SHARES = np.linspace(0.005, 0.995, 100)
"""The middles of a hundred of them."""
_POOL_LEVELS = np.linspace(0.01, 0.99, 99)

# Where no container of any fraction has a week of data yet: a rate between "hardly used" and "full in a day and a half".
_PRIOR_DAILY_RATE = np.geomspace(0.003, 0.7, 99)


class EmpiricalInflow:
    """The forecaster. Fitting gathers the distribution of each fraction; everything else is the container's own."""

    name = "empirical_inflow"

    def fit(self, histories: Sequence[History], *, cutoff: float, known_at: float) -> FittedEmpiricalInflow:
        pools: dict[str, list[FloatArray]] = {}
        weeks: dict[str, list[FloatArray]] = {}
        volumes: list[tuple[str, DepositVolume, float | None]] = []
        for history in histories:
            seen = fused(history.seen(cutoff, known_at))
            if seen.fused is not None:
                volumes.append((history.fraction, seen.fused.volume, history.capacity_l))
            if days_read(seen.times) < FIRST_WEEK_DAYS:
                continue
            curve = inflow_curve(seen)
            hours, values = hourly(curve, days=WINDOW_DAYS, end=cutoff)
            if not len(hours) or curve.days_of_data < FIRST_WEEK_DAYS:  # silent for longer than what is looked at, or uninformative
                continue
            starts: IntArray = np.unique(np.linspace(0, len(hours) - 1, _POOL_STARTS).astype(np.int64))
            windows = _windows(values, starts, np.array(HORIZON_HOURS))
            windows = _at_an_average_hour(windows, curve.usual, hours[starts])
            for name in (history.fraction, "*"):
                pools.setdefault(name, []).append(windows)
                if curve.usual.shares():
                    weeks.setdefault(name, []).append(curve.usual.running / curve.usual.per_day)
        quantiles = {fraction: _pool_quantiles(windows) for fraction, windows in pools.items()}
        usual = {fraction: np.mean(of_it, axis=0) for fraction, of_it in weeks.items()}
        bare = FittedEmpiricalInflow(quantiles, weeks=usual, volumes=fraction_priors(volumes) if volumes else {})
        return _calibrated(bare, [history.seen(cutoff, known_at) for history in histories], cutoff, known_at)


@dataclass(frozen=True, slots=True, eq=False)
class FittedEmpiricalInflow:
    """`pools[fraction]` holds inflow quantiles of the fraction at `_POOL_LEVELS` × `HORIZON_HOURS`, from an average hour of the week on,
    `weeks[fraction]` how its usual week goes (`UsualInflow` at one a day), `volumes[fraction]` what is known of its deposits; "*" is all fractions.
    `level_errors[fraction]` is the error of the level at the cutoff at `QUANTILES`, `factors` the spread that forecasts of the last weeks would
    have needed. With `alone` the fraction has no say from a container's second week on."""

    pools: dict[str, FloatArray]
    level_errors: dict[str, tuple[float, ...]] = field(default_factory=dict)
    factors: dict[str, tuple[float, float]] = field(default_factory=dict)
    volumes: Mapping[str, VolumePrior] = field(default_factory=dict)
    weeks: Mapping[str, FloatArray] = field(default_factory=dict)
    alone: bool = False

    def told_of(self, history: History) -> History:
        """The history with what its fraction has taught about deposits."""
        if history.deposits is None or not self.volumes:
            return history
        return replace(history, volume=self.volumes.get(history.fraction, self.volumes["*"]))

    def forecast(
        self,
        history: History,
        *,
        cutoff: float,
        known_at: float,
        horizon_hours: tuple[int, ...] = HORIZON_HOURS,
        quantiles: tuple[float, ...] = QUANTILES,
    ) -> InflowForecast | None:
        """See `FittedForecaster`."""
        seen = fused(self.told_of(history).seen(cutoff, known_at))
        if not len(seen.times):
            return None
        curve = inflow_curve(seen)
        start = curve.known_from()
        gap_hours = (cutoff - start) / HOUR
        # One curve from the last reading (or a reported emptying) on; what fell into the time since then is in the level at the cutoff (median) and
        # in the width of every horizon.
        horizons = np.array(horizon_hours, dtype=float)
        spans = np.concatenate([[gap_hours], gap_hours + horizons])
        days = curve.days_of_data
        inflow = self._inflow(curve, history.fraction, days, start, spans, quantiles, cutoff, history.holidays)
        unseen = float(np.interp(0.5, quantiles, inflow[:, 0]))
        ahead = inflow[:, 1:] - unseen
        grade = data_grade(curve, cutoff)
        by_deposits_alone = curve.fusion is not None and not curve.fusion.level_is_read
        error = None if by_deposits_alone or curve.emptied_unread is not None else self.level_errors.get(history.fraction)
        first_week = days < FIRST_WEEK_DAYS
        silent = grade == STALE or (not curve.days_of_data and curve.emptied_unread is not None)
        if silent and not (first_week or by_deposits_alone):
            # What fell into the time since the last reading is in the level then, and no longer in the width of every horizon. A rate that is not
            # known itself errs alike before and after the cutoff, so there it stays in both.
            ahead = self._inflow(curve, history.fraction, days, cutoff, horizons, quantiles, cutoff, history.holidays)
        made = InflowForecast(
            container_id=history.container_id,
            forecaster=EmpiricalInflow.name,
            forecaster_version=VERSION,
            cutoff=moment(cutoff),
            known_at=moment(known_at),
            level_at_cutoff=float(np.clip(curve.level_known() + unseen, 0.0, 1.0)),
            level_sd=curve.level_sd,
            level_sd_above=curve.level_sd_above,
            errors_shared=by_deposits_alone,
            level_observed_at=moment(float(curve.times[-1])),
            quantiles=quantiles,
            horizon_hours=horizon_hours,
            inflow_quantiles=tuple(tuple(row) for row in in_order(ahead).tolist()),
            data_grade=grade,
            basis=basis_sentence(curve, cutoff, grade, days, first_week=first_week),
            level_after_emptying=curve.left.level,
            level_after_sd=curve.left.sd,
            day_profile=self._usual(curve, history.fraction).shares(),
            level_error=tuple(np.interp(quantiles, QUANTILES, error).tolist()) if error else (),
        )
        if not (first_week or by_deposits_alone):
            made = recalibrated(made, history.fraction, self.factors).model_copy(update={"uncalibrated": None})
        if silent:
            return _gone_silent(made, curve, inflow[:, 0])
        maybe = unseen_emptying(curve, cutoff) if curve.unread_since is not None else None
        return made if maybe is None else _perhaps_emptied(made, maybe, curve, np.full(len(_EQUAL_SHARES), made.level_at_cutoff))

    def _inflow(
        self,
        curve: InflowCurve,
        fraction: str,
        days: float,
        start: float,
        spans: FloatArray,
        quantiles: tuple[float, ...],
        cutoff: float,
        holidays: IntArray,
    ) -> FloatArray:
        """Quantiles [quantile, span] of what flows in within `spans` hours from `start`."""
        pooled = self.pooled(fraction, spans, quantiles, start)
        if days < FIRST_WEEK_DAYS:
            return pooled
        own = _own_quantiles(curve, self._usual(curve, fraction), start, spans, quantiles, cutoff, holidays)
        own = _as_uncertain_as_deposits(own, curve, quantiles)
        # Horizons longer than what the container has shown: its fraction's shape at its own rate.
        middle = np.interp(0.5, quantiles, pooled[:, -1])
        scale = np.clip(curve.rate_per_day * spans[-1] / 24 / middle, 0.1, 10.0) if middle > 0 else 1.0
        own = np.where(np.isnan(own), pooled * scale, own)
        weight = 1.0 if self.alone else own_weight(days)
        mixed: FloatArray = weight * own + (1 - weight) * pooled
        return mixed

    def _usual(self, curve: InflowCurve, fraction: str) -> UsualInflow:
        """The container's usual week; as long as it has not shown one, that of its fraction at its own rate."""
        week = self.weeks.get(fraction, self.weeks.get("*"))
        return curve.usual if week is None or curve.usual.shares() else UsualInflow(max(_LEAST_RATE, curve.rate_per_day) * week)

    def pooled(self, fraction: str, spans: FloatArray, quantiles: tuple[float, ...], start: float | None = None) -> FloatArray:
        """Quantiles [quantile, span] of what containers of the fraction get within `spans` hours, rising, from `start` on; None: from an average
        hour on."""
        average = self._pooled(fraction, spans, quantiles)
        week = self.weeks.get(fraction, self.weeks.get("*"))
        if week is None or start is None:
            return average
        begin = np.full(len(spans), start)
        wanted = UsualInflow(week).inflow(begin, begin + spans * HOUR)
        share = np.divide(wanted, spans / 24, out=np.ones_like(spans), where=spans > 0)
        middle = np.array([np.interp(0.5, quantiles, column) for column in average.T])
        return in_order(_moved(average, middle, middle * share))

    def _pooled(self, fraction: str, spans: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
        pool = self.pools.get(fraction, self.pools.get("*"))
        if pool is None:
            rates = np.interp(quantiles, _POOL_LEVELS, _PRIOR_DAILY_RATE)
            prior: FloatArray = np.outer(rates, spans / 24)
            return prior
        at_levels = np.array([np.interp(quantiles, _POOL_LEVELS, column) for column in pool.T]).T
        with_zero = np.concatenate([np.zeros((len(quantiles), 1)), at_levels], axis=1)
        hours = np.concatenate([[0.0], HORIZON_HOURS])
        beyond = np.maximum(1.0, spans / hours[-1])  # a silent container: go on at the last rate
        return np.array([np.interp(spans, hours, row) * beyond for row in with_zero])


def _gone_silent(made: InflowForecast, curve: InflowCurve, unseen: FloatArray) -> InflowForecast:
    """The forecast of a container that was not read for long: how much may have come in since, `unseen` [quantile], or whether it was emptied, is
    part of the error of its level."""
    maybe = unseen_emptying(curve, made.cutoff.timestamp())
    if maybe is not None:
        return _perhaps_emptied(made, maybe, curve, curve.level_known() + np.interp(_EQUAL_SHARES, made.quantiles, unseen))
    middle = np.interp(0.5, made.quantiles, unseen)
    expected = curve.level_known() + middle
    of_sensor = np.array(made.level_error) if made.level_error and curve.level_known() < FULL else np.zeros(len(unseen))
    spread = np.sign(np.array(made.quantiles) - 0.5) * np.hypot(unseen - middle, of_sensor)
    # Expected to be more than full, it is less by what is left below full.
    error = np.where(spread < 0, np.clip(expected + spread, 0.0, 1.0) - made.level_at_cutoff, spread)
    return made.model_copy(update={"level_error": tuple(error.tolist())})


def _perhaps_emptied(made: InflowForecast, maybe: UnseenEmptying, curve: InflowCurve, untouched: FloatArray) -> InflowForecast:
    """The forecast of a container that was perhaps emptied, else stands at one of the levels `untouched` [`_EQUAL_SHARES`], which are as unsure
    as doubts make them: an emptying would have ended these. The moment at which readings last showed how full it was is that of its level."""
    normal = normal_quantiles(tuple(_EQUAL_SHARES))
    errors = normal * np.where(normal > 0, np.hypot(made.level_sd, made.level_sd_above), made.level_sd)
    middle = np.full(1, np.median(untouched))
    unsure = widened(untouched[:, None], middle, errors[:, None])[:, 0]
    level, *levels = maybe.level_quantiles(curve, unsure, made.cutoff.timestamp(), (0.5, *made.quantiles)).tolist()
    update = {"level_at_cutoff": level, "level_error": tuple(at - level for at in levels), "emptied_unseen": maybe.chance}
    seen_at = made.level_observed_at if curve.unread_since is None else moment(curve.unread_since)
    return made.model_copy(update=update | {"level_sd": 0.0, "level_sd_above": 0.0, "level_observed_at": seen_at})


def own_weight(days: float) -> float:
    """How much what a container has shown in so many days counts beside the distribution of its fraction: nothing in its first week, a quarter
    when that is over, all after its fourth. Weights that rise sooner are sharper, and cover less (docs/forecasting.md)."""
    return 0.0 if days < FIRST_WEEK_DAYS else min(1.0, days / _OWN_ONLY_AFTER_DAYS)


def _calibrated(bare: FittedEmpiricalInflow, seen: Sequence[History], cutoff: float, known_at: float) -> FittedEmpiricalInflow:
    """With the spread that it would have needed in the last weeks. A container's own past learns from nothing but its own past, so what it would have
    said then is what it did not know."""
    each = int(np.clip(_MOST_HINDSIGHTS // max(1, len(seen)), _FEWEST_CUTOFFS, _HINDSIGHT_CUTOFFS))
    sample = seen[:: max(1, -(-len(seen) * each // _MOST_HINDSIGHTS))]
    steps = np.round(np.linspace(1, _HINDSIGHT_CUTOFFS, each))
    cutoffs = (cutoff - _HINDSIGHT_STEP * steps).tolist()
    found = hindsight(
        lambda histories, at: [bare.forecast(item, cutoff=at, known_at=known_at) for item in histories], sample, cutoffs
    )
    errors = level_errors(found)
    told = [
        replace(item, forecast=item.forecast.model_copy(update={"level_error": errors.get(item.history.fraction, ())}))
        for item in found
    ]
    return replace(bare, level_errors=errors, factors=factors_of(resolved(told, known_until=cutoff)))


def _as_uncertain_as_deposits(own: FloatArray, curve: InflowCurve, quantiles: tuple[float, ...]) -> FloatArray:
    """Quantiles [quantile, span] of counted deposits times their mean volume as quantiles of what flows in: each deposit has a volume of its
    own, and their mean is not known for sure. Where a level is read, that is in the windows already."""
    if curve.fusion is None or curve.fusion.level_is_read:
        return own
    volume = curve.fusion.volume
    middle = np.array([np.interp(0.5, quantiles, column) for column in own.T])
    variance = volume.variance(np.maximum(0.0, middle) / volume.share)
    return widened(own, middle, np.outer(normal_quantiles(quantiles), np.sqrt(variance)))


def _own_quantiles(
    curve: InflowCurve,
    usual: UsualInflow,
    start: float,
    spans: FloatArray,
    quantiles: tuple[float, ...],
    cutoff: float,
    holidays: IntArray,
) -> FloatArray:
    """The same from the container's own windows; NaN for spans that it has too few windows of."""
    hours, values = hourly(curve, days=WINDOW_DAYS, end=cutoff)
    whole = np.ceil(spans).astype(np.int64)
    if not len(hours):
        return np.full((len(quantiles), len(spans)), np.nan)
    first_hour = int(start // HOUR)
    same_hour = np.flatnonzero((hours.astype(np.int64) - first_hour) % 24 == 0)
    starts = same_hour if len(same_hour) >= _ENOUGH_STARTS else np.arange(len(hours))
    profile = week_profile(hours, values, holidays)
    if profile is None and usual.shares():
        profile = np.diff(usual.running)
    windows = _windows(values, starts, whole)
    if profile is not None:
        windows = _towards_this_window(windows, profile, hours, values, starts, whole, first_hour, holidays)
    enough = np.sum(~np.isnan(windows), axis=0) >= 5
    result = np.full((len(quantiles), len(spans)), np.nan)
    if bool(enough.any()):
        result[:, enough] = _quantiles(windows[:, enough], quantiles)
    result[:, whole == 0] = 0.0
    return result


def _quantiles(samples: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Quantiles [level, column] along the first axis, leaving out NaN (Hazen: a sample of n covers the middle of its n shares)."""
    ordered = np.sort(samples, axis=0)
    last = np.sum(~np.isnan(samples), axis=0) - 1
    position = np.clip(np.outer(levels, last + 1) - 0.5, 0, last)
    low = np.floor(position).astype(np.int64)
    columns = np.arange(samples.shape[1])
    share = position - low
    found: FloatArray = ordered[low, columns] * (1 - share) + ordered[np.minimum(low + 1, last), columns] * share
    return found


def _windows(values: FloatArray, starts: IntArray, whole_hours: IntArray) -> FloatArray:
    """Inflow [start, span] of windows of an hourly curve; NaN where a window leaves the curve or ends in a gap."""
    ends = starts[:, None] + whole_hours[None, :]
    inside = ends < len(values)
    windows = values[np.minimum(ends, len(values) - 1)] - values[starts][:, None]
    return np.where(inside, windows, np.nan)


def _at_an_average_hour(windows: FloatArray, usual: UsualInflow, hours: FloatArray) -> FloatArray:
    """Windows [start, horizon] that began at these hours (since 1970), moved to what they would have brought from an average hour of the week on."""
    begin = hours[:, None] * HOUR
    expected = usual.inflow(begin, begin + np.array(HORIZON_HOURS) * HOUR)
    return _moved(windows, expected, np.broadcast_to(usual.per_day * np.array(HORIZON_HOURS) / 24, expected.shape))


def _moved(inflow: FloatArray, expected: FloatArray, wanted: FloatArray) -> FloatArray:
    """Inflow where not `expected` but `wanted` is to be expected: its distance from that grows with the square root of it, as that of counted
    deposits does."""
    ratio = np.divide(wanted, expected, out=np.ones_like(expected), where=expected > 0)
    moved: FloatArray = wanted + (inflow - expected) * np.sqrt(np.clip(ratio, 0.1, 10.0))
    return moved


def _towards_this_window(
    windows: FloatArray,
    profile: FloatArray,
    hours: FloatArray,
    values: FloatArray,
    starts: IntArray,
    whole: IntArray,
    first_hour: int,
    holidays: IntArray,
) -> FloatArray:
    """Windows [start, span] moved from what was to be expected of them when they began to what is to be expected now, by the hours of the week
    and the rate as it has lately been. So their spread holds what such an expectation misses, a drifting rate too."""
    whole_hours = hours.astype(np.int64)
    pace = _pace(values, profile[hour_of_week(whole_hours, holidays)])
    expected = usual_inflow(profile, whole_hours[starts][:, None], whole[None, :], holidays) * pace[starts][:, None]
    wanted = usual_inflow(profile, np.array([[first_hour]]), whole[None, :], holidays) * pace[-1]
    return _moved(windows, expected, np.broadcast_to(wanted, expected.shape))


def _pace(values: FloatArray, usual: FloatArray) -> FloatArray:
    """How much faster than `usual` (by hour) it flowed in before each hour, recent days counting most."""
    gained = np.diff(values)
    known = ~np.isnan(gained)
    weight = np.exp((np.arange(len(gained)) - len(gained)) / (24 * _PACE_DAYS)) * known
    prior = float(usual.mean()) * 24 * _PRIOR_DAYS * np.exp((np.arange(len(values)) - len(gained)) / (24 * _PACE_DAYS))
    flowed = np.concatenate([[0.0], np.cumsum(weight * np.where(known, gained, 0.0))])
    expected = np.concatenate([[0.0], np.cumsum(weight * usual[:-1])])
    pace: FloatArray = np.clip((flowed + prior) / (expected + prior), 0.2, 5.0)
    return pace


def _pool_quantiles(windows: list[FloatArray]) -> FloatArray:
    """Quantiles [level, horizon] of all containers' windows together; horizons nobody has shown go on at the last rate."""
    together = np.concatenate(windows)
    result = np.zeros((len(_POOL_LEVELS), together.shape[1]))
    for column in range(together.shape[1]):
        values = together[:, column]
        values = values[~np.isnan(values)]
        if len(values) >= 5:
            result[:, column] = np.quantile(np.maximum(values, 0.0), _POOL_LEVELS)
        elif column:
            result[:, column] = result[:, column - 1] * HORIZON_HOURS[column] / HORIZON_HOURS[column - 1]
    return result

"""Levels over time: given collections laid over an inflow forecast, computed where they are needed and never stored.

The planner overlays only what is already released, the page the released plan, scores what was really collected.
How unsure the level at the cutoff is counts until the first collection, which is taken to leave `level_after_emptying`, give or take
`level_after_sd`. What flows in between it and a later moment has the median of the forecast's own curve between the two and the spread of a
window of that length, and that by `after_collection_spread`. Between horizons the curve follows the hours in which the container is usually filled
(`day_profile`): a morning's collection has the day's inflow ahead of it, an evening's has it behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.explain import STALE
from models.fill_forecast.history import FloatArray
from models.fill_forecast.suspects import FULL
from models.fill_forecast.widening import normal_quantiles, widened

JUST_BEFORE = timedelta(microseconds=1)
"""So long before a collection the level still stands where it has risen to."""
_NEVER_STILL = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class LevelForecast:
    """`levels[q][i]`: quantile `quantiles[q]` of the level at `at[i]`, cut at 0 and 1."""

    quantiles: tuple[float, ...]
    at: tuple[datetime, ...]
    levels: FloatArray


@dataclass(frozen=True, slots=True)
class TimeToLevel:
    """When a level is reached. `at[i]` is the moment by which it is reached with probability `probabilities[i]`, None when that
    lies beyond the horizon; the moment of the cutoff when it is reached already."""

    level: float
    probabilities: tuple[float, ...]
    at: tuple[datetime | None, ...]

    def by(self, probability: float) -> datetime | None:
        """The moment for one of `probabilities`."""
        return self.at[self.probabilities.index(probability)]


def level_quantiles(
    forecast: InflowForecast, collections: Sequence[datetime] = (), at: Sequence[datetime] | None = None
) -> LevelForecast:
    """The level with the given collections, at the forecast's horizons (shifted by the cutoff) or at the moments `at`.

    Moments before the cutoff or beyond the last horizon raise `ValueError`.
    """
    moments = tuple(at) if at is not None else tuple(forecast.cutoff + timedelta(hours=h) for h in forecast.horizon_hours)
    levels = uncut_levels(forecast, collections, moments)
    return LevelForecast(forecast.quantiles, moments, np.clip(levels, 0.0, 1.0))


def uncut_levels(forecast: InflowForecast, collections: Sequence[datetime], at: Sequence[datetime]) -> FloatArray:
    """Quantiles [quantile, moment] as in `level_quantiles`, of how full the container would be if more than full were possible."""
    return _uncut_levels(forecast, collections, _hours_after(forecast, at))


def time_to_level(
    forecast: InflowForecast,
    level: float,
    collections: Sequence[datetime] = (),
    probabilities: tuple[float, ...] = (0.1, 0.5, 0.9),
) -> TimeToLevel:
    """When the container first reaches `level`, by the paths of the forecast's quantiles, hour by hour between horizons. One that stands at full, by
    a sensor in order, has reached it.

    Reached with probability p by the path of quantile 1 - p: the fast tenth of outcomes gives the early moment.
    """
    if _level_is_sure(forecast) and forecast.level_at_cutoff >= max(level, FULL):
        return TimeToLevel(level, probabilities, (forecast.cutoff,) * len(probabilities))
    last = forecast.horizon_hours[-1]
    before_collections = [(moment - JUST_BEFORE - forecast.cutoff).total_seconds() / 3600 for moment in collections]
    hours = np.union1d(np.arange(0.0, last + 1), [hour for hour in before_collections if 0 <= hour <= last])
    levels = _uncut_levels(forecast, collections, hours)
    found: list[datetime | None] = []
    for probability in probabilities:
        path = np.array([np.interp(1 - probability, forecast.quantiles, column) for column in levels.T])
        reached = np.flatnonzero(path >= level)
        found.append(_crossing(forecast.cutoff, hours, path, int(reached[0]), level) if len(reached) else None)
    return TimeToLevel(level, probabilities, tuple(found))


def overflow_probability(
    forecast: InflowForecast, at: datetime, full_ratio: float = 1.0, collections: Sequence[datetime] = ()
) -> float:
    """P(the level reaches `full_ratio` at some time until `at`), 0 to 1; never falls with `at`.

    Between collections the level only rises, so this is the largest of the probabilities at the end of each stretch between them and at `at`: a
    container that fills fast before one collection fills fast after it too.
    """
    (end,) = _hours_after(forecast, (at,)).tolist()
    within = [moment for moment in sorted(collections) if forecast.cutoff < moment <= at]
    ends = [*_hours_after(forecast, within).tolist(), end]
    return max(_reached(forecast, full_ratio, begin, until) for begin, until in zip((None, *within), ends, strict=True))


def _reached(forecast: InflowForecast, level: float, collected: datetime | None, end: float) -> float:
    """P(`level` is reached between a collection (none: the cutoff) and `end`, hours after the cutoff, if nobody comes meanwhile), interpolated
    between quantiles; the tails go on with the slope of the outermost pair.

    What such a tail says at one moment may be less than it said before, when the outermost pair goes apart; so may a quantile after a collection.
    They count as high as they have been, at the horizons and, after a collection, hour by hour, and between two of these follow the hours of the day.
    """
    if collected is None and _level_is_sure(forecast) and forecast.level_at_cutoff >= level:
        return 1.0
    looked_at = _looked_at(forecast, collected)
    hours = np.append(looked_at[: int(np.searchsorted(looked_at, end)) + 1], end)
    levels = _uncut_levels(forecast, () if collected is None else (collected,), hours)
    curves = _with_tails(forecast, levels)
    highest = np.maximum.accumulate(curves[:, :-1], axis=1)
    values = highest[:, -1]
    if len(hours) > 2:
        before, after, now = _on_its_clock(forecast, hours[-3:])[0].tolist()
        values = highest[:, -2] + (now - before) / max(after - before, 1e-9) * (values - highest[:, -2])
    if collected is None:
        values[1:-1] = levels[:, -1]
    rising = np.maximum.accumulate(values + 1e-12 * np.arange(len(values)))
    return min(1.0, max(0.0, 1.0 - float(np.interp(level, rising, (0.0, *forecast.quantiles, 1.0)))))


def _looked_at(forecast: InflowForecast, collected: datetime | None) -> FloatArray:
    """Hours after the cutoff, rising to the last horizon: cutoff and horizons or, from a collection on, each hour."""
    if collected is None:
        return np.array((0.0, *forecast.horizon_hours))
    (begin,), last = _hours_after(forecast, (collected,)), forecast.horizon_hours[-1]
    return np.append(np.arange(begin, last, 1.0), last)


def _with_tails(forecast: InflowForecast, levels: FloatArray) -> FloatArray:
    """Levels [quantile, moment] between those of probability 0 and 1."""
    quantiles = forecast.quantiles
    below, above = (np.maximum(step, 1e-9) for step in (levels[1] - levels[0], levels[-1] - levels[-2]))
    low = levels[0] - below * quantiles[0] / (quantiles[1] - quantiles[0])
    high = levels[-1] + above * (1 - quantiles[-1]) / (quantiles[-1] - quantiles[-2])
    return np.vstack([low, levels, high])


def _level_is_sure(forecast: InflowForecast) -> bool:
    """Whether a level at full is taken for full, whatever the sensor's ordinary error: not that of a silent one, which may be lower."""
    lowest = forecast.level_at_cutoff + min(forecast.level_error, default=0.0)
    return _as_a_sensor_in_order(forecast) and forecast.emptied_unseen == 0 and (forecast.data_grade != STALE or lowest >= FULL)


def _as_a_sensor_in_order(forecast: InflowForecast) -> bool:
    return forecast.level_sd == 0 and forecast.level_sd_above == 0


def _hours_after(forecast: InflowForecast, moments: Sequence[datetime]) -> FloatArray:
    """Hours from the cutoff to each moment; `ValueError` outside the forecast."""
    hours = np.array([(moment - forecast.cutoff).total_seconds() / 3600 for moment in moments])
    if len(hours) and not (hours.min() >= 0 and hours.max() <= forecast.horizon_hours[-1]):
        raise ValueError(f"the forecast of {forecast.container_id} reaches {forecast.horizon_hours[-1]} h from {forecast.cutoff}")
    return hours


def _uncut_levels(forecast: InflowForecast, collections: Sequence[datetime], hours: FloatArray) -> FloatArray:
    """Level quantiles [quantile, moment] before the cut at full."""
    levels = forecast.level_at_cutoff + _with_level_error(forecast, _inflow_at(forecast, hours))
    if not _as_a_sensor_in_order(forecast):
        normal = normal_quantiles(forecast.quantiles)
        sds = np.where(normal > 0, np.hypot(forecast.level_sd, forecast.level_sd_above), forecast.level_sd)
        errors = np.outer(normal * sds, np.ones(len(hours)))
        levels = levels + errors if forecast.errors_shared else widened(levels, _middle(forecast, levels), errors)
    for moment in sorted(collections):
        begin = (moment - forecast.cutoff).total_seconds() / 3600
        after = hours >= begin
        if begin > 0 and bool(after.any()):
            inflow = _inflow_between(forecast, begin, hours[after])
            left = np.outer(normal_quantiles(forecast.quantiles), np.full(inflow.shape[1], forecast.level_after_sd))
            middle = _middle(forecast, inflow)
            spread = _after_collection(forecast) * (widened(inflow, middle, left) - middle)
            levels[:, after] = forecast.level_after_emptying + middle + spread
    return levels


def _after_collection(forecast: InflowForecast) -> FloatArray:
    """Factors [quantile, 1] of distances from the median."""
    low, high = forecast.after_collection_spread
    return np.where(np.array(forecast.quantiles) < 0.5, low, high)[:, None]


def _inflow_at(forecast: InflowForecast, hours: FloatArray) -> FloatArray:
    """Quantiles [quantile, moment] of the inflow from the cutoff on, between horizons by the usual hours of the day."""
    clock, known = _on_its_clock(forecast, hours)
    return np.array([np.interp(clock, known, np.concatenate([[0.0], row])) for row in forecast.inflow_quantiles])


def _on_its_clock(forecast: InflowForecast, hours: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What a clock that runs as fast as the container is usually filled shows at these hours after the cutoff, and at the cutoff and the horizons."""
    if not forecast.day_profile:
        return hours, np.concatenate([[0.0], forecast.horizon_hours])
    cutoff = forecast.cutoff
    first = (cutoff - cutoff.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds() / 3600
    since_midnight, clock, known = _busy_clock(forecast.day_profile, first, forecast.horizon_hours)
    return np.interp(first + hours, since_midnight, clock), known


@lru_cache(maxsize=1024)
def _busy_clock(
    day_profile: tuple[float, ...], first: float, horizon_hours: tuple[int, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A clock that runs as fast as the container is usually filled, 24 hours a day: the hours from the midnight before the cutoff on, what it shows
    at each, and at the cutoff, `first` hours later, and the horizons. Kept, since a plan asks one forecast many times."""
    # Where nothing ever comes in it goes on a little, so that no two horizons fall together.
    pace = 24 * (1 - _NEVER_STILL) * np.array(day_profile) + _NEVER_STILL
    days = int((first + horizon_hours[-1]) // 24) + 1
    clock = np.concatenate([[0.0], np.cumsum(np.tile(pace, days))])
    since_midnight = np.arange(float(len(clock)))
    return since_midnight, clock, np.interp(first + np.array([0.0, *horizon_hours]), since_midnight, clock)


def _with_level_error(forecast: InflowForecast, inflow: FloatArray) -> FloatArray:
    """The spread of the inflow and the error of the level that it starts from, which have nothing to do with each other, together. A collection
    ends that error."""
    if not forecast.level_error:
        return inflow
    middle = _middle(forecast, inflow)
    error = np.array(forecast.level_error)[:, None]
    side = np.sign(np.array(forecast.quantiles) - 0.5)[:, None]
    together: FloatArray = middle + side * np.hypot(inflow - middle, error)
    return together


def apart_from_level_error(forecast: InflowForecast, together: FloatArray) -> FloatArray:
    """The inverse: quantiles [quantile, moment] of the inflow alone, of such that hold the error of the forecast's level."""
    if not forecast.level_error:
        return together
    middle = _middle(forecast, together)
    own = np.sqrt(np.maximum(0.0, (together - middle) ** 2 - np.array(forecast.level_error)[:, None] ** 2))
    alone: FloatArray = middle + np.sign(together - middle) * own
    return alone


def _middle(forecast: InflowForecast, curves: FloatArray) -> FloatArray:
    if 0.5 in forecast.quantiles:
        median: FloatArray = curves[forecast.quantiles.index(0.5)]
        return median
    return np.array([np.interp(0.5, forecast.quantiles, column) for column in curves.T])


def _inflow_between(forecast: InflowForecast, begin: float, ends: FloatArray) -> FloatArray:
    """Quantiles [quantile, moment] of the inflow from `begin` to each of `ends`, hours after the cutoff."""
    same_length = _inflow_at(forecast, ends - begin)
    usual = _middle(forecast, same_length)
    middle = _middle(forecast, _inflow_at(forecast, ends)) - _middle(forecast, _inflow_at(forecast, np.array([begin])))
    scale = np.clip(np.divide(middle, usual, out=np.ones_like(usual), where=usual > 0), 0.5, 2.0)
    inflow: FloatArray = np.maximum(0.0, middle + (same_length - usual) * scale)
    return inflow


def _crossing(cutoff: datetime, hours: FloatArray, path: FloatArray, index: int, level: float) -> datetime:
    """The moment after `hours[index - 1]` and until `hours[index]` at which a path reaches `level`."""
    if index == 0:
        return cutoff
    low, high = path[index - 1], path[index]
    share = (level - low) / (high - low) if high > low else 1.0
    return cutoff + timedelta(hours=float(hours[index - 1] + share * (hours[index] - hours[index - 1])))

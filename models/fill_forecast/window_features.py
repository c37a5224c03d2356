"""What a global model sees of one horizon: numbers of the window from the last collection before it, or from now, to it.

Made from the state at a cutoff (`features`) and the collections that are planned after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.features import STATE_NAMES, State
from models.fill_forecast.history import DAY, HOUR, FloatArray, IntArray
from models.fill_forecast.week_profile import is_holiday, usual_inflow, week_profile

OWN_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
_OWN_LEVEL_DAYS, _FEWEST_LEVELS = 56, 10

WINDOW_NAMES: tuple[str, ...] = (
    "horizon_hours",
    "weekday_cutoff",
    "weekday_target",
    "season_sin",
    "season_cos",
    "length_hours",
    "lead_hours",
    "collections",
    "hours_to_next_collection",
    "share_of_collection_interval",
    "base",
    "by_rate_7d",
    "by_rate_28d",
    "by_rate_90d",
    "by_median_rate_90d",
    "by_week_profile",
    "by_rate_and_hours",
    "by_filling_rate",
    "steady_level",
    "by_same_weekdays",
    "by_next_collection",
    *(f"own_inflow_{level}" for level in OWN_LEVELS),
    *(f"own_level_{level}" for level in OWN_LEVELS),
    *(f"weekday_level_{level}" for level in OWN_LEVELS),
    *(f"after_such_level_{level}" for level in OWN_LEVELS),
    "after_such_level_count",
)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Features [horizon, WINDOW_NAMES] and what simple members take from them."""

    values: FloatArray

    def column(self, name: str) -> FloatArray:
        return self.values[:, WINDOW_NAMES.index(name)]

    def block(self, prefix: str) -> FloatArray:
        """The five OWN_LEVELS columns of one prefix."""
        first = WINDOW_NAMES.index(f"{prefix}_{OWN_LEVELS[0]}")
        return self.values[:, first : first + len(OWN_LEVELS)]


def windows_of(state: State, horizon_hours: FloatArray, collections: FloatArray, weekday_shift: float = 0.0) -> Windows:
    """Features of targets `horizon_hours` after the cutoff, given the collections planned after it (absolute seconds, rising).

    A window runs from the last collection before the target, or from the cutoff (from the emptying, where a truck has reported one since the last
    reading), to the target. `weekday_shift`: seconds that local time is ahead of UTC.
    """
    targets = state.cutoff + horizon_hours * HOUR
    planned = collections[collections > state.cutoff]
    count = np.searchsorted(planned, targets, side="right")
    unread = state.curve.emptied_unread
    since = state.cutoff if unread is None else unread
    begins = np.where(count > 0, planned[np.maximum(count - 1, 0)], since) if len(planned) else np.full(len(targets), since)
    length = (targets - begins) / HOUR
    emptied = (count > 0) | (unread is not None)
    base = np.where(emptied, state.curve.left.level, state.level)
    until_next, share = _next_collection(state, planned, count, targets)
    profile = _profile_inflow(state, begins + weekday_shift, targets + weekday_shift)
    own = _own_windows(state, begins, length)
    by_median_rate = _median_daily_inflow(state) * length / 24
    by_filling = by_median_rate if np.isnan(state.fillings.middle) else max(0.0, state.fillings.middle) * length / 24
    day_level = float(state.values[STATE_NAMES.index("level_carried_1d")])
    steady = np.where(emptied, base, 0.5 * (base + day_level)) + 0.5 * (by_median_rate + by_filling)
    local = np.array([state.cutoff, *targets]) + weekday_shift
    weekday = np.where(is_holiday(np.floor(local / DAY).astype(np.int64), state.holidays), 6, np.floor(local / DAY + 3) % 7)
    season = 2 * np.pi * (targets / DAY % 365.25) / 365.25
    own_levels = np.tile(_own_levels(state.daily_levels), (len(targets), 1))
    lagged = np.ceil(horizon_hours / 24).astype(np.int64)
    same_weekday, after_such, such_count = _conditional_levels(state.daily_levels, lagged)
    columns = [
        horizon_hours,
        np.full(len(targets), weekday[0]),
        weekday[1:],
        np.sin(season),
        np.cos(season),
        length,
        (begins - state.cutoff) / HOUR,
        count.astype(float),
        until_next,
        share,
        base,
        *(state.rates[days] * length / 24 for days in (7, 28, 90)),
        by_median_rate,
        profile,
        state.rates[28] * length / 24 * _hours_factor(state, begins, length),
        by_filling,
        np.clip(steady, 0.0, 1.0),
        _same_weekday_inflow(state, begins, length),
        base + (float(state.values[STATE_NAMES.index("level_before_emptying")]) - base) * share,
        *own,
        *own_levels.T,
        *same_weekday,
        *after_such,
        such_count,
    ]
    return Windows(np.array(columns).T)


def _median_daily_inflow(state: State) -> float:
    """The median of the daily inflows of the last 90 days, not negative."""
    daily = np.diff(state.cumulative[-90 * 24 - 1 :: 24])
    daily = daily[~np.isnan(daily)]
    return max(0.0, float(np.median(daily))) if len(daily) >= 3 else state.rates[90]


def _quantiles(samples: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Quantiles [level, column] along the first axis, NaN-aware (Hazen: a sample of n covers the middle of its n shares)."""
    ordered = np.sort(samples, axis=0)
    count = np.sum(~np.isnan(samples), axis=0)
    position = np.clip(np.outer(levels, count) - 0.5, 0, np.maximum(count - 1, 0))
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    columns = np.arange(samples.shape[1])
    share = position - low
    result: FloatArray = ordered[low, columns] * (1 - share) + ordered[high, columns] * share
    return result


def _own_levels(daily: FloatArray) -> FloatArray:
    """Quantiles of the levels of eight weeks; NaN where they are so few that one emptying would be half of what they show."""
    lately = daily[:_OWN_LEVEL_DAYS]
    if np.sum(~np.isnan(lately)) < _FEWEST_LEVELS:
        return np.full(len(OWN_LEVELS), np.nan)
    return _quantiles(lately[:, None], OWN_LEVELS)[:, 0]


def _own_windows(state: State, begins: FloatArray, length: FloatArray) -> FloatArray:
    """Quantiles [level, window] of the container's own inflow in windows of that length that start at the same hour of day."""
    spans = np.maximum(1, np.round(length)).astype(np.int64)
    hours = state.hours.astype(np.int64)
    if len(hours) < 24:
        return np.full((len(OWN_LEVELS), len(spans)), np.nan)
    first = (np.floor(begins / HOUR).astype(np.int64) - hours[0]) % 24
    days = np.arange((len(hours) + 23) // 24)
    starts = first[None, :] + 24 * days[:, None]
    ends = starts + spans[None, :]
    inside = ends < len(hours)
    last = len(hours) - 1
    samples = np.where(inside, state.cumulative[np.minimum(ends, last)] - state.cumulative[np.minimum(starts, last)], np.nan)
    return _quantiles(samples, OWN_LEVELS)


def _next_collection(state: State, planned: FloatArray, count: IntArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(hours from each target to the next collection that is told, how much of the time from the level at hand to that collection has
    gone by at the target); NaN where none is told. Who collects when a container is full says with the plan how fast it fills."""
    following = np.append(planned, np.nan)[count]
    begins = np.concatenate([[state.curve.known_from()], planned])[count]
    share: FloatArray = (targets - begins) / np.maximum(following - begins, HOUR)
    return (following - targets) / HOUR, share


def _same_weekday_inflow(state: State, begins: FloatArray, length: FloatArray) -> FloatArray:
    """Mean inflow of windows of that length that started at the same hour of the week, of the last eight weeks; NaN with fewer than three."""
    spans = np.maximum(1, np.round(length)).astype(np.int64)
    hours = state.hours.astype(np.int64)
    if len(hours) < 24:
        return np.full(len(spans), np.nan)
    ends = np.floor(begins / HOUR).astype(np.int64) - hours[0] + spans
    ago = (ends - (len(hours) - 1) + 167) // 168
    ends = ends[None, :] - 168 * (ago[None, :] + np.arange(8)[:, None])
    starts = ends - spans[None, :]
    inside = starts >= 0
    last = len(hours) - 1
    samples = np.where(inside, state.cumulative[np.clip(ends, 0, last)] - state.cumulative[np.clip(starts, 0, last)], np.nan)
    known = ~np.isnan(samples)
    size = known.sum(axis=0)
    mean = np.where(known, samples, 0.0).sum(axis=0) / np.maximum(size, 1)
    return np.where(size >= 3, mean, np.nan)


def _profile_inflow(state: State, begins: FloatArray, targets: FloatArray) -> FloatArray:
    """Expected inflow of each window by the weekday rates of the last eight weeks, hours of a day alike."""
    hours, values = state.hours, state.cumulative
    recent = hours * HOUR > state.cutoff - 56 * DAY
    increments = np.diff(values[recent])
    known = ~np.isnan(increments)
    rate = state.rates[28] / 24
    by_weekday = np.full(7, rate)
    if known.sum() >= 14 * 24:
        groups = np.floor(hours[recent][:-1][known] / 24 + 3).astype(np.int64) % 7
        sums, sizes = np.bincount(groups, increments[known], 7), np.bincount(groups, minlength=7)
        by_weekday = np.maximum(0.0, (sums + 24 * rate) / (sizes + 24))
    days = np.concatenate([[0.0], np.cumsum(np.tile(by_weekday, 6))]) * 24
    week_start = np.floor((begins / DAY + 3) / 7) * 7
    grid = np.arange(len(days))

    def at(moments: FloatArray) -> FloatArray:
        inflow: FloatArray = np.interp(moments / DAY + 3 - week_start, grid, days)
        return inflow

    return at(targets) - at(begins)


def _hours_factor(state: State, begins: FloatArray, length: FloatArray) -> FloatArray:
    """How much more than an average window of its length a window usually gets, by its hours of the week: 0.2 to 3."""
    profile = week_profile(state.hours[-56 * 24 :], state.cumulative[-56 * 24 :], state.holidays)
    if profile is None:
        return np.ones(len(begins))
    spans = np.maximum(1, np.round(length)).astype(np.int64)
    usual = usual_inflow(profile, np.round(begins / HOUR).astype(np.int64), spans, state.holidays)
    factor: FloatArray = np.clip(usual / (float(profile.mean()) * spans), 0.2, 3.0)
    return factor


def _conditional_levels(daily: FloatArray, lagged: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(same weekday as the target, after a level like the present one, how many of these): quantiles [level, horizon]."""
    weeks = 7 * np.arange(1, 10)[:, None] - lagged[None, :]
    usable = (weeks >= 0) & (weeks < 56)
    same_weekday = np.where(usable, daily[np.clip(weeks, 0, len(daily) - 1)], np.nan)
    later = np.arange(len(daily))[:, None]
    earlier = later + lagged[None, :]
    inside = earlier < len(daily)
    close = np.abs(daily[np.minimum(earlier, len(daily) - 1)] - daily[0]) <= 0.08
    after = np.where(inside & close, daily[later], np.nan)
    return _quantiles(same_weekday, OWN_LEVELS), _quantiles(after, OWN_LEVELS), np.sum(~np.isnan(after), axis=0).astype(float)

"""From a level signal to what flowed in: the sawtooth opened up into one cumulative curve.

The curve follows the level between emptyings and continues over them. Where the level stood at full, or a long gap hides an
emptying, the usual rate stands in, because what was read there is only a lower bound; where deposits were counted (`fusion`), they tell it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.fill_forecast.denied import denied_doubt, denied_emptyings
from models.fill_forecast.doubts import Doubt, jumps_to_full, level_doubts
from models.fill_forecast.emptyings import Emptyings, detect_emptyings, reported_share, reported_unread
from models.fill_forecast.fusion import Fusion, fused
from models.fill_forecast.history import DAY, HOUR, SPARSE, BoolArray, FloatArray, History, days_read, is_sparse, usual_interval
from models.fill_forecast.left_behind import LEFT_BEHIND_SD, LeftBehind, left_behind
from models.fill_forecast.suspects import FULL, jitter, suspect_readings
from models.fill_forecast.swaps import swap_steps, without_offsets
from models.fill_forecast.tilted import tilted_since
from models.fill_forecast.uninformative import dead_beginning, uninformative
from models.fill_forecast.week_profile import WEEK_HOURS, weekday_factors

_MOST_CARRIED = 0.05
_FADING_GAIN = 0.03
"""A reading counts for the level now a third as much as the newest after the time in which so much comes in, about a sensor's error."""
_FADING_DAYS = (0.18, 1.0)
"""At least and at most."""
_FORGOTTEN = 4
_JITTERS, _NOT_FOLLOWED = 2.5, 0.01
_LEAST_DAYS_BY_HOUR = 14
_PRIOR_HOURS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class InflowCurve:
    """Cumulative inflow at the trusted readings of a history.

    `cumulative` may fall a little from reading to reading (jitter is kept: it is part of what is uncertain). `censored[i]` says
    that the interval up to reading i+1 touched full. `left` is what emptyings usually leave, `usual` what comes in by the
    hours of an average day. `level_sd` is how sure the last level is beyond a sensor's ordinary jitter (`level_sd_above`: upwards, beyond that),
    `doubts` say why. `fusion` is there where deposits had a say. `emptied_unread` is when a truck reported to have emptied it, if no reading has
    shown that yet; doubts about the level end there. `reported_share` of its emptyings are reported by trucks. `days_of_data` are the days for which
    readings tell what comes in: none where they are `uninformative`. `unread_since`: see `Doubt`; `tilted_since`: since when no reading counts
    because the sensor says that it is out of its position.
    """

    times: FloatArray
    levels: FloatArray
    cumulative: FloatArray
    censored: BoolArray
    emptyings: Emptyings
    suspects: BoolArray
    left: LeftBehind
    rate_per_day: float
    usual: UsualInflow
    days_of_data: float
    level_sd: float = 0.0
    level_shift: float = 0.0
    level_sd_above: float = 0.0
    unread_since: float | None = None
    tilted_since: float | None = None
    doubts: tuple[str, ...] = ()
    fusion: Fusion | None = None
    emptied_unread: float | None = None
    reported_share: float = 0.0

    def known_from(self) -> float:
        """The moment of `level_known`: of the newest trusted reading, or of a later emptying that a truck reported."""
        return float(self.times[-1]) if self.emptied_unread is None else self.emptied_unread

    def level_known(self) -> float:
        """The newest level that is known: `level_at_end` or, where a truck has emptied it since, what emptyings leave."""
        return self.level_at_end() if self.emptied_unread is None else self.left.level

    def emptied_at(self) -> float | None:
        """When it was last emptied, as a truck reported or else by the first reading after; None where neither told of one."""
        if self.emptied_unread is not None:
            return self.emptied_unread
        return float(self.times[self.emptyings.first_after[-1]]) if len(self.emptyings) else None

    def level_at_end(self) -> float:
        """The robust level at the newest trusted reading, from those since the last emptying; the newest reading itself where readings are far
        apart."""
        return float(np.clip(self.level_read() + self.level_shift, 0.0, 1.0))

    def level_lately(self) -> float:
        """What the last three readings tell of it: their median since the last emptying, carried forward by what usually comes in at that time of
        the day; the newest reading itself where readings are far apart."""
        if self.fusion is not None or len(self.levels) - self.emptyings.filling_begins < 3 or is_sparse(self.times):
            return float(self.levels[-1])
        middle = len(self.levels) - 3 + int(np.argsort(self.levels[-3:], kind="stable")[1])
        return min(1.0, float(self.levels[middle]) + min(_MOST_CARRIED, float(self._carried(middle)[0])))

    def level_read(self) -> float:
        """The mean of many readings, each carried to the newest and fading with age: a sensor's jitter is as large as a day's inflow, and a heap
        shifts within a day. One that lies further from what the last three tell than jitter does counts as if it lay so far; where the mean itself
        does, the level has really moved, and these three tell it."""
        lately = self.level_lately()
        fading = float(np.clip(_FADING_GAIN / max(self.rate_per_day, 1e-6), *_FADING_DAYS)) * DAY
        begin = max(self.emptyings.filling_begins, int(np.searchsorted(self.times, self.times[-1] - _FORGOTTEN * fading)))
        if self.fusion is not None or len(self.levels) - begin < 3 or is_sparse(self.times):
            return lately
        weights = np.exp((self.times[begin:] - self.times[-1]) / fading)
        ordinary = _JITTERS * jitter(self.levels) + _NOT_FOLLOWED
        carried = self.levels[begin:] + self._carried(begin)
        if abs(np.average(carried, weights=weights) - lately) > ordinary:
            return lately
        return float(np.average(np.clip(carried, lately - ordinary, lately + ordinary), weights=weights))

    def _carried(self, begin: int) -> FloatArray:
        """What usually comes in from each reading from `begin` on to the newest."""
        return self.usual.inflow(self.times[begin:], np.full(len(self.times) - begin, self.times[-1]))


@dataclass(frozen=True, slots=True, eq=False)
class UsualInflow:
    """What usually flows in by each whole hour of the (UTC) week: `running` [169] rises from 0 to a week's inflow, from Thursday on, as 1970
    began."""

    running: FloatArray

    @property
    def per_day(self) -> float:
        return float(self.running[-1]) / 7

    def shares(self) -> tuple[float, ...]:
        """Of each hour of the day in what flows in; empty where all are alike, or nothing flows in."""
        by_hour = np.diff(self.running).reshape(7, 24).sum(axis=0)
        even = float(np.ptp(by_hour)) <= 1e-9 * self.running[-1]
        return () if even else tuple((by_hour / self.running[-1]).tolist())

    def inflow(self, begin: FloatArray, end: FloatArray) -> FloatArray:
        """Between moments, in seconds since 1970."""
        between: FloatArray = self._until(end) - self._until(begin)
        return between

    def _until(self, moments: FloatArray) -> FloatArray:
        weeks = np.floor(moments / (WEEK_HOURS * HOUR))
        of_week = moments / HOUR - weeks * WEEK_HOURS
        until: FloatArray = weeks * self.running[-1] + np.interp(of_week, np.arange(WEEK_HOURS + 1.0), self.running)
        return until


def inflow_curve(history: History) -> InflowCurve:
    """The curve of a history that is read (`History.is_read`)."""
    history = fused(history)
    if history.fused is not None:
        return _fused_curve(history, history.fused)
    suspects = suspect_readings(history.times, history.levels, history.collections)
    trusted = np.flatnonzero(~suspects)
    dead = trusted[: dead_beginning(history.times[trusted], history.levels[trusted])]
    suspects[dead] = True
    times, levels = history.times[~suspects], history.levels[~suspects]
    swaps = swap_steps(times, history.swapped)
    emptyings = without_offsets(times, detect_emptyings(times, levels, history.collections), swaps, history.collections)
    increments = np.diff(levels)
    emptied = np.zeros(len(increments), dtype=bool)
    emptied[emptyings.last_before] = True
    full = levels >= FULL
    censored = (full[1:] | full[:-1]) & ~emptied
    offset = np.zeros(len(increments), dtype=bool)
    offset[swaps] = True
    offset[jumps_to_full(times, levels, emptyings, swaps)] = True
    offset &= ~emptied
    open_ = ~emptied & ~censored & ~offset
    usually = _usual_inflow(times, increments, open_, censored)
    usual = usually.inflow(times[:-1], times[1:])
    unread = reported_unread(times, emptyings, history.collections)
    nothing_told = uninformative(times, levels, open_, emptyings, emptied_unread=unread is not None)
    if nothing_told is not None and len(emptyings):
        # A sensor that says nothing does not outweigh the truck either.
        unread = float(history.collections[-1])
    denied = denied_emptyings(times, levels, emptyings, usually.inflow)
    left = left_behind(emptyings.of(~denied), usual, jitter(levels)) if nothing_told is None else LeftBehind(0.0, LEFT_BEHIND_SD)
    # What came in around an emptying: the usual share of the gap, at least what is seen above the usual residual.
    seen_after = np.maximum(0.0, levels[1:] - left.level - 0.05)
    seen_after[emptyings.last_before[denied]] = 0.0
    increments = np.where(emptied, np.maximum(usual, np.minimum(seen_after, 2 * usual)), increments)
    increments = np.where(censored, np.maximum(increments, usual), increments)
    # From one sensor to the next the difference is no inflow, and a jump to full is most likely none.
    increments = np.where(offset, usual, increments)
    curve = InflowCurve(
        times=times,
        levels=levels,
        cumulative=np.concatenate([[0.0], np.cumsum(increments)]) if len(times) else np.empty(0),
        censored=censored,
        emptyings=emptyings,
        suspects=suspects,
        left=left,
        rate_per_day=usually.per_day,
        usual=usually,
        days_of_data=days_read(history.times[dead[-1] + 1 :] if len(dead) else history.times) if nothing_told is None else 0.0,
        emptied_unread=unread,
        reported_share=reported_share(times, emptyings, history.collections),
        tilted_since=tilted_since(history),
    )
    if unread is not None:
        return replace(curve, level_sd=left.sd, doubts=(nothing_told.sentence,) if nothing_told else ())
    doubts = level_doubts(
        (history.times, history.levels), suspects, (times, levels), emptyings, swaps, usually.per_day, nothing_told
    )
    return _doubted(curve, (*doubts, *_denied(curve, denied, history.collections)))


def _denied(curve: InflowCurve, denied: BoolArray, reported: FloatArray) -> tuple[Doubt, ...]:
    """The doubt in the newest emptying, where readings deny it."""
    if not len(denied) or not denied[-1]:
        return ()
    now, step = curve.times[-1:], curve.emptyings.last_before[-1]
    at = reported[int(np.searchsorted(reported, curve.times[step]))]
    emptied_to = curve.left.level + float(curve.usual.inflow(np.array([at]), now)[0])
    found = denied_doubt(curve.level_read(), emptied_to, float(at), float(now[0]))
    return () if found is None else (found,)


def _doubted(curve: InflowCurve, doubts: tuple[Doubt, ...]) -> InflowCurve:
    """All of them told. The worst says where the level lies; downwards it is as unsure as any of them makes it, since a jump alone says nothing of
    that, and readings show no emptying from the first moment on that one of them says so of."""
    worst = max(doubts, key=lambda item: item.most_sd, default=Doubt("", 0.0))
    return replace(
        curve,
        level_sd=max((item.level_sd for item in doubts), default=0.0),
        level_shift=worst.level_shift,
        level_sd_above=worst.level_sd_above,
        unread_since=min((item.unread_since for item in doubts if item.unread_since is not None), default=None),
        doubts=tuple(item.sentence for item in doubts),
    )


def _fused_curve(history: History, found: Fusion) -> InflowCurve:
    increments = np.diff(found.cumulative)
    usually = _usual_inflow(history.times, increments, ~found.unknown, found.unknown)
    return InflowCurve(
        times=history.times,
        levels=history.levels,
        cumulative=found.cumulative,
        censored=found.unknown,
        emptyings=found.emptyings,
        suspects=found.suspects,
        left=LeftBehind(found.residual, LEFT_BEHIND_SD),
        rate_per_day=usually.per_day,
        usual=usually,
        days_of_data=days_read(history.times),
        # What a level and deposits in order leave open, forecasts of the last weeks have shown.
        level_sd=found.level_sd if found.doubts or not found.level_is_read else 0.0,
        doubts=found.doubts,
        fusion=found,
        tilted_since=tilted_since(history),
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


def _usual_inflow(times: FloatArray, increments: FloatArray, open_: BoolArray, censored: BoolArray) -> UsualInflow:
    """From the intervals in which the level could be read; from the censored ones' lower bounds where there are no others. By hours and weekdays
    where readings are near enough and weeks of them there: who is emptied by day every other day loses the best hours, and a mean over the rest is
    too small; who is full on Sundays, because no truck comes, would be given a mean day's inflow then."""
    seconds = np.diff(times)
    chosen = open_ if seconds[open_].sum() > 0 else censored
    total = float(seconds[chosen].sum())
    mean = max(0.0, float(increments[chosen].sum()) / total * HOUR) if total > 0 else 0.0
    steady = UsualInflow(mean * np.arange(WEEK_HOURS + 1.0))
    if total < _LEAST_DAYS_BY_HOUR * DAY or is_sparse(times) or mean <= 0:
        return steady
    grid = np.arange(np.ceil(times[0] / HOUR), np.floor(times[-1] / HOUR)) + 0.5
    at = np.clip(np.searchsorted(times, grid * HOUR) - 1, 0, len(increments) - 1)
    known = chosen[at] & (seconds[at] <= SPARSE)
    day, of_day = np.divmod(grid[known].astype(np.int64), 24)
    came = (increments / seconds)[at[known]] * HOUR
    by_hour = (np.bincount(of_day, came, 24) + _PRIOR_HOURS * mean) / (np.bincount(of_day, minlength=24) + _PRIOR_HOURS)
    rising = np.maximum(0.0, by_hour)
    rising *= max(0.0, float(by_hour.sum())) / max(float(rising.sum()), 1e-12)
    weekdays = weekday_factors(day, day % 7, came, rising[of_day])
    return UsualInflow(np.concatenate([[0.0], np.cumsum(np.outer(weekdays, rising))]))

"""Levels and deposits of a container made one: a history whose levels rest on both, with how sure they are.

A filter goes through the time: deposits carry the level on by what this container's deposits fill, readings set it right by how sure each of the two
is, emptyings begin anew. So the level is known where the sensor is silent, stuck, contradicted or at full, and where there is no sensor; and what
flows in at full is known, too. Called by `inflow_curve` and by whoever needs the times and levels of a history that may have deposits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.fill_forecast.deposit_volume import (
    USUAL_CAPACITY_L,
    DepositVolume,
    VolumePrior,
    deposits_between,
    learnt_volume,
    level_rises,
    weight_rates,
)
from models.fill_forecast.emptyings import Emptyings, detect_emptyings, reported_unread
from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, History, IntArray, Series, usual_interval
from models.fill_forecast.level_filter import LevelFilter, Steps
from models.fill_forecast.stuck import stuck_readings
from models.fill_forecast.suspects import FULL, jitter, suspect_readings
from models.fill_forecast.swaps import swap_steps, without_offsets
from models.fill_forecast.tilted import in_position, tilted_since

_SURE_OF_MORE = 12.0
"""Where so many deposits were usual, none at all is no chance (6 in a million)."""
_GRID = 3 * HOUR
_LEAST_JITTER = 0.004
_LEFT_BEHIND = 0.02
_WEIGHED_APART = 12 * HOUR
_NOTHING_KG_PER_LITRE = 0.001
"""Of the capacity: of less, even the lightest waste (plastic, 25 g a litre) fills no more than a twenty-fifth, and a crane is off by as much."""
_STUCK_RISE = 0.1
_LATE_INTERVALS = 3.0
_SHOWN_FROM = 0.2
"""An emptying that leaves more than this has not taken much, or the level does not tell of it."""

UNKNOWN_LEVEL = "no emptying of it is known, so its level is a guess"
SWAPPED = "the sensor was swapped since the last emptying"
STUCK = "the level stood still while deposits went on: a stuck sensor"
CONTRADICTED = "the level jumped without deposits: a heap, a covered sensor or another one"
COUNTER_SILENT = "the counter of deposits is silent"
BLOCKED = "deposits have stopped and the level stands still: a blocked inlet"
LEVEL_SILENT = "the level sensor is silent"


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """What was found, on the times of the fused history. `cumulative` is the inflow by levels and deposits, over emptyings and above full;
    `unknown[i]`: in the interval up to time i+1 neither told it. `residual` is what emptyings leave behind, `level_sd` how sure the last
    level is, `suspects` are readings that were not followed."""

    cumulative: FloatArray
    unknown: BoolArray
    residual: float
    emptyings: Emptyings
    suspects: BoolArray
    volume: DepositVolume
    level_sd: float
    doubts: tuple[str, ...]
    by_deposits: float
    """Deposits since the last emptying, or since the beginning where none is known."""
    level_is_read: bool
    """Whether a level sensor had a say in the last weeks; otherwise deposits alone tell it."""
    read_at: float
    """When a reading was last followed; where the level is not read, the newest moment of the counter."""


def fused(history: History) -> History:
    """The history without readings out of position where nothing was counted; else one without `deposits` whose times and levels rest on both.
    Needs a history that is cut at what may be seen."""
    if history.fused is not None:
        return history
    history = in_position(history)
    deposits = history.deposits
    if deposits is None:
        return history
    history = _with_weighings(history)
    if not history.is_counted():
        return replace(history, deposits=None)
    return _Work(history, deposits).fused()


def volume_of(history: History) -> DepositVolume | None:
    """What a deposit fills in this container, by all of its history; None where too little was counted."""
    found = fused(history).fused
    return found.volume if found else None


def _with_weighings(history: History) -> History:
    """A container that a crane has weighed was emptied then, unless there was nothing on it. Weights that come more often than twice a day are of a
    scale, and tell nothing here."""
    weights = history.weights
    if weights is None:
        return history
    weights = weights.of(weights.values > _NOTHING_KG_PER_LITRE * (history.capacity_l or USUAL_CAPACITY_L))
    if not len(weights.times) or usual_interval(weights.times) < _WEIGHED_APART:
        return replace(history, weights=None)
    return replace(history, weights=weights, collections=np.union1d(history.collections, weights.times))


class _Work:
    """One history on its way: readings, counter, emptyings, and the moments at which the level is told."""

    def __init__(self, history: History, deposits: Series) -> None:
        self._history, self._deposits = history, deposits
        self._silent = _silent_spans(history, deposits)
        self._trusted = ~suspect_readings(history.times, history.levels, history.collections)
        self._noise = max(_LEAST_JITTER, jitter(history.levels[self._trusted]))
        self._volume = self._learnt()
        stuck = self._stuck()
        self._is_stuck = bool(len(stuck) and stuck[-1])
        if bool(stuck.any()):
            self._trusted &= ~stuck
            self._volume = self._learnt()
        self._unread = self._unread_reports()
        self._times = self._moments()
        self._total = deposits_between(deposits, self._times)
        self._counted = self._counted_up_to(self._times)

    def _learnt(self, *, now_too: bool = True) -> DepositVolume:
        """From all trusted readings, or without the filling that is not over, in which a sensor may be stuck."""
        times, levels = self._history.times[self._trusted], self._history.levels[self._trusted]
        swaps = swap_steps(times, self._history.swapped)
        reported = self._history.collections
        self._emptyings = without_offsets(times, detect_emptyings(times, levels, reported), swaps, reported)
        total, comparable = deposits_between(self._deposits, times), self._counted_up_to(times)
        comparable[swaps + 1] = 0.0
        rises = level_rises(times, levels, self._emptyings, total, comparable)
        if not now_too and len(self._emptyings):
            rises = rises.of(rises.ended <= times[self._emptyings.last_before[-1]])
        weights = self._history.weights
        kg = weight_rates(weights, self._deposits) if weights is not None else np.empty(0)
        prior = self._history.volume or VolumePrior()
        return learnt_volume(rises, kg, prior, self._history.capacity_l, float(self._deposits.times[-1]))

    def _counted_up_to(self, times: FloatArray) -> FloatArray:
        """1 where the counter was alive in all of the interval that ends at each moment, else 0."""
        counted = (times <= self._deposits.times[-1]) & (np.append(-np.inf, times[:-1]) >= self._deposits.times[0])
        for begin, end in self._silent:
            counted &= (times <= begin) | (np.append(times[:1], times[:-1]) >= end)
        told: FloatArray = counted.astype(np.float64)
        return told

    def _stuck(self) -> BoolArray:
        """Readings that stood still while enough was thrown in to be seen: exactly so, or but for their jitter."""
        times, levels = self._history.times, self._history.levels
        found = np.zeros(len(levels), dtype=bool)
        if len(levels) < 3:
            return found
        counted = np.diff(deposits_between(self._deposits, times), prepend=0.0) * self._counted_up_to(times)
        total = np.cumsum(counted)
        steps = np.unique(levels)
        step = float(np.min(np.diff(steps))) if 2 <= len(steps) <= 12 else 0.0
        least = max(_STUCK_RISE, 5 * self._noise, 3 * step) / self._volume.share
        moved = np.flatnonzero((np.abs(np.diff(levels)) > 1e-3) | (levels[1:] >= FULL))
        begins, ends = np.append(0, moved + 1), np.append(moved, len(levels) - 1)
        still = total[ends] - total[begins] >= least
        for begin, end in zip(begins[still].tolist(), ends[still].tolist(), strict=True):
            found[begin + 1 : end + 1] = True
        found[self._trusted] |= stuck_readings(
            levels[self._trusted], total[self._trusted], self._comparable_parts(), self._learnt(now_too=False), self._noise, step
        )
        return found

    def _comparable_parts(self) -> IntArray:
        """Numbers, by trusted readings, of the stretches in which the level should rise by what deposits bring; -1 at full, where it cannot. A
        reported emptying of a good deal that the level does not show begins none."""
        times, full = self._history.times[self._trusted], self._history.levels[self._trusted] >= FULL
        anew = self._counted_up_to(times) == 0
        found = self._emptyings
        shown = (found.level_after < _SHOWN_FROM) | (found.level_before - found.level_after > 4 * self._noise)
        anew[found.first_after[shown]] = True
        anew[swap_steps(times, self._history.swapped) + 1] = True
        anew[1:] |= full[:-1]
        parts: IntArray = np.where(full, -1, np.cumsum(anew))
        return parts

    def _unread_reports(self) -> FloatArray:
        """When trucks reported emptyings that no trusted reading has shown: those after the last one, but for a late report of what it shows."""
        reported, read = self._history.collections, self._history.times[self._trusted]
        later = reported[reported > read[-1]] if len(read) else reported
        if len(read) and len(later) and reported_unread(read, self._emptyings, reported[reported <= later[0]]) is None:
            return later[1:]
        return later

    def _moments(self) -> FloatArray:
        """All readings, and between and after them, where there are none for long, moments of the counter; each side of a collection that
        no reading is near. From an emptying on that trucks alone have told of, however short ago, all of these."""
        read, counted = self._history.times, self._deposits.times
        grid = np.append(np.arange(counted[0], counted[-1], _GRID), counted[-1])
        for begin, end in self._silent:
            grid = grid[(grid <= begin) | (grid >= end)]
        collected = self._history.collections
        if len(read):
            far = max(HOUR, 0.75 * usual_interval(read))
            since = min(self._unread.tolist(), default=np.inf)
            grid = grid[(_distance(grid, read) > far) | (grid >= since)]
            collected = collected[(_distance(collected, read) > far) | (collected >= since)]
        moments = np.union1d(read, np.union1d(grid, np.union1d(collected - 60.0, collected)))
        first = min(counted[0], read[0]) if len(read) else counted[0]
        found: FloatArray = moments[moments >= first]
        return found

    def _emptied_steps(self) -> IntArray:
        """Steps of the fused times in which it was emptied: those seen in the level, and reports where no level was read after."""
        times = self._times
        trusted = self._history.times[self._trusted]
        seen = (
            np.searchsorted(times, trusted[self._emptyings.first_after]) - 1
            if len(self._emptyings)
            else np.empty(0, dtype=np.int64)
        )
        reported = self._history.collections
        slots = np.searchsorted(times, self._unread, side="left") - 1
        # A report between two readings that are far apart is nearer to when it was than the reading after it.
        for number, (last, first) in enumerate(zip(self._emptyings.last_before, self._emptyings.first_after, strict=True)):
            inside = reported[(reported > trusted[last]) & (reported <= trusted[first])]
            if len(inside):
                seen[number] = np.searchsorted(times, inside[-1], side="left") - 1
        steps: IntArray = np.union1d(seen, slots).astype(np.int64)
        return steps[(steps >= 0) & (steps < len(times) - 1)]

    def fused(self) -> History:
        steps = self._emptied_steps()
        run = LevelFilter(self._volume, self._noise, self._usual_per_second(), self._residual())
        reading = np.full(len(self._times), np.nan)
        reading[np.searchsorted(self._times, self._history.times[self._trusted])] = self._history.levels[self._trusted]
        emptied = np.zeros(len(self._times), dtype=bool)
        emptied[steps + 1] = True
        swapped = np.zeros(len(self._times), dtype=bool)
        swapped[swap_steps(self._times, self._history.swapped) + 1] = True
        deposits = np.diff(self._total, prepend=self._total[0])
        run.through(Steps(self._times, deposits, self._counted > 0, reading, emptied, swapped))
        levels = np.clip(run.levels, 0.0, 1.0)
        followed = self._times[~np.isnan(reading) & ~run.refused]
        level_is_read = bool(len(followed)) and bool(followed[-1] > self._times[-1] - 28 * DAY)
        suspects = run.refused.copy()
        suspects[np.searchsorted(self._times, self._history.times[~self._trusted])] = True
        found = Fusion(
            cumulative=np.cumsum(run.inflow),
            unknown=~(self._counted[1:] > 0) & (np.isnan(reading[1:]) | (reading[1:] >= FULL)),
            residual=min(self._residual(), 0.5),
            emptyings=Emptyings(steps, steps + 1, levels[steps], levels[steps + 1]),
            suspects=suspects,
            volume=self._volume,
            level_sd=run.level_sd(),
            doubts=self._doubts(run, levels),
            by_deposits=float(self._total[-1] - (self._total[steps[-1]] if len(steps) else self._total[0])),
            level_is_read=level_is_read,
            read_at=float(followed[-1] if level_is_read else self._times[-1]),
        )
        return replace(self._history, times=self._times, levels=levels, known=None, deposits=None, fused=found)

    def _usual_per_second(self) -> float:
        span = float(self._deposits.times[-1] - self._deposits.times[0]) - sum(end - begin for begin, end in self._silent)
        return self._volume.share * float(self._total[-1] - self._total[0]) / max(span, HOUR)

    def _residual(self) -> float:
        """What emptyings leave behind: the first level after each, less what was thrown in between the two. An emptying that nobody reported
        was in the middle between two readings."""
        if len(self._emptyings) < 3:
            return _LEFT_BEHIND
        times = self._history.times[self._trusted]
        before, after = times[self._emptyings.last_before], times[self._emptyings.first_after]
        reported = self._history.collections
        place = np.searchsorted(reported, after, side="right") - 1
        at = np.where(place >= 0, reported[np.maximum(place, 0)], -np.inf) if len(reported) else np.full(len(after), -np.inf)
        at = np.where(at > before, at, (before + after) / 2)
        since = deposits_between(self._deposits, after) - deposits_between(self._deposits, at)
        return float(max(0.0, np.median(self._emptyings.level_after - self._volume.share * since)))

    def _doubts(self, run: LevelFilter, levels: FloatArray) -> tuple[str, ...]:
        read = self._history.times[self._trusted]
        now = float(self._times[-1])
        silent = bool(len(read)) and now - read[-1] > max(DAY, 3 * usual_interval(read)) and not self._is_stuck
        return tuple(
            sentence
            for sentence, holds in (
                (UNKNOWN_LEVEL, not run.anchored),
                (SWAPPED, run.offset is not None),
                (STUCK, self._is_stuck),
                (CONTRADICTED, bool(run.refused[-1])),
                (LEVEL_SILENT, silent and tilted_since(self._history) is None),
                (
                    COUNTER_SILENT,
                    self._is_late() or bool(self._silent and self._silent[-1][1] >= self._deposits.times[-1]),
                ),
                (BLOCKED, self._is_blocked(levels)),
            )
            if holds
        )

    def _is_late(self) -> bool:
        """The counter was due to report since the last moment that is known; a report of a truck or a reading may be a little newer."""
        counted = self._deposits.times
        return bool(self._times[-1] - counted[-1] > max(HOUR, _LATE_INTERVALS * usual_interval(counted)))

    def _is_blocked(self, levels: FloatArray) -> bool:
        """The counter reports, and has counted nothing for so long that it cannot be chance."""
        used = np.flatnonzero(self._deposits.values > 0)
        quiet = float(self._deposits.times[-1] - self._deposits.times[used[-1]])
        rate = self._usual_per_second() / self._volume.share
        return self._counted[-1] > 0 and quiet >= DAY / 2 and rate * quiet >= _SURE_OF_MORE and levels[-1] < FULL


def _silent_spans(history: History, deposits: Series) -> list[tuple[float, float]]:
    """Stretches in which the counter did not count: no reports at all, or nothing but zeros while the level rose. Only where so many
    deposits were usual that it cannot be chance, or where reports come by the clock; a container that nobody can use counts zeros, too,
    and does not fill."""
    used = deposits.times[deposits.values > 0]
    if len(used) < 2:
        return []
    rate = float(deposits.values[1:].sum()) / max(float(deposits.times[-1] - deposits.times[0]), HOUR)
    gaps = np.diff(deposits.times)
    by_the_clock = float(np.quantile(gaps, 0.9)) <= 1.5 * float(np.median(gaps)) < DAY / 4
    without_reports = [span for span in _spans(deposits.times) if by_the_clock or rate * (span[1] - span[0]) >= _SURE_OF_MORE]
    without_deposits = [
        span
        for span in _spans(np.append(used, deposits.times[-1] + 1.0))
        if rate * (span[1] - span[0]) >= _SURE_OF_MORE and _rose(history, *span)
    ]
    return sorted({*without_reports, *without_deposits})


def _spans(times: FloatArray) -> list[tuple[float, float]]:
    """Of a day and more between neighbours."""
    long = np.flatnonzero(np.diff(times) >= DAY)
    return list(zip(times[long].tolist(), times[long + 1].tolist(), strict=True))


def _rose(history: History, begin: float, end: float) -> bool:
    levels = history.levels[(history.times >= begin) & (history.times <= end)]
    return len(levels) >= 4 and float(np.median(levels[-3:]) - np.median(levels[:3])) > max(0.1, 5 * jitter(history.levels))


def _distance(moments: FloatArray, others: FloatArray) -> FloatArray:
    """From each moment to the nearest of the others."""
    place = np.searchsorted(others, moments)
    left, right = others[np.maximum(place - 1, 0)], others[np.minimum(place, len(others) - 1)]
    return np.minimum(np.abs(moments - left), np.abs(right - moments))

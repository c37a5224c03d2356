"""When a container was emptied, read from its level signal and joined with what trucks reported.

A fall counts when medians before and after it, or the readings themselves, differ by more than the sensor's jitter and by a good part
of the level; of several falls in a window the biggest step is the emptying; the fall at the end of an upward spike is none, because `suspects`
takes spikes out first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.domain.forecast import Emptying
from models.fill_forecast.history import BoolArray, FloatArray, IntArray, is_sparse, moment, usual_interval
from models.fill_forecast.suspects import REPORT_LATE, jitter

_SMALLEST_DROP = 0.07
_RELATIVE_DROP = 0.4
_LATELY = 10


@dataclass(frozen=True, slots=True, eq=False)
class Emptyings:
    """Emptyings of one signal, in order: the last reading before each and the first after it (indices), and the levels."""

    last_before: IntArray
    first_after: IntArray
    level_before: FloatArray
    level_after: FloatArray

    def __len__(self) -> int:
        return len(self.last_before)

    @property
    def filling_begins(self) -> int:
        """The first reading since the last of them, or of all."""
        return int(self.first_after[-1]) if len(self) else 0

    def of(self, chosen: BoolArray) -> Emptyings:
        return Emptyings(*(getattr(self, name)[chosen] for name in Emptyings.__dataclass_fields__))


def detect_emptyings(times: FloatArray, levels: FloatArray, reported: FloatArray | None = None) -> Emptyings:
    """Emptyings in readings that are free of suspects. `reported` are collections that trucks reported: one that falls between
    two readings counts as an emptying whatever the levels say, and takes over a fall seen close to it.
    """
    if len(levels) < 2:
        return _gather(np.empty(0, dtype=np.int64), levels, 1)
    sparse = is_sparse(times)
    width = 1 if sparse else 3
    before, after = _medians(levels, width)
    drop = before - after
    step = levels[:-1] - levels[1:]
    least = _SMALLEST_DROP if sparse else least_drop(levels)
    candidate = (drop >= least) & (drop >= _RELATIVE_DROP * before) & (step >= 0.4 * drop)
    if not sparse:
        candidate |= _sharp_falls(levels, step, least)
    found = _biggest_of_each_window(np.flatnonzero(candidate), step, width)
    if reported is not None and len(reported):
        found = _joined(found, times, reported)
    return _gather(found, levels, width)


def least_drop(levels: FloatArray) -> float:
    """By how much an emptying lowers the level of a container that is read often."""
    return max(_SMALLEST_DROP, 4 * jitter(levels))


def reported_unread(times: FloatArray, emptyings: Emptyings, reported: FloatArray) -> float | None:
    """When a truck reported the newest emptying, where nothing has been read since; None where readings have shown it. `emptyings` are those of
    the readings at `times`; a fall shortly before the report is the report itself, unless an earlier report is near it."""
    unread = reported[reported > times[-1]] if len(times) else reported[:0]
    if not len(unread):
        return None
    newest = float(unread[-1])
    if not len(emptyings):
        return newest
    fall = float(times[emptyings.first_after[-1]])
    reported_before = bool(np.any(np.abs(reported[reported < newest] - fall) <= REPORT_LATE))
    return None if newest - fall <= REPORT_LATE and not reported_before else newest


def reported_share(times: FloatArray, emptyings: Emptyings, reported: FloatArray) -> float:
    """The part of the last emptyings that trucks reported, 0 to 1."""
    if not len(emptyings) or not len(reported):
        return 0.0
    before = times[emptyings.last_before[-_LATELY:]] - REPORT_LATE
    after = times[emptyings.first_after[-_LATELY:]] + REPORT_LATE
    return float(np.mean(np.searchsorted(reported, after, side="right") > np.searchsorted(reported, before)))


def as_domain(container_id: str, times: FloatArray, emptyings: Emptyings) -> list[Emptying]:
    """The same as domain values for storage."""
    return [
        Emptying(
            container_id=container_id,
            after=moment(times[last]),
            before=moment(times[first]),
            level_before=float(high),
            level_after=float(low),
        )
        for last, first, high, low in zip(
            emptyings.last_before, emptyings.first_after, emptyings.level_before, emptyings.level_after, strict=True
        )
    ]


def _medians(levels: FloatArray, width: int) -> tuple[FloatArray, FloatArray]:
    """For each step i → i+1 the median of the `width` readings up to i, and of those from i+1 on."""
    if width == 1:
        return levels[:-1], levels[1:]
    padded = np.concatenate([np.full(width - 1, levels[0]), levels, np.full(width - 1, levels[-1])])
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return medians[: len(levels) - 1], medians[width : width + len(levels) - 1]


def _sharp_falls(levels: FloatArray, step: FloatArray, least: float) -> BoolArray:
    """Steps down that the reading after does not take back: how the emptying of a container looks that fills up again within hours,
    so that medians come too late."""
    second = np.append(levels[2:], levels[-1])
    sharp: BoolArray = (step >= least) & (step >= _RELATIVE_DROP * levels[:-1]) & (levels[:-1] - second >= 0.4 * step)
    return sharp


def _biggest_of_each_window(candidates: IntArray, step: FloatArray, width: int) -> IntArray:
    """Candidates closer than `width` steps belong to one fall: its biggest step stands for it."""
    if not len(candidates):
        return candidates
    groups = np.split(candidates, np.flatnonzero(np.diff(candidates) > width) + 1)
    return np.array([group[np.argmax(step[group])] for group in groups], dtype=np.int64)


def _joined(found: IntArray, times: FloatArray, reported: FloatArray) -> IntArray:
    """Falls and reports as one list of steps: a fall within six hours (or two readings) of a report is that report, seen where the
    signal shows it; every other report counts at its own moment, every other fall where it is."""
    slots = np.searchsorted(times, reported, side="right") - 1
    slots = np.unique(slots[(slots >= 0) & (slots < len(times) - 1)])
    if not len(slots) or not len(found):
        return np.union1d(slots, found).astype(np.int64)
    place = np.searchsorted(slots, found)
    left, right = slots[np.maximum(place - 1, 0)], slots[np.minimum(place, len(slots) - 1)]
    nearest = np.where(np.abs(found - left) <= np.abs(right - found), left, right)
    matched = np.abs(times[nearest] - times[found]) <= REPORT_LATE + usual_interval(times)
    unseen = np.setdiff1d(slots, nearest[matched])
    return np.union1d(unseen, found).astype(np.int64)


def _gather(steps: IntArray, levels: FloatArray, width: int) -> Emptyings:
    if not len(steps):
        return Emptyings(steps, steps, np.empty(0), np.empty(0))
    before, after = _medians(levels, width)
    return Emptyings(
        last_before=steps,
        first_after=steps + 1,
        level_before=np.maximum(before[steps], levels[steps]),
        level_after=np.minimum(after[steps], levels[steps + 1]),
    )

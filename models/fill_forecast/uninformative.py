"""Histories that say nothing of how a container fills: full, or exactly the same, ever since it is read; and beginnings of histories that are such.

What was read at full is a lower bound, and a level that has never moved is a sensor's as likely as a container's: neither is a container into which
nothing comes. Called by `inflow`; such a container is forecast as one in its first week, and its level is doubted. When its sensor comes to life its
first week begins.
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.doubts import MOST_SD, SAME, Doubt
from models.fill_forecast.emptyings import Emptyings
from models.fill_forecast.history import DAY, FIRST_WEEK_DAYS, BoolArray, FloatArray, days_read, is_sparse
from models.fill_forecast.suspects import FULL

_LEAST_BELOW_FULL = DAY
_STILL_DAYS = 14.0
"""By then a slow container (two points a day) has risen by more than the step of a sensor that knows six levels."""
_MOST_LEFT = 0.1
"""An emptying of a container into which nothing came does not show below it."""


def uninformative(
    times: FloatArray, levels: FloatArray, below_full: BoolArray, emptyings: Emptyings, *, emptied_unread: bool = False
) -> Doubt | None:
    """The doubt about the level of such a history; None where it says something, is shorter than its first week, or is sparse. `below_full` are
    intervals between readings in which the level could be read, `emptied_unread` whether a truck reported to have emptied it after the last."""
    days = days_read(times)
    if days < FIRST_WEEK_DAYS or is_sparse(times):
        return None
    if _reads_full(times, levels, below_full, emptyings):
        never = "it was never emptied before" if emptied_unread else "it is never emptied"
        why = " although it was emptied: a covered sensor" if len(emptyings) else f": a covered sensor, or {never}"
        told = f"it has read full for {days:.0f} days{why}"
    elif days >= _STILL_DAYS and float(np.ptp(levels)) <= SAME:
        stuck = len(emptyings) and levels[-1] > _MOST_LEFT
        why = " although it was emptied: a stuck sensor" if stuck else ": a stuck sensor, or nobody uses it"
        told = f"the level has never moved in {days:.0f} days{why}"
    else:
        return None
    # Half way between the level as it is read and one of which nothing is known.
    return Doubt(told, MOST_SD, (0.5 - float(levels[-1])) / 2)


def dead_beginning(times: FloatArray, levels: FloatArray) -> int:
    """How many readings at the beginning say nothing, though some after them do."""
    if days_read(times) < FIRST_WEEK_DAYS or is_sparse(times):
        return 0
    since, full = times - times[0], levels >= FULL
    set_up = (np.cumsum(full) == 0) & (since < _LEAST_BELOW_FULL)
    covered = np.logical_and.accumulate(set_up | full) & full & (since >= FIRST_WEEK_DAYS * DAY)
    stuck = (np.maximum.accumulate(levels) - np.minimum.accumulate(levels) <= SAME) & (since >= _STILL_DAYS * DAY)
    dead = np.flatnonzero(covered | stuck)
    return int(dead[-1]) + 1 if len(dead) and dead[-1] < len(times) - 1 else 0


def _reads_full(times: FloatArray, levels: FloatArray, below_full: BoolArray, emptyings: Emptyings) -> bool:
    """But for less than a day, in which it may have been set up, and at most where trucks reported an emptying, without being seen empty."""
    seen_emptied = bool(np.any(levels[emptyings.first_after] < FULL))
    return levels[-1] >= FULL and not seen_emptied and float(np.diff(times)[below_full].sum()) < _LEAST_BELOW_FULL

"""A container that has fallen silent may have been emptied since, and nobody said so; so may one whose sensor is covered or stuck.

How likely that is, its own intervals between emptyings tell: those longer than it had waited when it was last read. Where trucks report most of
what they empty, that none was reported says that it was not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.history import DAY, FIRST_WEEK_DAYS, FloatArray
from models.fill_forecast.inflow import InflowCurve

_FEWEST_INTERVALS = 3
_MOST_INTERVALS = 20
_ANY_TIME = -np.log1p(-np.array([1.0, 3.0, 5.0]) / 6)
"""Three waits, in mean intervals, of emptyings that come at any time: what so few of its own intervals do not show."""
_SHORTEST = DAY / 4
_LEAST_CHANCE = 0.05
_READS_RIGHT = 0.1
"""Of a sensor that is taken for covered or stuck: then nobody has emptied it, or it would have shown that."""


@dataclass(frozen=True, slots=True, eq=False)
class UnseenEmptying:
    """`chance` that it was emptied between the newest reading that would have shown it and now, and moments (seconds since 1970) at which that may
    have been, equally likely. `as_read`: the part of that chance with which the sensor is right after all, and the container stands where it says."""

    chance: float
    moments: FloatArray
    as_read: float = 0.0

    def level_quantiles(self, curve: InflowCurve, untouched: FloatArray, now: float, quantiles: tuple[float, ...]) -> FloatArray:
        """Of the level now: emptied at one of the moments, or else one of the levels `untouched`, all equally likely."""
        emptied = curve.left.level + curve.usual.inflow(self.moments, np.full(len(self.moments), now))
        levels = np.minimum(1.0, np.concatenate([emptied, untouched, curve.levels[-1:]]))
        counts = np.array([len(emptied), len(untouched), 1])
        weights = np.repeat(np.array([self.chance, 1 - self.chance - self.as_read, self.as_read]) / counts, counts)
        order = np.argsort(levels, kind="stable")
        reached = np.cumsum(weights[order]) - 0.5 * weights[order]
        found: FloatArray = np.interp(quantiles, reached, levels[order])
        return found


def unseen_emptying(curve: InflowCurve, now: float) -> UnseenEmptying | None:
    """None where it can be left out: trucks report, too little is known of it yet, or a report or deposits tell of the time since."""
    young = len(curve.emptyings) <= _FEWEST_INTERVALS or curve.times[-1] - curve.times[0] < FIRST_WEEK_DAYS * DAY
    if young or curve.emptied_unread is not None or curve.fusion is not None:
        return None
    emptied = curve.times[curve.emptyings.first_after]
    intervals = np.diff(emptied)[-_MOST_INTERVALS:]
    seen_until = float(curve.times[-1]) if curve.unread_since is None else max(curve.unread_since, float(emptied[-1]))
    waited, silent = seen_until - float(emptied[-1]), now - seen_until
    usual = max(_SHORTEST, float(np.mean(intervals)))
    waits = np.concatenate([intervals[intervals > waited] - waited, usual * _ANY_TIME])
    within = waits[waits < silent]
    # One wait beyond any other, so that nothing is certain; and that no truck reported one of so many counts as far as trucks do report.
    emptied_by_now = len(within) / (len(waits) + 1)
    unreported = emptied_by_now * (1 - curve.reported_share) ** max(1.0, silent / usual)
    chance = unreported / (unreported + 1 - emptied_by_now)
    if chance < _LEAST_CHANCE:
        return None
    right = chance * _READS_RIGHT if curve.unread_since is not None else 0.0
    return UnseenEmptying(chance - right, seen_until + _last_of_a_row(within, np.maximum(intervals, _SHORTEST), silent), right)


def _last_of_a_row(firsts: FloatArray, intervals: FloatArray, until: float) -> FloatArray:
    """A long silence hides several: from each first emptying on further ones at its own intervals, taken up at different places of their
    row; of each such course the last one before `until`."""
    rounds = 1 + int(until // intervals.sum())
    ends = [np.concatenate([[0.0], np.cumsum(np.tile(np.roll(intervals, -place), rounds))]) for place in range(len(intervals))]
    courses = firsts[:, None, None] + np.array(ends)[None]
    found: FloatArray = np.where(courses < until, courses, 0.0).max(axis=2).ravel()
    return found

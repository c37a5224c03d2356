"""Readings that are probably not the level: spikes of one or two readings, false "full" plateaus, stretches that are too high, and those near 0.

A heap under the sensor or a blocked beam reads as 100 % for days and then falls back to where the level was; a sensor that hangs askew sees
the wall and reads too high until somebody straightens it; one that fails for hours reads 0. Suspect readings are left out of emptying detection
and inflow, and lower the grade of a forecast that rests on them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, IntArray, is_sparse

FULL = 0.98
"""From this level on a reading says "at least this full": censored."""

_LONGEST_PLATEAU = 10 * DAY
LONGEST_JUMP = 10 * DAY
"""For so long a jump is in doubt."""
_LEAST_JUMP = 0.25
_LEAST_RAISE = 0.2
_NOT_EMPTY = 0.12
REPORT_LATE = 6 * HOUR
"""How much later than the emptying a crew may report it, or earlier than a reading shows it."""
_NEAR_ZERO = 0.03
"""What comes in after an emptying soon lifts the level above it."""
_LONGEST_LOW = 2 * DAY
_LEAST_BACK = 3.0
"""Times what one in twenty rises exceeds: fewer than for other jumps, because the level must come back to where it was."""
_LOW_SLACK = 0.03
_LOW_JITTERS = 3.0
_MORE_THAN_USUAL = 2.0


def jitter(levels: FloatArray) -> float:
    """Standard deviation of one reading around the level, from the differences of neighbours (robust)."""
    if len(levels) < 3:
        return 0.0
    differences = np.diff(levels)
    return float(1.4826 * np.median(np.abs(differences - np.median(differences))) / np.sqrt(2))


def suspect_readings(times: FloatArray, levels: FloatArray, reported: FloatArray | None = None) -> BoolArray:
    """True where a reading should not be trusted. Needs the readings after a spike to know it: the newest is never suspect
    by itself. `reported` are collections that trucks reported: what they emptied reads low, and rightly."""
    suspect = np.zeros(len(levels), dtype=bool)
    if len(levels) < 4 or is_sparse(times):
        return suspect
    height = max(0.12, 5 * jitter(levels))
    for run in (1, 2):
        suspect |= _spikes(levels, run, height)
    suspect |= _false_plateaus(times, levels)
    suspect |= _raised_stretches(times, levels)
    # A spike within such a stretch, or after an emptying, is not where the level came back.
    kept = np.flatnonzero(~suspect)
    suspect[kept[_lowered_stretches(times[kept], levels[kept], np.empty(0) if reported is None else reported)]] = True
    return suspect


def _spikes(levels: FloatArray, run: int, height: float) -> BoolArray:
    """Runs of `run` readings that stand out from both neighbours while these agree with each other."""
    found = np.zeros(len(levels), dtype=bool)
    count = len(levels) - run - 1
    if count <= 0:
        return found
    left, right = levels[:count], levels[run + 1 :]
    inside = np.lib.stride_tricks.sliding_window_view(levels[1:-1], run)
    up = inside.min(axis=1) - np.maximum(left, right)
    down = np.minimum(left, right) - inside.max(axis=1)
    # Two low readings in a row are a fast container just emptied more often than a sensor's slip.
    out = np.maximum(up, down) if run == 1 else up
    starts = np.flatnonzero((out >= height) & (np.abs(left - right) <= 0.4 * out)) + 1
    for offset in range(run):
        found[starts + offset] = True
    return found


def _false_plateaus(times: FloatArray, levels: FloatArray) -> BoolArray:
    """Stretches at full, up to ten days long, that a single jump leads to and a fall back to the former level ends. Near empty only
    a jump that is out of all proportion counts: a fast container fills between two readings and is emptied."""
    found = np.zeros(len(levels), dtype=bool)
    full = levels >= FULL
    ordinary = _ordinary_jump(levels)
    edges = np.flatnonzero(np.diff(full.astype(np.int8)))
    for start, end in pairwise(edges):
        if full[start] or times[end] - times[start] > _LONGEST_PLATEAU:
            continue
        before, after = levels[start], levels[end + 1]
        jump = 1.0 - before
        back = before - 0.08 <= after <= before + 0.3 * jump
        if jump >= 0.25 and back and (after >= 0.12 or jump >= max(0.25, ordinary)):
            found[start + 1 : end + 1] = True
    return found


def _raised_stretches(times: FloatArray, levels: FloatArray) -> BoolArray:
    """Stretches below full, up to ten days long, that a jump out of all proportion leads to and a fall back to the former level ends. Not from
    near empty, where a fall to the former level is an emptying."""
    found = np.zeros(len(levels), dtype=bool)
    steps = np.diff(levels)
    least = max(_LEAST_RAISE, _ordinary_jump(levels))
    for start in np.flatnonzero((steps >= least) & (levels[:-1] >= _NOT_EMPTY)).tolist():
        jump = steps[start]
        until = int(np.searchsorted(times, times[start] + _LONGEST_PLATEAU))
        falls = np.flatnonzero(steps[start + 1 : until] <= -0.5 * jump)
        if not len(falls):
            continue
        end = start + 1 + int(falls[0])
        if levels[start] - 0.08 <= levels[end + 1] <= levels[start] + 0.3 * jump and levels[end + 1] >= _NOT_EMPTY:
            found[start + 1 : end + 1] = True
    return found


def _lowered_stretches(times: FloatArray, levels: FloatArray, reported: FloatArray) -> BoolArray:
    """Stretches near 0, up to two days long, that a fall leads to and a jump back to the former level ends. A container that was emptied gets
    something in meanwhile, and stands elsewhere after a jump: a spike to just where it was is rare. A truck that reported an emptying there is
    believed."""
    found = np.zeros(len(levels), dtype=bool)
    steps, low = np.diff(levels), levels <= _NEAR_ZERO
    least, slack = max(_LEAST_JUMP, _ordinary_jump(levels, _LEAST_BACK)), _LOW_SLACK + _LOW_JITTERS * jitter(levels)
    usual = _usual_rate(times, steps)
    for start, end in pairwise(np.flatnonzero(np.diff(low.astype(np.int8))).tolist()):
        if low[start] or min(-steps[start], steps[end]) < least:
            continue
        lasted = times[end + 1] - times[start]
        more = levels[end + 1 : end + 3] - levels[start]
        back = more.min() >= -slack and more.max() <= slack + _MORE_THAN_USUAL * usual * lasted
        told = (reported > times[start] - REPORT_LATE) & (reported <= max(times[end + 1], times[start + 1] + REPORT_LATE))
        found[start + 1 : end + 1] = back and lasted <= _LONGEST_LOW and not bool(np.any(told))
    return found


def jumps_to(times: FloatArray, levels: FloatArray) -> IntArray:
    """Indices of readings that the level reached by a jump out of all proportion: a heap, a covered sensor or a large load. Sensors read less than
    three times a day jump by nature, and what usually comes in between two readings is no jump."""
    if len(levels) < 4 or is_sparse(times):
        return np.empty(0, dtype=np.int64)
    steps = np.diff(levels)
    at_once = steps - _usual_rate(times, steps) * np.diff(times)
    return np.flatnonzero(at_once >= max(_LEAST_JUMP, _ordinary_jump(levels))) + 1


def _ordinary_jump(levels: FloatArray, times: float = 4.0) -> float:
    """Up to what a single rise may be life: so many times what one in twenty rises exceeds."""
    rises = np.diff(levels)
    return times * float(np.quantile(rises[rises > 0], 0.95)) if bool((rises > 0).any()) else 0.0


def _usual_rate(times: FloatArray, steps: FloatArray) -> float:
    """What comes in a second, emptyings and jumps left out."""
    ordinary = np.abs(steps) < _LEAST_JUMP
    return max(0.0, float(steps[ordinary].sum())) / max(HOUR, float(np.diff(times)[ordinary].sum()))

"""Readings that are probably not the level: spikes of one or two readings, false "full" plateaus, and stretches that are too high.

A heap under the sensor or a blocked beam reads as 100 % for days and then falls back to where the level was; a sensor that hangs askew sees
the wall and reads too high until somebody straightens it. Suspect readings are left out of emptying detection and inflow, and lower the
grade of a forecast that rests on them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from models.fill_forecast.history import DAY, BoolArray, FloatArray, IntArray, is_sparse

FULL = 0.98
"""From this level on a reading says "at least this full": censored."""

_LONGEST_PLATEAU = 10 * DAY
LONGEST_JUMP = 10 * DAY
"""For so long a jump is in doubt."""
_LEAST_JUMP = 0.25
_LEAST_RAISE = 0.2
_NOT_EMPTY = 0.12


def jitter(levels: FloatArray) -> float:
    """Standard deviation of one reading around the level, from the differences of neighbours (robust)."""
    if len(levels) < 3:
        return 0.0
    differences = np.diff(levels)
    return float(1.4826 * np.median(np.abs(differences - np.median(differences))) / np.sqrt(2))


def suspect_readings(times: FloatArray, levels: FloatArray) -> BoolArray:
    """True where a reading should not be trusted. Needs the readings after a spike to know it: the newest is never suspect
    by itself."""
    suspect = np.zeros(len(levels), dtype=bool)
    if len(levels) < 4 or is_sparse(times):
        return suspect
    height = max(0.12, 5 * jitter(levels))
    for run in (1, 2):
        suspect |= _spikes(levels, run, height)
    suspect |= _false_plateaus(times, levels)
    suspect |= _raised_stretches(times, levels)
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


def jumps_to(times: FloatArray, levels: FloatArray) -> IntArray:
    """Indices of readings that the level reached by a jump out of all proportion: a heap, a covered sensor or a large load. Sensors read less than
    three times a day jump by nature."""
    if len(levels) < 4 or is_sparse(times):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.diff(levels) >= max(_LEAST_JUMP, _ordinary_jump(levels))) + 1


def _ordinary_jump(levels: FloatArray) -> float:
    """Up to what a single rise may be life: six times what one in twenty rises exceeds."""
    rises = np.diff(levels)
    return 6 * float(np.quantile(rises[rises > 0], 0.95)) if bool((rises > 0).any()) else 0.0

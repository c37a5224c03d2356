"""A truck reports to have emptied a container, and readings go on as full as before: not emptied, or a sensor that is stuck.

Nobody can know which. `inflow_curve` asks which reported emptyings readings deny, and widens the level until they show the next one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.fill_forecast.doubts import MOST_SD, Doubt
from models.fill_forecast.emptyings import Emptyings, least_drop
from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, is_sparse, moment
from models.fill_forecast.suspects import REPORT_LATE

_LEAST_TAKEN = 0.2
"""An emptying that should have taken less is no matter."""
_LATE_REPORT = DAY
_MOST_TIMES_USUAL = 2.0
_SOONEST = 2 * HOUR
_FEWEST_READINGS = 3


def denied_emptyings(
    times: FloatArray, levels: FloatArray, emptyings: Emptyings, usual: Callable[[FloatArray, FloatArray], FloatArray]
) -> BoolArray:
    """Which emptyings, that only a truck told of, readings deny: three of them lie as high as those before, though an emptying would have been seen
    even if it came hours before its report. Readings since may be too few yet. What was emptied within the day before explains the report: it came
    late, or twice. `usual` tells what usually comes in between moments."""
    if not len(emptyings) or is_sparse(times):
        return np.zeros(len(emptyings), dtype=bool)
    begin, end = times[emptyings.last_before], times[emptyings.first_after]
    shown = emptyings.level_before - emptyings.level_after >= least_drop(levels)
    leaves = float(np.median(emptyings.level_after[shown])) if bool(shown.any()) else 0.0
    would_take = emptyings.level_before - leaves - _MOST_TIMES_USUAL * usual(begin - REPORT_LATE, end)
    lately = np.searchsorted(end[shown], end) > np.searchsorted(end[shown], end - _LATE_REPORT)
    read_since = len(times) - emptyings.first_after
    found: BoolArray = ~shown & ~lately & (would_take >= _LEAST_TAKEN) & (read_since >= _FEWEST_READINGS)
    for number in np.flatnonzero(found).tolist():
        around = slice(
            int(np.searchsorted(times, begin[number] - REPORT_LATE)), int(emptyings.first_after[number]) + _FEWEST_READINGS
        )
        found[number] = levels[around].min() > emptyings.level_before[number] - would_take[number] / 2
    return found


def denied_doubt(level: float, emptied_to: float, reported: float, now: float) -> Doubt | None:
    """That the newest emptying, `reported` by a truck, is denied by the `level` that is read: where it is right, the level is `emptied_to`, what
    it left and what has come in since."""
    apart = level - emptied_to
    if now - reported < _SOONEST or apart <= 0:
        return None
    told = f"reported emptied at {moment(reported):%Y-%m-%d %H:%M} UTC, but it reads {100 * level:.0f} % since"
    return Doubt(f"{told}: not emptied, or the sensor is stuck or blocked", min(MOST_SD, apart / 2), -apart / 2)

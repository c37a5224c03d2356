"""What is wrong with a level signal as it stands now, each with a sentence and with how unsure it makes the level.

Readings that are known to be wrong are left out (`suspects`). What is told here cannot be known yet: a level that stands still may be stuck or
right, a jump may be a heap or waste. So it widens the forecast, until an emptying or time settles it. Containers with deposits: see `fusion`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.emptyings import Emptyings
from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, IntArray, is_sparse
from models.fill_forecast.suspects import FULL, LONGEST_JUMP, jitter, jumps_to
from models.fill_forecast.widening import normal_quantiles

_LEAST_STILL_RISE = 0.12
SAME = 1e-3
_A_FEW = 5
_LEAST_STILL = 24
_LEAST_FALLS = 12
"""Different ones: a sensor that tells whole points has no more than ten below an emptying, and jitters by none or by one."""
_QUIETER = 0.5
_AN_EMPTYING = 0.1
_MEDIAN_OF_A_FALL = 0.954
"""Of the falls between two readings at rest, in standard deviations of one."""
_LATELY_SUSPECT = 0.2
_SUSPECT_SD = 0.05
_LEAST_SWAP_SD = 0.03
MOST_SD = 0.29
"""Of a level between empty and full of which nothing is known."""
_UNSEEN_INFLOW = 0.5
"""How unsure it is what came in while the sensor did not tell, as a share of what usually does."""
_TENTH = float(normal_quantiles((0.9,))[0])
"""Standard deviations from the middle of a normal distribution to what a tenth lies beyond."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """`level_sd` is a standard deviation, `level_shift` what is to be added to the level: then both explanations lie equally far from it, or it is
    that of the likely one, and `level_sd_above`, which counts upwards alone, reaches to the other. `unread_since` is the moment (seconds since
    1970) from which on readings most likely show neither what comes in nor an emptying."""

    sentence: str
    level_sd: float
    level_shift: float = 0.0
    level_sd_above: float = 0.0
    unread_since: float | None = None

    @property
    def most_sd(self) -> float:
        """The larger of the two."""
        return max(self.level_sd, self.level_sd_above)


def level_doubts(
    raw: tuple[FloatArray, FloatArray], suspects: BoolArray, trusted: tuple[FloatArray, FloatArray], emptyings: Emptyings,
    swaps: IntArray, rate_per_day: float, uninformative: Doubt | None = None,
) -> tuple[Doubt, ...]:  # fmt: skip
    """Of a signal (times and levels, all and trusted ones) that has at least one trusted reading. `uninformative` is the doubt about one that has
    never said anything (see there), which a jump that is still in doubt explains better."""
    times, levels = trusted
    begin = emptyings.filling_begins
    found = (
        _left_out(*raw, suspects),
        _swapped(levels, swaps[swaps >= begin]),
        _still(times, levels, rate_per_day),
        _jumped(times, levels, begin, swaps, rate_per_day) or uninformative,
    )
    return tuple(item for item in found if item is not None)


def _left_out(times: FloatArray, levels: FloatArray, suspects: BoolArray) -> Doubt | None:
    recent = times > times[-1] - DAY
    if float(suspects[recent].mean()) <= _LATELY_SUSPECT:
        return None
    full = bool(np.any(levels[recent & suspects] >= FULL))
    return Doubt("it read full and fell back within the last day" if full else "readings far off within the last day", _SUSPECT_SD)


def _swapped(levels: FloatArray, swaps: IntArray) -> Doubt | None:
    """Since the last emptying, which both sensors saw as empty."""
    if not len(swaps):
        return None
    offset = float(np.abs(levels[swaps + 1] - levels[swaps]).max())
    told = f"the sensor was swapped since the last emptying, and the new one reads {100 * offset:.0f} points differently"
    return Doubt(told, min(MOST_SD, max(_LEAST_SWAP_SD, offset / 2)))


def _still(times: FloatArray, levels: FloatArray, rate_per_day: float) -> Doubt | None:
    """The newest readings are all the same, for so long that much should have come in. Sensors of few levels stand still by nature."""
    first = _stands_since(times, levels)
    still, before = float(times[-1] - times[first]), float(times[first] - times[0])
    if not first or len(levels) - first < 4 or still < DAY or levels[-1] >= FULL or is_sparse(times):
        return None
    # The rate without the stretch in question, which held it down.
    missing = rate_per_day * (before + still) / before * still / DAY
    steps = np.unique(levels)
    step = float(np.min(np.diff(steps))) if 2 <= len(steps) <= 12 else 0.0
    if missing < max(_LEAST_STILL_RISE, 5 * jitter(levels), 3 * step):
        return None
    missing = min(missing, 1.0 - float(levels[-1]))
    told = f"the level has stood still for {still / HOUR:.0f} h: a stuck sensor or a blocked inlet"
    return Doubt(told, max(_LEAST_SWAP_SD, missing / 2), missing / 2, unread_since=float(times[first]))


def _stands_since(times: FloatArray, levels: FloatArray) -> int:
    """The first reading of those at the end that are all the same or, where that is no day, differ by less than a sensor at rest does."""
    moved = np.flatnonzero(np.abs(np.diff(levels)) > SAME)
    first = int(moved[-1]) + 1 if len(moved) else 0
    if times[-1] - times[first] >= DAY:
        return first
    away = np.flatnonzero(np.abs(levels - np.median(levels[-_A_FEW:])) > 2 * jitter(levels))
    near = int(away[-1]) + 1 if len(away) else 0
    return near if _is_quieter(levels[near:], levels[:near]) else first


def _is_quieter(newest: FloatArray, before: FloatArray) -> bool:
    """A container that nobody uses stands still, too, but its sensor jitters as ever. How much, falls from one reading to the next tell: what comes
    in makes them fewer and smaller, never larger."""
    steps = np.diff(before)
    falls = -steps[(steps < 0) & (steps > -_AN_EMPTYING)]
    if len(newest) < _LEAST_STILL or len(np.unique(falls.round(4))) < _LEAST_FALLS:
        return False
    return float(newest.std()) < _QUIETER * float(np.median(falls)) / _MEDIAN_OF_A_FALL


def _jumped(times: FloatArray, levels: FloatArray, begin: int, swaps: IntArray, rate_per_day: float) -> Doubt | None:
    """Since the last emptying it rose at once out of all proportion, and has not fallen back yet. Where it rose to full, that is nearly always a heap
    or a blocked beam; a smaller jump is waste as often."""
    before = _standing_jumps(times, levels, begin, swaps)
    if not len(before):
        return None
    jump, last = _largest(levels, before)
    former = float(np.median(levels[max(begin, last - 2) : last + 1]))
    # The level that is taken is the median of three or, right after an emptying, the newest: it has followed a jump of the newest or has not.
    few = len(levels) - begin < 3
    followed = float(np.clip((levels[-1] if few else np.median(levels[-3:])) - former, 0.0, jump))
    if _stands_at_full(levels, last):
        jumped = f"the level jumped by {100 * jump:.0f} points to full at once"
        told = f"{jumped}: most likely a heap or a covered sensor, and the level before it is counted"
        since = min(followed, rate_per_day * float(times[-1] - times[last]) / DAY)
        return Doubt(told, _UNSEEN_INFLOW * since, since - followed, (jump - since) / _TENTH, float(times[last]))
    jumped = f"the level jumped by {100 * jump:.0f} points at once"
    if last == len(levels) - 2 and not few:
        # Nearly always a spike, which the next reading shows.
        told = f"{jumped}: the newest reading alone says so, and the level before it is counted"
        return Doubt(told, 0.0, -followed, (jump - followed) / _TENTH)
    told = f"{jumped}: a heap, a covered sensor or a large load; half of it is counted"
    return Doubt(told, min(MOST_SD, jump / 2), -followed / 2)


def jumps_to_full(times: FloatArray, levels: FloatArray, emptyings: Emptyings, swaps: IntArray) -> IntArray:
    """The steps of a jump to full that is doubted as it stands now: most likely no inflow."""
    before = _standing_jumps(times, levels, emptyings.filling_begins, swaps)
    if not len(before) or not _stands_at_full(levels, _largest(levels, before)[1]):
        return np.empty(0, dtype=np.int64)
    return before


def _standing_jumps(times: FloatArray, levels: FloatArray, begin: int, swaps: IntArray) -> IntArray:
    """Steps out of all proportion since the last emptying, of the last days, that lead from one reading of a sensor to its next."""
    before = jumps_to(times, levels) - 1
    standing: IntArray = before[(before >= begin) & (times[before] >= times[-1] - LONGEST_JUMP) & ~np.isin(before, swaps)]
    return standing


def _largest(levels: FloatArray, before: IntArray) -> tuple[float, int]:
    """(by how much, after which reading) the level jumped most."""
    rises = levels[before + 1] - levels[before]
    return float(rises.max()), int(before[np.argmax(rises)])


def _stands_at_full(levels: FloatArray, last: int) -> bool:
    return float(np.median(levels[last + 1 :])) >= FULL

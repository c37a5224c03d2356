"""The filter that makes one level of deposits and readings, step by step: the heart of `fusion`, which prepares what it is given.

Deposits move the level, with a variance that grows by what single deposits and fillings differ; readings set it right by how sure each is. A reading
that neither can explain is not followed until it is confirmed: lower ones soon, higher ones after a day, at full never.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.deposit_volume import DepositVolume
from models.fill_forecast.history import DAY, BoolArray, FloatArray
from models.fill_forecast.left_behind import LEFT_BEHIND_SD
from models.fill_forecast.suspects import FULL

_UNKNOWN_LEVEL, _UNKNOWN_VARIANCE = 0.5, 1 / 12
"""Of a container of which no emptying is known: anything between empty and full."""
_TOO_FULL = 1.6
"""More than this cannot lie in a container: an emptying was not reported."""
_GATE = 4.0
_LEAST_GATE = 0.12
_CONFIRMED_LOWER = 3
_CONFIRMED_HIGHER = DAY


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Arrays of one length. Of the interval up to each moment: deposits, whether the counter was alive, whether it was emptied, whether the
    sensor was swapped (which holds for the next reading); of the moment itself the reading, NaN where there is none to follow."""

    times: FloatArray
    deposits: FloatArray
    counted: BoolArray
    reading: FloatArray
    emptied: BoolArray
    swapped: BoolArray


class LevelFilter:
    """The level as one number with a variance, moved by deposits and set right by readings."""

    def __init__(self, volume: DepositVolume, noise: float, usual_per_second: float, residual: float) -> None:
        self._volume, self._noise, self._usual = volume, noise**2, usual_per_second
        self._residual = residual
        self._single = float(volume.variance(np.array(1.0))) + 10 * volume.filling_sd**2
        self.anchored = False
        self.offset: float | None = None
        """How differently another sensor read, since the last emptying."""
        self._level, self._variance = _UNKNOWN_LEVEL, _UNKNOWN_VARIANCE
        self._since = 0.0
        self._above_since: float | None = None
        self._below = 0
        self._contradiction = 0.0
        self._swap_waits = False

    def through(self, steps: Steps) -> None:
        """All of them, in order: fills `levels`, `inflow` up to each, and `refused`."""
        times = steps.times
        self.levels, self.inflow = np.empty(len(times)), np.zeros(len(times))
        self.refused = np.zeros(len(times), dtype=bool)
        columns = (
            times, np.diff(times, prepend=times[0]), steps.deposits, steps.counted, steps.reading, steps.emptied, steps.swapped,
        )  # fmt: skip
        for index, (time, lasted, count, told, read, emptied, swapped) in enumerate(
            zip(*(c.tolist() for c in columns), strict=True)
        ):
            self._swap_waits |= swapped
            flowed = self._volume.share * count if told else self._usual * lasted
            if emptied:
                self._begin_anew(read)
            else:
                before = self._level
                self._carry_on(flowed, count if told else 0.0, 0.0 if told else lasted)
                jumped = False
                if read == read:  # not NaN
                    self.refused[index], jumped = self._set_right(read, time)
                if self.anchored and not jumped:
                    flowed = self._level - before
            self.inflow[index] = flowed if index else 0.0
            self.levels[index] = self._level

    def level_sd(self) -> float:
        drift = self._since**2 * (self._volume.sd**2 + self._volume.filling_sd**2)
        doubt = max(abs(self._contradiction), abs(self.offset or 0.0)) / 2
        return float(max(np.sqrt(self._variance + drift), doubt))

    def _begin_anew(self, read: float) -> None:
        self.anchored, self.offset, self._swap_waits = True, None, False
        self._since, self._above_since, self._below, self._contradiction = 0.0, None, 0, 0.0
        if read == read:
            self._level, self._variance = read, self._noise
        else:
            self._level, self._variance = self._residual, LEFT_BEHIND_SD**2

    def _carry_on(self, flowed: float, count: float, unseen_seconds: float) -> None:
        if not self.anchored:
            return  # anything between empty and full stays that, whatever comes in
        self._level += flowed
        self._since += count
        self._variance += count * self._single + (0.5 * self._usual * unseen_seconds) ** 2
        if self._level > _TOO_FULL:
            self.anchored, self._since = False, 0.0
            self._level, self._variance = _UNKNOWN_LEVEL, _UNKNOWN_VARIANCE

    def _set_right(self, read: float, time: float) -> tuple[bool, bool]:
        """(whether the reading was not followed, whether the level jumped to it, which is no inflow)."""
        if not self.anchored or self._swap_waits:
            self.offset = read - self._level if self.anchored else None
            self._anchor(read)
            return False, True
        if read >= FULL and self._level >= FULL:
            self._contradiction = 0.0
            return False, False  # "at least this full" tells nothing new
        off = read - self._level
        variance = self._variance + (self._since * (self._volume.sd + self._volume.filling_sd)) ** 2
        if abs(off) <= max(_LEAST_GATE, _GATE * float(np.sqrt(variance + self._noise))):
            gain = variance / (variance + self._noise)
            self._level += gain * off
            self._variance, self._since = (1 - gain) * variance, 0.0
            self._above_since, self._below, self._contradiction = None, 0, 0.0
            return False, False
        self._contradiction = off
        if off > 0:
            self._below, self._above_since = 0, time if self._above_since is None else self._above_since
            confirmed = read < FULL and time - self._above_since >= _CONFIRMED_HIGHER
        else:
            self._below, self._above_since = self._below + 1, None
            confirmed = self._below >= _CONFIRMED_LOWER
        if confirmed:
            self._anchor(read)
        return not confirmed, confirmed

    def _anchor(self, read: float) -> None:
        self.anchored, self._swap_waits = True, False
        self._level, self._variance, self._since = read, self._noise, 0.0
        self._above_since, self._below, self._contradiction = None, 0, 0.0

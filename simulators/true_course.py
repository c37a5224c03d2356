"""What was truly so in one simulated container: its level at any moment, and what flowed in, whatever its sensor said or did not say.

Made by `simulate_fill` from the simulator itself, hour by hour; read by whoever scores forecasts. `Use` is what nobody outside can know: the
rate and its habits, from which `simulators.oracle` says how far a forecast can get at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.batch import Floats
from simulators.waste import TrueEmptying, WasteSimulator

HOUR = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """How a container is used. `hour_share` [24] and `weekday_factor` [7] are by local time, `deposit` is what one deposit fills, `day_spread`
    the log-normal spread of single days, `share_per_day[i]` the rate of hour i as it has drifted until then."""

    hour_share: Floats
    weekday_factor: Floats
    deposit: float
    day_spread: float
    share_per_day: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TrueCourse:
    """`times` rise (seconds since 1970) and hold, beside one moment an hour, each emptying with the level before and after it; `levels` are
    not cut at full, `inflow` is what ever flowed in. `hours[i]` is the moment of `use.share_per_day[i]`."""

    times: Floats
    levels: Floats
    inflow: Floats
    hours: Floats
    use: Use

    def level_at(self, moments: Floats) -> Floats:
        """The true fill ratio, 0 to 1."""
        level: Floats = np.clip(np.interp(moments, self.times, self.levels), 0.0, 1.0)
        return level

    def reaches(self, level: float, since: float) -> float | None:
        """When the container would first have stood at `level` after `since`, had nobody emptied it from then on; None when it did not until the
        end. Before it is full, what flows in does not depend on collections."""
        wanted = float(np.interp(since, self.times, self.inflow)) + level - float(np.interp(since, self.times, self.levels))
        first = int(np.searchsorted(self.inflow, wanted))
        if first == len(self.inflow):
            return None
        if first == 0 or self.times[first] <= since:
            return since
        low, high = self.inflow[first - 1], self.inflow[first]
        share = (wanted - low) / (high - low) if high > low else 1.0
        moment = self.times[first - 1] + share * (self.times[first] - self.times[first - 1])
        return max(since, float(moment))


class CourseRecorder:
    """Takes down the true levels while a simulator runs: call `note` after each hour of its history."""

    def __init__(self, simulator: WasteSimulator) -> None:
        self._simulator = simulator
        self._at: list[Floats] = []
        self._fill: list[Floats] = []
        self._rate: list[Floats] = []

    def note(self) -> None:
        self._at.append(self._simulator.reported_at_us / 1e6)
        self._fill.append(self._simulator.true_fill())
        self._rate.append(self._simulator.share_per_day())

    def courses(self) -> list[TrueCourse]:
        """One of each container, in the simulator's order."""
        at, fill, rate = (np.array(rows).T.copy() for rows in (self._at, self._fill, self._rate))
        traits = self._simulator.use_traits()
        names = [thing.thing_id for thing in self._simulator.things]
        made = []
        for number, name in enumerate(names):
            emptyings = [item for item in self._simulator.emptyings if item.container_id == name]
            times, levels, inflow = _course(at[number], fill[number], emptyings)
            shares, factors, deposit, spread = (trait[..., number] for trait in traits)
            made.append(
                TrueCourse(times, levels, inflow, at[number], Use(shares, factors, float(deposit), float(spread), rate[number]))
            )
        return made


def _course(at: Floats, fill: Floats, emptyings: Sequence[TrueEmptying]) -> tuple[Floats, Floats, Floats]:
    """(times, levels, inflow) with two moments, a microsecond apart, at each emptying."""
    inside = [item for item in emptyings if at[0] < item.emptied_at_us / 1e6 <= at[-1]]
    emptied = np.array([item.emptied_at_us / 1e6 for item in inside])
    before, after = np.array([item.fill_before for item in inside]), np.array([item.fill_after for item in inside])
    times = np.concatenate([at, emptied - 1e-6, emptied])
    levels = np.concatenate([fill, before, after])
    falls = np.concatenate([np.zeros(len(at)), np.zeros(len(emptied)), before - after])
    order = np.argsort(times, kind="stable")
    times, levels, falls = times[order], levels[order], falls[order]
    rises = np.maximum(0.0, np.diff(levels, prepend=levels[0]))
    inflow: Floats = np.cumsum(np.where(falls > 0, 0.0, rises))
    return times, levels, inflow

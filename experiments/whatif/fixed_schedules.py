"""Fixed schedules: every container has an interval in days and a first day, whatever its level.

The *cyclic* one is what cities often have: one interval for all containers of a fraction in a district, short enough for the fast
ones among them. The *tuned* one is the fair rival: an interval for each container, as long as the measured weeks before the
simulation allow at the wanted service, and days chosen so that neighbours are emptied together and days are equally long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.whatif.arrivals import Arrivals
from experiments.whatif.city import City, Floats, Ints

LONGEST_DAYS = 28
CYCLE_DAYS = 84
"""Days over which a schedule is laid out; the intervals allowed divide it or come near to."""
CYCLIC_INTERVALS = (1, 2, 3, 7, 14, 28)
CYCLIC_COVERED = 0.9
"""Share of a district's containers that its common interval must be short enough for."""
WANTED_SERVICE = 0.999
SAFETY_STEPS = tuple(np.arange(0.0, 6.01, 0.25))


@dataclass(frozen=True, eq=False)
class FixedSchedule:
    """`interval[stop]` in days, `first[stop]` the day of the first emptying, 0 ≤ first < interval."""

    interval: Ints
    first: Ints

    def due(self, day: int, emptied_day: Ints) -> Ints:
        """Stops whose day it is, and those that were not emptied on or since their last day."""
        last_due = day - (day - self.first) % self.interval
        return np.flatnonzero((last_due > emptied_day) & (last_due >= 0))


def cyclic(city: City, arrivals: Arrivals) -> FixedSchedule:
    """One interval per district and fraction."""
    days_to_full = city.capacity_l / np.maximum(1e-9, arrivals.history_l.mean(axis=0))
    interval = np.ones(len(city), dtype=np.int64)
    for district in np.unique(city.district):
        for fraction in np.unique(city.fraction):
            group = (city.district == district) & (city.fraction == fraction)
            if group.any():
                fast = float(np.quantile(days_to_full[group], 1 - CYCLIC_COVERED))
                interval[group] = max(item for item in CYCLIC_INTERVALS if item == 1 or item <= fast)
    return FixedSchedule(interval, _first_days(city, interval))


def tuned(city: City, arrivals: Arrivals, wanted_service: float = WANTED_SERVICE) -> FixedSchedule:
    """Intervals as long as `wanted_service` (share of emptyings not over capacity) allowed in the weeks before."""
    sums = [_window_sums(arrivals.history_l, days) for days in range(2, LONGEST_DAYS + 1)]
    means = np.array([item.mean(axis=0) for item in sums])
    deviations = np.array([item.std(axis=0) for item in sums])
    fitting = np.array([(item <= city.capacity_l).mean(axis=0) for item in [arrivals.history_l, *sums]])
    interval = np.ones(len(city), dtype=np.int64)
    for safety in SAFETY_STEPS:
        fits = means + safety * deviations <= city.capacity_l
        interval = 1 + np.cumprod(fits, axis=0).sum(axis=0)
        if _service(fitting, interval) >= wanted_service:
            break
    return FixedSchedule(interval, _first_days(city, interval))


def _service(fitting: Floats, interval: Ints) -> float:
    """Share of emptyings not over capacity, had the interval been kept in the weeks before, whatever the first day.
    `fitting[d, stop]` is the share of windows of d + 1 days whose inflow fits. Days that overflow a container by themselves, whatever its
    interval, do not count: else a handful of them would have every container emptied far too often."""
    emptyings = 1.0 / interval
    possible = fitting[interval - 1, np.arange(len(interval))] / np.maximum(fitting[0], 1e-9)
    return float((possible * emptyings).sum() / emptyings.sum())


def _window_sums(daily: Floats, days: int) -> Floats:
    cumulative = np.vstack([np.zeros(daily.shape[1]), np.cumsum(daily, axis=0)])
    sums: Floats = cumulative[days:] - cumulative[:-days]
    return sums


def _first_days(city: City, interval: Ints) -> Ints:
    """First days such that neighbours share days and the days of a fraction are equally long: each container in turn takes the
    day on which the nearest others are closest, three times over."""
    first = np.zeros(len(city), dtype=np.int64)
    for fraction in np.unique(city.fraction):
        group = np.flatnonzero(city.fraction == fraction)
        first[group] = _first_days_of(city, group, interval[group])
    return first


def _first_days_of(city: City, group: Ints, interval: Ints) -> Ints:
    metres = city.metres[np.ix_(group + 2, group + 2)].astype(float)
    alone = 2.0 * city.metres[group + 2, 0]
    days = np.arange(CYCLE_DAYS)
    due = np.zeros((len(group), CYCLE_DAYS), dtype=bool)
    first = np.zeros(len(group), dtype=np.int64)
    counts = np.zeros(CYCLE_DAYS)
    wanted = (1 / interval).sum()
    rng = np.random.default_rng(5)
    for _ in range(3):
        for stop in rng.permutation(len(group)):
            counts -= due[stop]
            due[stop] = False
            near = np.where(due, metres[:, stop][:, None], np.inf)
            nearest = np.partition(near, 1, axis=0)[:2] if len(group) > 1 else np.full((2, CYCLE_DAYS), np.inf)
            cost = np.minimum(nearest, alone[stop]).sum(axis=0)
            cost += 0.1 * metres.mean() * np.maximum(0.0, counts - 0.9 * wanted) / max(1.0, wanted) * 10
            by_first = [cost[offset :: interval[stop]].mean() for offset in range(interval[stop])]
            first[stop] = int(np.argmin(by_first))
            due[stop] = (days - first[stop]) % interval[stop] == 0
            counts += due[stop]
    return first

"""Policies: which containers should be emptied today, and what going there is worth. Pure; a new one is one entry in `POLICIES`.

Called once per day and fraction. What a policy wishes for is routed by the same router for all of them. Wishes are in metres: a
container with a worth of 500 is emptied when that makes the tours less than 500 m longer; `MUST_M` is worth any way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from experiments.whatif.arrivals import Arrivals
from experiments.whatif.city import City, Floats, Ints
from experiments.whatif.day_routes import MUST_M
from experiments.whatif.fixed_schedules import FixedSchedule, cyclic, tuned
from experiments.whatif.scenario import Choosing
from processors.plan.worth import worth_of_going

ON_THE_WAY_M = 300.0
"""A detour that hardly counts: what `may` containers are worth under the rules of practice."""
MUST_DAYS, MAY_DAYS = 1.0, 3.0
MAY_GO_M = 600.0
MUST_PROBABILITY = 0.25
CHANCES = 7
"""Days looked ahead."""
DAY_S = 86_400.0
RISK_IN_TIME = 0.01
"""A stop is asked for before P(overflow) reaches this in the course of the day."""
RISK_AT_ANY_LEVEL = 0.001
"""From here on a container is wished for however empty it is: it fills within a day or two."""
WORK_HOURS = np.arange(7.0, 15.01, 0.25)
LEAST_WORTH_M = 100.0
"""Less is no wish: hundreds of tiny ones cost the router more than they are worth."""
USUAL_NEIGHBOURS = 6


class Known(Protocol):
    """What a policy may ask about levels: a `Belief` from sensors, or the oracle's `Foresight`."""

    @property
    def rate(self) -> Floats: ...

    def expected(self, at_s: Floats | float) -> tuple[Floats, Floats]: ...

    def overflow_probability(self, by_s: float) -> Floats: ...


@dataclass(frozen=True, eq=False)
class Morning:
    """The moment of choosing. `group` are the fraction's stops; `collect_s` is the middle of today's work, `next_s` the end of the
    next day's: the latest moment at which a container not emptied today may be emptied; `chance_s` is when `ours` counts on today's truck,
    and on another day's as many days later. `choosing` and `visit_cost_m` (what a visit costs) go into the formula of worth,
    `emptied_day` is the day of the last emptying."""

    city: City
    known: Known
    group: Ints
    day: int
    now_s: float
    collect_s: float
    next_s: float
    chance_s: float
    top_n: int
    schedule: FixedSchedule | None
    choosing: Choosing
    visit_cost_m: Floats
    emptied_day: Ints


@dataclass(frozen=True, eq=False)
class Wishes:
    """Stops of the city and what emptying each today is worth, in the same order; with `before_s`, the last second of the day at which
    each should be begun."""

    stops: Ints
    worth_m: Floats
    before_s: Ints | None = None


Choose = Callable[[Morning], Wishes]


@dataclass(frozen=True, slots=True)
class Policy:
    """`knows`: what the choice rests on: a calendar, sensors, or the future. `schedule` makes a fixed policy's calendar."""

    name: str
    knows: Literal["calendar", "sensors", "future"]
    says: str
    choose: Choose
    schedule: Callable[[City, Arrivals], FixedSchedule] | None = None


def _wishes(stops: Ints, worth_m: Floats) -> Wishes:
    wanted = worth_m >= LEAST_WORTH_M
    return Wishes(stops[wanted], worth_m[wanted])


def fixed(morning: Morning) -> Wishes:
    """Due today, or due before and not reached then: these go first."""
    schedule = morning.schedule
    if schedule is None:
        raise ValueError("a fixed policy needs its schedule")
    stops = np.intersect1d(schedule.due(morning.day, morning.emptied_day), morning.group)
    late = morning.emptied_day[stops] < morning.day - schedule.interval[stops]
    return Wishes(stops, np.where(late, 2 * MUST_M, MUST_M))


def top_n(morning: Morning) -> Wishes:
    """The N that are expected to be full first, N divided over fractions by their share of the inflow."""
    room = morning.city.capacity_l - morning.known.expected(morning.now_s)[0]
    days_left = (room / morning.known.rate)[morning.group]
    filling = morning.known.rate / morning.city.capacity_l
    share = filling[morning.group].sum() / filling.sum()
    first = morning.group[np.argsort(days_left, kind="stable")[: max(1, round(morning.top_n * share))]]
    return Wishes(first, np.full(len(first), MUST_M))


def threshold(must: float, may: float) -> Choose:
    """Over one level must, between two may."""

    def choose(morning: Morning) -> Wishes:
        level = (morning.known.expected(morning.now_s)[0] / morning.city.capacity_l)[morning.group]
        return _wishes(morning.group, np.where(level > must, MUST_M, np.where(level > may, ON_THE_WAY_M, 0.0)))

    return choose


def must_may(morning: Morning) -> Wishes:
    """Must go when expected to be full before the next chance and a margin, may go when full within some days."""
    room = morning.city.capacity_l - morning.known.expected(morning.next_s)[0]
    days_left = (room / morning.known.rate)[morning.group]
    may = MAY_GO_M * np.clip(1 - days_left / MAY_DAYS, 0.0, 1.0)
    return _wishes(morning.group, np.where(days_left < MUST_DAYS - 0.5, MUST_M, may))


def joint(morning: Morning) -> Wishes:
    """Ours: which and in which order in one, by the planner's formula (`processors.plan.worth`)."""
    group, known, choosing = morning.group, morning.known, morning.choosing
    chances_s = [morning.chance_s + DAY_S * ahead for ahead in range(CHANCES + 1)]
    overflow = np.array([known.overflow_probability(at_s)[group] for at_s in chances_s])
    level = np.minimum(1.0, np.array([known.expected(at_s)[0][group] for at_s in chances_s]) / morning.city.capacity_l[group])
    worth = worth_of_going(overflow, np.diff(level, axis=0), morning.visit_cost_m[group], choosing.overflow_m)
    worth = np.where(overflow[1] >= MUST_PROBABILITY, MUST_M, worth)
    pays = (level[0] >= choosing.least_level) | (overflow[1] >= RISK_AT_ANY_LEVEL)
    wishes = _wishes(group[pays], worth[pays])
    if choosing.in_time_from_hour is None:
        return wishes
    return replace(wishes, before_s=_in_time(morning, wishes.stops, choosing.in_time_from_hour))


def _in_time(morning: Morning, stops: Ints, from_hour: float) -> Ints:
    """Last second of the day [stop] before an overflow becomes likely, not before `from_hour`: a whole day where none does."""
    midnight_s = morning.day * DAY_S
    risk = np.array([morning.known.overflow_probability(midnight_s + 3600 * hour)[stops] for hour in WORK_HOURS])
    safe = (risk < RISK_IN_TIME).sum(axis=0)
    last = np.maximum(from_hour, WORK_HOURS[np.maximum(safe - 1, 0)])
    before_s: Ints = np.rint(3600 * np.where(safe == len(WORK_HOURS), 24.0, last)).astype(np.int64)
    return before_s


def usual_detours(city: City) -> Floats:
    """Metres that a container usually adds to a tour: from and to about the sixth nearest of its fraction, one in six being due."""
    found = np.zeros(len(city))
    for fraction in np.unique(city.fraction):
        group = np.flatnonzero(city.fraction == fraction)
        metres = city.metres[np.ix_(group + 2, group + 2)]
        nearest = np.sort(metres, axis=1)
        found[group] = nearest[:, min(USUAL_NEIGHBOURS, len(group) - 1)]
    return found


POLICIES = {
    item.name: item
    for item in (
        Policy("fixed_cyclic", "calendar", "one interval per district and fraction", fixed, cyclic),
        Policy("fixed_tuned", "calendar", "an interval per container, tuned on the weeks before", fixed, tuned),
        Policy("top_n", "sensors", "the N expected to be full first", top_n),
        Policy("threshold", "sensors", "over 80 % must, 60–80 % may", threshold(0.8, 0.6)),
        Policy("threshold_60", "sensors", "the same made safer: over 60 % must, 45–60 % may", threshold(0.6, 0.45)),
        Policy("threshold_50", "sensors", "safer still: over 50 % must, 35–50 % may", threshold(0.5, 0.35)),
        Policy("must_may", "sensors", "full by the next chance must, within three days may", must_may),
        Policy("ours", "sensors", "joint choice and order", joint),
        Policy("oracle", "future", "ours, knowing what will come in", joint),
    )
}

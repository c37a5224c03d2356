"""One policy in one city's arrivals, day by day: choose, route, drive, count. Pure and seeded; takes a minute or so for 90 days.

Called by `experiment.py`, in a process of its own per policy and seed. The days of warm-up are driven and not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.whatif.arrivals import Arrivals, drawn
from experiments.whatif.belief import Belief, Foresight, Readings
from experiments.whatif.city import Bools, City, Floats, Ints, made_up_city
from experiments.whatif.day_routes import Yard, routed
from experiments.whatif.driving import Driven, drive
from experiments.whatif.outcome import Outcome, Tally
from experiments.whatif.policies import Morning, Policy, usual_detours
from experiments.whatif.recorded import Recorded, recorded_arrivals, recorded_city
from experiments.whatif.scenario import Scenario

DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class World:
    """What all policies of one seed share: the city, its arrivals, its sensors' errors and its trucks' breakdowns.
    `breakdowns[day, truck]` is the share of its stops after which a truck breaks down, NaN: not."""

    scenario: Scenario
    city: City
    arrivals: Arrivals
    readings: Readings
    breakdowns: Floats
    seed: int


def world_of(scenario: Scenario, days: int, seed: int, recorded: Recorded | None = None) -> World:
    """The made-up city of a seed, or the recorded one, with the arrivals of so many counted days after the warm-up."""
    total = scenario.warm_up_days + days
    city = recorded_city(recorded, scenario) if recorded else made_up_city(scenario, seed)
    arrivals = recorded_arrivals(recorded, scenario, total) if recorded else drawn(scenario, city, total, seed)
    return World(
        scenario=scenario,
        city=city,
        arrivals=arrivals,
        readings=Readings.drawn(scenario.sensors, total, len(city), seed),
        breakdowns=drawn_breakdowns(scenario, total, seed),
        seed=seed,
    )


def simulate(world: World, policy: Policy, iterations: int, day_done: Callable[[], None]) -> Outcome:
    """The policy's outcome over all days after the warm-up. `day_done` is called after every day, warm-up included."""
    scenario, city, arrivals = world.scenario, world.city, world.arrivals
    known = Foresight(city, arrivals) if policy.knows == "future" else Belief(scenario, city, arrivals, world.readings)
    schedule = policy.schedule(city, arrivals) if policy.schedule else None
    choosing = scenario.oracle_choosing if policy.knows == "future" else scenario.choosing
    visit_cost_m = choosing.visit_share * usual_detours(city)
    mark = -arrivals.initial_l
    emptied_day = np.full(len(city), -1, dtype=np.int64)
    tally = Tally(city, arrivals, mark, scenario.warm_up_days)
    starts, ends = min(start for start, _ in scenario.shifts), max(end for _, end in scenario.shifts)
    chance_s = (starts + ends) / 2 if choosing.counted_on_hour is None else 3600 * choosing.counted_on_hour
    for day in range(arrivals.days):
        now = day * DAY_S + scenario.plan_hour * 3600
        known.read(day, now, arrivals.until(now) - mark)
        driven: list[Driven] = []
        trucks = set()
        first_truck = 0
        for number, fraction in enumerate(scenario.fractions):
            group = np.flatnonzero(city.fraction == number)
            morning = Morning(
                city=city,
                known=known,
                group=group,
                day=day,
                now_s=now,
                collect_s=day * DAY_S + (starts + ends) / 2,
                next_s=(day + 1) * DAY_S + ends,
                chance_s=day * DAY_S + chance_s,
                top_n=scenario.top_n,
                schedule=schedule,
                choosing=choosing,
                visit_cost_m=visit_cost_m,
                emptied_day=emptied_day,
            )
            yard = Yard(
                fraction.trucks, scenario.shifts, fraction.truck_capacity_l, scenario.disposal_service_s, scenario.most_neighbours
            )
            done = _day(world, policy, morning, yard, mark, iterations, world.breakdowns[day, first_truck:])
            driven.extend(result for _, result in done)
            trucks |= {first_truck + truck for truck, result in done if result.distance_m > 0}
            first_truck += fraction.trucks
        stops, at_s, content = _together(driven)
        before = mark.copy()
        moment = np.zeros(len(city))
        moment[stops] = at_s
        emptied_day[stops] = day
        mark[stops] = arrivals.until(moment)[stops]
        known.emptied(stops, day, at_s, content)
        tally.add_day(day, driven, len(trucks), stops, at_s, content, before, mark)
        day_done()
    return tally.outcome(policy.name, world.seed)


def _day(
    world: World, policy: Policy, morning: Morning, yard: Yard, mark: Floats, iterations: int, breakdowns: Floats
) -> list[tuple[int, Driven]]:
    """One fraction's day: (truck, what it did) per tour."""
    wishes = policy.choose(morning)
    load = np.minimum(morning.known.expected(morning.collect_s)[0], 1.2 * world.city.capacity_l)[wishes.stops]
    tours = routed(world.city, wishes.stops, wishes.worth_m, np.maximum(0.0, load), yard, iterations, world.seed, wishes.before_s)
    done = []
    broken: set[int] = set()
    for tour in sorted(tours, key=lambda tour: tour.start_s):
        share = breakdowns[tour.truck]
        if tour.truck in broken:
            continue
        breaks_after = None if np.isnan(share) else float(share)
        if breaks_after is not None:
            broken.add(tour.truck)
        done.append((tour.truck, drive(world.city, world.arrivals, mark, tour, yard, morning.day, breaks_after)))
    return done


def _together(driven: list[Driven]) -> tuple[Ints, Floats, Floats]:
    """Stops, moments and contents of all that was emptied in a day."""
    stops: Ints = np.concatenate([np.zeros(0, dtype=np.int64), *(item.stops for item in driven)])
    at_s: Floats = np.concatenate([np.zeros(0), *(item.at_s for item in driven)])
    content_l: Floats = np.concatenate([np.zeros(0), *(item.content_l for item in driven)])
    return stops, at_s, content_l


def drawn_breakdowns(scenario: Scenario, days: int, seed: int) -> Floats:
    """[day, truck]: NaN for trucks that run."""
    rng = np.random.default_rng([seed, 4])
    trucks = sum(item.trucks for item in scenario.fractions)
    broken: Bools = rng.random((days, trucks)) < scenario.breakdown_probability
    share: Floats = np.where(broken, rng.random((days, trucks)), np.nan)
    return share

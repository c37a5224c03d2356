"""Simulated days: what comes in is what goes out, and the same numbers give the same days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.whatif.arrivals import Arrivals
from experiments.whatif.city import City, made_up_city
from experiments.whatif.fixed_schedules import FixedSchedule
from experiments.whatif.outcome import Outcome
from experiments.whatif.policies import POLICIES, Policy, fixed
from experiments.whatif.scenario import SCENARIOS, Scenario, resized
from experiments.whatif.simulate import World, simulate, world_of

DAYS = 8


def small(name: str, clusters: int = 30) -> Scenario:
    return replace(resized(SCENARIOS[name], clusters), warm_up_days=4, history_days=28)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(small("groningen-850"), DAYS, seed=3)


def outcome(world: World, policy: str) -> Outcome:
    return simulate(world, POLICIES[policy], 20, lambda: None)


@pytest.mark.lengthy
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_policy_empties_containers_in_every_scenario(name: str, policy: str) -> None:
    found = outcome(world_of(small(name), DAYS, seed=1), policy)
    assert found.days == DAYS == len(found.daily_km)
    assert found.emptyings > 0
    assert found.km > 0
    assert 0.2 < found.fill_at_emptying <= 1
    assert found.emptyings == sum(found.daily_emptyings)
    assert sum(found.district_overflow_hours) == pytest.approx(found.overflow_hours)


def test_the_same_seed_gives_the_same_days_and_another_seed_others(world: World) -> None:
    again = outcome(world_of(world.scenario, DAYS, seed=3), "ours")
    assert again == outcome(world, "ours")
    assert again != outcome(world_of(world.scenario, DAYS, seed=4), "ours")


@pytest.mark.lengthy
def test_all_policies_see_the_same_arrivals(world: World) -> None:
    before = world.arrivals.litres.copy()
    for policy in POLICIES:
        outcome(world, policy)
    assert np.array_equal(before, world.arrivals.litres)


def test_what_is_emptied_and_what_is_left_is_what_came_in() -> None:
    scenario = replace(small("groningen-850"), warm_up_days=0)
    world = world_of(scenario, DAYS, seed=2)
    found = outcome(world, "top_n")
    came_in = world.arrivals.litres[24 * DAYS].sum() + world.arrivals.initial_l.sum()
    most_left = 1.5 * world.city.capacity_l.sum()
    assert found.litres <= came_in + 1e-6
    assert came_in - found.litres <= most_left


def test_nobody_collecting_overflows_everything(world: World) -> None:
    stranded = replace(world.scenario, fractions=tuple(replace(item, trucks=0) for item in world.scenario.fractions))
    found = outcome(world_of(stranded, 20, seed=3), "ours")
    assert found.km == 0
    assert found.never_served == len(world.city)
    assert found.overflow_hours > 24 * 5
    assert found.litres_over > 0
    assert max(found.district_longest_days) == pytest.approx(20)


def test_broken_trucks_leave_stops_behind(world: World) -> None:
    broken = replace(world, breakdowns=np.full_like(world.breakdowns, 0.4))
    assert outcome(broken, "top_n").emptyings < 0.7 * outcome(world, "top_n").emptyings


def weekly(city: City, arrivals: Arrivals) -> FixedSchedule:
    return FixedSchedule(np.full(len(city), 7), np.arange(len(city)) % 7)


def test_a_weekly_schedule_changes_nothing_from_week_to_week_and_one_by_levels_does(world: World) -> None:
    by_calendar = simulate(world, Policy("weekly", "calendar", "every seventh day", fixed, weekly), 20, lambda: None)
    assert by_calendar.plan_change == pytest.approx(0)
    assert 5 < max(by_calendar.district_longest_days) < 7.5
    assert by_calendar.never_served == 0
    assert 0.1 < outcome(world, "ours").plan_change < 1


@pytest.mark.lengthy
def test_a_silent_sensor_tells_nothing() -> None:
    scenario = small("groningen-850-plus")
    silent = replace(scenario, sensors=replace(scenario.sensors, silent_share=0.89, silent_days=500.0))
    well, badly = (outcome(world_of(item, 20, seed=1), "ours") for item in (scenario, silent))
    assert well != badly


def test_density_stays_when_a_city_is_resized() -> None:
    full, half = SCENARIOS["groningen-850"], resized(SCENARIOS["groningen-850"], 425)
    assert half.clusters / half.radius_km**2 == pytest.approx(full.clusters / full.radius_km**2)
    assert (half.top_n, half.fractions[0].trucks) == (125, 2)
    assert len(made_up_city(half, 1)) == 425

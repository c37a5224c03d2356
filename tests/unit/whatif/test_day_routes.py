"""The what-if's router: within the rules, whatever is wished for."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from experiments.whatif.city import City, made_up_city
from experiments.whatif.day_routes import MUST_M, Tour, Yard, routed
from experiments.whatif.driving import drive
from experiments.whatif.scenario import SCENARIOS, resized
from experiments.whatif.simulate import world_of

SCENARIO = resized(SCENARIOS["groningen-850-plus"], 60)


@pytest.fixture(scope="module")
def city() -> City:
    return made_up_city(SCENARIO, 1)


def tours(city: City, yard: Yard, worth_m: float = MUST_M, load_l: float = 4000.0) -> list[Tour]:
    stops = np.arange(len(city))
    return routed(city, stops, np.full(len(city), worth_m), np.full(len(city), load_l), yard, 40, 1)


def length_m(city: City, tour: Tour) -> int:
    """Worked out again, leg by leg, from depot through disposal to depot."""
    places = [0]
    for stop, tips in zip(tour.stops, tour.disposal_before, strict=True):
        places += [1, int(stop) + 2] if tips else [int(stop) + 2]
    places += [1, 0]
    return int(sum(city.metres[start, end] for start, end in itertools.pairwise(places)))


def test_tours_keep_loads_windows_and_shifts(city: City) -> None:
    yard = Yard(3, SCENARIO.shifts, 40_000, 900)
    found = tours(city, yard)
    served = np.concatenate([tour.stops for tour in found])
    assert len(served) == len(set(served.tolist())) > 40
    for tour in found:
        assert SCENARIO.shifts[0][0] <= tour.start_s < tour.end_s <= SCENARIO.shifts[0][1]
        assert (tour.arrival_s <= city.window[tour.stops, 1]).all()
        assert tour.distance_m == length_m(city, tour)
        load = 0
        for tips in tour.disposal_before:
            load = 4000 if tips else load + 4000
            assert load <= 40_000


def test_too_little_room_leaves_stops_out_instead_of_breaking_rules(city: City) -> None:
    found = tours(city, Yard(1, ((25_200, 36_000),), 20_000, 900))
    assert 0 < sum(len(tour.stops) for tour in found) < len(city)
    assert all(tour.end_s <= 36_000 for tour in found)


def test_a_worth_that_no_way_pays_for_sends_nobody(city: City) -> None:
    assert tours(city, Yard(3, SCENARIO.shifts, 40_000, 900), worth_m=100) == []


def test_no_trucks_and_no_wishes_give_no_tours(city: City) -> None:
    assert tours(city, Yard(0, SCENARIO.shifts, None, 0)) == []
    assert routed(city, np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0), Yard(1, SCENARIO.shifts, None, 0), 10, 1) == []


def test_a_truck_that_is_full_before_its_time_tips_on_the_way() -> None:
    world = world_of(SCENARIO, 3, seed=1)
    yard = Yard(3, SCENARIO.shifts, 60_000, 900)
    tour = max(tours(world.city, yard, load_l=1000.0), key=lambda item: len(item.stops))
    mark = -2.0 * world.city.capacity_l
    driven = drive(world.city, world.arrivals, mark, tour, yard, 0, None)
    assert driven.distance_m > tour.distance_m
    assert driven.duration_s > tour.end_s - tour.start_s
    assert driven.at_s[-1] > tour.arrival_s[-1]


def test_a_breakdown_ends_the_tour(city: City) -> None:
    world = world_of(SCENARIO, 3, seed=1)
    yard = Yard(3, SCENARIO.shifts, 60_000, 900)
    tour = max(tours(world.city, yard), key=lambda item: len(item.stops))
    driven = drive(world.city, world.arrivals, -world.arrivals.initial_l, tour, yard, 0, 0.5)
    assert len(driven.stops) == len(tour.stops) // 2
    assert 0 < driven.distance_m < tour.distance_m + 30_000
    nothing = drive(world.city, world.arrivals, -world.arrivals.initial_l, tour, replace(yard), 0, 0.0)
    assert (len(nothing.stops), nothing.distance_m) == (0, 0.0)


def test_a_stop_asked_for_in_time_is_begun_by_then(city: City) -> None:
    stops, yard = np.arange(len(city)), Yard(3, SCENARIO.shifts, None, 0)
    worth, load = np.full(len(city), MUST_M), np.full(len(city), 1000.0)
    freely = max(routed(city, stops, worth, load, yard, 40, 1), key=lambda tour: len(tour.stops))
    last = int(freely.stops[-1])
    noon = np.full(len(city), 86_400)
    noon[last] = 9 * 3600
    in_time = routed(city, stops, worth, load, yard, 40, 1, before_s=noon)
    begun = {int(stop): at for tour in in_time for stop, at in zip(tour.stops, tour.arrival_s, strict=True)}
    assert freely.arrival_s[-1] > 9 * 3600
    assert begun[last] <= 9 * 3600


def test_days_are_cheaper_with_more_neighbours_where_most_wishes_are_optional() -> None:
    scenario = resized(SCENARIOS["groningen-850"], 400)
    city = made_up_city(scenario, 1)
    stops, load = np.arange(len(city)), np.full(len(city), 1000.0)
    worth = np.where(stops % 8 == 0, MUST_M, 300)

    def cost_m(most_neighbours: int) -> float:
        yard = Yard(4, scenario.shifts, None, 0, most_neighbours)
        tours = routed(city, stops, worth, load, yard, 60, 1)
        driven_to = np.concatenate([tour.stops for tour in tours])
        return float(sum(tour.distance_m for tour in tours) + worth.sum() - worth[driven_to].sum())

    assert cost_m(100) < 0.98 * cost_m(20)

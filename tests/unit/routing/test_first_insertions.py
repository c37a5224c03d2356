"""Plans for days on which there are far too many stops for the trucks, and for searches that are too short to find one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from processors.routing.check import check
from processors.routing.first_insertions import with_first_insertions
from processors.routing.problem import BreakRule, Problem, Truck
from processors.routing.solve import Stopping, route_cost, solve
from tests.unit.routing.small_town import HOUR, make_problem, make_truck


def far_too_many(truck: Truck, stops: int = 200, dear: int = 3) -> Problem:
    rng = np.random.default_rng(3)
    at = [(float(x), float(y)) for x, y in rng.uniform(-4, 4, (stops, 2))]
    prizes = [10_000.0] * dear + [float(prize) for prize in rng.uniform(1000, 1200, stops - dear)]
    changes = {index: {"required": False, "prize": prize} for index, prize in enumerate(prizes)}
    return make_problem(at, [1000] * stops, trucks=[truck], stop_changes=changes)


@pytest.mark.lengthy
def test_a_search_that_is_too_short_still_fills_the_day() -> None:
    problem = far_too_many(make_truck(capacity_l=10_000, shift_end_s=11 * HOUR))
    short, long = solve(problem, Stopping(iterations=50), seed=1), solve(problem, Stopping(iterations=600), seed=1)
    assert not check(problem, short.to_json())
    served = {node for route in short.routes for node in route.stops}
    assert {"s0", "s1", "s2"} <= served
    assert len(served) >= 0.9 * sum(len(route.stops) for route in long.routes) > 30


@pytest.mark.lengthy
def test_the_same_searches_give_the_same_plan_again() -> None:
    problem = far_too_many(make_truck(capacity_l=10_000, shift_end_s=11 * HOUR))
    first = solve(problem, Stopping(iterations=40), seed=1)
    again = solve(problem, Stopping(parts=first.parts), seed=1)
    assert again.to_json() == first.to_json()


@pytest.mark.parametrize(
    "limits",
    [
        {"shift_stops": 7},
        {"shift_load_l": 5_500},
        {"max_shift_s": 2 * HOUR},
        {"break_rule": BreakRule(earliest_start_s=9 * HOUR, latest_start_s=10 * HOUR, duration_s=HOUR)},
        {"capacity_l": 900},
    ],
    ids=lambda limits: next(iter(limits)),
)
def test_every_limit_of_a_truck_holds(limits: dict[str, Any]) -> None:
    fields = {"capacity_l": 10_000, "shift_end_s": 11 * HOUR} | limits
    problem = far_too_many(make_truck(**fields), stops=40)
    routes = with_first_insertions(problem, route_cost)
    # A truck that cannot load a single stop has no route.
    assert bool(routes) == (limits.get("capacity_l") != 900)
    solution = solve(problem, Stopping(iterations=5), seed=1)
    assert not check(problem, solution.to_json())
    assert len({node for route in solution.routes for node in route.stops}) >= sum(len(route.stops) for route in routes)


def test_nothing_is_driven_for_less_than_it_costs() -> None:
    problem = make_problem([(30, 30)], [100], stop_changes={0: {"required": False, "prize": 5.0}})
    assert with_first_insertions(problem, route_cost) == []


def test_windows_hold() -> None:
    morning = {"required": False, "prize": 500.0, "windows": ((8 * HOUR, 9 * HOUR),)}
    problem = make_problem(
        [(1, 1), (2, 2), (3, 3)], [100, 100, 100], stop_changes={1: morning, 0: {"required": False, "prize": 1.0}}
    )
    (route,) = with_first_insertions(problem, route_cost)
    (visit,) = [visit for visit in route.visits if visit.node == "s1"]
    assert 8 * HOUR <= visit.start_s <= 9 * HOUR

"""Plans that stay near to a known one: rewards, the measure of change, which truck takes which tour; parts solved side by side."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from models.domain.failures import UserError
from processors.routing.check import check
from processors.routing.keeping import change, keep, usual_trucks
from processors.routing.problem import Depot, Problem
from processors.routing.side_by_side import joined, solve_side_by_side, split, split_by_depot
from processors.routing.solve import Stopping, route_cost, solve
from tests.unit.routing.other_fills import town, with_other_fills
from tests.unit.routing.small_town import make_problem, make_truck

pytestmark = pytest.mark.lengthy


def test_a_reward_keeps_more_of_a_plan_than_no_reward() -> None:
    today = town()
    yesterday = solve(today, Stopping(iterations=300), seed=1)
    tomorrow = with_other_fills(today)
    cold, near = (solve(tomorrow, Stopping(iterations=300), 2, kept) for kept in (None, keep(tomorrow, yesterday.routes)))
    assert check(tomorrow, near.to_json()) == []
    assert change(yesterday.routes, near.routes).arcs_kept > change(yesterday.routes, cold.routes).arcs_kept
    assert near.cost == pytest.approx(sum(route_cost(tomorrow, route) for route in near.routes), abs=0.01)


def test_each_truck_takes_the_tour_with_most_of_its_stops() -> None:
    usual = {"a": "t1", "b": "t1", "c": "t2", "d": "t2", "e": "t2"}
    assert usual_trucks([["c", "d", "a"], ["b", "new"]], ["t1", "t2", "t3"], usual) == ["t2", "t1"]


def test_parts_that_share_no_truck_are_solved_apart() -> None:
    trucks = [
        make_truck("t1", fractions=("glass",)),
        make_truck("t2", fractions=("paper",)),
        make_truck("t3", fractions=("paper",)),
    ]
    changes = {index: {"fraction": "glass" if index < 2 else "paper"} for index in range(5)}
    problem = make_problem([(1, 0), (2, 0), (0, 3), (1, 3), (2, 3)], [300] * 5, trucks=trucks, stop_changes=changes)
    parts = split(problem)
    assert [len(part.stops) for part in parts] == [2, 3]
    assert [len(part.trucks) for part in parts] == [1, 2]
    side_by_side = solve_side_by_side(parts, Stopping(iterations=30), seed=1, workers=2)
    one_by_one = solve_side_by_side(parts, Stopping(iterations=30), seed=1, workers=1)
    assert [plan.decided for plan in side_by_side] == [plan.decided for plan in one_by_one]
    assert all(check(part, plan.to_json()) == [] for part, plan in zip(parts, side_by_side, strict=True))


def test_a_problem_whose_trucks_may_go_everywhere_is_one_part() -> None:
    problem = town(stops=5)
    assert split(problem) == [problem]


def test_no_process_is_refused() -> None:
    with pytest.raises(UserError, match="at least one process"):
        solve_side_by_side([town(stops=3)], Stopping(iterations=5), seed=1, workers=0)


def two_depots(stops: int = 24) -> Problem:
    """Stops around a depot in the west and one in the east, each with two trucks; the stops are optional."""
    chance = random.Random(2)
    at = [(-8.0 if index % 2 else 8.0, 0.0) for index in range(stops)]
    at = [(x + chance.uniform(-3, 3), y + chance.uniform(-3, 3)) for x, y in at]
    changes = {index: {"required": False, "prize": 60.0} for index in range(stops)}
    trucks = [make_truck(f"t{number}", capacity_l=800) for number in range(4)]
    problem = make_problem(at, [100] * stops, depot=(-8, 0), sites=[(-8, 1), (8, 0), (8, 1)], trucks=trucks, stop_changes=changes)
    east = Depot(node="east", place=2)
    moved = tuple(
        truck.model_copy(update={"depot": "east"}) if truck.truck_id in ("t2", "t3") else truck for truck in problem.trucks
    )
    return replace(problem, depots=(*problem.depots, east), trucks=moved)


def test_a_large_problem_is_split_by_depot_and_its_plans_join_into_a_valid_one() -> None:
    problem = two_depots()
    parts = split_by_depot(problem, most_stops=20)
    assert [{truck.truck_id for truck in part.trucks} for part in parts] == [{"t0", "t1"}, {"t2", "t3"}]
    assert [{int(stop.node[1:]) % 2 for stop in part.stops} for part in parts] == [{1}, {0}]
    plans = solve_side_by_side(parts, Stopping(iterations=60), seed=1, workers=1)
    whole = joined(problem, plans)
    assert check(problem, whole.to_json()) == []
    assert whole.unserved == ()
    assert whole.parts == (*plans[0].parts, *plans[1].parts)


def test_a_small_problem_stays_whole() -> None:
    problem = two_depots()
    assert split_by_depot(problem, most_stops=24) == [problem]


def test_what_one_depot_has_no_room_for_goes_with_another() -> None:
    """The west's trucks may serve five stops each: two of its twelve are left, and the east comes for them."""
    problem = two_depots()
    few = replace(
        problem,
        trucks=tuple(truck.model_copy(update={"shift_stops": 5}) if truck.depot == "home" else truck for truck in problem.trucks),
    )
    plans = solve_side_by_side(split_by_depot(few, most_stops=20), Stopping(iterations=60), seed=1, workers=1)
    assert len(plans[0].unserved) == 2
    whole = joined(few, plans)
    assert check(few, whole.to_json()) == []
    assert len(whole.unserved) < 2


def test_a_stop_for_a_truck_goes_with_its_depot() -> None:
    problem = two_depots()
    stops = (problem.stops[0].model_copy(update={"trucks": ("t0", "t2")}), problem.stops[2].model_copy(update={"trucks": ("t1",)}))
    parts = split_by_depot(replace(problem, stops=(*stops, *problem.stops[3:])), most_stops=5)
    assert parts[1].stop_by_node["s0"].trucks == ("t2",)
    assert parts[0].stop_by_node["s2"].trucks == ("t1",)

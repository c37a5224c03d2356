"""What `solve` promises: valid plans by the checker's rules, the same twice, optional stops only when they pay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.domain.plan import VisitKind
from processors.routing.check import check
from processors.routing.problem import BreakRule, Problem
from processors.routing.solution import Solution
from processors.routing.solve import Infeasible, Stopping, solve
from tests.unit.routing.small_town import HOUR, make_problem, make_truck

FEW = Stopping(iterations=200)


def solved(problem: Problem, stopping: Stopping = FEW) -> Solution:
    """The solution, after the independent checker has found nothing."""
    solution = solve(problem, stopping, seed=3)
    assert check(problem, solution.to_json()) == []
    return solution


def disposals(solution: Solution) -> list[str]:
    return [visit.node for route in solution.routes for visit in route.visits if visit.kind is VisitKind.DISPOSAL]


def test_one_stop_is_collected_tipped_and_driven_home() -> None:
    solution = solved(make_problem([(2, 0)], [400]))
    (route,) = solution.routes
    assert [(visit.kind.value, visit.node, visit.load_l) for visit in route.visits] == [
        ("depot", "home", 0), ("stop", "s0", 400), ("disposal", "tip0", 0), ("depot", "home", 0),
    ]  # fmt: skip
    assert solution.distance_m == 2000 + 3000 + 1000
    assert route.duration_s == 600 + 60 + 600


def test_truck_tips_on_the_way_when_it_would_be_full() -> None:
    assert len(disposals(solved(make_problem([(2, 0), (3, 0), (4, 0), (5, 0)], [400, 400, 400, 400])))) == 2


def test_last_disposal_is_at_the_best_site() -> None:
    solution = solved(make_problem([(5, 0)], [400], sites=[(0, 9), (4, 0)]))
    assert disposals(solution) == ["tip1"]


def test_weight_is_a_limit_of_its_own() -> None:
    truck = make_truck(max_load_kg=100)
    changes = {index: {"load_kg": 60} for index in range(3)}
    assert len(disposals(solved(make_problem([(1, 1), (2, 1), (3, 1)], [10, 10, 10], trucks=[truck], stop_changes=changes)))) == 3


@pytest.mark.parametrize("cap", [1500, 1700])
def test_load_cap_over_the_shift_is_hard_though_trucks_tip_in_between(cap: int) -> None:
    """One truck alone would be shorter; neither cap is a multiple of the truck."""
    trucks = [make_truck("t1", shift_load_l=cap), make_truck("t2", shift_load_l=cap)]
    places = [(float(index), 5.0) for index in range(6)]
    solution = solved(make_problem(places, [400] * 6, trucks=trucks))
    assert len(solution.routes) == 2
    assert sum(len(route.stops) for route in solution.routes) == 6


def test_stops_over_the_shift_are_capped_though_trucks_tip_in_between() -> None:
    """One truck alone would be shorter; the cap on litres would allow it."""
    trucks = [make_truck(name, shift_stops=4, shift_load_l=5000) for name in ("t1", "t2")]
    solution = solved(make_problem([(float(index), 5.0) for index in range(6)], [400] * 6, trucks=trucks))
    assert sorted(len(route.stops) for route in solution.routes) in ([2, 4], [3, 3])


def test_optional_stops_fill_a_shift_up_to_its_number_of_stops() -> None:
    changes = {index: {"required": False, "prize": 30.0} for index in range(9)}
    problem = make_problem(
        [(float(index), 1.0) for index in range(9)], [50] * 9, trucks=[make_truck(shift_stops=5)], stop_changes=changes
    )
    assert len(solved(problem).unserved) == 4


def test_break_is_put_in_and_windows_hold_around_it() -> None:
    rule = BreakRule(earliest_start_s=11 * HOUR, latest_start_s=12 * HOUR, duration_s=HOUR)
    changes = {
        0: {"windows": ((8 * HOUR, 9 * HOUR),)},
        1: {"windows": ((11 * HOUR, 12 * HOUR + 600),)},
        2: {"windows": ((13 * HOUR, 14 * HOUR),)},
    }
    problem = make_problem([(2, 0), (3, 0), (4, 0)], [100, 100, 100], trucks=[make_truck(break_rule=rule)], stop_changes=changes)
    (route,) = solved(problem).routes
    (pause,) = [visit for visit in route.visits if visit.kind is VisitKind.BREAK]
    assert 11 * HOUR <= pause.arrival_s <= 12 * HOUR
    assert pause.departure_s - pause.arrival_s == HOUR


def test_optional_stop_is_collected_only_when_its_prize_pays() -> None:
    far = {1: {"required": False, "prize": 11.0}}
    near = {1: {"required": False, "prize": 13.0}}
    # s1 lies 6 km beyond s0: 12 km there and back at 1 per km
    assert solved(make_problem([(1, 0), (7, 0)], [100, 100], stop_changes=far)).unserved == ("s1",)
    assert solved(make_problem([(1, 0), (7, 0)], [100, 100], stop_changes=near)).unserved == ()


def test_truck_with_a_fixed_cost_opens_for_optional_stops_that_pay_only_together() -> None:
    changes = {index: {"required": False, "prize": 30.0} for index in range(8)}
    places = [(20 + index / 10, 0.0) for index in range(8)]
    problem = make_problem(places, [50] * 8, trucks=[make_truck(fixed_cost=100)], stop_changes=changes)
    assert solved(problem).unserved == ()


def test_forbidden_stop_stays_out_and_pinned_one_is_served() -> None:
    changes: dict[int, dict[str, Any]] = {
        0: {"forbidden": True, "required": False, "prize": 1000.0},
        1: {"pinned": True, "required": False},
    }
    solution = solved(make_problem([(1, 0), (9, 0)], [100, 100], stop_changes=changes))
    assert solution.unserved == ("s0",)


def test_stop_for_one_truck_is_served_by_it() -> None:
    changes = {index: {"trucks": ("t2",)} for index in (0, 2)}
    problem = make_problem([(1, 0), (2, 0), (3, 0)], [100] * 3, trucks=[make_truck("t1"), make_truck("t2")], stop_changes=changes)
    served = {node: route.truck_id for route in solved(problem).routes for node in route.stops}
    assert served["s0"] == served["s2"] == "t2"


def test_stop_with_several_windows_is_served_in_one_of_them() -> None:
    windows = ((HOUR, 2 * HOUR), (10 * HOUR, 11 * HOUR))
    (route,) = solved(make_problem([(1, 0)], [100], stop_changes={0: {"windows": windows}})).routes
    (stop,) = [visit for visit in route.visits if visit.kind is VisitKind.STOP]
    assert 10 * HOUR <= stop.start_s <= 11 * HOUR


def test_containers_at_one_place_are_all_visited() -> None:
    problem = make_problem([(2, 2)] * 5 + [(3, 3)], [30] * 6)
    (route,) = solved(problem).routes
    assert sorted(route.stops) == [f"s{index}" for index in range(6)]


def test_disposal_hours_bind_the_last_trip() -> None:
    problem = make_problem([(2, 0)], [100], site_changes={"opens_s": 9 * HOUR, "closes_s": 10 * HOUR})
    (route,) = solved(problem).routes
    (tip,) = [visit for visit in route.visits if visit.kind is VisitKind.DISPOSAL]
    assert 9 * HOUR <= tip.start_s <= 10 * HOUR


def test_same_seed_and_iterations_give_the_same_plan() -> None:
    rng = np.random.default_rng(5)
    places = [(float(x), float(y)) for x, y in rng.uniform(0, 8, (25, 2))]
    problem = make_problem(places, [150] * 25, trucks=[make_truck("t1"), make_truck("t2")])
    assert solve(problem, FEW, seed=7).decided == solve(problem, FEW, seed=7).decided


def test_required_stops_that_do_not_fit_are_named() -> None:
    late = {index: {"windows": ((7 * HOUR, 7 * HOUR + 1200),)} for index in range(3)}
    problem = make_problem([(9, 0), (-9, 0), (0, 9)], [100] * 3, stop_changes=late)
    with pytest.raises(Infeasible) as caught:
        solve(problem, FEW)
    assert set(caught.value.stops) <= {"s0", "s1", "s2"}
    assert caught.value.stops
    assert "Add a truck, lengthen the shift" in str(caught.value)


def test_nothing_to_collect_is_an_empty_plan() -> None:
    assert solved(make_problem([(1, 0)], [100], stop_changes={0: {"required": False}})).routes == ()


@pytest.mark.lengthy
@pytest.mark.parametrize("seed", [1, 2])
def test_search_that_stopped_on_seconds_is_made_again_from_its_parts(seed: int) -> None:
    at = [(1 + number % 4, number // 4) for number in range(12)]
    problem = make_problem(
        at, [400] * 12, stop_changes={number: {"required": False, "prize": 2.0 + number} for number in range(12)}
    )
    first = solve(problem, Stopping(seconds=0.3), seed)
    assert len(first.parts) == 3
    assert first.iterations == sum(first.parts)
    assert solve(problem, Stopping(parts=first.parts), seed).decided == first.decided

"""Plans that stay near to a known one: rewards, the measure of change, which truck takes which tour; parts solved side by side."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from models.domain.failures import UserError
from processors.routing.check import check
from processors.routing.keeping import change, keep, usual_trucks
from processors.routing.problem import Problem
from processors.routing.side_by_side import solve_side_by_side, split
from processors.routing.solve import Stopping, solve
from tests.unit.routing.small_town import make_problem, make_truck

pytestmark = pytest.mark.lengthy


def town(seed: int = 3, stops: int = 60) -> Problem:
    chance = random.Random(seed)
    at = [(chance.gauss(0, 4), chance.gauss(0, 4)) for _ in range(stops)]
    trucks = [make_truck(f"t{number}", capacity_l=1500, cost_per_h=30.0) for number in range(4)]
    return make_problem(at, [chance.randint(50, 100) for _ in at], trucks=trucks)


def with_other_fills(problem: Problem, share: float = 0.05) -> Problem:
    chance = random.Random(11)
    stops = list(problem.stops)
    for index in chance.sample(range(len(stops)), round(len(stops) * share)):
        stops[index] = stops[index].model_copy(update={"load_l": chance.randint(50, 100)})
    return replace(problem, stops=tuple(stops))


def test_other_fills_leave_most_of_the_plan_where_it_was_at_hardly_any_cost() -> None:
    today = town()
    yesterday = solve(today, Stopping(iterations=500), seed=1)
    tomorrow = with_other_fills(today)
    cold = solve(tomorrow, Stopping(iterations=500), seed=2)
    near = solve(tomorrow, Stopping(iterations=500), seed=2, kept=keep(tomorrow, yesterday.routes))
    stayed = change(yesterday.routes, near.routes)
    assert check(tomorrow, near.to_json()) == []
    assert stayed.arcs_kept >= 0.85
    assert stayed.trucks_kept >= 0.95
    assert near.objective <= cold.objective * 1.015


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
    assert side_by_side == solve_side_by_side(parts, Stopping(iterations=30), seed=1, workers=1)
    assert all(check(part, plan.to_json()) == [] for part, plan in zip(parts, side_by_side, strict=True))


def test_a_problem_whose_trucks_may_go_everywhere_is_one_part() -> None:
    problem = town(stops=5)
    assert split(problem) == [problem]


def test_no_process_is_refused() -> None:
    with pytest.raises(UserError, match="at least one process"):
        solve_side_by_side([town(stops=3)], Stopping(iterations=5), seed=1, workers=0)

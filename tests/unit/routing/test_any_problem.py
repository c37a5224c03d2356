"""Whatever the problem, `solve` gives a plan that the independent checker finds nothing in, or says which stops do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.domain.failures import UserError
from processors.routing.check import check
from processors.routing.problem import BreakRule, Problem
from processors.routing.problem_file import problem_from_json, problem_to_json
from processors.routing.solve import Infeasible, Stopping, solve
from tests.unit.routing.small_town import HOUR, make_problem, make_truck


def any_problem(seed: int) -> Problem:
    """A random small problem with every kind of rule in it, now and then."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 18))
    lunch = BreakRule(
        earliest_start_s=11 * HOUR,
        latest_start_s=12 * HOUR,
        duration_s=int(rng.choice([900, 3600])),
        required_from_s=int(rng.choice([0, 4 * HOUR])),
    )
    trucks = []
    for number in range(int(rng.integers(1, 4))):
        changes: dict[str, Any] = {"capacity_l": int(rng.integers(600, 1500)), "cost_per_h": float(rng.choice([0, 30]))}
        if rng.random() < 0.5:
            changes["break_rule"] = lunch
        if rng.random() < 0.4:
            changes["shift_load_l"] = int(rng.integers(1000, 4000))
        if rng.random() < 0.3:
            changes["max_load_kg"] = int(rng.integers(300, 900))
        if rng.random() < 0.3:
            changes["max_shift_s"] = int(rng.integers(5, 8)) * HOUR
        if rng.random() < 0.3:
            changes["fixed_cost"] = 25.0
        trucks.append(make_truck(f"t{number}", **changes))
    stops: dict[int, dict[str, Any]] = {}
    for index in range(count):
        change: dict[str, Any] = {"load_kg": int(rng.integers(0, 250))}
        if rng.random() < 0.6:
            change |= {"required": False, "prize": float(rng.uniform(0, 20))}
        if rng.random() < 0.3:
            opens = int(rng.integers(7 * HOUR, 12 * HOUR))
            change["windows"] = ((opens, opens + 2 * HOUR),)
        elif rng.random() < 0.2:
            change["windows"] = ((7 * HOUR, 8 * HOUR), (12 * HOUR, 14 * HOUR))
        if rng.random() < 0.1:
            change["trucks"] = ("t0",)
        if rng.random() < 0.1:
            change |= {"forbidden": True, "required": False}
        stops[index] = change
    at = [(float(x), float(y)) for x, y in rng.integers(-6, 7, (count, 2))]
    hours = {"opens_s": 6 * HOUR, "closes_s": int(rng.choice([13, 15])) * HOUR}
    loads = [int(load) for load in rng.integers(20, 500, count)]
    return make_problem(at, loads, sites=[(0, 1), (5, 5)], trucks=trucks, stop_changes=stops, site_changes=hours)


@pytest.mark.parametrize("seed", range(40))
def test_plan_is_valid_or_the_stops_that_do_not_fit_are_named(seed: int) -> None:
    try:
        problem = any_problem(seed)
    except UserError as error:
        assert "contradicts itself" in str(error)  # noqa: PT017 - some random problems are refused, which is right too
        return
    try:
        solution = solve(problem, Stopping(iterations=60), seed=seed)
    except Infeasible as error:
        assert error.stops  # noqa: PT017 - a random problem may have no plan
        return
    assert check(problem, solution.to_json()) == []


def test_problem_survives_its_file() -> None:
    problem = any_problem(3)
    again = problem_from_json(problem_to_json(problem))
    assert again.trucks == problem.trucks
    assert again.stops == problem.stops
    assert np.array_equal(again.metres, problem.metres)
    assert np.array_equal(again.seconds, problem.seconds)

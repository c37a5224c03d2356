"""How long planning takes: 1,000 candidates, 10,000 containers in five fractions, and a re-plan after one event.

Run: pytest -s tests/benchmarks/test_planning_speed.py. Matrices are there already. The baseline is the first feasible plan: that of a
search of one iteration.
"""

from __future__ import annotations

import time

from processors.routing.check import check
from processors.routing.engine import build
from processors.routing.replan import Breakdown, Urgent, replan
from processors.routing.search import Budget, search
from processors.routing.side_by_side import solve_side_by_side
from processors.routing.solve import Stopping, solve
from tests.benchmarks.planning_towns import HOUR, town

FRACTIONS = ("residual", "paper", "glass", "organic", "plastic")


def test_a_thousand_candidates_and_a_replan() -> None:
    problem = town(1000, 12, seed=1)
    began = time.monotonic()
    found = search(build(problem), Budget(iterations=1), seed=1)
    first_s = time.monotonic() - began
    assert found.bests, "no feasible plan after one iteration"
    first = solve(problem, Stopping(iterations=1), seed=1)
    began = time.monotonic()
    plan = solve(problem, Stopping(seconds=25), seed=1)
    plan_s = time.monotonic() - began
    assert check(problem, plan.to_json()) == []
    print(
        f"\n1,000 candidates: first feasible {first_s:.1f} s at {first.objective:.0f}, plan {plan_s:.1f} s at {plan.objective:.0f}"
    )
    for name, event in (("breakdown", Breakdown(plan.routes[0].truck_id)), ("urgent container", Urgent(plan.unserved[0]))):
        began = time.monotonic()
        after = replan(problem, plan, now_s=10 * HOUR, events=[event])
        took = time.monotonic() - began
        assert check(after.problem, after.solution.to_json()) == []
        print(
            f"re-plan after {name}: {took:.1f} s, {after.change.arcs_kept:.0%} of arcs and {after.change.trucks_kept:.0%} of trucks kept"
        )
        assert took <= 5
    assert first_s <= 5
    assert plan_s <= 30


def test_ten_thousand_containers_in_five_fractions() -> None:
    problems = [town(2000, 20, seed=1, fraction=fraction) for fraction in FRACTIONS]
    began = time.monotonic()
    plans = solve_side_by_side(problems, Stopping(seconds=60), seed=1, workers=2)
    took = time.monotonic() - began
    stops = sum(len(route.stops) for plan in plans for route in plan.routes)
    print(f"\n10,000 containers, five fractions: {took:.0f} s, {stops} stops on {sum(len(plan.routes) for plan in plans)} routes")
    for problem, plan in zip(problems, plans, strict=True):
        assert check(problem, plan.to_json()) == []
    assert took <= 300

"""How long planning takes on two cores: 1,000 candidates, a city of 10,000 containers in five fractions, and a re-plan after one event.

Run: OMP_NUM_THREADS=1 pytest -s tests/benchmarks/test_planning_speed.py. Matrices are there already. Baselines of the same run: the first
feasible plan, and for a re-plan a search from nothing of the same rest of the day in the same seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest

from processors.plan.city_plans import plan_fractions
from processors.plan.day import fraction_days
from processors.plan.planner import Planned, ground_of
from processors.routing.check import check
from processors.routing.keeping import change
from processors.routing.problem import Problem
from processors.routing.replan import Breakdown, Urgent, replan
from processors.routing.roads import Place, RoadMatrix, RoadProfile, StraightLine
from processors.routing.solution import Solution
from processors.routing.solve import Stopping, solve
from runtime.settings import PlanSettings
from tests.benchmarks.planning_towns import HOUR, MADE_AT, PLANNED_DAY, city, town

ZONE = ZoneInfo("Europe/Amsterdam")
REPLAN_S = 3.0


@pytest.fixture(scope="module")
def candidates() -> Problem:
    return town(1000, 12, seed=1)


@pytest.fixture(scope="module")
def plan(candidates: Problem) -> Solution:
    began = time.monotonic()
    found = solve(candidates, Stopping(seconds=27), seed=1)
    took = time.monotonic() - began
    first = solve(candidates, Stopping(iterations=1), seed=1)
    print(
        f"\n1,000 candidates: first feasible plan {found.first_feasible_s:.1f} s; one iteration {first.objective:.0f} (1.00), "
        f"{took:.1f} s {found.objective:.0f} ({found.objective / first.objective:.2f})"
    )
    assert check(candidates, found.to_json()) == []
    assert found.first_feasible_s is not None
    assert found.first_feasible_s <= 5
    assert took <= 30
    return found


def test_a_thousand_candidates(plan: Solution) -> None:
    assert plan.routes


@pytest.mark.parametrize("name", ["breakdown", "urgent container"])
def test_a_replan_after_one_event(candidates: Problem, plan: Solution, name: str) -> None:
    event = Breakdown(plan.routes[0].truck_id) if name == "breakdown" else Urgent(plan.unserved[0])
    began = time.monotonic()
    after = replan(candidates, plan, now_s=10 * HOUR, events=[event], stopping=Stopping(seconds=REPLAN_S))
    took = time.monotonic() - began
    anew = solve(after.problem, Stopping(seconds=REPLAN_S), seed=1)
    other = change(plan.routes, anew.routes)
    print(
        f"\nre-plan after {name}: {took:.1f} s; {after.change.arcs_kept:.0%} of pairs and {after.change.trucks_kept:.0%} of trucks stay; "
        f"from nothing {other.arcs_kept:.0%} and {other.trucks_kept:.0%}; cost {after.solution.objective / anew.objective:.3f} of it"
    )
    assert check(after.problem, after.solution.to_json()) == []
    assert took <= 5


def test_a_city_of_ten_thousand_containers_in_five_fractions() -> None:
    inputs = city(10_000, 20, seed=1)
    settings = PlanSettings(plan_seconds=60, plan_workers=2)
    began = time.monotonic()
    days = fraction_days(inputs, PLANNED_DAY, settings, ZONE, MADE_AT)
    judged_s = time.monotonic() - began
    grounds = [ground_of(day, StraightLine(), RoadProfile(), settings, ZONE, MADE_AT) for day in days]
    roads = CachedRoads({tuple(ground.places.values()): ground.matrix for ground in grounds})
    firsts = [solve(ground.problem, Stopping(iterations=1), seed=1) for ground in grounds]
    began = time.monotonic()
    plans = plan_fractions(days, roads, RoadProfile(), settings, ZONE, MADE_AT)
    took = judged_s + time.monotonic() - began
    cost, first = (sum(item.objective for item in of) for of in ([plan.solution for plan in plans], firsts))
    print(
        f"\n10,000 containers, five fractions: judged and levelled in {judged_s:.0f} s, all in {took:.0f} s; {_stops(plans)}; "
        f"first feasible plans after {max(found.first_feasible_s or 0 for found in firsts):.1f} s at most; "
        f"one iteration {first:.0f} (1.00), {settings.plan_seconds:.0f} s {cost:.0f} ({cost / first:.2f})"
    )
    assert all(plan.plan.check_failures == () for plan in plans)
    assert took <= 300


def _stops(plans: list[Planned]) -> str:
    wanted = sum(1 for plan in plans for stop in plan.problem.stops if stop.prize > 0)
    return f"{wanted} candidates, {sum(plan.plan.stop_count for plan in plans)} stops on {sum(len(plan.plan.routes) for plan in plans)} tours"


class CachedRoads(StraightLine):
    """The straight line with matrices that are there already."""

    def __init__(self, matrices: dict[tuple[Place, ...], RoadMatrix]) -> None:
        self._matrices = matrices

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        return self._matrices[tuple(places)]

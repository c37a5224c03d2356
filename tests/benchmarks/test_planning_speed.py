"""How long planning takes: 1,000 candidates, a re-plan after one event, and a city of 10,000 containers in five fractions.

Run: OMP_NUM_THREADS=1 pytest -s tests/benchmarks/test_planning_speed.py. Matrices are there already. Searches end after a number of iterations,
and what counts is CPU seconds, which a core of its own takes on the clock and other users of the machine do not change; the clock's
seconds are printed beside them. Baselines of the same run: the first feasible plan, and for a re-plan a search from nothing of the same
rest of the day with as many iterations.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest

from processors.plan.city_plans import plan_fractions
from processors.plan.day import fraction_days
from processors.plan.planner import Planned, ground_of
from processors.routing.check import check
from processors.routing.engine import build
from processors.routing.keeping import change
from processors.routing.problem import Problem
from processors.routing.replan import Breakdown, Urgent, replan
from processors.routing.roads import Place, RoadMatrix, RoadProfile, StraightLine
from processors.routing.search import Budget, search
from processors.routing.solution import Solution
from processors.routing.solve import Stopping, solve
from runtime.settings import PlanSettings
from tests.benchmarks.planning_towns import HOUR, MADE_AT, PLANNED_DAY, city, town

ZONE = ZoneInfo("Europe/Amsterdam")
ITERATIONS, OF_A_REPLAN, OF_A_FRACTION = 600, 150, 400
CORES = 2


class Watch:
    """CPU seconds of this process and of those that it started and that ended, and the clock's, since it was made."""

    def __init__(self) -> None:
        self._cpu_s, self._clock_s = _cpu_s(), time.monotonic()

    @property
    def cpu_s(self) -> float:
        return _cpu_s() - self._cpu_s

    def __str__(self) -> str:
        return f"{self.cpu_s:.1f} CPU s ({time.monotonic() - self._clock_s:.0f} s on the clock)"


def _cpu_s() -> float:
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


@pytest.fixture(scope="module")
def candidates() -> Problem:
    return town(1000, 12, seed=1)


@pytest.fixture(scope="module")
def plan(candidates: Problem) -> Solution:
    return solve(candidates, Stopping(iterations=ITERATIONS), seed=1)


def test_the_first_feasible_plan_of_a_thousand_candidates_is_there_soon(candidates: Problem) -> None:
    watch = Watch()
    found = search(build(candidates), Budget(iterations=1), seed=1)
    print(f"\n1,000 candidates: first feasible plan {watch}")
    assert found.bests
    assert watch.cpu_s <= 5


def test_a_thousand_candidates_are_planned(candidates: Problem) -> None:
    watch = Watch()
    found = solve(candidates, Stopping(iterations=ITERATIONS), seed=1)
    told, used_s = str(watch), watch.cpu_s
    first = solve(candidates, Stopping(iterations=1), seed=1)
    print(
        f"\n1,000 candidates: one iteration {first.objective:.0f} (1.00); {found.iterations} iterations {told}, "
        f"{found.objective:.0f} ({found.objective / first.objective:.3f})"
    )
    assert check(candidates, found.to_json()) == []
    assert used_s <= 30


@pytest.mark.parametrize("name", ["breakdown", "urgent container"])
def test_a_replan_after_one_event(candidates: Problem, plan: Solution, name: str) -> None:
    event = Breakdown(plan.routes[0].truck_id) if name == "breakdown" else Urgent(plan.unserved[0])
    watch = Watch()
    after = replan(candidates, plan, now_s=10 * HOUR, events=[event], stopping=Stopping(iterations=OF_A_REPLAN))
    told, used_s = str(watch), watch.cpu_s
    anew = solve(after.problem, Stopping(iterations=OF_A_REPLAN), seed=1)
    other = change(plan.routes, anew.routes)
    print(
        f"\nre-plan after {name}: {told}; {after.change.arcs_kept:.0%} of pairs and {after.change.trucks_kept:.0%} of trucks stay; "
        f"from nothing {other.arcs_kept:.0%} and {other.trucks_kept:.0%}; cost {after.solution.objective / anew.objective:.3f} of it"
    )
    assert check(after.problem, after.solution.to_json()) == []
    assert used_s <= 5


@pytest.mark.timeout(3600)  # the clock of a machine with other users
def test_a_city_of_ten_thousand_containers_in_five_fractions() -> None:
    """All of a planning day but reading the database: judging, levelling, searching side by side, checking and giving reasons."""
    inputs = city(10_000, 20, seed=1)
    settings = PlanSettings(plan_iterations=OF_A_FRACTION, plan_workers=CORES)
    watch = Watch()
    days = fraction_days(inputs, PLANNED_DAY, settings, ZONE, MADE_AT)
    judged_s = watch.cpu_s
    grounds = [ground_of(day, StraightLine(), RoadProfile(), settings, ZONE, MADE_AT) for day in days]
    roads = CachedRoads({tuple(ground.places.values()): ground.matrix for ground in grounds})
    watch = Watch()
    plans = plan_fractions(days, roads, RoadProfile(), settings, ZONE, MADE_AT)
    used_s = judged_s + watch.cpu_s
    told = str(watch)
    firsts = [solve(ground.problem, Stopping(iterations=1), seed=1) for ground in grounds]
    cost, first = (sum(item.objective for item in of) for of in ([plan.solution for plan in plans], firsts))
    print(
        f"\n10,000 containers, five fractions: judged and levelled {judged_s:.1f} CPU s, planned {told} in {CORES} processes; {_stops(plans)}; "
        f"one iteration {first:.0f} (1.00), {settings.plan_iterations} each {cost:.0f} ({cost / first:.3f})"
    )
    assert all(plan.plan.check_failures == () for plan in plans)
    assert used_s / CORES <= 300


def _stops(plans: list[Planned]) -> str:
    wanted = sum(1 for plan in plans for stop in plan.problem.stops if stop.prize > 0)
    return f"{wanted} candidates, {sum(plan.plan.stop_count for plan in plans)} stops on {sum(len(plan.plan.routes) for plan in plans)} tours"


class CachedRoads(StraightLine):
    """The straight line with matrices that are there already."""

    def __init__(self, matrices: dict[tuple[Place, ...], RoadMatrix]) -> None:
        self._matrices = matrices

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        return self._matrices[tuple(places)]

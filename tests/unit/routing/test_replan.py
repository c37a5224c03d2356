"""The rest of a day after something happened: what is done stays, what can be kept is kept, and what no longer fits is named."""

from __future__ import annotations

import random
from functools import lru_cache

import numpy as np
import pytest

from models.domain.failures import UserError
from models.domain.plan import VisitKind
from processors.routing.check import check
from processors.routing.problem import BreakRule, Problem
from processors.routing.replan import (
    BlockedStops,
    Breakdown,
    Forbid,
    NewRoads,
    Pin,
    Replanned,
    Urgent,
    executed_part,
    replan,
)
from processors.routing.solution import Solution
from processors.routing.solve import Stopping, solve
from tests.unit.routing.small_town import HOUR, make_problem, make_truck

pytestmark = pytest.mark.lengthy

TEN = 10 * HOUR
SHORT = Stopping(iterations=300)
LUNCH = BreakRule(earliest_start_s=11 * HOUR, latest_start_s=12 * HOUR, duration_s=1800)


@lru_cache
def morning() -> tuple[Problem, Solution]:
    """Forty stops, ten of them optional, and three trucks that eat at noon."""
    chance = random.Random(7)
    at = [(chance.uniform(-6, 6), chance.uniform(-6, 6)) for _ in range(40)]
    changes = {index: {"required": False, "prize": 8.0} for index in range(0, 40, 4)}
    trucks = [make_truck(f"t{number}", break_rule=LUNCH, cost_per_h=30.0, shift_end_s=14 * HOUR) for number in (1, 2, 3)]
    stops = {index: {"service_duration_s": 600} | changes.get(index, {}) for index in range(40)}
    problem = make_problem(at, [chance.randint(40, 90) for _ in at], trucks=trucks, stop_changes=stops)
    return problem, solve(problem, Stopping(iterations=600), seed=1)


def again(*events: object, now_s: int = TEN) -> Replanned:
    problem, plan = morning()
    after = replan(problem, plan, now_s=now_s, events=events, stopping=SHORT)  # type: ignore[arg-type]
    assert check(after.problem, after.solution.to_json()) == []
    return after


def served_by(solution: Solution) -> dict[str, str]:
    return {node: route.truck_id for route in solution.routes for node in route.stops}


def an_open_stop(truck_id: str | None = None) -> str:
    """A stop that is planned for later than the next one of its truck."""
    _, plan = morning()
    route = next(route for route in plan.routes if truck_id in (None, route.truck_id))
    return [visit.node for visit in route.visits if visit.kind is VisitKind.STOP and visit.start_s > TEN][2]


def test_what_was_done_before_ten_stays_as_it_was() -> None:
    problem, plan = morning()
    after = again(Urgent(plan.unserved[0] if plan.unserved else an_open_stop()))
    for truck_id, done in executed_part(problem, plan, TEN).items():
        route = next(route for route in after.solution.routes if route.truck_id == truck_id)
        assert route.visits[: len(done.visits)] == done.visits


def test_nothing_happened_keeps_nearly_everything() -> None:
    after = again()
    assert after.change.trucks_kept >= 0.95
    assert after.change.arcs_kept >= 0.85
    assert after.left_out == {}


def test_other_trucks_take_over_what_a_broken_down_one_had_left() -> None:
    problem, plan = morning()
    broken = plan.routes[0].truck_id
    after = again(Breakdown(broken))
    done = executed_part(problem, plan, TEN, broken_down={broken})[broken]
    assert next(route for route in after.solution.routes if route.truck_id == broken).visits == done.visits
    unserved = {node for node in after.solution.unserved if problem.stop_by_node[node].required}
    assert unserved == set(after.left_out)
    taken = set(plan.routes[0].stops) - set(done.stops)
    assert taken & set(served_by(after.solution)), "nobody took over any of its stops"


def test_truck_that_breaks_down_before_it_leaves_has_no_route() -> None:
    after = again(Breakdown("t1"), now_s=6 * HOUR)
    assert "t1" not in {route.truck_id for route in after.solution.routes}


def test_two_breakdowns_leave_required_stops_out_and_say_why() -> None:
    after = again(Breakdown("t1"), Breakdown("t2"), Breakdown("t3"))
    assert after.left_out
    assert set(after.left_out) <= set(after.solution.unserved)
    assert all(after.left_out.values())


def test_blocked_stop_is_left_out_with_the_reason() -> None:
    node = an_open_stop()
    after = again(BlockedStops((node,), "the market stands there"))
    assert node in after.solution.unserved
    if morning()[0].stop_by_node[node].required:
        assert after.left_out == {node: "the market stands there"}


def test_urgent_stop_is_served_with_its_new_load() -> None:
    problem, _ = morning()
    optional = next(stop.node for stop in problem.stops if not stop.required and _is_open(stop.node))
    after = again(Urgent(optional, load_l=120))
    assert optional in served_by(after.solution)
    assert after.problem.stop_by_node[optional].load_l == 120


def test_pinned_truck_takes_the_stop_and_a_forbidden_stop_is_skipped() -> None:
    node = an_open_stop("t1")
    other = next(stop for stop in served_by(morning()[1]) if stop != node and _is_open(stop))
    after = again(Pin(node, "t2"), Forbid(other))
    assert served_by(after.solution)[node] == "t2"
    assert other in after.solution.unserved


def _is_open(node: str) -> bool:
    problem, plan = morning()
    return not any(node in done.stops for done in executed_part(problem, plan, TEN).values())


def test_slower_roads_change_the_times() -> None:
    problem, _ = morning()
    slower = NewRoads(problem.metres, np.ceil(problem.seconds * 1.2).astype(np.int64), "test grid, bridge closed")
    after = again(slower)
    assert after.solution.source == "test grid, bridge closed"


def test_a_second_event_replans_the_replanned_day() -> None:
    first = again(Breakdown("t1"))
    visits = [visit for route in first.solution.routes for visit in route.visits if visit.kind is VisitKind.STOP]
    latest = max(visits, key=lambda visit: visit.start_s).node
    second = replan(first.problem, first.solution, now_s=TEN + 300, events=[Urgent(latest)], stopping=SHORT)
    assert check(second.problem, second.solution.to_json()) == []
    assert "t1" in {truck.truck_id for truck in second.problem.trucks if not truck.goes_on}


def test_same_iterations_and_seed_give_the_same_plan() -> None:
    assert again(Breakdown("t2")).solution.decided == again(Breakdown("t2")).solution.decided


@pytest.mark.parametrize("event", [Breakdown("t9"), Forbid("nowhere"), BlockedStops(("nowhere",)), Pin("s1", "t9")])
def test_event_about_something_unknown_is_refused(event: object) -> None:
    with pytest.raises(UserError, match=r"t9|nowhere"):
        again(event)


def test_event_about_a_served_stop_is_refused() -> None:
    problem, plan = morning()
    served = sorted(next(iter(executed_part(problem, plan, TEN).values())).stops)[0]
    with pytest.raises(UserError, match="served already"):
        again(Forbid(served))

"""The checker finds each broken rule: a valid plan is broken on purpose, one rule at a time."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from processors.routing import check as checking
from processors.routing.check import check
from processors.routing.problem import BreakRule, Executed, Problem
from processors.routing.solve import Stopping, solve
from tests.unit.routing.small_town import HOUR, make_problem, make_truck

Plan = dict[str, Any]
LUNCH = BreakRule(earliest_start_s=11 * HOUR, latest_start_s=12 * HOUR, duration_s=1800)


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Two trips of one truck with a break, an optional stop that does not pay and a forbidden one."""
    truck = make_truck(break_rule=LUNCH, max_load_kg=900, shift_load_l=1700, shift_stops=5, max_shift_s=8 * HOUR)
    changes: dict[int, dict[str, Any]] = {
        0: {"windows": ((8 * HOUR, 9 * HOUR),), "load_kg": 300},
        4: {"required": False, "prize": 0.5},
        5: {"forbidden": True, "required": False},
    }
    return make_problem(
        [(2, 0), (3, 0), (4, 0), (5, 0), (50, 0), (1, 1)], [400] * 4 + [50] * 2,
        trucks=[truck, make_truck("t2", fixed_cost=50)], stop_changes=changes,
        site_changes={"opens_s": 7 * HOUR, "closes_s": 14 * HOUR},
    )  # fmt: skip


@pytest.fixture(scope="module")
def plan(problem: Problem) -> Plan:
    return solve(problem, Stopping(iterations=200), seed=1).to_json()


def halts(plan: Plan, kind: str) -> list[dict[str, Any]]:
    return [visit for visit in plan["routes"][0]["visits"] if visit["kind"] == kind]


def shift(plan: Plan, seconds: int) -> None:
    for visit in plan["routes"][0]["visits"]:
        for name in ("arrival_s", "start_s", "departure_s"):
            visit[name] += seconds


def drop(plan: Plan, kind: str, index: int = 0) -> None:
    plan["routes"][0]["visits"].remove(halts(plan, kind)[index])


def late_window(plan: Plan) -> None:
    visit = next(visit for visit in halts(plan, "stop") if visit["node"] == "s0")
    visit["start_s"] = 9 * HOUR + 1


def short_service(plan: Plan) -> None:
    halts(plan, "stop")[0]["departure_s"] -= 1


def too_fast(plan: Plan) -> None:
    visit = plan["routes"][0]["visits"][2]
    visit["arrival_s"] = plan["routes"][0]["visits"][1]["departure_s"] + 1


def add_visit(plan: Plan, node: str, times: int = 1) -> None:
    visits = plan["routes"][0]["visits"]
    for _ in range(times):
        visits.insert(2, {**visits[1], "node": node})


def late_break(plan: Plan) -> None:
    halts(plan, "break")[0].update(arrival_s=12 * HOUR + 1, departure_s=12 * HOUR + 1 + 1800)


def short_break(plan: Plan) -> None:
    halts(plan, "break")[0]["departure_s"] -= 1


def second_route(plan: Plan) -> None:
    plan["routes"].append(copy.deepcopy(plan["routes"][0]))


def start_elsewhere(plan: Plan) -> None:
    plan["routes"][0]["visits"][0] = {**halts(plan, "stop")[0]}


def tip_after_closing(plan: Plan) -> None:
    halts(plan, "disposal")[-1]["start_s"] = 14 * HOUR + 1


BREAKS: list[tuple[str, Callable[[Plan], object]]] = [
    ("window", late_window),
    ("service time", short_service),
    ("service time", lambda plan: halts(plan, "stop")[0].update(start_s=halts(plan, "stop")[0]["arrival_s"] - 1)),
    ("travel time", too_fast),
    ("travel time", lambda plan: halts(plan, "break")[0].update(departure_s=halts(plan, "break")[0]["arrival_s"] - 1)),
    ("forbidden", lambda plan: add_visit(plan, "s5")),
    ("twice", lambda plan: add_visit(plan, plan["routes"][0]["visits"][1]["node"])),
    ("shift stops", lambda plan: add_visit(plan, "s4", 3)),
    ("shift load", lambda plan: add_visit(plan, "s0", 2)),
    ("load", lambda plan: drop(plan, "disposal")),
    ("load", lambda plan: halts(plan, "stop")[1].update(load_l=1)),
    ("weight", lambda plan: add_visit(plan, "s0", 4)),
    ("empty at the end", lambda plan: drop(plan, "disposal", -1)),
    ("required", lambda plan: drop(plan, "stop")),
    ("unserved", lambda plan: plan["unserved"].clear()),
    ("length", lambda plan: plan["routes"][0].update(distance_m=plan["routes"][0]["distance_m"] - 1)),
    ("length", lambda plan: plan.update(distance_m=plan["distance_m"] + 1)),
    ("duration", lambda plan: plan["routes"][0].update(duration_s=plan["routes"][0]["duration_s"] - 1)),
    ("cost", lambda plan: plan.update(cost=plan["cost"] - 0.02)),
    ("break", lambda plan: drop(plan, "break")),
    ("break", late_break),
    ("break", short_break),
    ("break", lambda plan: halts(plan, "break")[0].update(node="s4")),
    ("disposal hours", tip_after_closing),
    ("disposal hours", lambda plan: halts(plan, "disposal")[0].update(start_s=7 * HOUR - 1)),
    ("shift", lambda plan: shift(plan, -3 * HOUR)),
    ("shift", lambda plan: shift(plan, 5 * HOUR)),
    ("shift length", lambda plan: plan["routes"][0]["visits"][0].update(departure_s=3 * HOUR)),
    ("truck", lambda plan: plan["routes"][0].update(truck_id="t9")),
    ("truck", second_route),
    ("depot", start_elsewhere),
    ("depot", lambda plan: plan["routes"][0]["visits"].insert(2, {**plan["routes"][0]["visits"][-1], "load_l": 400})),
    ("shape", lambda plan: plan["routes"][0]["visits"].clear()),
    ("node", lambda plan: halts(plan, "stop")[0].update(node="s99")),
    ("shape", lambda plan: plan.pop("routes")),
    ("shape", lambda plan: halts(plan, "stop")[0].pop("arrival_s")),
]


def test_the_unbroken_plan_is_valid(problem: Problem, plan: Plan) -> None:
    assert check(problem, plan) == []
    assert len(halts(plan, "disposal")) == 2
    assert len(halts(plan, "break")) == 1


@pytest.mark.parametrize(("rule", "spoil"), BREAKS, ids=[f"{rule}-{index}" for index, (rule, _) in enumerate(BREAKS)])
def test_broken_rule_is_found(problem: Problem, plan: Plan, rule: str, spoil: Callable[[Plan], object]) -> None:
    broken = copy.deepcopy(plan)
    spoil(broken)
    assert rule in {failure.rule for failure in check(problem, broken)}


def test_every_rule_of_the_checker_is_broken_by_a_test() -> None:
    rules = set(re.findall(r'Failure\(\s*"([^"]+)"', inspect.getsource(checking)))
    elsewhere = {"access", "fraction", "width", "street weight", "legal interval", "executed"}
    assert rules == {rule for rule, _ in BREAKS} | elsewhere


def broken(problem: Problem, plan: Plan) -> set[str]:
    return {failure.rule for failure in check(problem, plan)}


def test_a_pinned_stop_must_be_served() -> None:
    pinned = make_problem([(1, 0)], [100], stop_changes={0: {"required": False, "pinned": True}})
    assert broken(pinned, {"routes": [], "distance_m": 0, "unserved": ["s0"]}) == {"required"}


def test_between_two_windows_is_outside_both() -> None:
    windows = ((8 * HOUR, 9 * HOUR), (11 * HOUR, 12 * HOUR))
    strict = make_problem([(1, 0)], [100], stop_changes={0: {"windows": windows}})
    plan = solve(strict, Stopping(iterations=50)).to_json()
    assert check(strict, plan) == []
    between = 10 * HOUR - plan["routes"][0]["visits"][1]["start_s"]
    shift(plan, between)
    assert broken(strict, plan) == {"window"}


def test_a_disposal_site_is_for_its_trucks() -> None:
    anywhere = make_problem([(1, 0)], [100], sites=[(0, 1), (9, 9)])
    plan = solve(anywhere, Stopping(iterations=50)).to_json()
    assert halts(plan, "disposal")[0]["node"] == "tip0"
    only_far = make_problem([(1, 0)], [100], sites=[(0, 1), (9, 9)], trucks=[make_truck(disposal_sites=("tip1",))])
    assert broken(only_far, plan) == {"access"}


def test_a_depot_opens_and_closes() -> None:
    problem = make_problem([(1, 0)], [100], stop_changes={0: {"required": False, "prize": 50.0}})
    plan = solve(problem, Stopping(iterations=50)).to_json()
    late, early = (problem.depots[0].model_copy(update=hours) for hours in ({"opens_s": 12 * HOUR}, {"closes_s": 7 * HOUR}))
    assert broken(replace(problem, depots=(late,)), plan) == {"shift"}
    assert broken(replace(problem, depots=(early,)), plan) == {"shift"}


def test_a_break_is_due_on_long_routes_only() -> None:
    long, short = (
        make_problem([(1, 0)], [100], trucks=[make_truck(break_rule=LUNCH.model_copy(update={"required_from_s": limit}))])
        for limit in (600, 7200)
    )
    plan = solve(short, Stopping(iterations=50)).to_json()
    assert halts(plan, "break") == []
    assert check(short, plan) == []
    assert broken(long, plan) == {"break"}


def test_kilograms_must_be_tipped_too() -> None:
    """A stop of no litres: only its weight is still on board at the end."""
    heavy = make_problem([(1, 0)], [0], stop_changes={0: {"load_kg": 50}})
    plan = solve(heavy, Stopping(iterations=50)).to_json()
    assert check(heavy, plan) == []
    drop(plan, "disposal")
    assert "empty at the end" in broken(heavy, plan)


def test_what_was_done_before_it_was_forbidden_stays_valid() -> None:
    problem = make_problem([(1, 0), (2, 0)], [100, 100])
    solution = solve(problem, Stopping(iterations=50))
    done = Executed(visits=solution.routes[0].visits[:2])
    first = done.visits[1].node
    stops = tuple(stop.model_copy(update={"forbidden": stop.node == first, "required": False}) for stop in problem.stops)
    on_the_road = replace(problem, trucks=(problem.trucks[0].model_copy(update={"executed": done}),), stops=stops)
    assert check(on_the_road, solution.to_json()) == []


def test_access_is_checked() -> None:
    open_to_all = make_problem([(1, 0)], [100], trucks=[make_truck("t1"), make_truck("t2")])
    only_t2 = make_problem(
        [(1, 0)],
        [100],
        trucks=[make_truck("t1", disposal_sites=("tip0",)), make_truck("t2")],
        stop_changes={0: {"trucks": ("t2",)}},
    )
    plan = solve(open_to_all, Stopping(iterations=50)).to_json()
    plan["routes"][0]["truck_id"] = "t1"
    assert broken(only_t2, plan) == {"access"}


@pytest.mark.parametrize(
    ("rule", "of_truck", "of_stop"),
    [
        ("fraction", {"fractions": ("glass",)}, {"fraction": "paper"}),
        ("width", {"width_mm": 2550}, {"max_width_mm": 2300}),
        ("street weight", {"weight_kg": 26_000}, {"max_weight_kg": 12_000}),
    ],
)
def test_what_a_truck_or_a_street_allows_is_checked(rule: str, of_truck: dict[str, Any], of_stop: dict[str, Any]) -> None:
    """The other truck may: the search sends that one, and the checker finds the first one in its place."""
    trucks = [make_truck("t1", **of_truck), make_truck("t2", fixed_cost=50)]
    strict = make_problem([(1, 0)], [100], trucks=trucks, stop_changes={0: of_stop})
    plan = solve(strict, Stopping(iterations=50)).to_json()
    assert plan["routes"][0]["truck_id"] == "t2"
    plan["routes"][0]["truck_id"] = "t1"
    assert broken(strict, plan) == {rule, "cost"}  # the other truck has a fixed cost


def test_legal_interval_is_kept_and_checked() -> None:
    due = {"required": False, "max_interval_days": 14, "days_since_collection": 12, "next_chance_days": 3}
    later = due | {"days_since_collection": 11}
    problem = make_problem([(1, 0), (2, 0)], [100, 100], stop_changes={0: due, 1: later})
    plan = solve(problem, Stopping(iterations=50)).to_json()
    assert (plan["routes"][0]["visits"][1]["node"], plan["unserved"]) == ("s0", ["s1"])
    assert check(problem, plan) == []
    nobody = plan | {"routes": [], "distance_m": 0, "cost": 0, "unserved": ["s0", "s1"]}
    assert broken(problem, nobody) == {"legal interval"}


def test_executed_part_is_checked() -> None:
    problem = make_problem([(1, 0), (2, 0)], [100, 100])
    solution = solve(problem, Stopping(iterations=50))
    done = Executed(visits=solution.routes[0].visits[:2])
    on_the_road = replace(problem, trucks=(problem.trucks[0].model_copy(update={"executed": done}),))
    stranded = replace(
        problem,
        trucks=(problem.trucks[0].model_copy(update={"executed": done.model_copy(update={"ends_here": True})}), make_truck("t2")),
    )
    plan = solution.to_json()
    assert check(on_the_road, plan) == []
    later = copy.deepcopy(plan)
    later["routes"][0]["visits"][1]["departure_s"] += 1
    assert "executed" in {failure.rule for failure in check(on_the_road, later)}
    assert "executed" in {failure.rule for failure in check(on_the_road, plan | {"routes": []})}
    assert "executed" in {failure.rule for failure in check(stranded, plan)}

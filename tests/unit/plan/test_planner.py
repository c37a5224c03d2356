"""What the planner decides and says: required, worth it, on the way, can wait, no data, no room; and never worse than the schedule."""

from __future__ import annotations

from typing import Any

import pytest

from models.domain.failures import UserError
from models.domain.plan import CollectionPlan, ContainerDecision, DecisionRule, LeftBehind
from models.domain.registry import DisposalSite
from models.domain.verdict import Compared
from processors.plan.day import CityInputs, fraction_days
from processors.plan.planner import plan_fraction
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, container, forecast, line, truck

FULL, LIKELY, WAITS, EMPTY = (0.97, 0.2), (0.8, 0.11), (0.5, 0.05), (0.1, 0.05)


def planned(inputs: CityInputs, **settings: Any) -> CollectionPlan:
    chosen = PlanSettings(plan_iterations=150, **settings)
    (day,) = fraction_days(inputs, MONDAY, chosen, ZONE, NOW)
    return plan_fraction(day, StraightLine(), RoadProfile(), chosen, ZONE, NOW).plan


def decided(plan: CollectionPlan, number: int) -> ContainerDecision:
    return next(item for item in plan.decisions if item.container_id == f"c-{number:04d}")


def test_every_container_has_one_decision_with_a_sentence() -> None:
    plan = planned(city({1: FULL, 2: LIKELY, 3: WAITS, 4: EMPTY, 5: None}))
    assert [item.container_id for item in plan.decisions] == [f"c-{number:04d}" for number in range(1, 6)]
    assert all(item.reason.endswith(".") and len(item.reason) > 40 for item in plan.decisions)
    assert plan.check_failures == ()


def test_container_over_the_limit_must_go_and_one_that_waits_does_not() -> None:
    plan = planned(city({1: FULL, 9: WAITS}))
    must, wait = decided(plan, 1), decided(plan, 9)
    assert (must.collected, must.rule, must.truck_id) == (True, DecisionRule.REQUIRED, "truck-1")
    assert must.reason.startswith("Must go: 97 % full on Sun 22 Nov 16:00")
    assert "25 % is the limit" in must.reason
    assert (wait.collected, wait.rule) == (False, DecisionRule.NOT_WORTH_IT)
    assert wait.overflow_probability == 0
    assert "Its detour would be" in wait.reason


def test_prize_pays_for_a_short_way_only() -> None:
    near = planned(city({1: FULL, 2: LIKELY}), plan_required_probability=0.9)
    far = city({1: FULL, 60: LIKELY})
    assert decided(near, 2).rule in (DecisionRule.PRIZE, DecisionRule.ON_THE_WAY)
    assert decided(planned(far, plan_required_probability=0.9, plan_overflow_cost=30), 60).rule is DecisionRule.NOT_WORTH_IT


def test_without_data_the_fixed_schedule_decides() -> None:
    tuesday = (line("c-0001"), line("c-0002", weekdays=(1,)))
    plan = planned(city({1: None, 2: None}, fixed_lines=tuesday))
    due, later = decided(plan, 1), decided(plan, 2)
    assert (due.collected, due.rule) == (True, DecisionRule.SCHEDULE)
    assert "collects it today: there is no forecast" in due.reason
    assert (later.collected, later.rule) == (False, DecisionRule.NO_DATA)
    assert "next on Tue 24 Nov" in later.reason


def test_old_level_does_not_decide() -> None:
    old = {"c-0001": forecast("c-0001", 0.9, 0.3, level_observed_at=NOW.replace(day=20))}
    plan = planned(city({1: FULL}, forecasts=old))
    assert decided(plan, 1).rule is DecisionRule.SCHEDULE
    assert "older than 36 hours (90 % full on Fri 20 Nov 16:00)" in decided(plan, 1).reason


def test_what_no_truck_has_room_for_is_said_and_the_rest_is_collected() -> None:
    small = truck(capacity_l=4100, shift_end_s=27_600)  # forty minutes: one trip
    plan = planned(city({1: FULL, 2: FULL}, trucks=(small,)))
    assert sorted(item.rule.value for item in plan.decisions) == ["no_room", "required"]
    assert plan.check_failures == ()


def test_day_without_collections_sends_no_truck() -> None:
    plan = planned(city({1: FULL}), plan_weekdays="tue|fri")
    assert plan.routes == ()
    assert "no truck for it drives on Mon 23 Nov" in decided(plan, 1).reason


def test_fixed_schedule_is_costed_on_the_same_roads() -> None:
    plan = planned(city(dict.fromkeys(range(1, 8), EMPTY) | {9: FULL}))
    assert plan.fixed_schedule is not None
    assert (plan.fixed_schedule.trucks, plan.fixed_schedule.stops) == (1, 8)
    assert plan.distance_m <= plan.fixed_schedule.distance_m
    assert plan.verdict.startswith("The plan is better and is kept")


def test_a_plan_says_what_it_and_the_fixed_schedule_leave_standing() -> None:
    plan = planned(city({1: WAITS, 2: FULL, 3: LIKELY}, fixed_lines=(line("c-0001"), line("c-0002", weekdays=(1,)))))
    risk = decided(plan, 2).overflow_probability, decided(plan, 3).overflow_probability
    assert plan.left_by_plan == LeftBehind(required=0, expected_overflows=0.0)
    expected = round(sum(item or 0.0 for item in risk), 2)
    assert plan.left_by_fixed_schedule == LeftBehind(
        required=sum((item or 0) >= 0.25 for item in risk), expected_overflows=expected
    )
    assert plan.left_by_fixed_schedule.required >= 1
    assert plan.verdict_figures is not None
    assert isinstance(plan.verdict_figures.main, Compared)
    assert plan.left_by_fixed_schedule.required == plan.verdict_figures.main.left_standing, "the verdict says the same"


def test_fixed_tour_tips_before_it_is_too_full() -> None:
    small = truck(capacity_l=5000)
    once = planned(city(dict.fromkeys(range(1, 5), FULL)))
    often = planned(city(dict.fromkeys(range(1, 5), FULL), trucks=(small,)))
    assert once.fixed_schedule is not None
    assert often.fixed_schedule is not None
    assert often.fixed_schedule.distance_m > once.fixed_schedule.distance_m


def test_routes_carry_containers_and_a_path_for_the_map() -> None:
    (route,) = planned(city({1: FULL, 2: FULL})).routes
    assert {container for visit in route.visits for container in visit.container_ids} == {"c-0001", "c-0002"}
    assert route.path[0] == (52.34, 5.2)
    assert len(route.path) >= 4


def test_same_inputs_give_the_same_plan() -> None:
    inputs = city(dict.fromkeys(range(1, 9), LIKELY))
    assert planned(inputs) == planned(inputs)


def test_fraction_without_disposal_site_is_a_sentence() -> None:
    site = DisposalSite(disposal_site_id="tip-1", name="tip", latitude=52.3, longitude=5.2, fractions=("glass",))
    with pytest.raises(UserError, match="no disposal site takes residual"):
        planned(city({1: FULL}, disposal_sites=(site,)))


def test_empty_registry_says_what_is_missing() -> None:
    with pytest.raises(UserError, match="a plan needs trucks, a depot: import them"):
        fraction_days(city({1: FULL}, trucks=(), depots=()), MONDAY, PlanSettings(), ZONE, NOW)


def test_doubtful_data_are_called_so() -> None:
    doubtful = {"c-0001": forecast("c-0001", 0.97, 0.3, data_grade="doubtful")}
    assert "(doubtful data)" in decided(planned(city({1: FULL}, forecasts=doubtful)), 1).reason


def test_fractions_are_planned_apart() -> None:
    containers = (container(1), container(2, fraction="glass"))
    trucks = (truck(1), truck(2, fractions=("glass",)))
    forecasts = {item.thing_id: forecast(item.thing_id, *FULL) for item in containers}
    days = fraction_days(city({}, containers=containers, forecasts=forecasts, trucks=trucks), MONDAY, PlanSettings(), ZONE, NOW)
    assert [(day.fraction, [item.truck_id for item in day.trucks]) for day in days] == [
        ("glass", ["truck-2"]),
        ("residual", ["truck-1"]),
    ]

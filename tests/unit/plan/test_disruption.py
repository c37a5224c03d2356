"""On a disrupted day the trucks that are left go where most is expected to overflow."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from models.domain.failures import UserError
from models.domain.legal_interval import KnownFrom, LastCollection
from models.domain.plan import CollectionPlan, DecisionRule
from processors.plan.day import fraction_days
from processors.plan.disruption import Disruption
from processors.plan.planner import plan_fraction
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, container, forecast, truck

SOON, SLOW = (0.78, 0.12), (0.6, 0.05)
SETTINGS = PlanSettings(plan_iterations=60)


def planned(disruption: Disruption, **changes: Any) -> dict[str, CollectionPlan]:
    """Ten containers near a full truck's reach: the north has most to overflow, the south is nearer to the depot."""
    south = [container(number, district="south") for number in (1, 2)]
    north = [container(number, district="north") for number in (20, 21, 22)]
    glass = [container(number, district="south", fraction="glass") for number in (30,)]
    everything = (*south, *north, *glass)
    given: dict[str, Any] = {
        "containers": everything,
        "forecasts": {item.thing_id: forecast(item.thing_id, *(SLOW if item.fraction == "glass" else SOON)) for item in everything},
        "trucks": (truck(1, capacity_l=11_500, shift_end_s=30_000), truck(2, fractions=("glass", "residual"), capacity_l=9000)),
    }
    days = fraction_days(city({}, **(given | changes)), MONDAY, SETTINGS, ZONE, NOW, disruption)
    return {day.fraction: plan_fraction(day, StraightLine(), RoadProfile(), SETTINGS, ZONE, NOW).plan for day in days}


def test_the_district_with_most_expected_overflow_comes_first() -> None:
    plans = planned(Disruption(1, ("residual",), True, "snow"))
    plan = plans["residual"]
    collected = {item.container_id for item in plan.decisions if item.collected}
    assert {"c-0020", "c-0021", "c-0022"} <= collected
    assert plan.check_failures == ()
    first = next(item for item in plan.decisions if item.container_id == "c-0020")
    assert first.rule is DecisionRule.OVERFLOW_FIRST
    assert "north is number 1 of 2 districts by expected overflow" in first.reason
    assert plan.verdict.startswith("Disrupted day (snow): 1 truck for residual, district by district")


def test_a_fraction_that_is_not_named_gets_no_truck_and_says_so() -> None:
    glass = planned(Disruption(1, ("residual",), True, "snow"))["glass"]
    assert glass.routes == ()
    assert "no truck for it drives" in glass.decisions[0].reason


def test_the_law_sends_no_truck_on_a_disrupted_day_and_is_told_all_the_same() -> None:
    by_law = container(40, district="south", max_interval_days=7)
    last = {by_law.thing_id: LastCollection(container_id=by_law.thing_id, on=date(2026, 11, 1), known_from=KnownFrom.CREW)}
    forecasts = {by_law.thing_id: forecast(by_law.thing_id, 0.1, 0.01)}
    changes: dict[str, Any] = {"containers": (by_law,), "forecasts": forecasts, "last_collected": last}
    (left,) = planned(Disruption(1, ("residual",), False, "snow"), **changes)["residual"].decisions
    assert not left.collected
    assert "At most 7 days between collections by law, last collected 22 days earlier (Sun 1 Nov), as its crew said." in left.reason


def test_no_more_trucks_drive_than_are_left_even_on_a_sunday() -> None:
    plans = planned(Disruption(2, ("residual", "glass"), False, "strike"))
    assert len({route.truck_id for plan in plans.values() for route in plan.routes}) <= 2
    assert {route.truck_id for route in plans["glass"].routes} <= {"truck-2"}


def test_an_unknown_fraction_is_a_sentence() -> None:
    with pytest.raises(UserError, match="there are no containers for gold"):
        planned(Disruption(1, ("gold",), True, "snow"))

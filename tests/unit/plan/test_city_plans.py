"""Fractions that are searched side by side get the plans that each gets alone; a plan stays near to the one before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from models.domain.plan import CollectionPlan
from processors.plan.city_plans import plan_fractions
from processors.plan.day import CityInputs, fraction_days
from processors.plan.inputs import kept_inputs
from processors.plan.planner import FractionDay, plan_fraction
from processors.plan.reproduction import decided, made_again
from processors.plan.tours import tours_of
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, container, forecast, truck

pytestmark = pytest.mark.lengthy

SETTINGS = PlanSettings(plan_iterations=80)


def two_fractions() -> CityInputs:
    containers = tuple(container(number, fraction="glass" if number % 3 == 0 else "residual") for number in range(1, 31))
    forecasts = {item.thing_id: forecast(item.thing_id, 0.7 + number % 7 / 20, 0.12) for number, item in enumerate(containers)}
    trucks = (truck(1), truck(2), truck(3, fractions=("glass",)))
    return city({}, containers=containers, forecasts=forecasts, trucks=trucks)


def days_of(inputs: CityInputs) -> list[FractionDay]:
    return fraction_days(inputs, MONDAY, SETTINGS, ZONE, NOW)


def alone(day: FractionDay) -> CollectionPlan:
    return plan_fraction(day, StraightLine(), RoadProfile(), SETTINGS, ZONE, NOW).plan


def test_fractions_side_by_side_get_the_plans_that_each_gets_alone() -> None:
    days = days_of(two_fractions())
    together = plan_fractions(days, StraightLine(), RoadProfile(), SETTINGS, ZONE, NOW)
    assert [item.plan for item in together] == [alone(day) for day in days]
    assert [item.plan.fraction for item in together] == ["glass", "residual"]


def test_a_plan_made_again_with_other_fills_stays_near_to_the_draft_and_says_so() -> None:
    inputs = two_fractions()
    draft = alone(days_of(inputs)[1])
    fuller = inputs.forecasts["c-0004"].model_copy(update={"level_at_cutoff": 1.0})
    day = days_of(replace(inputs, forecasts={**inputs.forecasts, "c-0004": fuller}))[1]
    near = alone(replace(day, known=tuple(tours_of(draft))))
    was, now = trucks_by_container(draft), trucks_by_container(near)
    same = [name for name in was if now.get(name) == was[name]]
    assert len(same) >= 0.95 * len(was.keys() & now.keys())
    assert "stay with their truck" in near.verdict
    assert near.check_failures == ()


def trucks_by_container(plan: CollectionPlan) -> dict[str, str | None]:
    return {item.container_id: item.truck_id for item in plan.decisions if item.collected}


def test_a_plan_that_stayed_near_is_made_again_byte_for_byte() -> None:
    inputs = two_fractions()
    day = days_of(inputs)[1]
    known = tuple(tours_of(alone(day)))
    found = plan_fraction(replace(day, known=known), StraightLine(), RoadProfile(), SETTINGS, ZONE, NOW)
    forecasts = [item.model_dump(mode="json") for item in inputs.forecasts.values()]
    kept: dict[str, Any] = orjson.loads(orjson.dumps(kept_inputs(found, 1, forecasts, {"how": "solve"})))
    assert decided(made_again(kept).plan) == decided(found.plan)

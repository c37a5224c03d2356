"""A district falls back to its fixed route by itself, says so, stays for a while, and is planned again below a lower limit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import orjson
import pytest

from models.domain.district_standing import HeldBy, HeldDistrict, Standing
from models.domain.held_words import held_sentence
from models.domain.language import Language
from models.domain.plan import CollectionPlan, DecisionRule
from models.domain.reason_words import reason
from processors.plan.day import fraction_days
from processors.plan.fallback import fallback_message, held_districts
from processors.plan.inputs import kept_inputs
from processors.plan.planner import plan_fraction
from processors.plan.reproduction import decided, made_again
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, container, forecast, line

SETTINGS = PlanSettings(plan_iterations=60)


def standing(**changes: Any) -> Standing:
    return Standing(**({"district": "Haven", "containers": 10} | changes))


def held(found: Standing, day: date = MONDAY) -> HeldDistrict | None:
    return held_districts([found], day, SETTINGS).get("Haven")


@pytest.mark.parametrize(("without", "falls"), [(5, False), (6, True)])
def test_a_district_falls_back_over_the_limit_of_missing_data(without: int, falls: bool) -> None:
    found = held(standing(without_data=without))
    assert (found is not None) is falls
    if found is not None:
        assert (found.by, found.since, found.limit) == (HeldBy.DATA, MONDAY, 0.5)


def test_a_district_falls_back_when_it_overflows_more_under_plans_than_under_its_fixed_route() -> None:
    good = standing(overflow_by_plan_h=0.9, overflow_baseline_h=0.5)
    bad = standing(overflow_by_plan_h=1.1, overflow_baseline_h=0.5)
    unknown = standing(overflow_by_plan_h=5.0)
    found = held(bad)
    assert found is not None
    assert (found.by, found.limit) == (HeldBy.OVERFLOW, 1.0)
    assert held(good) is None
    assert held(unknown) is None, "without a baseline there is nothing to compare with"


def test_it_does_not_flap() -> None:
    first = held(standing(without_data=6))
    assert first is not None
    between = standing(without_data=4, since=first.since, cause=first.by)
    better = standing(without_data=3, since=first.since, cause=first.by)
    assert held(standing(without_data=4)) is None, "40 % alone sends no district back"
    later = MONDAY + timedelta(days=30)
    still = held(between, later)
    assert still is not None, "and does not let one return"
    assert still.since == MONDAY
    assert held(better, MONDAY + timedelta(days=6)) is not None, "it stays for a week"
    assert held(better, MONDAY + timedelta(days=7)) is None


def test_bad_data_keep_a_district_that_came_for_its_overflow() -> None:
    found = standing(without_data=9, since=MONDAY, cause=HeldBy.OVERFLOW, overflow_lately_h=0.1, overflow_baseline_h=0.5)
    assert held(found, MONDAY + timedelta(days=20)) is not None


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize(
    "found",
    [standing(shadow=True), standing(without_data=6), standing(overflow_by_plan_h=2.5, overflow_baseline_h=0.5)],
    ids=["shadow", "data", "overflow"],
)
def test_every_cause_has_its_sentence(found: Standing, language: Language) -> None:
    told = held(found)
    assert told is not None
    text = held_sentence(told, language)
    assert text.startswith("Haven ")
    assert text.endswith(".")
    assert "{" not in text
    assert "None" not in text
    assert "–" not in text


def test_the_sentence_has_the_figures_that_decided() -> None:
    told = held(standing(without_data=6))
    assert told is not None
    assert held_sentence(told, "nl") == (
        "Haven rijdt sinds ma 23 nov weer de vaste route: 6 van 10 containers (60 %) hebben geen bruikbare gegevens, boven 50 % valt de wijk "
        "terug; vanaf ma 30 nov wordt hij bij 30 % of minder weer gepland."
    )


def test_other_systems_are_told_of_the_fall_and_of_the_return_once_each() -> None:
    bad = standing(without_data=6)
    fallen = held(bad)
    assert fallen is not None
    first = fallback_message(bad, fallen, MONDAY, "en")
    again = standing(without_data=6, since=MONDAY, cause=HeldBy.DATA)
    second = fallback_message(again, held(again, MONDAY + timedelta(days=1)), MONDAY + timedelta(days=1), "en")
    assert first is not None
    assert second is not None
    assert first["key"] == second["key"]
    back = fallback_message(again, None, MONDAY + timedelta(days=8), "en")
    assert back is not None
    assert "planned again" in back["sentence"]
    assert fallback_message(standing(), None, MONDAY, "en") is None
    assert fallback_message(standing(shadow=True), held(standing(shadow=True)), MONDAY, "en") is None


def two_districts() -> tuple[CollectionPlan, dict[str, Any]]:
    """Haven has lost two of three sensors; the third is full and not due today. Centrum's is full, too."""
    containers = tuple(container(number, district="Centrum" if number == 9 else "Haven") for number in (1, 2, 3, 9))
    forecasts = {name: forecast(name, 0.97, 0.2) for name in ("c-0003", "c-0009")}
    lines = (line("c-0001"), line("c-0002", weekdays=(1,)), line("c-0003", weekdays=(2,)), line("c-0009", weekdays=(1,)))
    standings = (Standing(district="Centrum"), Standing(district="Haven"))
    inputs = city({}, containers=containers, forecasts=forecasts, fixed_lines=lines, standings=standings)
    (day,) = fraction_days(inputs, MONDAY, SETTINGS, ZONE, NOW)
    found = plan_fraction(day, StraightLine(), RoadProfile(), SETTINGS, ZONE, NOW)
    kept = kept_inputs(found, 1, [item.model_dump(mode="json") for item in forecasts.values()], {"how": "solve"})
    return found.plan, orjson.loads(orjson.dumps(kept))


def test_the_districts_containers_follow_the_schedule_and_the_others_are_planned() -> None:
    plan, _ = two_districts()
    decisions = {item.container_id: item for item in plan.decisions}
    assert {name: (item.collected, item.rule) for name, item in decisions.items()} == {
        "c-0001": (True, DecisionRule.SCHEDULE),
        "c-0002": (False, DecisionRule.NO_DATA),
        "c-0003": (False, DecisionRule.SCHEDULE),
        "c-0009": (True, DecisionRule.REQUIRED),
    }
    (haven,) = plan.held
    assert (haven.district, haven.by, haven.standing.without_data) == ("Haven", HeldBy.DATA, 2)
    assert held_sentence(haven, "en") in plan.verdict
    told = decisions["c-0003"]
    assert told.reason.startswith("Follows the fixed schedule, next on Wed 25 Nov: Haven is back on its fixed route (97 % full on")
    assert "Haven rijdt weer de vaste route" in reason(told, "nl", ZONE)


def test_the_fall_back_is_decided_again_from_what_is_stored_with_the_plan() -> None:
    plan, kept = two_districts()
    assert decided(made_again(kept).plan) == decided(plan)
    assert made_again(kept).plan.held == plan.held
    for item in kept["day"]["standings"]:
        item["without_data"] = 0
    assert decided(made_again(kept).plan) != decided(plan)

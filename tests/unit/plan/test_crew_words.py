"""What is driven follows the crews' words where there are any, and the plan's times where there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from models.domain.plan import CollectionPlan, DecisionRule, VisitKind
from models.domain.plan_day import CrewWord, DayEvent, DayEventKind
from models.domain.reason_words import reason
from models.domain.verdict import Replanned
from models.domain.verdict_words import verdict_sentence
from processors.plan.crew_words import TruckWord
from processors.plan.day import fraction_days
from processors.plan.inputs import kept_inputs
from processors.plan.planner import Planned, plan_fraction
from processors.plan.replanning import Renewed, renewed_plan
from processors.plan.reproduction import decided, made_again
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, truck

FULL = (0.97, 0.2)
SETTINGS = PlanSettings(plan_iterations=80)
TEN = datetime(2026, 11, 23, 10, tzinfo=ZONE)


def morning() -> tuple[Planned, dict[str, Any], list[str]]:
    """Twelve full containers, two small trucks; and the stops of the tour with more of them."""
    inputs = city(dict.fromkeys(range(1, 13), FULL), trucks=(truck(1, capacity_l=16_000), truck(2, capacity_l=16_000)))
    (day,) = fraction_days(inputs, MONDAY, SETTINGS, ZONE, NOW)
    found = plan_fraction(day, StraightLine(), RoadProfile(), SETTINGS, ZONE, NOW)
    kept = kept_inputs(found, 1, [item.model_dump(mode="json") for item in inputs.forecasts.values()], {"how": "solve"})
    stops = max((route.stops for route in found.solution.routes), key=len)
    return found, orjson.loads(orjson.dumps(kept)), stops


def truck_of(found: Planned, container: str) -> str:
    return next(route.truck_id for route in found.solution.routes if container in route.stops)


def said(truck_id: str, word: CrewWord, container: str, minutes: int, reason: str = "") -> TruckWord:
    at = datetime(2026, 11, 23, 8, tzinfo=ZONE) + timedelta(minutes=minutes)
    return TruckWord(truck_id=truck_id, word=word, container_id=container, said_at=at, reason=reason)


def renewed(kept: dict[str, Any], words: list[TruckWord], **event: Any) -> Renewed:
    fields: dict[str, Any] = {"plan_date": MONDAY, "kind": DayEventKind.ROAD_BLOCKED, "subject": "street-1", "at": TEN}
    return renewed_plan(kept, DayEvent(**(fields | event)), StraightLine(), 80, words)


def stops_of(plan: CollectionPlan, truck_id: str) -> list[str]:
    return [v.place_id for route in plan.routes if route.truck_id == truck_id for v in route.visits if v.kind is VisitKind.STOP]


def about(plan: CollectionPlan) -> Replanned:
    assert plan.verdict_figures is not None
    assert isinstance(plan.verdict_figures.main, Replanned)
    return plan.verdict_figures.main


def test_what_the_crew_has_done_stands_first_whatever_the_plans_times_say() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    plan = renewed(kept, [said(name, CrewWord.DONE, stops[0], 20), said(name, CrewWord.DONE, stops[2], 40)]).planned.plan
    assert plan.check_failures == ()
    assert stops_of(plan, name)[:3] == [stops[0], stops[2], stops[1]], "done as said, and on its way to the next"
    done = next(v for route in plan.routes if route.truck_id == name for v in route.visits if v.place_id == stops[2])
    assert done.departure_s == 8 * 3600 + 40 * 60
    assert about(plan).by_words == (name,)


def test_the_rest_of_the_day_keeps_windows_streets_and_the_break() -> None:
    """A truck breaks down at ten; the container of the afternoon and that of the narrow street are still to come."""
    rule = {"break_earliest_s": 39_600, "break_latest_s": 43_200, "break_duration_s": 1800}
    fleet = (truck(1, capacity_l=16_000, width_mm=2000, **rule), truck(2, capacity_l=16_000, width_mm=2550))
    inputs = city(dict.fromkeys(range(1, 13), FULL), trucks=fleet)
    limits: dict[str, dict[str, Any]] = {
        "c-0005": {"windows": ((46_800, 50_400),), "max_truck_width_mm": 2300}, "c-0009": {"windows": ((43_200, 46_800),)},
    }  # fmt: skip
    containers = tuple(item.model_copy(update=limits.get(item.thing_id, {})) for item in inputs.containers)
    (day,) = fraction_days(replace(inputs, containers=containers), MONDAY, SETTINGS, ZONE, NOW)
    found = plan_fraction(day, StraightLine(), RoadProfile(), SETTINGS, ZONE, NOW)
    assert found.plan.check_failures == ()
    forecasts = [item.model_dump(mode="json") for item in inputs.forecasts.values()]
    kept = orjson.loads(orjson.dumps(kept_inputs(found, 1, forecasts, {"how": "solve"})))
    after = renewed(kept, [], kind=DayEventKind.TRUCK_OUT, subject="truck-2")
    plan = after.planned.plan
    assert plan.check_failures == ()
    starts = {v.node: v.start_s for route in after.planned.solution.routes for v in route.visits if v.kind is VisitKind.STOP}
    assert 46_800 <= starts["c-0005"] <= 50_400
    assert "c-0005" in stops_of(plan, "truck-1")
    assert 43_200 <= starts.get("c-0009", 43_200) <= 46_800
    (pause,) = [v for route in plan.routes if route.truck_id == "truck-1" for v in route.visits if v.kind is VisitKind.BREAK]
    assert 39_600 <= pause.departure_s - 1800 <= 43_200
    again = kept_inputs(after.planned, 1, forecasts, after.made)
    assert decided(made_again(orjson.loads(orjson.dumps(again | after.before))).plan) == decided(plan)


def test_without_words_the_plans_times_count() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    plan = renewed(kept, []).planned.plan
    begun = [v.node for v in found.solution.routes[0].visits if v.start_s <= 10 * 3600]
    route = next(route for route in plan.routes if route.truck_id == found.solution.routes[0].truck_id)
    assert [v.place_id for v in route.visits][: len(begun)] == begun
    assert about(plan).by_words == ()
    assert name in about(plan).by_times
    assert "words" not in plan.verdict


@pytest.mark.parametrize("word", [CrewWord.SKIPPED, CrewWord.BLOCKED])
def test_what_a_crew_left_standing_is_out_of_the_day_and_its_reason_says_so(word: CrewWord) -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[1])
    words = [said(name, CrewWord.DONE, stops[0], 20), said(name, word, stops[1], 25, "parked car")]
    result = renewed(kept, words)
    plan = result.planned.plan
    assert plan.check_failures == ()
    assert all(stops[1] not in stops_of(plan, route.truck_id) for route in plan.routes)
    decision = next(item for item in plan.decisions if item.container_id == stops[1])
    assert (decision.rule, decision.collected) == (DecisionRule.LEFT_BY_CREW, False)
    assert decision.reason.startswith("Its crew left it (parked car): 97 % full")
    assert reason(decision, "nl", ZONE).startswith("De ploeg liet hem staan (parked car)")
    assert stops[1] in about(plan).changed_by_words[name]


def test_a_container_that_a_crew_left_can_be_asked_for_again() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[1])
    words = [said(name, CrewWord.DONE, stops[0], 20), said(name, CrewWord.BLOCKED, stops[1], 25, "parked car")]
    plan = renewed(kept, words, kind=DayEventKind.URGENT, subject=stops[1]).planned.plan
    assert any(stops[1] in stops_of(plan, route.truck_id) for route in plan.routes)


def test_a_later_word_replaces_an_earlier_one() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    words = [said(name, CrewWord.BLOCKED, stops[0], 10, "parked car"), said(name, CrewWord.DONE, stops[0], 30)]
    plan = renewed(kept, words).planned.plan
    assert stops_of(plan, name)[0] == stops[0]


def test_a_container_that_another_truck_did_is_done_once() -> None:
    found, kept, stops = morning()
    own = truck_of(found, stops[0])
    other = "truck-2" if own == "truck-1" else "truck-1"
    plan = renewed(kept, [said(other, CrewWord.DONE, stops[0], 20)]).planned.plan
    assert plan.check_failures == ()
    assert [route.truck_id for route in plan.routes if stops[0] in stops_of(plan, route.truck_id)] == [other]


def test_words_that_come_after_the_event_do_not_count() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    plan = renewed(kept, [said(name, CrewWord.DONE, stops[-1], 121)]).planned.plan
    assert about(plan).by_words == ()


def test_the_verdict_says_whose_words_counted_in_both_languages() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    plan = renewed(kept, [said(name, CrewWord.DONE, stops[0], 20)]).planned.plan
    assert f"What is driven follows the crews' words of {name}" in plan.verdict
    assert f"volgt de woorden van de ploegen van {name}" in verdict_sentence(plan, "nl", ZONE)


def test_a_re_plan_by_words_is_made_again_from_what_was_kept() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    words = [said(name, CrewWord.DONE, stops[0], 20), said(name, CrewWord.SKIPPED, stops[1], 25, "no access")]
    result = renewed(kept, words)
    again = orjson.loads(orjson.dumps(kept_inputs(result.planned, 1, kept["forecasts"], result.made) | result.before))
    assert decided(made_again(again).plan) == decided(result.planned.plan)


def test_a_crew_that_changed_its_order_drives_to_its_own_next_container() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    order = TruckWord(
        truck_id=name, word=CrewWord.REORDERED, said_at=TEN - timedelta(minutes=70), reason="traffic",
        order=(stops[3], stops[1], *stops[2:3], *stops[4:]),
    )  # fmt: skip
    plan = renewed(kept, [said(name, CrewWord.DONE, stops[0], 20), order]).planned.plan
    assert stops_of(plan, name)[:2] == [stops[0], stops[3]]


def test_a_truck_that_breaks_down_where_its_crew_said_done_ends_its_day_there() -> None:
    found, kept, stops = morning()
    name = truck_of(found, stops[0])
    plan = renewed(kept, [said(name, CrewWord.DONE, stops[0], 20)], kind=DayEventKind.TRUCK_OUT, subject=name).planned.plan
    assert plan.check_failures == ()
    assert stops_of(plan, name) == [stops[0]]
    decision = next(item for item in plan.decisions if item.container_id == stops[0])
    assert decision.collected
    assert decision.detour_m is not None

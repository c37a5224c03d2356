"""What the registry's limits of collections change on a plan, and what its reasons and verdict say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from models.domain.plan import CollectionPlan, DecisionRule, Visit, VisitKind
from models.domain.reason_words import reason
from models.domain.registry import Depot, DisposalSite, Truck
from models.domain.verdict import BrokenLimit, Compared, WhatIsKept
from models.domain.verdict_words import verdict_sentence
from processors.plan.calendar import moment
from processors.plan.day import CityInputs
from processors.plan.limits import vehicle, windows_of
from tests.unit.plan.small_city import ZONE, city, container, line, truck
from tests.unit.plan.test_planner import FULL, WAITS, decided, planned

H = 3600
EARLY_BREAK = {"break_earliest_s": 9 * H, "break_latest_s": 9 * H + 60, "break_duration_s": 1800, "break_required_from_s": 2 * H}
MORNING, AFTERNOON = (7 * H, 8 * H), (13 * H, 14 * H)


def limited(levels: Mapping[int, tuple[float, float] | None], limits: Mapping[int, dict[str, Any]], **changes: Any) -> CityInputs:
    """A small city with limits of some of its containers, by number."""
    found = city(levels, **changes)
    return replace(found, containers=tuple(container(number, **limits.get(number, {})) for number in levels))


def visits(plan: CollectionPlan, kind: VisitKind = VisitKind.STOP) -> list[Visit]:
    return [visit for route in plan.routes for visit in route.visits if visit.kind is kind]


def served_at(plan: CollectionPlan, number: int, service_s: int = 120) -> int:
    """When service of a container starts."""
    return next(visit.departure_s for visit in visits(plan) if f"c-{number:04d}" in visit.container_ids) - service_s


def drivers(plan: CollectionPlan) -> dict[str, str]:
    return {name: route.truck_id for route in plan.routes for visit in route.visits for name in visit.container_ids}


@pytest.mark.parametrize("window", [MORNING, AFTERNOON])
def test_container_is_collected_within_its_window_and_says_so(window: tuple[int, int]) -> None:
    levels = dict.fromkeys(range(1, 6), FULL)
    plan = planned(limited(levels, {3: {"windows": (window,)}}))
    assert plan.check_failures == ()
    assert window[0] <= served_at(plan, 3) <= window[1]
    shown = {MORNING: "07:00–08:00", AFTERNOON: "13:00–14:00"}[window]
    assert f"Only {shown}." in decided(plan, 3).reason
    assert f"Alleen {shown}." in reason(decided(plan, 3), "nl", ZONE)
    assert "Only" not in decided(plan, 2).reason


def test_one_of_several_windows_is_enough() -> None:
    plan = planned(limited({1: FULL}, {1: {"windows": (MORNING, AFTERNOON)}}, trucks=(truck(shift_start_s=9 * H),)))
    assert AFTERNOON[0] <= served_at(plan, 1) <= AFTERNOON[1]
    assert "Only 07:00–08:00 and 13:00–14:00." in decided(plan, 1).reason


def test_container_whose_window_no_truck_meets_is_left_and_says_what_would_have_helped() -> None:
    plan = planned(limited({1: FULL, 2: FULL}, {1: {"windows": ((7 * H, 7 * H + 60),)}}, trucks=(truck(shift_start_s=8 * H),)))
    left = decided(plan, 1)
    assert (left.collected, left.rule) == (False, DecisionRule.NO_ROOM)
    assert "Another truck that may come then and there, or room on one, would have changed that." in left.reason
    assert "Nog een wagen die daar dan mag komen" in reason(left, "nl", ZONE)
    assert decided(plan, 2).collected, "the rest of the day is planned all the same"


def test_shift_over_midnight_meets_the_windows_of_the_next_morning() -> None:
    night = truck(shift_start_s=20 * H, shift_end_s=28 * H)
    around = container(1, windows=((0, 2 * H), (22 * H, 24 * H)))
    assert windows_of(around, (truck(),)) == around.windows
    assert windows_of(around, (truck(), night)) == ((0, 2 * H), (22 * H, 26 * H), (46 * H, 48 * H))


@pytest.mark.parametrize(("day", "utc_hour"), [(date(2026, 3, 29), 5), (date(2026, 10, 25), 6), (date(2026, 11, 23), 6)])
def test_window_is_local_time_also_on_the_days_of_the_clock(day: date, utc_hour: int) -> None:
    ((opens, _),) = windows_of(container(1, windows=(MORNING,)), (truck(),))
    assert moment(day, opens, ZONE) == datetime(day.year, day.month, day.day, utc_hour, tzinfo=UTC)
    assert moment(day, opens, ZONE).astimezone(ZONE).hour == 7
    assert moment(day, truck().shift_start_s, ZONE) == moment(day, opens, ZONE), "as shifts are counted"


@pytest.mark.parametrize(
    ("limit", "size", "words", "dutch"),
    [
        ({"max_truck_width_mm": 2300}, "width_mm", "Trucks up to 2.30 m wide.", "Wagens tot 2,30 m breed."),
        ({"max_truck_weight_kg": 2300}, "gross_weight_kg", "Trucks up to 2.3 t.", "Wagens tot 2,3 t."),
    ],
)
def test_only_a_truck_that_the_street_takes_is_sent(limit: dict[str, int], size: str, words: str, dutch: str) -> None:
    fleet = (truck(1, **{size: 2550}), truck(2, **{size: 2000}, capacity_l=9000))
    levels = {1: FULL, 2: FULL, 3: FULL}
    plan = planned(limited(levels, {2: limit}, trucks=fleet))
    assert plan.check_failures == ()
    assert drivers(plan)["c-0002"] == "truck-2"
    assert words in decided(plan, 2).reason
    assert dutch in reason(decided(plan, 2), "nl", ZONE)
    alone = planned(limited(levels, {2: limit}, trucks=fleet[:1]))
    left = decided(alone, 2)
    assert (left.collected, left.detour_m) == (False, None)
    assert "no truck for it drives" in left.reason


@pytest.mark.parametrize(
    ("limits", "changes", "broken"),
    [
        ({"windows": ((7 * H, 7 * H + 60),)}, {}, BrokenLimit.WINDOW),
        ({"max_truck_width_mm": 2300}, {"width_mm": 2550}, BrokenLimit.WIDTH),
        ({"max_truck_weight_kg": 7500}, {"gross_weight_kg": 19_000}, BrokenLimit.WEIGHT),
        ({}, {"max_stops_per_shift": 2}, BrokenLimit.SHIFT_STOPS),
        ({}, {"max_load_l_per_shift": 9000}, BrokenLimit.SHIFT_LOAD),
        ({}, {"max_shift_s": 1200}, BrokenLimit.SHIFT_LENGTH),
        ({"service_duration_s": 2 * H}, EARLY_BREAK, BrokenLimit.BREAK),
    ],
)  # fmt: skip
def test_verdict_says_which_limit_the_fixed_schedule_breaks(
    limits: dict[str, Any], changes: dict[str, Any], broken: BrokenLimit
) -> None:
    """Four containers that must go; the schedule's tour serves them in an order or with a truck that a limit forbids."""
    fleet: tuple[Truck, ...] = (truck(shift_start_s=8 * H - 600, **changes),)
    plan = planned(limited(dict.fromkeys(range(1, 5), FULL), {1: limits}, trucks=fleet))
    assert plan.check_failures == ()
    assert plan.verdict_figures is not None
    about = plan.verdict_figures.main
    assert isinstance(about, Compared)
    assert about.kept is WhatIsKept.PLAN_AS_FIXED_BREAKS_A_RULE
    assert broken in about.broken
    assert "breaks a rule today (" in plan.verdict
    assert "overtreedt vandaag een regel (" in verdict_sentence(plan, "nl", ZONE)


def test_plan_keeps_the_crews_break() -> None:
    rule = {"break_earliest_s": 8 * H, "break_latest_s": 9 * H, "break_duration_s": 1800}
    levels = dict.fromkeys(range(1, 30), FULL)
    plan = planned(city(levels, trucks=(truck(**rule),)))
    assert plan.check_failures == ()
    (pause,) = visits(plan, VisitKind.BREAK)
    assert 8 * H <= pause.departure_s - 1800 <= 9 * H


def test_short_tour_needs_no_break_that_is_for_long_ones() -> None:
    rule = {"break_earliest_s": 8 * H, "break_latest_s": 9 * H, "break_duration_s": 1800, "break_required_from_s": 5 * H}
    plan = planned(city({1: FULL, 2: FULL}, trucks=(truck(**rule),)))
    assert plan.check_failures == ()
    assert visits(plan, VisitKind.BREAK) == []


def test_caps_of_a_shift_leave_the_rest_standing() -> None:
    levels = dict.fromkeys(range(1, 6), FULL)
    for cap in ({"max_stops_per_shift": 3}, {"max_load_l_per_shift": 12_500}):
        plan = planned(city(levels, trucks=(truck(**cap),)))
        assert plan.check_failures == ()
        assert plan.stop_count == 3
        assert sum(item.rule is DecisionRule.NO_ROOM for item in plan.decisions) == 2
    short = planned(city(levels, trucks=(truck(max_shift_s=2000),)))
    assert short.check_failures == ()
    assert all(route.duration_s <= 2000 for route in short.routes)
    assert 1 <= short.stop_count < 5


def test_cost_of_a_day_keeps_a_second_truck_at_home() -> None:
    """Two that must go on either side of the depots: two trucks without a cost of the day would be cheaper."""
    far = Depot(depot_id="depot-2", name="depot", latitude=52.34 + 40 * 0.003, longitude=5.2)
    near = Depot(depot_id="depot-1", name="depot", latitude=52.34, longitude=5.2)
    sites = tuple(
        DisposalSite(disposal_site_id=f"tip-{number}", name="tip", latitude=item.latitude, longitude=5.201)
        for number, item in enumerate((near, far), 1)
    )
    levels = {1: FULL, 39: FULL}
    changes: dict[str, Any] = {"depots": (near, far), "disposal_sites": sites, "fixed_lines": ()}
    free = planned(city(levels, trucks=(truck(1), truck(2, depot_id="depot-2")), **changes))
    dear = planned(city(levels, trucks=(truck(1), truck(2, depot_id="depot-2", cost_per_day=500)), **changes))
    assert (len(free.routes), len(dear.routes)) == (2, 1)
    assert dear.verdict_figures is not None


def test_truck_tips_only_where_it_may() -> None:
    sites = tuple(
        DisposalSite(disposal_site_id=f"tip-{number}", name="tip", latitude=52.34, longitude=5.2 + number * 0.02)
        for number in (1, 2)
    )
    chosen = {}
    for allowed in (("tip-1", "tip-2"), ("tip-2",)):
        plan = planned(city({1: FULL}, disposal_sites=sites, trucks=(truck(disposal_sites=allowed),)))
        assert plan.check_failures == ()
        chosen[allowed] = {visit.place_id for visit in visits(plan, VisitKind.DISPOSAL)}
    assert chosen == {("tip-1", "tip-2"): {"tip-1"}, ("tip-2",): {"tip-2"}}
    assert vehicle(truck(disposal_sites=("tip-1", "glass-tip")), {"tip-1"}).disposal_sites == ("tip-1",)


def test_depot_opens_before_trucks_leave() -> None:
    depot = Depot(depot_id="depot-1", name="depot", latitude=52.34, longitude=5.2, opens_s=9 * H, closes_s=12 * H)
    plan = planned(city({1: FULL, 2: FULL}, depots=(depot,)))
    assert plan.check_failures == ()
    (route,) = plan.routes
    assert route.visits[0].departure_s >= 9 * H
    assert route.visits[-1].arrival_s <= 12 * H


def test_container_that_can_wait_says_when_it_may_be_collected() -> None:
    plan = planned(limited({1: FULL, 9: WAITS}, {9: {"windows": (MORNING,), "max_truck_width_mm": 2300}}))
    assert decided(plan, 9).rule is DecisionRule.NOT_WORTH_IT
    assert "Only 07:00–08:00; trucks up to 2.30 m wide." in decided(plan, 9).reason


def test_fixed_schedule_of_another_order_is_kept_when_it_breaks_nothing() -> None:
    levels = dict.fromkeys(range(1, 4), FULL)
    lines = tuple(line(f"c-{number:04d}", tour_position=number) for number in levels)
    plan = planned(limited(levels, {number: {"windows": ((7 * H, 15 * H),)} for number in levels}, fixed_lines=lines))
    assert plan.check_failures == ()
    assert plan.verdict_figures is not None
    assert isinstance(plan.verdict_figures.main, Compared)
    assert plan.verdict_figures.main.broken == ()

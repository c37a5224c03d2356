"""The week is levelled: a day with more work than hours gives some to the days before it, the fullest first and not without need."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from models.domain.forecast import InflowForecast
from models.domain.plan import DecisionRule
from processors.plan.calendar import moment
from processors.plan.day import CityInputs, fraction_days
from processors.plan.planner import plan_fraction
from processors.plan.week import Task, levelled_days, week_of
from processors.routing.roads import RoadProfile, StraightLine
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city, forecast, line, truck

HOURS_A_DAY = 10_000.0
SATURDAYS = "mon|tue|wed|thu|fri|sat"


def task(name: str, due: int, *levels: float, work_s: float = 1000.0, first: int = 0) -> Task:
    return Task(name, work_s, first, due, levels or (0.9,) * 6)


def test_a_week_within_its_hours_stays_as_it_is() -> None:
    tasks = [task(f"c{number}", due=number % 5) for number in range(20)]
    assert levelled_days(tasks, [HOURS_A_DAY] * 5, 0.85) == [item.due for item in tasks]


def test_a_peak_goes_to_the_days_before_it_until_it_fits() -> None:
    tasks = [task(f"c{number:02d}", due=3) for number in range(20)]
    days = levelled_days(tasks, [HOURS_A_DAY] * 5, 0.85)
    assert [days.count(day) for day in range(5)] == [0, 4, 8, 8, 0]


def test_more_work_than_the_week_has_hours_is_spread_evenly() -> None:
    tasks = [task(f"c{number:02d}", due=3) for number in range(60)]
    assert [levelled_days(tasks, [HOURS_A_DAY] * 4, 0.85).count(day) for day in range(4)] == [15, 15, 15, 15]


def test_what_is_fullest_goes_first_and_what_is_half_empty_stays() -> None:
    full = [task(f"full{number}", 1, 0.9, 1.0, work_s=5000) for number in range(2)]
    empty = [task(f"empty{number}", 1, 0.4, 1.0, work_s=5000) for number in range(2)]
    assert levelled_days([*empty, *full], [HOURS_A_DAY] * 2, 0.85) == [1, 1, 0, 0]


def test_a_container_that_is_emptied_first_cannot_go_before_that() -> None:
    again = [task(f"c{number}", due=3, first=2) for number in range(20)]
    assert min(levelled_days(again, [HOURS_A_DAY] * 5, 0.85)) == 2


def weekend_city(trucks: int, shift_end_s: int) -> CityInputs:
    """Sixty containers that will all be full on Sunday, Saturday the last chance; the fixed schedule knows none of them."""
    fleet = tuple(truck(number + 1, shift_end_s=shift_end_s) for number in range(trucks))
    return city(dict.fromkeys(range(60), (0.48, 0.075)), trucks=fleet, fixed_lines=(line("c-9999"),))


def a_week(inputs: CityInputs, level_days: int) -> tuple[list[int], int]:
    """Each day from Monday to Saturday planned from that morning's forecasts, where what was collected is empty: the stops of each day,
    and how many containers nobody came to."""
    chosen = PlanSettings(plan_iterations=60, plan_weekdays=SATURDAYS, plan_level_days=level_days, plan_level_share=0.25)
    emptied: dict[str, date] = {}
    stops: list[int] = []
    for day in (MONDAY + timedelta(days=number) for number in range(6)):
        made_at = moment(day, 4 * 3600, ZONE)
        forecasts = {name: _known(name, made_at, emptied) for name in inputs.forecasts}
        (found,) = fraction_days(replace(inputs, forecasts=forecasts), day, chosen, ZONE, made_at)
        plan = plan_fraction(found, StraightLine(), RoadProfile(), chosen, ZONE, made_at).plan
        assert plan.check_failures == ()
        collected = {item.container_id for item in plan.decisions if item.collected}
        emptied |= dict.fromkeys(collected, day)
        stops.append(len(collected))
    return stops, len(inputs.forecasts) - len(emptied)


def _known(name: str, now: datetime, emptied: dict[str, date]) -> InflowForecast:
    """The forecast of a container at a moment: it rises by 0.075 a day from 0.48, or from nothing since it was emptied."""
    level = 0.48 + 0.075 * (now - NOW) / timedelta(days=1)
    if name in emptied:
        level = 0.075 * (now.date() - emptied[name]).days
    return forecast(name, min(1.0, level), 0.075, cutoff=now, known_at=now, level_observed_at=now)


@pytest.mark.lengthy
def test_saturday_does_not_peak_when_the_week_is_levelled() -> None:
    inputs = weekend_city(trucks=3, shift_end_s=54_000)
    (apart, left_apart), (levelled, left_levelled) = (a_week(inputs, days) for days in (0, 7))
    print(apart, left_apart, levelled, left_levelled)
    assert apart == [0, 0, 0, 0, 0, 60]
    assert max(levelled) <= 30
    assert (left_apart, left_levelled) == (0, 0)


@pytest.mark.lengthy
def test_a_levelled_week_leaves_fewer_containers_standing_when_saturday_alone_cannot_take_them() -> None:
    inputs = weekend_city(trucks=1, shift_end_s=39_600)
    (_, left_apart), (_, left_levelled) = (a_week(inputs, days) for days in (0, 7))
    print(left_apart, left_levelled)
    assert left_levelled < left_apart / 2


def test_the_plan_says_what_was_brought_forward_and_why() -> None:
    """Wednesday: Saturday's work would take more than one truck's hours."""
    inputs = weekend_city(trucks=1, shift_end_s=39_600)
    wednesday = MONDAY + timedelta(days=2)
    made_at = moment(wednesday, 4 * 3600, ZONE)
    chosen = PlanSettings(plan_iterations=60, plan_weekdays=SATURDAYS)
    known = {name: _known(name, made_at, {}) for name in inputs.forecasts}
    (day,) = fraction_days(replace(inputs, forecasts=known), wednesday, chosen, ZONE, made_at)
    week = week_of(day, known, chosen, ZONE)
    saturday = week.loads[3]
    assert saturday.due_s > saturday.capacity_s >= saturday.levelled_s
    plan = plan_fraction(day, StraightLine(), RoadProfile(), chosen, ZONE, made_at).plan
    forward = [item for item in plan.decisions if item.rule is DecisionRule.BROUGHT_FORWARD]
    assert forward
    assert forward[0].reason.startswith("Brought forward from Sat 28 Nov, whose work would take ")
    assert f"{len(forward)} of them are brought forward" in plan.verdict

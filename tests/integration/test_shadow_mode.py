"""Shadow mode and the fall back of districts on a real database, both engines: made every day, never handed out, scored the day after."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from api.crew_links import crew_token
from deploy.local.processes import StackState
from models.domain.district_standing import HeldBy
from models.domain.plan import SHADOW, DecisionRule
from models.domain.registry import FixedCollection
from models.domain.shadow import DayFigures, DistrictDay
from models.sensor_kinds.container_fill import CONTAINER_FILL
from processors.plan.reproduction import decided, made_again
from processors.plan.service import PlanService
from runtime.service import ServiceContext
from runtime.settings import DatabaseSettings
from stadspuls.command import app
from storage.forecasts import replace_current_forecasts
from storage.outbox import unsent_messages
from storage.plans import newest_plan_date, plan_inputs, plans_of, shadow_plans_of
from storage.readings import append_readings
from storage.registry import fixed_collections, things
from storage.shadow import district_days, save_district_days, shadow_visits
from tests.contract.sample_readings import stored
from tests.planners_day import KEY, MONDAY, ZONE, Day, at, forecasts

pytestmark = pytest.mark.slow

DAYS_BEFORE = 16
PER_DAY = 0.12
TUESDAY = MONDAY + timedelta(days=1)


def levels(due: Mapping[str, FixedCollection], container: str) -> list[float]:
    """Levels every second hour from two weeks before Monday to Tuesday morning: 12 points a day, 30 in every third container, emptied at 10:00 of
    each day on which the fixed schedule collects it."""
    level, found = 0.4, []
    per_day = 0.3 if int(container[-4:]) % 3 == 0 else PER_DAY
    for step in range(DAYS_BEFORE * 12 + 15):
        local = (at(0) + timedelta(days=-DAYS_BEFORE, hours=2 * step)).astimezone(ZONE)
        line = due.get(container)
        if local.hour == 10 and line is not None and line.is_due(local.date()):
            level = 0.02
        found.append(min(1.0, level))
        level += per_day / 12
    return found


async def live_two_weeks(day: Day, on: date = MONDAY) -> dict[str, list[float]]:
    """Stores the readings of all containers and the forecasts of 04:00 of a day."""
    async with day.pool.acquire() as connection:
        containers = [item.thing_id for item in await things(connection, "container")]
        lines = {line.container_id: line for line in await fixed_collections(connection)}
        found = {name: levels(lines, name) for name in containers}
        start = at(0) - timedelta(days=DAYS_BEFORE)
        for name, series in found.items():
            readings = [stored(120 * step, thing_id=name, start=start, fill_ratio=level) for step, level in enumerate(series)]
            await append_readings(connection, CONTAINER_FILL, readings)
    await forecast_at(day, found, on)
    return found


async def forecast_at(day: Day, found: Mapping[str, list[float]], on: date) -> None:
    """Current forecasts at 04:00 of a day from the last level read."""
    step = ((on - MONDAY).days + DAYS_BEFORE) * 12 + 2
    moment = at(4) + (on - MONDAY)
    current = {"cutoff": moment, "known_at": moment, "level_observed_at": moment}
    made = [
        item.model_copy(update=current | {"level_at_cutoff": found[item.container_id][step]}) for item in forecasts(list(found))
    ]
    async with day.pool.acquire() as connection:
        await replace_current_forecasts(connection, made)


async def test_shadow_plans_are_made_never_handed_out_and_scored_the_morning_after(planners_day: Day) -> None:
    day = Day(planners_day.pool, planners_day.clock, plan_shadow=True)
    found = await live_two_weeks(day)
    await day.service.make_missing()
    assert await day.planner.shadow.make_missing() == 5
    assert await day.planner.shadow.make_missing() == 0, "one of each fraction a day"

    # nothing of it is handed out, at any hour and in any way
    view = await day.get(f"plans/{MONDAY}/day")
    assert view["handed_out"] == "fixed_schedule"
    assert view["sentence"].startswith("Shadow mode: the fixed schedule is handed out")
    assert "shadow mode" in (await day.post(f"plans/{MONDAY}/release", {"late": True}, 409))["detail"]
    async with day.pool.acquire() as connection:
        plans, shadows = await plans_of(connection, MONDAY), await shadow_plans_of(connection, MONDAY)
        announced = await unsent_messages(connection, "plans")
        visits = await shadow_visits(connection, MONDAY, MONDAY)
        kept = await plan_inputs(connection, MONDAY, SHADOW, shadows[0].fraction, 1)
        assert await newest_plan_date(connection) == TUESDAY, "the coming day's draft is made as ever"
    assert [plan.district for plan in plans] == ["*"] * 5
    assert {message.payload["district"] for message in announced} == {"*"}
    assert len(visits) == 60
    assert decided(made_again(kept).plan) == decided(shadows[0]), "a shadow plan is made again like any other"
    fixed = next(route for plan in plans for route in plan.fixed_routes)
    tour = await day.get("crew/tour", authorization=f"Bearer {crew_token(KEY, MONDAY, fixed.truck_id)}")
    assert [halt["place_id"] for halt in tour["halts"]] == [visit.place_id for visit in fixed.visits]

    # Tuesday 04:05: Monday is scored in both worlds, and Tuesday's shadow plan goes on in the other world
    day.be(at(4, 5) + timedelta(days=1))
    await forecast_at(day, found, TUESDAY)
    assert await day.planner.shadow.score_missing() > 0
    assert await day.planner.shadow.score_missing() == 0, "once a day"
    async with day.pool.acquire() as connection:
        scores = [item for item in await district_days(connection, MONDAY, MONDAY) if item.shadow is not None]
        lines = {line.container_id: line for line in await fixed_collections(connection)}
    routes = [route for plan in plans for route in plan.fixed_routes]
    planned = [route for plan in shadows for route in plan.routes]
    assert sum(item.driven.distance_m or 0 for item in scores) == pytest.approx(sum(item.distance_m for item in routes), abs=10)
    assert sum(item.shadow.distance_m or 0 for item in scores if item.shadow) == pytest.approx(
        sum(item.distance_m for item in planned), abs=10
    )
    assert all(item.counted == item.containers for item in scores)
    assert sum(item.shadow.emptyings for item in scores if item.shadow) == sum(
        len(visits[name]) and visits[name][0].collected_at is not None for name in visits
    )
    assert sum(item.driven.emptyings for item in scores) == sum(lines[name].is_due(MONDAY) for name in found if name in lines)
    assert await day.planner.shadow.make_missing() == 5
    async with day.pool.acquire() as connection:
        kept = {
            item["container_id"]: item["level_at_cutoff"]
            for plan in await shadow_plans_of(connection, TUESDAY)
            for item in (await plan_inputs(connection, TUESDAY, SHADOW, plan.fraction, 1))["forecasts"]
        }
    only_real = [name for name in visits if name in lines and lines[name].is_due(MONDAY) and visits[name][0].collected_at is None]
    only_shadow = [name for name in visits if not (name in lines and lines[name].is_due(MONDAY)) and visits[name][0].collected_at]
    step = (DAYS_BEFORE + 1) * 12 + 2
    assert only_real
    assert only_shadow
    assert all(kept[name] > found[name][step] + 0.1 for name in only_real if found[name][DAYS_BEFORE * 12 + 2] > 0.3)
    assert all(kept[name] < found[name][step] - 0.1 for name in only_shadow if found[name][DAYS_BEFORE * 12 + 2] > 0.3)

    report = await day.get("shadow?days=28")
    assert report["shadow"] is True
    assert report["comparisons"][0]["district"] == "*"
    assert all("not proven" in item["sentence"] for item in report["comparisons"][0]["measures"])


@pytest.mark.parametrize("engine", ["plain"], indirect=True)  # the days are the same on both, and take a minute
async def test_two_weeks_in_shadow_mode_make_two_pairs_of_weeks(planners_day: Day) -> None:
    day = Day(planners_day.pool, planners_day.clock, plan_shadow=True, plan_iterations=10)
    first = MONDAY - timedelta(days=DAYS_BEFORE - 2)
    found = await live_two_weeks(day, first)
    day.clock.advance((at(4, 5) + (first - MONDAY) - day.clock.now()).total_seconds())
    for number in range((MONDAY - first).days + 1):
        on = first + timedelta(days=number)
        day.be(at(4, 5) + (on - MONDAY))
        if on > first:
            await forecast_at(day, found, on)
        await day.planner.make(on)
        await day.planner.shadow.make_missing()
        await day.planner.shadow.score_missing()
    async with day.pool.acquire() as connection:
        scores = [item for item in await district_days(connection, first, MONDAY) if item.shadow is not None]
    assert {item.plan_date for item in scores} == {first + timedelta(days=number) for number in range(14)}
    sunday = [item for item in scores if item.plan_date.weekday() == 6]
    assert all(item.shadow is not None and item.shadow.distance_m == 0 == item.driven.distance_m for item in sunday)
    city = (await day.get("shadow?days=14"))["comparisons"][0]
    assert (city["days"], city["weeks"], city["counted_share"]) == (14, 2, 1.0)
    distance, _, emptyings, fill, overflow = city["measures"]
    assert distance["low"] <= distance["weekly_difference"] <= distance["high"]
    assert fill["plan"] > 0
    # What came in must have gone out, or stand there still: the shadow world makes nothing disappear.
    assert emptyings["plan"] > 0.3 * emptyings["fixed"]
    assert overflow["plan"] >= 0


async def test_a_district_in_shadow_mode_keeps_its_fixed_route_while_the_others_are_released(planners_day: Day) -> None:
    async with planners_day.pool.acquire() as connection:
        name = sorted({item.district for item in await things(connection, "container") if item.district})[0]
    day = Day(planners_day.pool, planners_day.clock, plan_shadow_districts=name)
    await day.service.make_missing()
    await day.planner.shadow.make_missing()
    released = await day.post(f"plans/{MONDAY}/release")
    assert released["handed_out"] == "plan"
    assert [item["sentence"] for item in released["held"]] == [f"{name} is in shadow mode: its fixed route is driven."]
    async with day.pool.acquire() as connection:
        plans, shadows = await plans_of(connection, MONDAY), await shadow_plans_of(connection, MONDAY)
        lines = {line.container_id: line for line in await fixed_collections(connection)}
        inside = {item.thing_id for item in await things(connection, "container") if item.district == name}
        visits = await shadow_visits(connection, MONDAY, MONDAY)
    assert {plan.shadow_districts for plan in shadows} == {(name,)}
    assert set(visits) == inside
    driven = {item.container_id: item for plan in plans for item in plan.decisions if item.container_id in inside}
    tried = {item.container_id: item for plan in shadows for item in plan.decisions if item.container_id in inside}
    for container, decision in driven.items():
        due = container in lines and lines[container].is_due(MONDAY)
        assert decision.collected is due, decision.reason
        assert decision.rule is DecisionRule.SCHEDULE
    assert any(item.rule is not DecisionRule.SCHEDULE for item in tried.values())
    others = [item for plan in plans for item in plan.decisions if item.container_id not in inside]
    assert any(item.rule is DecisionRule.REQUIRED for item in others)


async def said(day: Day, servers: StackState, database: DatabaseSettings, patch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What a command of `stadspuls plan` prints, at the day's own time."""
    patch.setenv("STADSPULS_RUN_DIR", str(servers.run_dir))
    patch.setenv("STADSPULS_DATABASE_NAME", database.database_name)
    patch.setattr("stadspuls.commands.plan_opening.city_clock", lambda: day.clock)
    found = await asyncio.to_thread(CliRunner().invoke, app, ["plan", *arguments])
    assert found.exception is None, found.output
    return found.stdout


async def test_a_district_falls_back_by_itself_says_so_everywhere_and_is_an_alert_once(
    planners_day: Day, servers: StackState, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = planners_day
    async with day.pool.acquire() as connection:
        containers = await things(connection, "container")
        name = sorted({item.district for item in containers if item.district})[0]
        inside = [item.thing_id for item in containers if item.district == name]
        silent = inside[: len(inside) * 2 // 3]
        old = [item.model_copy(update={"level_observed_at": at(4) - timedelta(days=3)}) for item in forecasts(silent)]
        await replace_current_forecasts(connection, old)
    await day.service.make_missing()
    view = await day.get(f"plans/{MONDAY}/day")
    (held,) = view["held"]
    assert (held["district"], held["by"], held["since"]) == (name, HeldBy.DATA, MONDAY.isoformat())
    assert f"{len(silent)} of {len(inside)} containers" in held["sentence"]
    plan = (await day.get(f"plans/{MONDAY}"))["plans"][0]
    assert held["sentence"] in plan["verdict"]
    assert held["sentence"] in await said(day, servers, database, monkeypatch, "status", "--date", MONDAY.isoformat())
    async with day.pool.acquire() as connection:
        (alert,) = await unsent_messages(connection, "alerts")
        stored_plans = await plans_of(connection, MONDAY)
        kept = await plan_inputs(connection, MONDAY, "*", stored_plans[0].fraction, stored_plans[0].revision)
    assert (alert.payload["kind"], alert.payload["sentence"]) == ("district_fallback", held["sentence"])
    assert made_again(kept).plan.held == stored_plans[0].held, "decided again from what is stored with the plan"

    # made again with good data: it stays where it is, and nobody is told twice
    async with day.pool.acquire() as connection:
        better = [
            item.model_copy(update={"cutoff": at(4, 1), "known_at": at(4, 1), "level_observed_at": at(4)})
            for item in forecasts(silent)
        ]
        await replace_current_forecasts(connection, better)
    await day.planner.make(MONDAY)
    assert [item["since"] for item in (await day.get(f"plans/{MONDAY}/day"))["held"]] == [MONDAY.isoformat()]
    async with day.pool.acquire() as connection:
        assert len(await unsent_messages(connection, "alerts")) == 1


async def test_overflow_under_plans_against_the_fixed_routes_days_sends_a_district_back(planners_day: Day) -> None:
    day = planners_day
    async with day.pool.acquire() as connection:
        name = sorted({item.district for item in await things(connection, "container") if item.district})[0]
        await save_district_days(connection, [scored(name, ago, "fixed_schedule", 0.5) for ago in range(10, 30)])
        await save_district_days(connection, [scored(name, ago, "plan", 0.8) for ago in range(1, 8)])
    await day.planner.make(MONDAY, ["glass"])
    assert (await day.get(f"plans/{MONDAY}/day"))["held"] == [], "not over the limit of 1.5 times and a quarter of an hour"
    async with day.pool.acquire() as connection:
        await save_district_days(connection, [scored(name, ago, "plan", 1.4) for ago in range(1, 8)])
    await day.planner.make(MONDAY, ["glass"])
    (held,) = (await day.get(f"plans/{MONDAY}/day"))["held"]
    assert (held["district"], held["by"]) == (name, HeldBy.OVERFLOW)
    assert "overflowed 1.40 h a day under plans" in held["sentence"]
    assert "(0.50 h under the fixed route)" in held["sentence"]


def scored(district: str, ago: int, driven_by: str, hours_each: float) -> DistrictDay:
    figures = DayFigures(
        emptyings=3, levels_known=3, fill_at_emptying=0.6, overflow_hours=10 * hours_each, distance_m=9000, duration_s=3600
    )
    return DistrictDay(
        plan_date=MONDAY - timedelta(days=ago), district=district, driven_by=driven_by, containers=12, counted=10, driven=figures,
        scored_at=datetime(2026, 11, 22, tzinfo=UTC),
    )  # fmt: skip


async def test_the_command_compares_weeks_of_shadow_plans_with_the_fixed_routes(
    planners_day: Day, servers: StackState, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = planners_day
    async with day.pool.acquire() as connection:
        for ago in range(1, 29):
            found = scored("Haven", ago, "fixed_schedule", 0.1)
            plan = found.driven.model_copy(update={"distance_m": 6000 + ago % 5 * 100, "overflow_hours": float(ago // 7 % 2 * 2)})
            await save_district_days(connection, [found.model_copy(update={"shadow": plan})])
    text = await said(day, servers, database, monkeypatch, "shadow", "--days", "28")
    assert "Haven: 28 days scored from 2026-10-26 to 2026-11-22, 4 whole weeks" in text
    (distance,) = [line for line in text.splitlines() if line.strip().startswith("distance")]
    (overflow,) = [line for line in text.splitlines() if line.strip().startswith("overflow")]
    assert "252.0" in distance
    assert "not proven" not in distance
    assert "not proven" in overflow


async def test_the_service_scores_days_beside_its_other_work(planners_day: Day) -> None:
    day = planners_day
    await live_two_weeks(day)
    stop = asyncio.Event()
    service = PlanService(ServiceContext("plan", stop, day.clock), day.pool, day.planner)
    running = asyncio.create_task(service.run())
    async with asyncio.timeout(60):
        while True:
            async with day.pool.acquire() as connection:
                scores = await district_days(connection, MONDAY - timedelta(days=3), MONDAY)
            if scores:
                break
            await asyncio.sleep(0.1)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert {item.plan_date for item in scores} == {MONDAY - timedelta(days=ago) for ago in (1, 2, 3)}
    assert all(item.shadow is None and item.driven_by == "fixed_schedule" for item in scores)
    friday = [item for item in scores if item.plan_date == MONDAY - timedelta(days=3)]
    assert all(item.driven.distance_m is None for item in friday), "there was no plan, so that no tour is known"
    assert sum(item.driven.emptyings for item in friday) > 0

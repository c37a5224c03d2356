"""The plan service on a real database, both engines: plans for the whole simulated city, stored with reasons and inputs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from deploy.local.processes import StackState
from models.domain.forecast import InflowForecast
from processors.plan.city_planner import Planner
from processors.plan.service import PlanService
from runtime.clock import ManualClock
from runtime.postgres import open_pool
from runtime.service import ServiceContext
from runtime.settings import CitySettings, DatabaseSettings, PlanSettings
from simulators.city import SimulatedCity
from simulators.sensor_simulator import CitySizes
from stadspuls.command import app
from storage.forecasts import replace_current_forecasts
from storage.plans import plan_inputs, plan_request, plans_of, request_plan
from storage.registry import import_registry, things
from storage.schema import migrate

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)  # a Sunday
MONDAY = date(2026, 11, 23)
FRACTIONS = ["glass", "organic", "paper", "plastic", "residual"]
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
HOURS = tuple(range(6, 169, 6))


@pytest.fixture(scope="module")
def city_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The registry files of a small simulated city."""
    folder = tmp_path_factory.mktemp("city")
    sizes = CitySizes(containers=60, traffic_counters=2, transformers=1, container_days=1, traffic_days=1, bridge_days=0.1)
    SimulatedCity(7, NOW, sizes).write_registry(folder)
    return folder


@pytest.fixture
async def pool(database: DatabaseSettings, city_files: Path) -> AsyncIterator[asyncpg.Pool]:
    opened = await open_pool(database, application_name="test")
    async with opened.acquire() as connection:
        await migrate(connection, timezone="Europe/Amsterdam")
        await import_registry(connection, [city_files])
    yield opened
    await opened.close()


def forecast(container_id: str, level: float) -> InflowForecast:
    rows = tuple(tuple(0.12 * hour / 24 * (1 + spread) for hour in HOURS) for spread in (-0.2, -0.1, 0.0, 0.1, 0.2))
    return InflowForecast(
        container_id=container_id, forecaster="test", forecaster_version="1", cutoff=NOW, known_at=NOW, level_at_cutoff=level,
        level_observed_at=NOW, quantiles=QUANTILES, horizon_hours=HOURS, inflow_quantiles=rows, data_grade="good", basis="test",
    )  # fmt: skip


async def store_forecasts(pool: asyncpg.Pool, but: int = 0) -> None:
    async with pool.acquire() as connection:
        containers = await things(connection, "container")
        levels = np.random.default_rng(1).uniform(0, 1, len(containers))
        await replace_current_forecasts(
            connection, [forecast(item.thing_id, float(level)) for item, level in zip(containers, levels, strict=True)][but:]
        )


def service_at(pool: asyncpg.Pool, now: datetime) -> PlanService:
    clock = ManualClock(now)
    planner = Planner(pool, PlanSettings(plan_iterations=30, plan_workers=1), CitySettings(), clock)
    return PlanService(ServiceContext("plan", asyncio.Event(), clock), pool, planner)


async def test_tomorrow_is_planned_once_forecasts_are_there_and_not_again(pool: asyncpg.Pool) -> None:
    service = service_at(pool, NOW)
    assert await service.make_missing() == 0
    await store_forecasts(pool, but=2)
    assert await service.make_missing() == len(FRACTIONS)
    assert await service.make_missing() == 0
    async with pool.acquire() as connection:
        plans = await plans_of(connection, MONDAY)
        containers = await things(connection, "container")
    assert [plan.fraction for plan in plans] == FRACTIONS
    assert all(plan.check_failures == () and plan.revision == 1 for plan in plans)
    assert sorted(item.container_id for plan in plans for item in plan.decisions) == [item.thing_id for item in containers]
    assert {plan.matrix_source for plan in plans} == {"the city's street graph (made up)"}
    assert sum(plan.stop_count for plan in plans) > 0
    trucks = [route.truck_id for plan in plans for route in plan.routes]
    assert len(trucks) == len(set(trucks))


async def test_plan_is_kept_with_what_it_was_made_from(pool: asyncpg.Pool) -> None:
    await store_forecasts(pool)
    service = service_at(pool, NOW)
    await service.make_missing()
    async with pool.acquire() as connection:
        kept = await plan_inputs(connection, MONDAY, "*", "glass", 1)
        outbox = await connection.fetchval("SELECT count(*) FROM outbox WHERE channel = 'plans'")
        forecasts = await connection.fetchval("SELECT count(*) FROM forecast_kept WHERE kept_for = 'plan'")
    assert kept["versions"]["pyvrp"] == "0.14.1"
    assert kept["search"]["iterations"] > 0
    assert {"travel", "problem", "forecasts", "settings", "fleet", "fixed_schedule", "containers"} <= set(kept)
    assert outbox == len(FRACTIONS)
    assert forecasts == 60


async def test_todays_plan_is_renewed_in_the_early_morning(pool: asyncpg.Pool) -> None:
    await store_forecasts(pool)
    await service_at(pool, NOW).make_missing()
    assert await service_at(pool, datetime(2026, 11, 23, 2, 30, tzinfo=UTC)).make_missing() == len(FRACTIONS)  # tomorrow's
    at_four = service_at(pool, datetime(2026, 11, 23, 3, 5, tzinfo=UTC))
    assert await at_four.make_missing() == len(FRACTIONS)
    assert await at_four.make_missing() == 0
    async with pool.acquire() as connection:
        renewed = await plans_of(connection, MONDAY)
    assert {plan.revision for plan in renewed} == {2}
    assert any("stay with their truck" in plan.verdict for plan in renewed), "the draft was not stayed near to"


async def test_request_is_answered_with_its_revision_or_a_sentence(pool: asyncpg.Pool) -> None:
    await store_forecasts(pool)
    async with pool.acquire() as connection:
        good = await request_plan(connection, MONDAY, fraction="paper", asked_by="a planner")
        bad = await request_plan(connection, MONDAY, fraction="gold", asked_by="a planner")
        district = await request_plan(connection, MONDAY, district="Haven", asked_by="a planner")
    assert await service_at(pool, NOW).answer_requests() == 3
    async with pool.acquire() as connection:
        answered = [await plan_request(connection, number) for number in (good, bad, district)]
        plans = await plans_of(connection, MONDAY)
    assert answered[0] is not None
    assert (answered[0].revision, answered[0].failure) == (1, None)
    assert answered[1] is not None
    assert answered[1].failure == "there are no containers for gold; the city collects glass, organic, paper, plastic, residual"
    assert answered[2] is not None
    assert "whole city" in (answered[2].failure or "")
    assert [plan.fraction for plan in plans] == ["paper"]


async def test_service_stops_when_asked_and_waits_for_an_empty_registry(database: DatabaseSettings) -> None:
    pool = await open_pool(database, application_name="test")
    try:
        async with pool.acquire() as connection:
            await migrate(connection, timezone="Europe/Amsterdam")
        stop = asyncio.Event()
        clock = ManualClock(NOW)
        planner = Planner(pool, PlanSettings(plan_poll_seconds=0.05), CitySettings(), clock)
        running = asyncio.create_task(PlanService(ServiceContext("plan", stop, clock), pool, planner).run())
        await asyncio.sleep(0.3)
        assert not running.done()
        stop.set()
        await asyncio.wait_for(running, 5)
    finally:
        await pool.close()


async def test_command_shows_plans_against_the_fixed_schedule(
    pool: asyncpg.Pool, servers: StackState, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_forecasts(pool)
    monkeypatch.setenv("STADSPULS_RUN_DIR", str(servers.run_dir))
    monkeypatch.setenv("STADSPULS_DATABASE_NAME", database.database_name)
    monkeypatch.setenv("STADSPULS_PLAN_ITERATIONS", "30")

    async def said(*arguments: str) -> str:
        found = await asyncio.to_thread(CliRunner().invoke, app, ["plan", "--date", MONDAY.isoformat(), *arguments])
        assert found.exception is None, found.output
        return found.stdout

    text = await said("--fraction", "glass,paper", "--reasons", "3")
    assert "Plan for Monday 23 November 2026:" in text
    assert "The fixed schedule of that day:" in text
    assert "glass, revision 1:" in text
    assert "CHECK FAILED" not in text
    documents = orjson.loads(await said("--fraction", "glass", "--json"))
    assert [(item["fraction"], item["revision"], item["check_failures"]) for item in documents] == [("glass", 1, [])]
    renewed = orjson.loads(await said("--fraction", "glass", "--refresh", "--json"))
    assert renewed[0]["revision"] == 2

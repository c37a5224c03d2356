"""A planner's day for tests: the planner service and the API over one fresh database with a small simulated city, and the clock that
both look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from api.application import make_application
from api.dependencies import Backend
from models.domain.forecast import InflowForecast
from processors.plan.city_planner import Planner
from processors.plan.service import PlanService
from runtime.clock import ManualClock
from runtime.postgres import open_pool
from runtime.service import ServiceContext
from runtime.settings import AccessSettings, CitySettings, DatabaseSettings, PlanSettings
from simulators.city import SimulatedCity
from simulators.sensor_simulator import CitySizes
from storage.forecasts import replace_current_forecasts
from storage.plans import plans_of
from storage.registry import import_registry, things
from storage.schema import migrate

ZONE = ZoneInfo("Europe/Amsterdam")
MONDAY = date(2026, 11, 23)
PLANNER = {"authorization": "Bearer the planner's token"}
KEY = "a key of this test"
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
HOURS = tuple(range(6, 169, 6))


def at(hour: int, minute: int = 0) -> datetime:
    """A wall clock's time on the planned Monday."""
    return datetime(2026, 11, 23, hour, minute, tzinfo=ZONE).astimezone(UTC)


@pytest.fixture(scope="session")
def planners_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    sizes = CitySizes(containers=60, traffic_counters=2, transformers=1, container_days=1, traffic_days=1, bridge_days=0.1)
    SimulatedCity(7, at(3), sizes).write_registry(folder)
    return folder


class Day:
    """The planner service and the API over one database, and the clock that both look at."""

    def __init__(self, pool: asyncpg.Pool, clock: ManualClock, **settings: Any) -> None:
        self.pool = pool
        self.clock = clock
        self.settings = PlanSettings(**({"plan_iterations": 30, "plan_workers": 1} | settings))
        self.planner = Planner(pool, self.settings, CitySettings(), clock)
        self.service = PlanService(ServiceContext("plan", asyncio.Event(), clock), pool, self.planner)
        access = AccessSettings(api_planner_token=SecretStr("the planner's token"), crew_link_key=SecretStr(KEY))
        self.application = make_application(Backend(pool, clock, CitySettings(), self.settings, access))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.application), base_url="http://day")

    def be(self, moment: datetime) -> None:
        """Moves the clock."""
        self.clock.advance((moment - self.clock.now()).total_seconds())

    async def get(self, path: str, **headers: str) -> Any:
        answer = await self.http.get(f"/v1/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200, headers: Any = None) -> Any:
        answer = await self.http.post(f"/v1/{path}", json=body, headers=PLANNER if headers is None else headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def asked(self, path: str, body: Any) -> Any:
        """A request to the planner with its answer."""
        waiting = await self.post(path, body, 202)
        assert waiting["state"] == "waiting"
        await self.service.answer_requests()
        return await self.get(waiting["href"].removeprefix("/v1/"))

    async def decisions(self, fraction: str) -> dict[str, Any]:
        async with self.pool.acquire() as connection:
            (plan,) = [item for item in await plans_of(connection, MONDAY) if item.fraction == fraction]
        return {item.container_id: item for item in plan.decisions}


@pytest.fixture
async def planners_day(database: DatabaseSettings, planners_city: Path) -> AsyncIterator[Day]:
    pool = await open_pool(database, application_name="test")
    made = Day(pool, ManualClock(at(4, 5)))
    async with pool.acquire() as connection:
        await migrate(connection, timezone="Europe/Amsterdam")
        await import_registry(connection, [planners_city])
        await replace_current_forecasts(connection, forecasts([item.thing_id for item in await things(connection, "container")]))
    yield made
    await made.http.aclose()
    await pool.close()


def forecasts(containers: Sequence[str]) -> list[InflowForecast]:
    rows = tuple(tuple(0.12 * hour / 24 * (1 + spread) for hour in HOURS) for spread in (-0.2, -0.1, 0.0, 0.1, 0.2))
    levels = np.random.default_rng(1).uniform(0.3, 1, len(containers))
    return [
        InflowForecast(
            container_id=name, forecaster="test", forecaster_version="1", cutoff=at(4), known_at=at(4), level_at_cutoff=float(level),
            level_observed_at=at(4), quantiles=QUANTILES, horizon_hours=HOURS, inflow_quantiles=rows, data_grade="good", basis="test",
        )
        for name, level in zip(containers, levels, strict=True)
    ]  # fmt: skip

"""The sweep of a member on a real database, at moments of its own: what it forecasts, keeps, spreads and refits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from prometheus_client import REGISTRY

from models.domain.failures import UserError
from models.fill_forecast.history import DAY, History
from models.fill_forecast.recalibration import Factors, Resolved, factors_of
from models.sensor_kinds.container_fill import CONTAINER_FILL
from processors.forecast import refit as refit_module
from processors.forecast import spreading
from processors.forecast import worker as worker_module
from processors.forecast.ownership import Ownership
from processors.forecast.service import ForecastService
from processors.forecast.spreading import spread_nightly
from runtime.clock import ManualClock
from runtime.postgres import connected, open_pool
from runtime.service import ServiceContext
from runtime.settings import CitySettings, DatabaseSettings, ForecastSettings
from storage.forecast_scores import save_outcomes
from storage.forecast_spread import resolved_outcomes
from storage.forecasts import current_forecasts, keep_nightly, kept_forecasts
from storage.readings import append_readings
from storage.registry import import_registry
from storage.schema import migrate
from tests.contract.test_storage_decisions import NOW as FORECAST_NOW
from tests.contract.test_storage_decisions import _forecast
from tests.contract.test_storage_forecast_scores import _outcome
from tests.integration.raw_topic import write_registry
from tests.integration.test_forecast_models import _reading
from tests.unit.fill_forecast.signals import START, sawtooth

pytestmark = pytest.mark.servers

CONTAINERS = [f"c-s{number}" for number in range(6)]
DAYS = 20
NIGHT = datetime.fromtimestamp(START + DAYS * DAY, UTC).replace(hour=2, minute=5)
"""Five past three in Amsterdam: the nightly hour has just begun, and with it the three hours for a refit."""
TEN_MINUTES = 600.0


@pytest.fixture
async def pool(database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[asyncpg.Pool]:
    """Of a database with six containers, read until shortly before the night."""
    async with connected(database, application_name="test") as connection:
        await migrate(connection, timezone="Europe/Amsterdam")
        await import_registry(connection, write_registry(tmp_path, [name.removeprefix("c-") for name in CONTAINERS]))
        for seed, name in enumerate(CONTAINERS):
            signal = sawtooth(seed, days=DAYS, interval_hours=4, per_day=0.3, container_id=name).history
            shift = NIGHT.timestamp() - 1800 - signal.times[-1]
            batch = [_reading(name, at + shift, level) for at, level in zip(signal.times, signal.levels, strict=True)]
            await append_readings(connection, CONTAINER_FILL, batch)
    opened = await open_pool(database, application_name="test")
    try:
        yield opened
    finally:
        await opened.close()


def member(
    pool: asyncpg.Pool, clock: ManualClock, partitions: Collection[int] = (0,), *, partition_count: int = 1, **options: Any
) -> ForecastService:
    """By default one that owns everything; it refits only where a test asks for it."""
    ownership = Ownership(partition_count)
    ownership.assign(partitions)
    settings = ForecastSettings().model_copy(update={"forecast_refit_days": 0.0, **options})
    return ForecastService(
        ServiceContext("forecast", asyncio.Event(), clock=clock, wall=clock), settings, pool, ownership, CitySettings()
    )


async def read(pool: asyncpg.Pool, container_ids: Sequence[str], at: datetime) -> None:
    async with pool.acquire() as connection:
        await append_readings(connection, CONTAINER_FILL, [_reading(name, at.timestamp(), 0.5) for name in container_ids])


class FailingFit:
    """Stands for the process that fits: notes which containers it was to learn from, and finds them too few."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def __call__(self, histories: Sequence[History], *_: Any) -> Any:
        self.asked.append([history.container_id for history in histories])
        raise UserError("too little to fit a forecast model from")


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> FailingFit:
    made = FailingFit()
    monkeypatch.setattr(refit_module, "_fit_apart", made)
    return made


async def sweep(service: ForecastService) -> int:
    """A sweep, and the refit that it began."""
    made = await service.sweep()
    await asyncio.gather(*service.background())
    return made


async def test_a_refit_learns_from_the_containers_that_its_sweep_has_just_forecast_too(pool: asyncpg.Pool, fit: FailingFit) -> None:
    service = member(pool, ManualClock(NIGHT), forecast_refit_days=28.0)
    assert await sweep(service) == len(CONTAINERS)
    assert fit.asked == [CONTAINERS]


def failed_refits() -> float:
    return REGISTRY.get_sample_value("stadspuls_forecast_refits_total", {"outcome": "failed"}) or 0.0


async def test_a_refit_that_failed_is_tried_again_the_next_night_and_not_at_the_next_sweep(
    pool: asyncpg.Pool, fit: FailingFit
) -> None:
    clock, failed = ManualClock(NIGHT), failed_refits()
    service = member(pool, clock, forecast_refit_days=28.0)
    for _ in range(4):
        await sweep(service)
        clock.advance(TEN_MINUTES)
    assert len(fit.asked) == 1
    assert failed_refits() - failed == 1
    clock.advance(DAY - 4 * TEN_MINUTES)
    await sweep(service)
    assert len(fit.asked) == 2


async def test_a_refit_that_another_process_is_at_has_not_failed_and_is_tried_when_that_has_ended(
    pool: asyncpg.Pool, fit: FailingFit
) -> None:
    clock, failed = ManualClock(NIGHT), failed_refits()
    service = member(pool, clock, forecast_refit_days=28.0)
    async with pool.acquire() as other:
        await other.execute("SELECT pg_advisory_lock(7382645012)")
        await sweep(service)
        await other.execute("SELECT pg_advisory_unlock(7382645012)")
    assert (fit.asked, failed_refits() - failed) == ([], 0)
    clock.advance(TEN_MINUTES)
    await sweep(service)
    assert fit.asked == [CONTAINERS]


async def test_of_several_members_one_refits(pool: asyncpg.Pool, fit: FailingFit) -> None:
    clock = ManualClock(NIGHT)
    first, second = (member(pool, clock, (number,), partition_count=2, forecast_refit_days=28.0) for number in (0, 1))
    for service in (second, first, second):
        await sweep(service)
    assert fit.asked == [CONTAINERS]


async def save_some_outcomes(pool: asyncpg.Pool, version: str, target_at: datetime) -> None:
    made = [
        _outcome(name, hours=hours).model_copy(
            update={
                "cutoff": target_at - timedelta(hours=hours), "target_at": target_at, "forecaster_version": version,
                "length_hours": float(hours), "below": 0.5, "above": 0.2,
            }
        )
        for name in CONTAINERS for hours in (6, 24)
    ]  # fmt: skip
    async with pool.acquire() as connection:
        await save_outcomes(connection, made)


async def test_a_spread_is_made_of_the_outcomes_that_tonights_lacks_and_apart_from_the_event_loop(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    threads: list[threading.Thread] = []

    async def noted(connection: asyncpg.Connection, maker: tuple[str, str], *rest: Any, **options: Any) -> Resolved:
        asked.append(maker[1])
        return await resolved_outcomes(connection, maker, *rest, **options)

    def learnt(outcomes: Resolved) -> Factors:
        threads.append(threading.current_thread())
        return factors_of(outcomes)

    monkeypatch.setattr(spreading, "resolved_outcomes", noted)
    monkeypatch.setattr(spreading, "factors_of", learnt)
    await save_some_outcomes(pool, "7-abc", NIGHT - timedelta(days=1))
    assert [item.version for item in await spread_nightly(pool, now=NIGHT, night=NIGHT)] == ["7-abc"]
    assert await spread_nightly(pool, now=NIGHT + timedelta(minutes=10), night=NIGHT) == []
    assert asked == ["7-abc"], "what tonight's was made of is not read again"
    await save_some_outcomes(pool, "8-def", NIGHT - timedelta(hours=1))
    (later,) = await spread_nightly(pool, now=NIGHT + timedelta(minutes=20), night=NIGHT)
    assert (later.version, later.cases) == ("8-def", 2 * len(CONTAINERS)), "a model whose first outcomes have come since"
    assert asked == ["7-abc", "8-def"]
    tomorrow = NIGHT + timedelta(days=1)
    assert [item.version for item in await spread_nightly(pool, now=tomorrow, night=tomorrow)] == ["7-abc", "8-def"]
    assert threading.main_thread() not in threads


async def kept_per_container(pool: asyncpg.Pool) -> dict[str, int]:
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT container_id, count(*) FROM forecast_kept WHERE kept_for = 'nightly' GROUP BY 1")
    return {row["container_id"]: row["count"] for row in rows}


class Paused:
    """A member's computing, which says when it begins and waits until it may go on."""

    def __init__(self, service: ForecastService, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self._computed = service._worker._computed
        monkeypatch.setattr(service._worker, "_computed", self)

    async def __call__(self, *arguments: Any) -> Any:
        self.begun.set()
        computed = await self._computed(*arguments)
        await self.go_on.wait()
        return computed


async def test_a_rebalance_amid_a_sweep_keeps_no_forecast_twice(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(NIGHT)
    first, second = member(pool, clock), member(pool, clock, ())
    paused = Paused(first, monkeypatch)
    sweeping = asyncio.create_task(first.sweep())
    await paused.begun.wait()
    first.assign(())
    second.assign((0,))
    clock.advance(30)
    assert await second.sweep() == len(CONTAINERS)
    paused.go_on.set()
    await sweeping
    assert await kept_per_container(pool) == dict.fromkeys(CONTAINERS, 1)


async def test_a_sweep_leaves_to_another_member_what_a_rebalance_took(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "CHUNK", 2)
    service = member(pool, ManualClock(NIGHT))
    paused = Paused(service, monkeypatch)
    sweeping = asyncio.create_task(service.sweep())
    await paused.begun.wait()
    service.assign(())
    paused.go_on.set()
    assert await sweeping == 2, "the handful that had begun"
    service.assign((0,))
    assert await service.sweep() == len(CONTAINERS) - 2
    assert await kept_per_container(pool) == dict.fromkeys(CONTAINERS, 1)


async def test_a_hint_that_comes_while_its_container_is_computed_is_answered_by_the_next_forecast(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late reading, which no sweep looks for: nothing but the hint tells of it."""
    clock = ManualClock(NIGHT)
    service = member(pool, clock)
    paused = Paused(service, monkeypatch)
    sweeping = asyncio.create_task(service.sweep())
    await paused.begun.wait()
    await read(pool, ["c-s1"], NIGHT - timedelta(hours=1))
    service.hint(hint_of("c-s1"))
    paused.go_on.set()
    await sweeping
    assert service._hints.take_due(clock.now() + timedelta(minutes=9), 10) == []
    assert service._hints.take_due(clock.now() + timedelta(minutes=10), 10) == ["c-s1"]


async def test_a_hint_that_comes_amid_a_sweep_before_its_container_is_read_is_answered_by_that_sweep(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "CHUNK", 2)
    clock = ManualClock(NIGHT)
    service = member(pool, clock)
    paused = Paused(service, monkeypatch)
    sweeping = asyncio.create_task(service.sweep())
    await paused.begun.wait()
    clock.advance(60)
    await read(pool, ["c-s5"], clock.now())
    service.hint(hint_of("c-s5"))
    paused.go_on.set()
    assert await sweeping == len(CONTAINERS)
    async with pool.acquire() as connection:
        (told,) = [item for item in await current_forecasts(connection) if item.container_id == "c-s5"]
    assert told.level_observed_at == clock.now(), "its forecast knows the reading that the hint told of"
    assert service._hints.take_due(clock.now() + timedelta(days=1), 10) == []


def hint_of(container_id: str) -> bytes:
    return orjson.dumps({"thing_id": container_id, "kind": "container_fill"})


async def test_a_member_that_keeps_at_the_same_time_waits_and_finds_what_was_kept(pool: asyncpg.Pool) -> None:
    async def keep(cutoff_hours: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await keep_nightly(connection, [_forecast(hours=cutoff_hours)], night=FORECAST_NOW)

    async with pool.acquire() as connection:
        async with connection.transaction():
            await keep_nightly(connection, [_forecast(hours=1)], night=FORECAST_NOW)
            other = asyncio.create_task(keep(2))
            done, _ = await asyncio.wait({other}, timeout=0.3)
            assert not done
        await other
        kept = await kept_forecasts(connection, since=FORECAST_NOW, until=FORECAST_NOW + timedelta(days=1))
    assert kept == [_forecast(hours=1)]


async def cutoffs(pool: asyncpg.Pool) -> dict[str, datetime]:
    async with pool.acquire() as connection:
        return {item.container_id: item.cutoff for item in await current_forecasts(connection)}


async def test_a_reading_dated_ahead_of_its_time_is_news_when_its_time_has_come_and_once(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NIGHT)
    service = member(pool, clock)
    await service.sweep()
    await read(pool, ["c-s2"], NIGHT + timedelta(minutes=25))
    made = []
    for _ in range(4):
        clock.advance(TEN_MINUTES)
        made.append(await service.sweep())
    assert made == [0, 0, 1, 0]


async def test_a_late_reading_that_no_hint_told_counts_when_the_forecast_is_renewed(pool: asyncpg.Pool) -> None:
    clock = ManualClock(NIGHT)
    service = member(pool, clock)
    await service.sweep()
    await read(pool, ["c-s1"], NIGHT - timedelta(hours=1))
    clock.advance(TEN_MINUTES)
    assert await service.sweep() == 0
    clock.advance(6 * 3600)
    assert await service.sweep() == len(CONTAINERS)
    assert (await cutoffs(pool))["c-s1"] == clock.now()


async def test_a_container_out_of_service_is_forecast_and_kept_no_more_and_what_was_kept_of_it_is_scored(
    pool: asyncpg.Pool,
) -> None:
    clock = ManualClock(NIGHT)
    service = member(pool, clock)
    await service.sweep()
    for hours in range(1, 12):
        await read(pool, CONTAINERS, NIGHT + timedelta(hours=hours))
    gone = NIGHT + timedelta(hours=12)
    async with pool.acquire() as connection:
        await connection.execute("UPDATE thing SET decommissioned_at = $1 WHERE thing_id = 'c-s0'", gone)
    clock.advance(DAY / 2 - 60)
    assert await service.sweep() == len(CONTAINERS), "until the end it is"
    assert set(await cutoffs(pool)) == set(CONTAINERS)
    clock.advance(DAY / 2 + 60)
    assert await service.sweep() == len(CONTAINERS) - 1
    assert await kept_per_container(pool) == dict.fromkeys(CONTAINERS, 2) | {"c-s0": 1}
    assert set(await cutoffs(pool)) == set(CONTAINERS) - {"c-s0"}, "nobody is shown what was expected of it"
    async with pool.acquire() as connection:
        scored = await connection.fetch("SELECT DISTINCT container_id FROM forecast_outcome ORDER BY 1")
    assert [row["container_id"] for row in scored] == CONTAINERS

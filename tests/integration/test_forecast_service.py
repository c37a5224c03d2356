"""The forecast service on real servers: a sweep at start, hints afterwards, one forecast per interval, its own partitions only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka.admin import NewTopic

from deploy.local.processes import StackState
from models.domain.failures import UserError
from models.domain.forecast import InflowForecast
from models.domain.plan_day import CrewReport, CrewWord
from models.domain.reading import TimeSource
from models.sensor_kinds.container_fill import CONTAINER_FILL, ContainerFill
from processors.forecast import service
from processors.forecast.ownership import partition_of
from runtime.kafka import make_admin, make_producer
from runtime.postgres import connected
from runtime.service import ServiceContext
from runtime.settings import CitySettings, DatabaseSettings, ForecastSettings, KafkaSettings, SomeSettings, load
from stadspuls.command import app
from storage.crew_reports import append_reports
from storage.forecasts import current_forecasts, emptyings, kept_forecasts
from storage.readings import SourceRef, StoredReading, append_readings
from storage.registry import import_registry
from storage.schema import migrate
from tests.integration.raw_topic import write_registry
from tests.unit.fill_forecast.signals import sawtooth

CONTAINERS = [f"c-s{number}" for number in range(6)]
PARTITIONS = 4
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class GivenContext(ServiceContext):
    """A service's context with settings that the test gives."""

    given: dict[type, Any] = field(default_factory=dict)

    def settings(self, settings_type: type[SomeSettings]) -> SomeSettings:
        found: SomeSettings = self.given[settings_type]
        return found


@dataclass
class Waste:
    """A database with containers and twenty days of readings, and a topic for hints."""

    servers: StackState
    database: DatabaseSettings
    kafka: KafkaSettings
    running: list[asyncio.Task[None]] = field(default_factory=list)

    async def append(self, container_id: str, levels: Sequence[tuple[datetime, float]]) -> None:
        batch = [
            StoredReading(
                ContainerFill(
                    thing_id=container_id,
                    datastream_id=f"{container_id}/fill",
                    observed_at=observed_at,
                    time_source=TimeSource.DEVICE,
                    reported_fill_ratio=level,
                    fill_ratio=level,
                ),
                observed_at,
                SourceRef(0, 0, index),
                1,
                1,
            )
            for index, (observed_at, level) in enumerate(levels)
        ]
        async with connected(self.database, application_name="test") as connection:
            await append_readings(connection, CONTAINER_FILL, batch)

    async def forecasts(self) -> dict[str, InflowForecast]:
        async with connected(self.database, application_name="test") as connection:
            return {item.container_id: item for item in await current_forecasts(connection)}

    async def hint(self, *container_ids: str) -> None:
        producer = make_producer(self.kafka, client_id="test")
        await producer.start()
        try:
            for container_id in container_ids:
                value = orjson.dumps({"thing_id": container_id, "kind": "container_fill", "observed_at": NOW})
                await producer.send_and_wait(self.kafka.kafka_topic_changed, value, key=container_id.encode())
        finally:
            await producer.stop()

    @asynccontextmanager
    async def service(self, **options: Any) -> AsyncIterator[asyncio.Task[None]]:
        """The service as its own accounts run it; what it raised is raised when the block ends."""
        stop = asyncio.Event()
        own = load(DatabaseSettings, "forecast", self.servers.run_dir)
        kafka = load(KafkaSettings, "forecast", self.servers.run_dir)
        given: dict[type, Any] = {
            DatabaseSettings: own.model_copy(update={"database_name": self.database.database_name}),
            KafkaSettings: kafka.model_copy(update={"kafka_topic_changed": self.kafka.kafka_topic_changed}),
            CitySettings: CitySettings(),
            ForecastSettings: ForecastSettings().model_copy(
                # No refit by the wall clock: a test that wants one asks for it.
                update={"forecast_coalesce_seconds": 0.5, "forecast_instance": "", "forecast_refit_days": 0.0, **options}
            ),
        }
        task = asyncio.create_task(service.main(GivenContext("forecast", stop, given=given)))
        self.running.append(task)
        try:
            yield task
        finally:
            stop.set()
            self.running.remove(task)
            await asyncio.gather(task, return_exceptions=True)
        task.result()

    async def until(self, reached: Any, seconds: float = 60.0) -> dict[str, InflowForecast]:
        async with asyncio.timeout(seconds):
            while True:
                found = await self.forecasts()
                if reached(found):
                    return found
                for task in self.running:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.1)


@pytest.fixture
async def waste(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Waste]:
    operator = load(KafkaSettings, "operator", servers.run_dir)
    kafka = operator.model_copy(update={"kafka_topic_changed": f"{operator.kafka_topic_changed}.{uuid4().hex[:8]}"})
    admin = make_admin(kafka, client_id="test")
    await admin.start()
    await admin.create_topics([NewTopic(kafka.kafka_topic_changed, PARTITIONS, 1)])
    made = Waste(servers, database, kafka)
    async with connected(database, application_name="test") as connection:
        await migrate(connection, timezone="Europe/Amsterdam")
        await import_registry(connection, write_registry(tmp_path, [name.removeprefix("c-") for name in CONTAINERS]))
    for seed, container_id in enumerate(CONTAINERS[:-1]):
        signal = sawtooth(seed, days=20, interval_hours=2, per_day=0.3, container_id=container_id)
        shift = NOW.timestamp() - 1800 - signal.history.times[-1]
        moments = [datetime.fromtimestamp(at + shift, UTC) for at in signal.history.times]
        await made.append(container_id, list(zip(moments, signal.history.levels.tolist(), strict=True)))
    try:
        yield made
    finally:
        await admin.delete_topics([kafka.kafka_topic_changed])
        await admin.close()


async def test_every_container_with_readings_is_forecast_at_start_and_the_one_without_is_not(waste: Waste) -> None:
    async with waste.service():
        found = await waste.until(lambda found: len(found) == len(CONTAINERS) - 1)
    assert CONTAINERS[-1] not in found
    forecast = found[CONTAINERS[0]]
    assert forecast.data_grade == "good"
    assert forecast.horizon_hours[0] == 3
    # No model has been taken: the fallback says so.
    assert (forecast.model_grade, forecast.forecaster) == ("fallback", "empirical_inflow")
    assert "no fitted model has been taken yet" in forecast.basis
    async with connected(waste.database, application_name="test") as connection:
        kept = await kept_forecasts(connection, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1))
        assert {item.container_id for item in kept} == set(CONTAINERS[:-1]), "the night's run keeps every container once"
        seen = await emptyings(connection, CONTAINERS[0], NOW - timedelta(days=21))
    assert len(seen) >= 3


async def test_a_hint_after_a_new_reading_renews_that_forecast_and_no_other(waste: Waste) -> None:
    # As long as twenty hints may take to send on a busy machine.
    async with waste.service(forecast_sweep_seconds=3600, forecast_coalesce_seconds=4.0):
        before = await waste.until(lambda found: len(found) == len(CONTAINERS) - 1)
        await waste.append(CONTAINERS[0], [(NOW - timedelta(seconds=10), 0.99)])
        await asyncio.sleep(1.0)
        await waste.hint(*[CONTAINERS[0]] * 20, "t-0001")
        after = await waste.until(lambda found: found[CONTAINERS[0]].cutoff > before[CONTAINERS[0]].cutoff)
        await asyncio.sleep(1.5)
        later = await waste.forecasts()
    assert after[CONTAINERS[0]].level_observed_at >= NOW - timedelta(seconds=10)
    assert later[CONTAINERS[0]].cutoff == after[CONTAINERS[0]].cutoff  # twenty hints, one forecast
    for container_id in CONTAINERS[1:-1]:
        assert later[container_id].cutoff == before[container_id].cutoff
    async with connected(waste.database, application_name="test") as connection:
        assert await connection.fetchval("SELECT count(*) FROM forecast_current WHERE container_id = $1", CONTAINERS[0]) == 1
        assert await connection.fetchval("SELECT count(*) FROM forecast_kept WHERE container_id = $1", CONTAINERS[0]) == 1


async def test_what_no_hint_told_is_found_by_the_next_sweep(waste: Waste) -> None:
    async with waste.service(forecast_sweep_seconds=1):
        await waste.until(lambda found: len(found) == len(CONTAINERS) - 1)
        await waste.append(CONTAINERS[-1], [(NOW - timedelta(seconds=10), 0.4)])
        found = await waste.until(lambda found: CONTAINERS[-1] in found)
    assert found[CONTAINERS[-1]].data_grade == "doubtful"


async def test_an_emptying_that_a_crew_reports_is_forecast_from_before_anything_is_read(waste: Waste) -> None:
    emptied = datetime.now(UTC) - timedelta(seconds=5)
    report = CrewReport(report_id=uuid4(), word=CrewWord.DONE, container_id=CONTAINERS[1], said_at=emptied)
    async with waste.service(forecast_sweep_seconds=1):
        before = await waste.until(lambda found: len(found) == len(CONTAINERS) - 1)
        assert before[CONTAINERS[1]].level_at_cutoff > 0.15
        async with connected(waste.database, application_name="test") as connection:
            await append_reports(connection, emptied.date(), "t-1", [report], datetime.now(UTC))
        after = await waste.until(lambda found: found[CONTAINERS[1]].cutoff > before[CONTAINERS[1]].cutoff)
        await asyncio.sleep(3)
        later = await waste.forecasts()
    told = after[CONTAINERS[1]]
    assert told.level_at_cutoff < 0.1
    assert told.level_observed_at == before[CONTAINERS[1]].level_observed_at
    assert "as a truck reported, and not read since" in told.basis
    assert later[CONTAINERS[1]].cutoff == told.cutoff, "one report, one forecast"
    assert later[CONTAINERS[0]].cutoff == before[CONTAINERS[0]].cutoff


async def test_two_members_share_the_containers_and_one_takes_over_when_the_other_stops(waste: Waste) -> None:
    async with waste.service(forecast_sweep_seconds=1) as first:
        async with waste.service(forecast_sweep_seconds=1):
            await waste.until(lambda found: len(found) == len(CONTAINERS) - 1)
            assert len({partition_of(name, PARTITIONS) for name in CONTAINERS}) > 1
        await waste.append(CONTAINERS[-1], [(NOW - timedelta(seconds=10), 0.4)])
        await waste.until(lambda found: CONTAINERS[-1] in found)
        assert not first.done()


async def test_the_command_shows_stored_forecasts_renews_them_and_looks_back(
    waste: Waste, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = waste.database
    for name in ("host", "port", "name", "user"):
        monkeypatch.setenv(f"STADSPULS_DATABASE_{name.upper()}", str(getattr(settings, f"database_{name}")))
    monkeypatch.setenv("STADSPULS_DATABASE_PASSWORD", settings.database_password.get_secret_value())

    async def run(*arguments: str) -> str:
        """As typed; in a thread, because the command starts a loop of its own."""
        await asyncio.to_thread(app, ["forecast", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    with pytest.raises(UserError, match="no container has a forecast yet"):
        await run()
    assert CONTAINERS[0] in await run("--refresh")
    shown = await run(CONTAINERS[0])
    for part in ("level now", "80 % full", "overflows", "points a day", "one in ten"):
        assert part in shown
    back = NOW - timedelta(days=3)
    (found,) = orjson.loads(await run(CONTAINERS[0], "--at", back.isoformat(), "--json"))
    assert datetime.fromisoformat(found["level_observed_at"]) <= back
    assert (await waste.forecasts())[CONTAINERS[0]].cutoff > back
    with pytest.raises(UserError, match="no forecast of c-nowhere"):
        await run("c-nowhere")
    with pytest.raises(UserError, match="has no time zone"):
        await run("--at", "2026-03-02T04:00")

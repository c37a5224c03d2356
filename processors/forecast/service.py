"""The forecast service: each container is forecast again after its new readings, and by a sweep that catches everything.

Hints come from Kafka's `things.changed`. They are only hints: read from the end of the log, never committed, allowed to be lost. What
is true is read from the database, and the sweep (at start, after a rebalance, then every ten minutes) forecasts whatever
has newer readings than its forecast, or a forecast that has grown old. One task does both, so that no thing is forecast twice
at a time. Once a night every forecast is kept, and the spread of forecasts renewed by how kept ones turned out; a new model is fitted
now and then, apart.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from models.domain.failures import StadspulsError, TransientError, UserError
from processors.forecast.coalescing import CoalescedHints
from processors.forecast.nightly import nightly_since, refit_due
from processors.forecast.ownership import Ownership
from processors.forecast.refit import RefitBusy, refit
from processors.forecast.scoring import ForecastScorer
from processors.forecast.spreading import spread_nightly
from processors.forecast.worker import CHUNK, ForecastWorker, chunks
from runtime import logs, metrics
from runtime.kafka import make_admin, make_consumer
from runtime.postgres import open_pool
from runtime.service import ServiceContext
from runtime.settings import CitySettings, DatabaseSettings, ForecastSettings, KafkaSettings
from storage.fill_histories import containers_read, containers_with_news
from storage.forecast_models import newest_fit
from storage.forecasts import containers_not_kept, end_forecasts
from storage.schema import check_schema

GROUP = "forecast"


async def main(context: ServiceContext) -> None:
    """Runs until `context.stop` is set. Database or Kafka out of reach at start ends the process, for its supervisor."""
    settings = context.settings(ForecastSettings)
    kafka = context.settings(KafkaSettings)
    pool = await open_pool(context.settings(DatabaseSettings), application_name=context.name)
    async with pool.acquire() as connection:
        await check_schema(connection)
    consumer = make_consumer(
        kafka,
        group_id=GROUP,
        group_instance_id=f"{GROUP}-{settings.forecast_instance}" if settings.forecast_instance else None,
        client_id=context.name,
        auto_offset_reset="latest",  # right for hints only: the sweep finds what they did not say
    )
    try:
        partitions = await _partition_count(kafka, context.name)
        service = ForecastService(context, settings, pool, Ownership(partitions), context.settings(CitySettings))
        consumer.subscribe([kafka.kafka_topic_changed], listener=_Assignment(consumer, service))
        await consumer.start()
        reading = asyncio.create_task(service.read_hints(consumer))
        working = asyncio.create_task(service.work())
        done, pending = await asyncio.wait({reading, working}, return_when=asyncio.FIRST_COMPLETED)
        for task in (*pending, *service.background()):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for task in done:
            task.result()
    finally:
        await consumer.stop()
        await pool.close()


class ForecastService:
    """The two tasks of a member: one gathers hints, one forecasts what is due."""

    def __init__(
        self, context: ServiceContext, settings: ForecastSettings, pool: asyncpg.Pool, ownership: Ownership, city: CitySettings
    ) -> None:
        self._context = context
        self._zone, self._holidays = city.zone, city.city_holidays
        self._settings = settings
        self._pool = pool
        self._ownership = ownership
        self._hints = CoalescedHints(settings.forecast_coalesce_seconds)
        self._worker = ForecastWorker(
            pool,
            history_days=settings.forecast_history_days,
            model_stale_days=settings.forecast_model_stale_days,
            holiday_region=self._holidays,
        )
        self._scorer = ForecastScorer(pool, truth_wait_hours=settings.forecast_truth_wait_hours)
        self._next_scoring: datetime | None = None
        self._refit: asyncio.Task[None] | None = None
        self._refit_tried: datetime | None = None
        self._sweep_now = asyncio.Event()
        self._log = logs.get_logger()

    def assign(self, partitions: Collection[int]) -> None:
        """A rebalance gave this member these partitions: hints of other things are dropped, a sweep follows."""
        self._ownership.assign(partitions)
        self._hints.drop()
        self._sweep_now.set()

    def hint(self, value: bytes | None) -> None:
        """One record of `things.changed`; what cannot be read, or is no container or not ours, is counted as needing nothing."""
        thing_id = _container_of(value)
        if thing_id is None or not self._ownership.owns(thing_id) or not self._hints.offer(thing_id):
            metrics.HINTS_COALESCED.inc()

    async def read_hints(self, consumer: AIOKafkaConsumer) -> None:
        """Gathers hints until stop. Holds at most one entry per container, however many hints come."""
        while not self._context.stop.is_set():
            batches = await consumer.getmany(timeout_ms=500, max_records=2000)
            for records in batches.values():
                for record in records:
                    self.hint(record.value)

    async def work(self) -> None:
        """Sweeps when it is time, and between sweeps forecasts what hints made due; looks every half second."""
        next_sweep = self._context.clock.now()
        while not self._context.stop.is_set():
            now = self._context.clock.now()
            try:
                if self._ownership.assigned and (self._sweep_now.is_set() or now >= next_sweep):
                    self._sweep_now.clear()
                    await self.sweep()
                    next_sweep = now + timedelta(seconds=self._settings.forecast_sweep_seconds)
                due = self._hints.take_due(self._context.clock.now(), CHUNK)
                if due:
                    await self._forecast(due)
                    continue
            except TransientError as error:
                # The hints taken are lost, as hints may be: the sweep that follows finds the same containers.
                self._log.warning("forecast_postponed", reason=str(error))
                self._sweep_now.set()
                await self._context.clock.sleep(self._settings.forecast_retry_seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._context.stop.wait(), 0.5)

    async def sweep(self) -> int:
        """Forecasts every owned container in service that has newer readings than its forecast, or an old forecast, or none kept tonight;
        scores what has ended; says how many forecasts were made."""
        now, began = self._context.clock.now(), self._context.wall.now()
        oldest = now - timedelta(seconds=self._settings.forecast_refresh_seconds)
        night = nightly_since(now, self._zone, self._settings.forecast_nightly_hour)
        async with self._pool.acquire() as connection:
            await end_forecasts(connection, now)
            every = await containers_read(connection)
            in_service = await containers_read(connection, in_service_at=now)
            news = set(await containers_with_news(connection, forecast_before=oldest, now=now))
            keep = set(await containers_not_kept(connection, since=night))
            newest_model = await newest_fit(connection)
        owned = [container for container in in_service if self._ownership.owns(container)]
        # What was kept of one that is out of service by now may have come true before.
        to_score = [container for container in every if self._ownership.owns(container)]
        await spread_nightly(self._pool, now=now, night=night)
        await self._worker.fit(owned, now, self._known_at())
        made = await self._forecast([container for container in owned if container in news or container in keep], keep, night)
        scored = await self._score(to_score, now)
        self._begin_refit(now, newest_model)
        self._log.info(
            "swept",
            owned=len(owned),
            forecast=made,
            scored=scored,
            seconds=round((self._context.wall.now() - began).total_seconds(), 2),
        )
        return made

    def background(self) -> list[asyncio.Task[None]]:
        """What goes on beside the two tasks: a refit, or nothing."""
        return [self._refit] if self._refit is not None else []

    async def _score(self, owned: Sequence[str], now: datetime) -> int:
        if self._next_scoring is not None and now < self._next_scoring:
            return 0
        scored = await self._scorer.score(owned, now)
        self._next_scoring = now + timedelta(seconds=self._settings.forecast_scoring_seconds)
        return scored

    def _begin_refit(self, now: datetime, newest_model: datetime | None) -> None:
        settings = self._settings
        due = refit_due(
            now,
            newest_model,
            tried=self._refit_tried,
            zone=self._zone,
            hour=settings.forecast_nightly_hour,
            refit_days=settings.forecast_refit_days,
        )
        if due and self._ownership.leads and (self._refit is None or self._refit.done()):
            self._refit_tried = now
            self._refit = asyncio.create_task(self._refit_once(now))

    async def _refit_once(self, now: datetime) -> None:
        """A refit that fails is told and counted; the model that serves goes on, and the next night tries again. One that finds another
        process at it has not failed: the next sweep sees what became of that."""
        try:
            await refit(
                self._pool,
                now=now,
                known_at=self._known_at(),
                containers=self._settings.forecast_refit_containers,
                history_days=self._settings.forecast_refit_history_days,
                taken_by="schedule",
                holiday_region=self._holidays,
            )
            self._sweep_now.set()
        except RefitBusy as error:
            self._refit_tried = None
            self._log.info("refit_left_to_another", reason=str(error))
        except StadspulsError as error:
            metrics.FORECAST_REFITS.labels("failed").inc()
            self._log.warning("refit_postponed", reason=str(error))

    def _known_at(self) -> datetime:
        """Until when readings may have come in: by the wall clock, which stamps them, even where a simulated city's time lags."""
        return self._context.wall.now()

    async def _forecast(self, container_ids: Sequence[str], keep: Collection[str] = (), night: datetime | None = None) -> int:
        """Of each handful only what is still this member's when its turn comes: a rebalance gave the others to another one, which sweeps. Each
        as of the moment at which its histories are read, so that it holds what the hints have told that it answers."""
        made = 0
        if not self._worker.is_fitted:
            await self._worker.fit(container_ids, self._context.clock.now(), self._known_at())
        for handful in chunks(container_ids):
            mine = [container for container in handful if self._ownership.owns(container)]
            now = self._context.clock.now()
            with self._hints.forecasting(mine, now):
                made += len(await self._worker.forecast(mine, now, self._known_at(), keep=keep, night=night))
        return made


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Starts each assigned partition at its end: old hints are left to the sweep."""

    def __init__(self, consumer: AIOKafkaConsumer, service: ForecastService) -> None:
        self._consumer = consumer
        self._service = service

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._service.assign(())

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        if assigned:
            await self._consumer.seek_to_end(*assigned)
        self._service.assign([item.partition for item in assigned])


def _container_of(value: bytes | None) -> str | None:
    try:
        hint = orjson.loads(value or b"")
        return str(hint["thing_id"]) if hint["kind"] == "container_fill" else None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


async def _partition_count(kafka: KafkaSettings, client_id: str) -> int:
    """How many partitions ownership counts on. Raises `TransientError` when Kafka does not answer."""
    admin = make_admin(kafka, client_id=client_id)
    try:
        await admin.start()
        (topic,) = await admin.describe_topics([kafka.kafka_topic_changed])
    except (KafkaError, OSError) as error:
        raise TransientError(
            f"Kafka at {kafka.kafka_bootstrap} does not describe {kafka.kafka_topic_changed}: {error!r}"
        ) from error
    finally:
        await admin.close()
    if not topic["partitions"]:
        raise UserError(f"there is no Kafka topic {kafka.kafka_topic_changed}: make it with `stadspuls topics create`")
    return len(topic["partitions"])

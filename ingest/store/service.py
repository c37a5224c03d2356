"""Starts `store`: settings → clients → handler → consumer loop. `stadspuls run store` and Kubernetes call `main`."""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import asyncpg

from ingest.store.accounting import watch_ledger
from ingest.store.breaker import ReadabilityBreaker
from ingest.store.handler import DatabaseOffsets, StoreHandler
from ingest.store.hints import Hints
from ingest.store.registry_snapshot import RegistrySnapshot
from ingest.store.topic_life import TopicLife
from ingest.store.writing import Writer
from runtime import logs
from runtime.consumer_batch import ConsumerLimits
from runtime.consumer_loop import ConsumerLoop
from runtime.kafka import make_consumer, make_producer
from runtime.postgres import open_pool
from runtime.service import ServiceContext
from runtime.settings import DatabaseSettings, KafkaSettings, StoreSettings
from storage.lifecycle import LATENESS_WINDOW
from storage.schema import check_schema
from storage.sensor_readability import failures_since_readable
from storage.stream_offsets import other_incarnations, record_incarnation

CONSUMER = "store"
"""Name in `stream_offset`, and the beginning of the consumer group's."""


async def main(context: ServiceContext) -> None:
    """Consumes until asked to stop. Raises whatever must make the supervisor start it again."""
    settings = context.settings(StoreSettings)
    kafka = context.settings(KafkaSettings)
    client_id = f"{CONSUMER}-{settings.store_instance}"
    async with AsyncExitStack() as stack:
        pool = await open_pool(context.settings(DatabaseSettings), application_name=client_id, min_size=1, max_size=3)
        stack.push_async_callback(_close, pool)
        life = await stack.enter_async_context(TopicLife(kafka, kafka.kafka_topic_raw, client_id=f"{client_id}-life"))
        breaker = await _look_at_database(pool, life, settings)
        registry = RegistrySnapshot(pool, context.clock, check_seconds=settings.store_registry_check_seconds)
        await registry.load()
        producer = make_producer(kafka, client_id=f"{client_id}-hints")
        await producer.start()
        stack.push_async_callback(producer.stop)
        hints = Hints(producer, kafka.kafka_topic_changed, context.clock, lateness=LATENESS_WINDOW)
        stack.push_async_callback(hints.flush)
        handler = StoreHandler(
            pool,
            registry,
            Writer(CONSUMER, life.incarnation, letters_with_bytes=settings.store_letters_with_bytes),
            breaker,
            hints,
            context.clock,
            incarnation=life.incarnation,
            privacy_key=settings.privacy_hash_key.get_secret_value().encode() or secrets.token_bytes(32),
        )
        loop = ConsumerLoop(
            # A static member that comes back with another topic is given its old assignment, so each topic has a group of its own.
            make_consumer(kafka, group_id=f"{CONSUMER}-{kafka.kafka_topic_raw}", group_instance_id=client_id, client_id=client_id),
            kafka.kafka_topic_raw,
            handler,
            DatabaseOffsets(pool, CONSUMER, life.incarnation),
            name=CONSUMER,
            limits=ConsumerLimits(
                max_batch_records=settings.store_max_batch_records,
                max_batch_age_seconds=settings.store_max_batch_age_seconds,
            ),
            clock=context.clock,
            confirm_log=life.confirm,
        )
        _collect_garbage_less()
        await _run_with(loop.run(context.stop), hints.run(), registry.run(), watch_ledger(pool, context.clock))


async def _look_at_database(pool: asyncpg.Pool, life: TopicLife, settings: StoreSettings) -> ReadabilityBreaker:
    """Refuses an unknown schema, notes this life of the topic, and learns which sensors were readable."""
    log = logs.get_logger()
    async with pool.acquire() as connection:
        await check_schema(connection)
        await record_incarnation(connection, life.kafka_topic, life.incarnation)
        others = await other_incarnations(connection, CONSUMER, life.kafka_topic, life.incarnation)
        if others:
            log.warning("kafka_topic_was_recreated", now=str(life.incarnation), before=[str(other) for other in others])
        earlier = await failures_since_readable(connection)
    return ReadabilityBreaker(earlier, least_sensors=settings.store_unreadable_sensors, least_share=settings.store_unreadable_share)


def _collect_garbage_less() -> None:
    """Thousands of objects live as long as their batch and die by reference count: looking for cycles among them every 700 objects, as
    Python does by default, costs a sixth of the decoding."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _run_with(leading: Coroutine[Any, Any, None], *beside: Coroutine[Any, Any, None]) -> None:
    """Until `leading` returns; what any of them raises ends all and is raised."""
    tasks = [asyncio.create_task(work) for work in (leading, *beside)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _close(pool: asyncpg.Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), 5)
    except TimeoutError:
        pool.terminate()

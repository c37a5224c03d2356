"""A raw topic of its own for a test, a registry, and the store running in this process: what tests of the store share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import murmur2

from deploy.local.processes import StackState
from ingest.store import service
from models.domain.failures import StadspulsError
from runtime.kafka import make_admin, make_producer
from runtime.postgres import connected
from runtime.service import ServiceContext
from runtime.settings import DatabaseSettings, KafkaSettings, SomeSettings, StoreSettings, load
from storage.ledger import LedgerTotals, ledger_totals
from storage.registry import import_registry
from storage.schema import migrate

PARTITIONS = 6
TIMEZONE = "Europe/Amsterdam"


def topic_of(sensor_id: str) -> str:
    return f"stadspuls/v1/{sensor_id}/readings"


def own_payload(observed_at: datetime, **quantities: Any) -> bytes:
    return orjson.dumps({"v": 1, "kind": "container_fill", "observed_at": observed_at, **quantities})


def write_registry(folder: Path, sensors: Sequence[str]) -> list[Path]:
    """Files that register each sensor on a container of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [5.2, 52.4]},
            "properties": {
                "type": "container",
                "id": f"c-{sensor}",
                "name": f"Container {sensor}",
                "fraction": "glass",
                "capacity_l": 4000,
            },
        }
        for sensor in sensors
    ]
    things = folder / "containers.geojson"
    things.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    lines = [
        "sensor_id,device_model,kind,thing_id,datastream,channel,valid_from,valid_to,accepts_history_from",
        *(f"{sensor},stadspuls_json,container_fill,c-{sensor},fill,,2020-01-01T00:00:00Z,," for sensor in sensors),
    ]
    assigned = folder / "sensors.csv"
    assigned.write_text("\n".join(lines) + "\n")
    return [things, assigned]


class RawTopic:
    """Writes records as `mqtt_to_kafka` does."""

    def __init__(self, kafka: KafkaSettings, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient) -> None:
        self.kafka = kafka
        self._producer = producer
        self._admin = admin
        self._sequence = 0

    async def create(self) -> None:
        await self._admin.create_topics([NewTopic(self.kafka.kafka_topic_raw, PARTITIONS, 1)])

    async def create_all(self) -> None:
        """The raw topic and the one for hints."""
        await self.create()
        await self._admin.create_topics([NewTopic(self.kafka.kafka_topic_changed, 2, 1)])

    async def delete_all(self) -> None:
        await self._admin.delete_topics([self.kafka.kafka_topic_raw, self.kafka.kafka_topic_changed])

    async def recreate(self) -> None:
        await self._admin.delete_topics([self.kafka.kafka_topic_raw])
        for _ in range(100):
            await asyncio.sleep(0.1)
            if self.kafka.kafka_topic_raw not in await self._admin.list_topics():
                break
        await self.create()

    async def send(
        self,
        messages: Sequence[tuple[str, bytes]],
        *,
        received_at: datetime | None = None,
        extra: Mapping[str, bytes] | None = None,
    ) -> None:
        """Sends (MQTT topic, payload) and returns when Kafka has them."""
        us = int((received_at.timestamp() if received_at else time.time()) * 1_000_000)
        waiting = []
        for mqtt_topic, payload in messages:
            key = mqtt_topic.encode()
            headers = {
                "mqtt_topic": key,
                "received_at_us": b"%d" % us,
                "dup": b"0",
                "retain": b"0",
                "epoch": b"test",
                "sequence": b"%d" % self._sequence,
                **(extra or {}),
            }
            self._sequence += 1
            partition = (murmur2(key) & 0x7FFFFFFF) % PARTITIONS
            waiting.append(
                await self._producer.send(
                    self.kafka.kafka_topic_raw, payload, key=key, partition=partition, headers=list(headers.items())
                )
            )
        await asyncio.gather(*waiting)


@asynccontextmanager
async def raw_topic_on(servers: StackState) -> AsyncIterator[RawTopic]:
    """Topics whose names the store's account may use, gone afterwards."""
    settings = load(KafkaSettings, "operator", servers.run_dir)
    mark = uuid4().hex[:8]
    kafka = settings.model_copy(
        update={
            "kafka_topic_raw": f"{settings.kafka_topic_raw}.{mark}",
            "kafka_topic_changed": f"{settings.kafka_topic_changed}.{mark}",
        }
    )
    producer, admin = make_producer(kafka, client_id="test"), make_admin(kafka, client_id="test")
    await producer.start()
    await admin.start()
    topic = RawTopic(kafka, producer, admin)
    await topic.create_all()
    try:
        yield topic
    finally:
        await topic.delete_all()
        await producer.stop()
        await admin.close()


@dataclass(frozen=True)
class GivenContext(ServiceContext):
    """A service's context with settings that the test gives."""

    given: dict[type, Any] = field(default_factory=dict)

    def settings(self, settings_type: type[SomeSettings]) -> SomeSettings:
        found: SomeSettings = self.given[settings_type]
        return found


@dataclass
class Line:
    """The database and topic of one test, and the store between them."""

    servers: StackState
    database: DatabaseSettings
    topic: RawTopic
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        async with connected(self.database, application_name="test") as connection:
            yield connection

    async def prepare(self, sensors: Sequence[str]) -> None:
        async with self.connection() as connection:
            await migrate(connection, timezone=TIMEZONE)
        await self.register(sensors)

    async def register(self, sensors: Sequence[str]) -> None:
        async with self.connection() as connection:
            await import_registry(connection, write_registry(self.folder / uuid4().hex, sensors))

    @property
    def store_database(self) -> DatabaseSettings:
        """The same database as the store's own role sees it."""
        own = load(DatabaseSettings, "store", self.servers.run_dir)
        return own.model_copy(update={"database_name": self.database.database_name})

    def context(self, stop: asyncio.Event) -> ServiceContext:
        store = load(StoreSettings, "store", self.servers.run_dir).model_copy(update=self.options)
        own = load(KafkaSettings, "store", self.servers.run_dir)
        topics = {name: getattr(self.topic.kafka, name) for name in ("kafka_topic_raw", "kafka_topic_changed")}
        kafka = own.model_copy(update=topics)
        return GivenContext(
            "store", stop, given={StoreSettings: store, KafkaSettings: kafka, DatabaseSettings: self.store_database}
        )

    @asynccontextmanager
    async def store(self) -> AsyncIterator[asyncio.Task[None]]:
        """The store runs in the block and is stopped gracefully after it; what it raised is raised."""
        stop = asyncio.Event()
        task = asyncio.create_task(service.main(self.context(stop)))
        try:
            yield task
        finally:
            stop.set()
            await asyncio.gather(task, return_exceptions=True)
        task.result()

    async def totals(self) -> LedgerTotals:
        async with self.connection() as connection:
            return await ledger_totals(connection)

    async def until_received(self, messages: int, task: asyncio.Task[None], seconds: float = 60.0) -> LedgerTotals:
        """Waits until the ledger has so many messages."""
        return await self.until(lambda totals: totals.messages_received >= messages, task, seconds)

    async def until(self, reached: Callable[[LedgerTotals], bool], task: asyncio.Task[None], seconds: float = 60.0) -> LedgerTotals:
        async with asyncio.timeout(seconds), connected(self.database, application_name="test") as connection:
            while True:
                totals = await ledger_totals(connection)
                if reached(totals):
                    return totals
                if task.done():
                    task.result()
                    raise StadspulsError("the store ended")
                await asyncio.sleep(0.05)

    async def handled(self, messages: int) -> LedgerTotals:
        """Runs the store until it has so many messages; the totals balance."""
        async with self.store() as task:
            totals = await self.until_received(messages, task)
        assert totals.messages_imbalance == 0
        assert totals.readings_imbalance == 0
        return totals

    async def count(self, sql: str, *arguments: Any) -> int:
        async with self.connection() as connection:
            found: int = await connection.fetchval(sql, *arguments)
            return found

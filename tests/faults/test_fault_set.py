"""Every fault of a list, one after the other, while readings keep coming: by the publisher's own ledger nothing is lost or stored twice.

After each fault the time is printed until a reading published after it is stored again. The one exception is stated where it is: a broker
that is killed forgets what it had acknowledged and not yet passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from deploy.local import stack
from ingest.topics import ensure_topics
from runtime.kafka import make_admin
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import connected, open_pool
from runtime.settings import DatabaseSettings, KafkaSettings, MqttSettings, TopicSettings, load
from stadspuls.demo.killing import kill_and_wait
from storage.dead_letters import dead_letter_counts
from storage.ledger import ledger_totals
from storage.registry import import_registry
from tests.faults.tcp_link import TcpLink
from tests.integration.raw_topic import own_payload, topic_of, write_registry

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

SENSORS = [f"f{number}" for number in range(40)]
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
MESSAGES_PER_S = 200
SECONDS_AWAY = 15
RECOVERY_SECONDS = 120
SERVICES = ("mqtt-to-kafka", "store", "forecast", "plan", "maintain", "api", "canary")
BROKER_WINDOW_S = 15
"""A killed Mosquitto may lose what it acknowledged since it last wrote its state (every 10 s) and had not passed on."""


@dataclass
class Stream:
    """A publisher that never pauses, and its ledger: identity → when it was handed over."""

    publisher: MqttPublisher
    published: dict[tuple[str, datetime], float] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        began, number = time.monotonic(), 0
        while not self.stop.is_set():
            sensor = SENSORS[number % len(SENSORS)]
            observed_at = START + timedelta(seconds=number // len(SENSORS))
            self.published[f"c-{sensor}/fill", observed_at] = time.monotonic()
            await self.publisher.publish(topic_of(sensor), own_payload(observed_at, distance_mm=float(number % 1500)))
            number += 1
            # Behind after a broker that was away it catches up at twice the pace, not at once.
            ahead = number / MESSAGES_PER_S - (time.monotonic() - began)
            await asyncio.sleep(max(ahead, 0.5 / MESSAGES_PER_S))
        await self.publisher.drain()

    def newest(self) -> datetime:
        return max(observed_at for _, observed_at in list(self.published)[-len(SENSORS) :])


@dataclass
class City:
    """The stack with a black hole built into the links of the two services that carry readings."""

    run_dir: Path
    mqtt_link: TcpLink
    database_link: TcpLink
    stream: Stream
    connection_settings: DatabaseSettings

    def pid(self, name: str) -> int:
        state = stack.status(self.run_dir)
        assert state is not None
        return state.process(name).pid

    async def kill(self, name: str) -> None:
        await asyncio.to_thread(kill_and_wait, self.run_dir, name)

    async def restart(self, name: str, number: signal.Signals) -> None:
        before = self.pid(name)
        os.kill(before, number)
        while self.pid(name) == before:  # noqa: ASYNC110  # the supervisor announces nothing
            await asyncio.sleep(0.2)

    async def freeze(self, name: str) -> None:
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(SECONDS_AWAY)
        finally:
            os.kill(pid, signal.SIGCONT)

    async def black_hole(self, link: TcpLink) -> None:
        link.open.clear()
        try:
            await asyncio.sleep(SECONDS_AWAY)
        finally:
            link.open.set()

    async def forget_offsets(self) -> None:
        """The store's offsets are deleted under it: everything is read again, and recognised."""
        async with connected(self.connection_settings, application_name="test") as connection:
            await connection.execute("DELETE FROM stream_offset WHERE consumer = 'store'")
        await self.kill("store")

    async def recreate_topic(self) -> None:
        """Only when all is stored: what a deleted topic held is gone."""
        self.stream.stop.set()
        await asyncio.sleep(3)
        await self.recovered(self.stream.newest())
        kafka = load(KafkaSettings, "operator", self.run_dir)
        admin = make_admin(kafka, client_id="test")
        await admin.start()
        await admin.delete_topics([kafka.kafka_topic_raw])
        while kafka.kafka_topic_raw in await admin.list_topics():  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.2)
        await admin.close()
        pool = await open_pool(self.connection_settings, application_name="test")
        await ensure_topics(kafka, pool, load(TopicSettings, "operator", self.run_dir))
        await pool.close()

    async def recovered(self, marker: datetime) -> None:
        """Returns when a reading as new as `marker` is stored; the database itself may be away."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            with contextlib.suppress(Exception):  # away, restarting, replaced: the deadline decides
                async with connected(self.connection_settings, application_name="test") as connection:
                    while True:
                        newest = await connection.fetchval("SELECT max(observed_at) FROM container_fill_latest")
                        if newest is not None and newest >= marker:
                            return
                        assert time.monotonic() < deadline
                        await asyncio.sleep(0.2)
            assert time.monotonic() < deadline, f"nothing as new as {marker} was stored within {RECOVERY_SECONDS} s"
            await asyncio.sleep(0.2)


@pytest.fixture
async def city() -> AsyncIterator[City]:
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-faults-"))
    links: list[TcpLink] = []
    publisher: MqttPublisher | None = None
    try:
        state = await asyncio.to_thread(stack.up, folder, prometheus=False, owner_pid=os.getpid())
        for server in ("mosquitto", "postgres"):
            links.append(TcpLink(state.process(server).port))
            await links[-1].start()
        mqtt_link, database_link = links
        for services, environment in (
            (("mqtt-to-kafka",), {"STADSPULS_MQTT_PORT": str(mqtt_link.port)}),
            (("store",), {"STADSPULS_DATABASE_PORT": str(database_link.port)}),
            (SERVICES[2:], {}),
        ):
            await asyncio.to_thread(stack.start_services, folder, services, environment=environment)
        operator = load(DatabaseSettings, "operator", folder)
        async with connected(operator, application_name="test") as connection:
            await import_registry(connection, write_registry(folder / "registry", SENSORS))
        publisher = MqttPublisher(load(MqttSettings, "simulator", folder), client_id="stadspuls-simulator")
        await publisher.start()
        yield City(folder, mqtt_link, database_link, Stream(publisher), operator)
    finally:
        if publisher is not None:
            await publisher.stop()
        for link in links:
            link.open.set()
            await link.stop()
        await asyncio.to_thread(stack.remove, folder)


async def test_nothing_is_lost_or_stored_twice_whatever_fails(city: City) -> None:
    faults: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        *((f"kill -9 of {name}", lambda name=name: city.kill(name)) for name in SERVICES),
        ("kill -9 of kafka", lambda: city.kill("kafka")),
        ("kill -9 of postgres", lambda: city.kill("postgres")),
        ("restart of kafka", lambda: city.restart("kafka", signal.SIGTERM)),
        ("restart of postgres", lambda: city.restart("postgres", signal.SIGINT)),
        ("restart of mosquitto", lambda: city.restart("mosquitto", signal.SIGTERM)),
        (f"black hole of {SECONDS_AWAY} s, broker to mqtt-to-kafka", lambda: city.black_hole(city.mqtt_link)),
        (f"black hole of {SECONDS_AWAY} s, store to database", lambda: city.black_hole(city.database_link)),
        (f"Kafka silent for {SECONDS_AWAY} s, to both services", lambda: city.freeze("kafka")),
        (f"store frozen for {SECONDS_AWAY} s", lambda: city.freeze("store")),
        ("the store's offsets deleted", city.forget_offsets),
        ("kill -9 of mosquitto", lambda: city.kill("mosquitto")),
    ]
    stream, task = city.stream, asyncio.create_task(city.stream.run())
    await city.recovered(START + timedelta(seconds=2))
    broker_killed_at = 0.0
    for name, fault in faults:
        began = time.monotonic()
        if name == "kill -9 of mosquitto":
            broker_killed_at = began
        await fault()
        ended = time.monotonic()
        await city.recovered(stream.newest())
        print(f"{name}: {ended - began:.1f} s away, stored again {time.monotonic() - ended:.1f} s later")
        assert not task.done()
    await city.recreate_topic()
    await task
    await _some_more(stream)
    print("the raw topic deleted and made again")
    await city.recovered(stream.newest())
    await asyncio.sleep(3)  # whatever is still to come would be too many
    async with connected(city.connection_settings, application_name="test") as connection:
        await _judge(connection, stream, broker_killed_at)


async def _some_more(stream: Stream) -> None:
    """Readings after the last fault, newer than all before."""
    first = stream.newest() + timedelta(seconds=10)
    for number in range(1000):
        sensor, observed_at = SENSORS[number % len(SENSORS)], first + timedelta(seconds=number // len(SENSORS))
        stream.published[f"c-{sensor}/fill", observed_at] = time.monotonic()
        await stream.publisher.publish(topic_of(sensor), own_payload(observed_at, distance_mm=500.0))
    await stream.publisher.drain()


async def _judge(connection: asyncpg.Connection, stream: Stream, broker_killed_at: float) -> None:
    rows = await connection.fetch("SELECT datastream_id, observed_at FROM container_fill")
    found = [(row["datastream_id"], row["observed_at"]) for row in rows]
    totals, letters = await ledger_totals(connection), await dead_letter_counts(connection)
    stored = set(found)
    missing = {identity: at for identity, at in stream.published.items() if identity not in stored}
    lost = [identity for identity, at in missing.items() if not broker_killed_at - BROKER_WINDOW_S <= at <= broker_killed_at + 1]
    print(
        f"{len(stream.published):,} published ({stream.publisher.resent:,} sent again), {len(found):,} stored, {len(lost)} lost, "
        f"{len(missing) - len(lost)} forgotten by the killed broker, {totals.readings_duplicate:,} recognised as duplicates"
    )
    assert len(found) == len(stored)
    assert stored <= set(stream.published)
    assert not lost
    assert len(missing) <= BROKER_WINDOW_S * MESSAGES_PER_S
    assert not letters
    assert (totals.messages_imbalance, totals.readings_imbalance) == (0, 0)

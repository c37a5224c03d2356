"""The store killed and frozen with batches in flight: by the publisher's own count nothing is lost and nothing is stored twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.processes import StackState
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.ledger import LedgerTotals, ledger_totals
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SENSORS = [f"k{number}" for number in range(200)]
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=30)
READINGS = 50_000
DUPLICATES = 500
GARBLED = 50
KILLS = 5


@dataclass
class Published:
    """The publisher's own ledger."""

    readings: set[tuple[str, datetime]] = field(default_factory=set)
    duplicates: int = 0
    garbled: int = 0

    @property
    def messages(self) -> int:
        return len(self.readings) + self.duplicates + self.garbled


@pytest.fixture
async def line(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Line]:
    async with raw_topic_on(servers) as topic:
        made = Line(servers, database, topic, tmp_path)
        await made.prepare(SENSORS)
        yield made


async def publish(line: Line, readings: int, chance: random.Random) -> Published:
    """Sends shuffled readings with duplicates and garbled messages among them; returns what was sent."""
    published = Published()
    messages = []
    for number in range(readings):
        sensor = SENSORS[number % len(SENSORS)]
        observed_at = START + timedelta(minutes=10 * (number // len(SENSORS)))
        published.readings.add((f"c-{sensor}/fill", observed_at))
        messages.append((topic_of(sensor), own_payload(observed_at, distance_mm=float(number % 1500))))
    again = chance.sample(messages, DUPLICATES * readings // READINGS)
    garbled = [(topic_of(chance.choice(SENSORS)), b'{"v":1,"kind"') for _ in range(GARBLED * readings // READINGS)]
    published.duplicates, published.garbled = len(again), len(garbled)
    messages += again + garbled
    chance.shuffle(messages)
    for start in range(0, len(messages), 5000):
        await line.topic.send(messages[start : start + 5000])
    return published


class StoreProcess:
    """`stadspuls run store` as a process of its own, started anew by the test when it has ended."""

    def __init__(self, line: Line, log: Path, instance: str = "0") -> None:
        self._environment = {
            **os.environ,
            "STADSPULS_RUN_DIR": str(line.servers.run_dir),
            "STADSPULS_DATABASE_NAME": line.database.database_name,
            "STADSPULS_KAFKA_TOPIC_RAW": line.topic.kafka.kafka_topic_raw,
            "STADSPULS_KAFKA_TOPIC_CHANGED": line.topic.kafka.kafka_topic_changed,
            "STADSPULS_STORE_INSTANCE": instance,
            "STADSPULS_STORE_MAX_BATCH_RECORDS": "1000",
            "STADSPULS_METRICS_PORT": "0",
        }
        self._log = log
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "stadspuls", "run", "store"], env=self._environment, stderr=log)
        self.starts += 1

    def revive(self) -> None:
        """What a supervisor does."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = 30) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def log(self) -> str:
        return self._log.read_text()[-4000:]


@contextmanager
def running(process: StoreProcess) -> Iterator[StoreProcess]:
    """Stopped at the end whatever happened, also when it is frozen."""
    process.start()
    try:
        yield process
    finally:
        if process.process is not None and process.process.poll() is None:
            process.send(signal.SIGCONT)
            process.process.kill()
            process.wait()


async def totals_when(line: Line, messages: int, process: StoreProcess | None = None, seconds: float = 120) -> LedgerTotals:
    """Waits until the ledger has so many messages, reviving the process meanwhile."""
    async with connected(line.database, application_name="test") as connection:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            totals = await ledger_totals(connection)
            if totals.messages_received >= messages:
                return totals
            if process is not None:
                process.revive()
            log = process.log() if process is not None else ""
            assert asyncio.get_running_loop().time() < deadline, f"only {totals.messages_received} of {messages} messages: {log}"
            await asyncio.sleep(0.02)


async def in_transaction(line: Line, process: StoreProcess) -> None:
    """Returns at a moment when the store has a transaction open that has written something."""
    async with connected(line.database, application_name="test") as connection:
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'store' AND datname = current_database() AND backend_xid IS NOT NULL"
        ):
            process.revive()
            await asyncio.sleep(0)


async def assert_nothing_lost_or_twice(line: Line, published: Published) -> None:
    async with line.connection() as connection:
        totals = await ledger_totals(connection)
        rows = await connection.fetch("SELECT datastream_id, observed_at FROM container_fill")
    assert len(rows) == len(published.readings)
    assert {(row[0], row[1]) for row in rows} == published.readings
    assert totals.messages_received == published.messages
    assert totals.readings_stored == len(published.readings)
    assert totals.readings_duplicate == published.duplicates
    assert totals.messages_dead_lettered == published.garbled
    assert (totals.messages_imbalance, totals.readings_imbalance) == (0, 0)


async def test_killed_five_times_with_a_batch_in_flight(line: Line, tmp_path: Path) -> None:
    chance = random.Random(20261122)
    published = await publish(line, READINGS, chance)
    with running(StoreProcess(line, tmp_path / "store.log")) as store:
        for kill in range(KILLS):
            await totals_when(line, chance.randint(kill * 9000, kill * 9000 + 6000), store)
            await in_transaction(line, store)
            await asyncio.sleep(chance.uniform(0, 0.05))
            store.send(signal.SIGKILL)
            assert store.wait() == -signal.SIGKILL
        await totals_when(line, published.messages, store)
        assert store.starts == KILLS + 1, store.log()
        store.send(signal.SIGTERM)
        assert store.wait() == 0, store.log()
    await assert_nothing_lost_or_twice(line, published)


async def test_a_frozen_store_that_wakes_after_its_successor_has_gone_on_writes_nothing(line: Line, tmp_path: Path) -> None:
    published = await publish(line, READINGS // 5, random.Random(7))
    with (
        running(StoreProcess(line, tmp_path / "first.log")) as first,
    ):
        await totals_when(line, 2000, first)
        await in_transaction(line, first)
        first.send(signal.SIGSTOP)
        with running(StoreProcess(line, tmp_path / "second.log")) as second:
            before = (await line.totals()).messages_received
            await totals_when(line, before + 2000, second)
            first.send(signal.SIGCONT)
            await totals_when(line, published.messages, second)
            await asyncio.sleep(3)
            second.send(signal.SIGTERM)
            assert second.wait() == 0, second.log()
    await assert_nothing_lost_or_twice(line, published)


async def test_a_frozen_member_loses_its_partitions_to_another_and_comes_back_as_a_member(line: Line, tmp_path: Path) -> None:
    published = await publish(line, READINGS // 5, random.Random(8))
    with (
        running(StoreProcess(line, tmp_path / "first.log", instance="0")) as first,
        running(StoreProcess(line, tmp_path / "second.log", instance="1")) as second,
    ):
        await totals_when(line, 2000, first)
        await in_transaction(line, first)
        first.send(signal.SIGSTOP)
        # After the session timeout the group gives all partitions to the second.
        await totals_when(line, published.messages, second)
        first.send(signal.SIGCONT)
        more = await publish_more(line)
        await totals_when(line, published.messages + len(more), second)
        for process in (first, second):
            process.send(signal.SIGTERM)
            process.wait()
    published.readings |= more
    await assert_nothing_lost_or_twice(line, published)


async def publish_more(line: Line) -> set[tuple[str, datetime]]:
    """A later reading of each sensor."""
    observed_at = START + timedelta(days=20)
    await line.topic.send([(topic_of(sensor), own_payload(observed_at, distance_mm=1.0)) for sensor in SENSORS])
    return {(f"c-{sensor}/fill", observed_at) for sensor in SENSORS}

"""`kill -9` of both ends of the line, five times each at random moments, while a simulated city sends 50,000 readings.

By the simulator's own ledger nothing is lost and nothing stands twice; what was delivered again is counted as a duplicate.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local import stack
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import open_pool
from runtime.settings import DatabaseSettings, MqttSettings, load
from simulators.broadcast import send_history
from simulators.sensor_simulator import CitySizes
from simulators.simulation import SimulationSettings, open_simulation
from stadspuls.demo.killing import kill_and_wait
from stadspuls.demo.observed import Stored, stored
from storage.registry import import_registry

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

SIZES = CitySizes(
    containers=100, traffic_counters=20, transformers=2, container_days=16, traffic_days=2, bridge_days=0.2, transformer_days=2
)
READINGS = 50_000
KILLS = 5
SENDING_SECONDS = 60
SEED = 20


@pytest.fixture
def run_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-kills-"))
    try:
        stack.up(folder, services=("mqtt-to-kafka", "store"), prometheus=False, owner_pid=os.getpid())
        yield folder
    finally:
        stack.remove(folder)


class PacedPublisher:
    """Spreads the messages over a time in which processes can die with a batch in flight."""

    def __init__(self, publisher: MqttPublisher, messages_per_s: float) -> None:
        self._publisher = publisher
        self._rate = messages_per_s
        self._began = time.monotonic()
        self.sent = 0

    async def publish(self, topic: str, payload: bytes) -> None:
        await self._publisher.publish(topic, payload)
        self.sent += 1
        ahead = self.sent / self._rate - (time.monotonic() - self._began)
        if ahead > 0.05:
            await asyncio.sleep(ahead)

    async def drain(self) -> None:
        await self._publisher.drain()


async def test_nothing_is_lost_and_nothing_stored_twice(run_dir: Path) -> None:
    simulation = open_simulation(run_dir / "city", SimulationSettings(seed=SEED, now=datetime.now(UTC), sizes=SIZES))
    pool = await open_pool(load(DatabaseSettings, "operator", run_dir), application_name="test")
    async with pool.acquire() as connection:
        await import_registry(connection, simulation.write_registry())
    publisher = MqttPublisher(load(MqttSettings, "simulator", run_dir), client_id="stadspuls-simulator")
    await publisher.start()
    kills = [
        asyncio.create_task(_kill_often(run_dir, service, number)) for number, service in enumerate(("mqtt-to-kafka", "store"))
    ]
    paced = PacedPublisher(publisher, simulation.expected_history_messages() / SENDING_SECONDS)
    await send_history(simulation, paced, asyncio.Event())
    for kill in kills:
        await kill
    total = simulation.ledger.total()
    assert total.readings_expected >= READINGS
    found = await _settled(pool, total.readings_expected, total.dead_letters_expected)
    await publisher.stop()
    await pool.close()
    print(
        f"{total.messages_sent:,} sent, {found.readings:,} stored, {total.readings_expected - found.readings} lost, "
        f"{found.duplicates:,} recognised as duplicates ({total.duplicates_sent:,} were sent as such), {found.dead_lettered} dead letters"
    )
    assert found.readings == total.readings_expected
    assert found.dead_lettered == total.dead_letters_expected
    assert found.duplicates >= total.duplicates_sent
    assert found.imbalance == 0


async def _kill_often(run_dir: Path, service: str, number: int) -> None:
    chance = random.Random(SEED + number)
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(2, SENDING_SECONDS / KILLS - 5))
        await asyncio.to_thread(kill_and_wait, run_dir, service)


async def _settled(pool: object, readings: int, letters: int) -> Stored:
    deadline = time.monotonic() + 180
    found = await stored(pool)
    while (found.readings < readings or found.dead_lettered < letters) and time.monotonic() < deadline:
        await asyncio.sleep(1)
        found = await stored(pool)
    await asyncio.sleep(3)  # whatever is still to come would be too many
    return await stored(pool)

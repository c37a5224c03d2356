"""A backup made while a city sends, restored when it is over: what came after it is read from Kafka again, and the books balance."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from deploy.local import stack
from deploy.local.processes import Engine
from ingest.store.waiting import log_positions
from models.domain.failures import UserError
from models.sensor_kinds import SENSOR_KINDS
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import connected, open_pool
from runtime.settings import DatabaseSettings, KafkaSettings, MqttSettings, load
from simulators.broadcast import send_history
from simulators.sensor_simulator import CitySizes
from simulators.simulation import Simulation, SimulationSettings, open_simulation
from stadspuls.backups import DUMP, backups_in, make_backup, restore_backup
from stadspuls.demo.observed import Stored, stored
from storage.registry import import_registry

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

SIZES = CitySizes(
    containers=40, traffic_counters=10, transformers=2, container_days=20, traffic_days=2, bridge_days=0.2, transformer_days=2
)
SERVICES = ("mqtt-to-kafka", "store")


@pytest.fixture
def run_dir(engine: Engine) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-backup-"))
    try:
        stack.up(folder, services=SERVICES, engine=engine, prometheus=False, owner_pid=os.getpid())
        yield folder
    finally:
        stack.remove(folder)


async def test_what_came_after_the_backup_is_read_from_kafka_again(run_dir: Path) -> None:
    simulation = open_simulation(run_dir / "city", SimulationSettings(seed=31, now=datetime.now(UTC), sizes=SIZES))
    admin, folder = load(DatabaseSettings, "admin", run_dir), run_dir / "backups"
    pool = await open_pool(load(DatabaseSettings, "operator", run_dir), application_name="test")
    async with pool.acquire() as connection:
        await import_registry(connection, simulation.write_registry())
    sending = asyncio.create_task(_send(simulation, run_dir))
    while (await stored(pool)).readings < simulation.expected_history_messages() / 3:  # noqa: ASYNC110  # nothing announces it
        await asyncio.sleep(0.2)
    began = time.monotonic()
    backup = await make_backup(admin, folder, print)
    made_seconds = time.monotonic() - began
    await sending
    total = simulation.ledger.total()
    before = await _settled(pool, total.readings_expected)
    content_before = await _content(pool)

    with pytest.raises(UserError, match="in use by"):
        await restore_backup(admin, backup, print)
    await pool.close()
    await asyncio.to_thread(stack.stop_services, run_dir, SERVICES)
    began = time.monotonic()
    former = await restore_backup(admin, backup, print)
    restored_seconds = time.monotonic() - began

    pool = await open_pool(load(DatabaseSettings, "operator", run_dir), application_name="test")
    at_backup = await stored(pool)
    async with pool.acquire() as connection:
        positions = await log_positions(load(KafkaSettings, "operator", run_dir), connection)
    waiting = sum(position.waiting for position in positions.values())
    assert 0 < at_backup.readings < before.readings
    assert waiting == before.received - at_backup.received
    assert not any(position.missing for position in positions.values())

    began = time.monotonic()
    await asyncio.to_thread(stack.start_services, run_dir, SERVICES)
    after = await _settled(pool, total.readings_expected)
    caught_up_seconds = time.monotonic() - began
    print(
        f"backup of {at_backup.readings:,} readings {made_seconds:.1f} s, restore {restored_seconds:.1f} s, {waiting:,} messages read again "
        f"in {caught_up_seconds:.1f} s: {after.readings:,} of {total.readings_expected:,} stored"
    )
    assert after == before
    assert after.imbalance == 0
    assert await _content(pool) == content_before
    await pool.close()
    async with connected(admin.model_copy(update={"database_name": former}), application_name="test") as connection:
        assert await connection.fetchval("SELECT count(*) FROM container_fill") > 0

    assert [path for path, _ in backups_in(folder)] == [backup]
    with (backup / DUMP).open("r+b") as file:
        file.seek(1000)
        file.write(b"damaged")
    with pytest.raises(UserError, match="SHA-256"):
        await restore_backup(admin, backup, print)


async def _send(simulation: Simulation, run_dir: Path) -> None:
    publisher = MqttPublisher(load(MqttSettings, "simulator", run_dir), client_id="stadspuls-simulator")
    await publisher.start()
    await send_history(simulation, publisher, asyncio.Event())
    await publisher.stop()


async def _settled(pool: asyncpg.Pool, readings: int) -> Stored:
    deadline = time.monotonic() + 120
    found = await stored(pool)
    while found.readings < readings and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        found = await stored(pool)
    await asyncio.sleep(2)  # whatever is still to come would be too many
    return await stored(pool)


async def _content(pool: asyncpg.Pool) -> dict[str, tuple[int, str]]:
    """Rows and a sum over the content of each table of readings; when and where from they were read may differ."""
    async with pool.acquire() as connection:
        found = {}
        for kind in SENSOR_KINDS:
            columns = ", ".join(column.name for column in kind.columns())
            row = await connection.fetchrow(
                f"SELECT count(*) AS rows, coalesce(sum(hashtextextended(ROW(datastream_id, observed_at, {columns})::text, 0)), 0)::text AS sum "
                f"FROM {kind.name}"
            )
            found[kind.name] = (row["rows"], row["sum"])
        return found

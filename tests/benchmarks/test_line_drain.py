"""The whole line: 150,000 queued QoS 1 readings from MQTT over Kafka into the database, on two cores, with all guarantees on.

Mosquitto, Kafka, PostgreSQL, mqtt_to_kafka and store share the cores. Prints readings per second and where the CPU time went.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.local import stack
from deploy.local.processes import StackState
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import connected
from runtime.settings import DatabaseSettings, MqttSettings, load
from storage.registry import import_registry
from tests.integration.raw_topic import write_registry

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

READINGS = 150_000
SENSORS = 600
CORES = 2
TARGET_PER_SECOND = 8000
SERVICES = ("mqtt-to-kafka", "store")
PROCESSES = ("mosquitto", "kafka", "postgres", *SERVICES)


async def test_line_drains_a_queue_of_readings(servers: StackState, tmp_path: Path) -> None:
    run_dir = servers.run_dir
    sensors = [f"drain-{number:04d}" for number in range(SENSORS)]
    # Once, so that the MQTT session, the topics and the schema exist; then the queue grows while nobody reads it.
    await asyncio.to_thread(stack.start_services, run_dir, SERVICES)
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="benchmark") as connection:
        await import_registry(connection, write_registry(tmp_path, sensors))
        await asyncio.to_thread(stack.stop_services, run_dir, SERVICES)
        before = await _stored(connection)
        await _queue(load(MqttSettings, "simulator", run_dir), sensors)
        with _on_cores(run_dir, CORES):
            cpu_before = _cpu_of(run_dir)
            began = time.perf_counter()
            await asyncio.to_thread(stack.start_services, run_dir, SERVICES, set_up_first=False)
            _pin(run_dir, CORES)
            first_at, first = 0.0, 0
            while (stored := await _stored(connection) - before) < READINGS:
                now = time.perf_counter() - began
                assert now < 300, f"only {stored} of {READINGS} readings are stored"
                if stored and not first:
                    first_at, first = now, stored
                await asyncio.sleep(0.1)
            seconds = time.perf_counter() - began
            cpu = {name: used - cpu_before.get(name, 0.0) for name, used in _cpu_of(run_dir).items()}
        await asyncio.to_thread(stack.stop_services, run_dir, SERVICES)
        duplicates = await connection.fetchval("SELECT count(*) FROM dead_letter WHERE mqtt_topic LIKE 'stadspuls/v1/drain-%'")
        assert await _stored(connection) - before == READINGS
        assert duplicates == 0
    _report((READINGS - first) / (seconds - first_at), seconds, {name: cpu[name] / READINGS * 1e6 for name in PROCESSES})


def _report(rate: float, seconds: float, cpu_us: dict[str, float]) -> None:
    """Prints the table. On a machine with other users CPU time tells what two free cores would do."""
    total = sum(cpu_us.values())
    print(f"\n{READINGS:,} queued QoS 1 readings, MQTT → Kafka → database, {CORES} cores shared by {', '.join(PROCESSES)}")
    print(
        f"{rate:,.0f} readings/s from the first batch on; {READINGS / seconds:,.0f}/s with the start of both services ({seconds:.1f} s)"
    )
    print(f"target {TARGET_PER_SECOND:,}/s: {rate / TARGET_PER_SECOND:.2f} of it")
    for name, used in cpu_us.items():
        print(f"  {name:14} {used:6.1f} µs of CPU per reading")
    print(f"  {'all':14} {total:6.1f} µs: {CORES * 1e6 / total:,.0f}/s on {CORES} cores without other users")


async def _queue(mqtt: MqttSettings, sensors: Sequence[str]) -> None:
    """Publishes every reading; the broker keeps them for the session that is away."""
    publisher = MqttPublisher(mqtt, client_id="benchmark")
    await publisher.start()
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
    for number in range(READINGS):
        observed_at = (begin + timedelta(minutes=number // len(sensors))).strftime("%Y-%m-%dT%H:%M:%SZ")
        payload = b'{"v":1,"kind":"container_fill","observed_at":"%s","seq":%d,"distance_mm":%d.5,"battery_v":3.6}' % (
            observed_at.encode(),
            number,
            400 + number % 1500,
        )
        await publisher.publish(f"stadspuls/v1/{sensors[number % len(sensors)]}/readings", payload)
    await publisher.drain()
    await publisher.stop()


async def _stored(connection: asyncpg.Connection) -> int:
    """Readings stored by the store, from its own ledger: a small table that a poll does not disturb."""
    return int(await connection.fetchval("SELECT coalesce(sum(readings_stored), 0) FROM ledger"))


def _processes(run_dir: Path) -> dict[str, list[psutil.Process]]:
    """The line's processes with their children."""
    state = stack.status(run_dir)
    assert state is not None
    found: dict[str, list[psutil.Process]] = {}
    for process in state.processes:
        if process.alive and process.name in PROCESSES:
            root = psutil.Process(process.pid)
            found[process.name] = [root, *root.children(recursive=True)]
    return found


def _cpu_of(run_dir: Path) -> dict[str, float]:
    """CPU seconds by name, of the processes that live now: the database's sessions of the services live as long as they do."""
    used: dict[str, float] = {}
    for name, processes in _processes(run_dir).items():
        used[name] = 0.0
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used[name] += times.user + times.system
    return used


def _pin(run_dir: Path, cores: int) -> None:
    chosen = psutil.Process().cpu_affinity()[:cores]
    for processes in _processes(run_dir).values():
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.cpu_affinity(chosen)


@contextlib.contextmanager
def _on_cores(run_dir: Path, cores: int) -> Iterator[None]:
    """Puts the servers on so many cores, and back on all of them afterwards."""
    everywhere = psutil.Process().cpu_affinity()
    _pin(run_dir, cores)
    try:
        yield
    finally:
        _pin(run_dir, len(everywhere))

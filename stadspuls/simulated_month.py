"""A month of a simulated city with all faults on, through real servers that are started for it, and then compared with the truth.

Called by `stadspuls simulated-month` and, with a smaller city, by a test. Nothing is left running, and nothing on disk.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local import stack
from models.domain.failures import StadspulsError
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import open_pool
from runtime.settings import DatabaseSettings, MqttSettings, load
from simulators.broadcast import Progress, send_history
from simulators.sensor_simulator import CitySizes
from simulators.simulation import TRUTH_FOLDER, SimulationSettings, open_simulation
from stadspuls.truth_check import TruthCheck, check_truth
from storage.ledger import ledger_totals
from storage.registry import import_registry

MONTH = CitySizes(container_days=42, traffic_days=31, bridge_days=31, transformer_days=31)
"""Containers have six weeks, so that what comes forty days late comes at all."""
_QUIET_SECONDS = 90.0
_SAY_EVERY_S = 15.0


@dataclass(frozen=True)
class Month:
    """What the run found: the comparison, how many messages were sent, and how long sending and taking in took."""

    check: TruthCheck
    sent: int
    seconds: float


async def run_month(settings: SimulationSettings, say: Callable[[str], None]) -> Month:
    """Starts broker, Kafka, database and the two services between them, sends the history, waits, and compares."""
    run_dir = Path(tempfile.mkdtemp(prefix="stadspuls-month-"))
    try:
        await asyncio.to_thread(
            stack.up, run_dir, services=("mqtt-to-kafka", "store"), prometheus=False, owner_pid=os.getpid(), report=say
        )
        return await _send_and_compare(run_dir, settings, say)
    finally:
        await asyncio.to_thread(stack.remove, run_dir)


async def _send_and_compare(run_dir: Path, settings: SimulationSettings, say: Callable[[str], None]) -> Month:
    simulation = open_simulation(run_dir / "city", settings)
    pool = await open_pool(load(DatabaseSettings, "operator", run_dir), application_name="stadspuls simulated-month")
    publisher = MqttPublisher(load(MqttSettings, "simulator", run_dir), client_id="stadspuls-simulator")
    try:
        async with pool.acquire() as connection:
            await import_registry(connection, simulation.write_registry())
        await publisher.start()
        began = time.monotonic()
        await send_history(simulation, publisher, asyncio.Event(), _progress(say))
        sent = simulation.ledger.total().messages_sent
        await _taken_in(pool, sent)
        seconds = time.monotonic() - began
        say(f"{sent:,} messages sent and taken in within {seconds:.0f} s ({sent / seconds:,.0f} a second); comparing")
        return Month(await check_truth(pool, simulation.folder / TRUTH_FOLDER), sent, seconds)
    finally:
        await publisher.stop()
        await pool.close()


def _progress(say: Callable[[str], None]) -> Callable[[Progress], None]:
    said = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal said
        if time.monotonic() - said >= _SAY_EVERY_S:
            said = time.monotonic()
            say(f"{progress.sent:,} of about {progress.history_messages:,} messages sent")

    return show


async def _taken_in(pool: Any, messages: int) -> None:
    """Until the store has taken in that many messages. Gives up when nothing has come for a while."""
    received, quiet_since = -1, time.monotonic()
    while True:
        async with pool.acquire() as connection:
            now = (await ledger_totals(connection)).messages_received
        if now >= messages:
            return
        if now != received:
            received, quiet_since = now, time.monotonic()
        if time.monotonic() - quiet_since > _QUIET_SECONDS:
            raise StadspulsError(f"of {messages:,} messages {now:,} were taken in, and none for {_QUIET_SECONDS:.0f} s")
        await asyncio.sleep(0.5)

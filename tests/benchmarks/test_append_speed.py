"""How fast readings are appended on one connection, column building included, beside the bare insert of the same rows.

The baseline is what asyncpg's users write first for speed: one INSERT from arrays that lie ready, without conflicts, duplicates or newest
readings. Wall time tells about other users of the machine too; CPU time of both sides is the figure to compare.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import psutil
import pytest

from deploy.local.processes import Engine
from models.domain.reading import TimeSource
from models.sensor_kinds.container_fill import CONTAINER_FILL, ContainerFill
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.reading_tables import reading_columns
from storage.readings import SourceRef, StoredReading, append_readings, content_hash
from storage.schema import migrate

pytestmark = pytest.mark.servers

ROWS = 100_000
BATCH = 5_000
CONTAINERS = 600
LEAST_RATIO = 0.3
"""Appending may cost this much more than the bare insert: it builds columns, hashes contents and keeps the newest readings."""

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def connection(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database, application_name="benchmark") as found:
        await migrate(found, timezone="Europe/Amsterdam", kinds=(CONTAINER_FILL,))
        yield found


def _readings() -> list[StoredReading]:
    rng = random.Random(1)
    return [
        StoredReading(
            ContainerFill(
                thing_id=f"c-{number % CONTAINERS:04d}",
                datastream_id=f"c-{number % CONTAINERS:04d}/fill",
                observed_at=START + timedelta(hours=number // CONTAINERS, seconds=number % CONTAINERS),
                time_source=TimeSource.DEVICE,
                distance_mm=rng.uniform(0, 2000),
                battery_v=3.6,
                fill_ratio=rng.random(),
            ),
            START + timedelta(hours=number // CONTAINERS, seconds=number % CONTAINERS + 2),
            SourceRef(number % 24, number, 0),
            decoder_version=1,
            registry_version=1,
        )
        for number in range(ROWS)
    ]


def _arrays(readings: list[StoredReading]) -> list[list[Any]]:
    """The columns of `reading_columns`, lying ready."""
    columns = []
    for name in reading_columns(CONTAINER_FILL):
        if name == "content_hash":
            columns.append([content_hash(item.reading) for item in readings])
        elif name.startswith("source_"):
            columns.append([getattr(item.source, name.removeprefix("source_")) for item in readings])
        elif hasattr(readings[0], name):
            columns.append([getattr(item, name) for item in readings])
        else:
            columns.append([getattr(item.reading, name) for item in readings])
    return columns


async def test_appending_is_close_to_the_bare_insert(connection: asyncpg.Connection, engine: Engine) -> None:
    readings = _readings()
    batches = [readings[start : start + BATCH] for start in range(0, ROWS, BATCH)]
    arrays = [_arrays(batch) for batch in batches]
    types = [sql_type.removesuffix(" NOT NULL") for sql_type in reading_columns(CONTAINER_FILL).values()]
    bare = f"INSERT INTO container_fill SELECT * FROM unnest({', '.join(f'${n}::{name}[]' for n, name in enumerate(types, 1))})"

    async def insert(index: int) -> None:
        await connection.execute(bare, *arrays[index])

    async def append(index: int) -> None:
        await append_readings(connection, CONTAINER_FILL, batches[index])

    print(f"\n{engine}: {ROWS} readings in batches of {BATCH}, one connection")
    print("| what | rows/s | our CPU µs | server's CPU µs | ratio |\n|---|---|---|---|---|")
    baseline = await _measure(connection, "bare INSERT from arrays that lie ready", insert, None)
    await connection.execute("TRUNCATE container_fill, container_fill_latest")
    appended = await _measure(connection, "`append_readings`, new", append, baseline)
    await _measure(connection, "`append_readings`, all of them duplicates", append, baseline)
    assert await connection.fetchval("SELECT count(*) FROM container_fill") == ROWS
    assert baseline / appended >= LEAST_RATIO


async def _measure(
    connection: asyncpg.Connection, what: str, write: Callable[[int], Awaitable[None]], baseline: float | None
) -> float:
    """CPU microseconds of both sides per row."""
    server = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    wall, own, theirs = time.perf_counter(), time.process_time(), sum(server.cpu_times()[:2])
    for index in range(ROWS // BATCH):
        async with connection.transaction():
            await write(index)
    wall, own = time.perf_counter() - wall, (time.process_time() - own) / ROWS * 1e6
    theirs = (sum(server.cpu_times()[:2]) - theirs) / ROWS * 1e6
    ratio = f"{(baseline or own + theirs) / (own + theirs):.2f}×"
    print(f"| {what} | {ROWS / wall:,.0f} | {own:.1f} | {theirs:.1f} | {ratio} |")
    return own + theirs

"""What only TimescaleDB has, asserted from its catalogue; and compressed chunks, where it has been wrong before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.container_fill import CONTAINER_FILL
from storage.lifecycle import CHUNK, Lifecycle
from storage.maintenance import refresh_rollups
from storage.readings import StoredReading, append_readings
from storage.rollups import rollups
from tests.contract.sample_readings import stored

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("engine", ["timescale"], indirect=True)]

KINDS = {kind.name for kind in SENSOR_KINDS}
ROLLUPS = {rollup.name for kind in SENSOR_KINDS for rollup in rollups(kind)}


async def test_every_kind_is_a_hypertable_with_chunks_of_a_week(storage: asyncpg.Connection) -> None:
    rows = await storage.fetch(
        "SELECT hypertable_name, column_name, time_interval FROM timescaledb_information.dimensions WHERE hypertable_schema = 'public'"
    )
    assert {row["hypertable_name"] for row in rows} == KINDS
    assert {(row["column_name"], row["time_interval"]) for row in rows} == {("observed_at", CHUNK)}


async def test_every_rollup_is_a_continuous_aggregate_that_shows_fresh_readings(storage: asyncpg.Connection) -> None:
    rows = await storage.fetch("SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates")
    assert {row["view_name"]: row["materialized_only"] for row in rows} == dict.fromkeys(ROLLUPS, False)
    await append_readings(storage, CONTAINER_FILL, [stored(0, start=datetime.now(UTC), fill_ratio=0.5)])
    assert await storage.fetchval("SELECT sum(reading_count) FROM container_fill_hourly") == 1


async def test_columnstore_is_on_by_datastream_and_starts_after_the_lateness_window(storage: asyncpg.Connection) -> None:
    rows = await storage.fetch(
        """
        SELECT hypertable::text, segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings
        WHERE hypertable::text NOT LIKE '_timescaledb_internal.%'
        """
    )
    assert {row["hypertable"] for row in rows} == KINDS
    assert {(row["segmentby"], row["orderby"].split()[0]) for row in rows} == {("datastream_id", "observed_at")}
    jobs = await _jobs(storage, "policy_compression", "compress_after")
    assert jobs == dict.fromkeys(KINDS, Lifecycle().columnstore_after)


async def test_retention_and_refresh_are_the_declared_ones(storage: asyncpg.Connection) -> None:
    lifecycle = Lifecycle()
    retention = await _jobs(storage, "policy_retention", "drop_after")
    assert retention == dict.fromkeys(KINDS, lifecycle.readings) | dict.fromkeys(ROLLUPS, lifecycle.rollups)
    starts = await _jobs(storage, "policy_refresh_continuous_aggregate", "start_offset")
    assert starts == dict.fromkeys(ROLLUPS, lifecycle.refresh_reach)
    assert all(start < lifecycle.readings for start in starts.values()), "a refresh never reaches dropped chunks"


async def _jobs(connection: asyncpg.Connection, procedure: str, period: str) -> dict[str, timedelta]:
    """Table or rollup → period of its job. Fails on two jobs of one sort for one table."""
    rows = await connection.fetch(
        """
        SELECT coalesce(rollup.view_name, job.hypertable_name)::text AS name, (job.config ->> $2::text)::interval AS period
        FROM timescaledb_information.jobs AS job
        LEFT JOIN timescaledb_information.continuous_aggregates AS rollup
          ON rollup.materialization_hypertable_name = job.hypertable_name
        WHERE job.proc_name = $1
        """,
        procedure,
        period,
    )
    assert len({row["name"] for row in rows}) == len(rows)
    return {row["name"]: row["period"] for row in rows}


def _month(minute: float = 0, content: float = 1.0) -> list[StoredReading]:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=40)
    return [
        stored(hour * 60 + minute, thing_id=f"c-{thing:04d}", start=start, distance_mm=content, fill_ratio=0.5)
        for hour in range(20 * 24)
        for thing in range(20)
    ]


async def _compress(connection: asyncpg.Connection) -> None:
    chunks = await connection.fetch(
        "SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks "
        "WHERE hypertable_name = 'container_fill' AND NOT is_compressed"
    )
    for row in chunks:
        await connection.execute("CALL convert_to_columnstore($1::regclass)", row["chunk"])


async def test_duplicates_into_compressed_chunks_are_found_and_uncompress_nothing(storage: asyncpg.Connection) -> None:
    readings = _month()
    await append_readings(storage, CONTAINER_FILL, readings)
    await _compress(storage)
    size = await storage.fetchval("SELECT hypertable_size('container_fill')")
    again = await append_readings(storage, CONTAINER_FILL, readings)
    assert (again.stored, again.duplicates, again.conflicts) == (0, len(readings), [])
    others = await append_readings(storage, CONTAINER_FILL, _month(content=2.0)[:500])
    assert (others.stored, others.duplicates, len(others.conflicts)) == (0, 0, 500)
    assert await storage.fetchval("SELECT hypertable_size('container_fill')") == size
    assert await storage.fetchval("SELECT count(*) FROM container_fill") == len(readings)


async def test_late_readings_into_compressed_chunks_are_stored_once_and_reach_the_rollups(storage: asyncpg.Connection) -> None:
    readings, late = _month(), _month(minute=30, content=3.0)
    await append_readings(storage, CONTAINER_FILL, readings)
    await refresh_rollups(storage, CONTAINER_FILL)
    await _compress(storage)
    result = await append_readings(storage, CONTAINER_FILL, late + readings[:1000])
    assert (result.stored, result.duplicates, result.conflicts) == (len(late), 1000, [])
    await refresh_rollups(storage, CONTAINER_FILL, since=late[0].reading.observed_at, until=late[-1].reading.observed_at)
    raw = await storage.fetch(
        """
        SELECT time_bucket('1 hour', observed_at) AS bucket, datastream_id, count(*) AS reading_count, avg(distance_mm) AS distance
        FROM container_fill GROUP BY 1, 2 ORDER BY 1, 2
        """
    )
    rollup = await storage.fetch(
        "SELECT bucket, datastream_id, reading_count, distance_mm_avg AS distance FROM container_fill_hourly ORDER BY 1, 2"
    )
    assert [tuple(row) for row in rollup] == [tuple(row) for row in raw]
    assert {row["reading_count"] for row in rollup} == {2}


async def test_a_new_quantity_is_added_to_compressed_chunks(storage: asyncpg.Connection) -> None:
    await append_readings(storage, CONTAINER_FILL, _month()[:100])
    await _compress(storage)
    transaction = storage.transaction()
    await transaction.start()
    await storage.execute("ALTER TABLE container_fill ADD COLUMN added double precision")
    assert await storage.fetchval("SELECT count(*) FROM container_fill WHERE added IS NULL") == 100
    await transaction.rollback()

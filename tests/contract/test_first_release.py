"""A database made by the first release becomes this one's: with compressed readings, under load, nothing lost; both releases at work.

`tests/contract/first_release/*.sql` are the statements by which release 0.1.0 made its tables, recorded from its `stadspuls migrate`; its
first migration stands in `storage.migrations`, where it is never edited.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.processes import Engine
from models.domain.failures import TransientError, UserError
from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.postgres import Pool, connected, open_pool
from runtime.settings import DatabaseSettings
from storage.maintenance import refresh_rollups
from storage.migrations import MIGRATIONS, SCHEMA_VERSION
from storage.readings import append_readings, latest_readings
from storage.registry import import_registry
from storage.registry_correction import correct_readings
from storage.schema import check_schema, migrate
from tests.contract import registry_of_containers as files
from tests.contract.registry_of_containers import LONG_AGO
from tests.contract.sample_readings import stored

pytestmark = pytest.mark.servers

TIMEZONE = "Europe/Amsterdam"
RECORDED = Path(__file__).parent / "first_release"
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=40)

# How release 0.1.0 appends: the statement of its `append_readings` for these quantities, one row at a time.
FIRST_APPEND = """
    INSERT INTO container_fill (datastream_id, thing_id, observed_at, received_at, time_source, distance_mm, fill_ratio, content_hash,
                                source_partition, source_offset, source_index, decoder_version, registry_version)
    SELECT $1, 'c-1', observed_at, observed_at, 'device', 840, 0.5, 0, 0, source_offset, 0, 1, 0
    FROM unnest($2::timestamptz[], $3::bigint[]) AS given (observed_at, source_offset) ON CONFLICT DO NOTHING
"""


async def _make_first_release(connection: asyncpg.Connection, engine: Engine) -> None:
    await connection.execute(MIGRATIONS[0].sql)
    await connection.execute((RECORDED / f"{engine}.sql").read_text())
    if engine == "timescale":
        await connection.execute(
            "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000"
        )


async def _append_as_first(connection: asyncpg.Connection, datastream_id: str, numbers: range, start: datetime = START) -> None:
    moments = [start + timedelta(minutes=number) for number in numbers]
    await connection.execute(FIRST_APPEND, datastream_id, moments, list(numbers))


async def _compress(connection: asyncpg.Connection, engine: Engine) -> None:
    if engine == "timescale":
        rows = await connection.fetch(
            "SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks "
            "WHERE hypertable_name = 'container_fill' AND NOT is_compressed"
        )
        for row in rows:
            await connection.execute("CALL convert_to_columnstore($1::regclass)", row["chunk"])


@pytest.fixture
async def first(database: DatabaseSettings, engine: Engine) -> AsyncIterator[asyncpg.Connection]:
    """A database of the first release with 4,000 readings, compressed where the engine can."""
    async with connected(database, application_name="tests") as connection:
        await _make_first_release(connection, engine)
        await _append_as_first(connection, "c-1/fill", range(0, 40_000, 10))
        await _compress(connection, engine)
        yield connection


async def test_the_first_releases_database_becomes_this_ones(first: asyncpg.Connection, engine: Engine, tmp_path: Path) -> None:
    life = uuid4()
    await first.execute(
        "INSERT INTO stream_offset (consumer, incarnation, partition, next_offset) VALUES ('store', $1, 0, 40000)", life
    )
    with pytest.raises(UserError, match="run `stadspuls migrate`"):
        await check_schema(first)
    report = await migrate(first, timezone=TIMEZONE)
    assert report.version == SCHEMA_VERSION
    await check_schema(first)
    assert (await migrate(first, timezone=TIMEZONE)).changes == []
    assert await first.fetchval("SELECT count(*) FROM container_fill WHERE source_incarnation IS NULL") == 4000
    unnamed = await first.fetchval("SELECT value FROM schema_setting WHERE name = 'incarnation_of_unnamed_sources'")
    assert unnamed == str(life), "readings of the first release are known to come from the one topic that it read"
    result = await append_readings(first, CONTAINER_FILL, [stored(5, start=START, name="new", thing_id="c-1", distance_mm=840.0)])
    assert result.stored == 1
    await refresh_rollups(first, CONTAINER_FILL)
    assert await first.fetchval("SELECT sum(reading_count) FROM container_fill_hourly") == 4001
    # Their height can be corrected, though nothing is known of the registry that the first release had.
    await import_registry(
        first,
        [
            files.containers(tmp_path, ["c-1"]),
            files.sensors(tmp_path, f"dev-1,c-1,{LONG_AGO},"),
            files.geometry(tmp_path, f"c-1,{LONG_AGO},,2100,0"),
        ],
    )
    (diff,) = await correct_readings(first, START, now=datetime.now(UTC))
    assert (diff.changed, diff.removed) == (4000, 0)
    assert await first.fetchval("SELECT count(*) FROM container_fill WHERE fill_ratio <> 0.6") == 0
    if engine == "timescale":
        assert not await first.fetchval("SELECT count(*) FROM _timescaledb_catalog.chunk WHERE status & 10 > 0")


async def test_both_releases_work_on_the_new_schema(first: asyncpg.Connection) -> None:
    await migrate(first, timezone=TIMEZONE)
    await _append_as_first(first, "c-1/fill", range(50_000, 50_010))
    await append_readings(first, CONTAINER_FILL, [stored(60_000, start=START, thing_id="c-1", distance_mm=1.0)])
    assert await first.fetchval("SELECT count(*) FROM container_fill") == 4011
    assert [row["thing_id"] for row in await latest_readings(first, CONTAINER_FILL)] == ["c-1"]
    # The release after this one: what it says it works with may be started on it, what it does not may not.
    next_version = SCHEMA_VERSION + 1
    insert = "INSERT INTO schema_version (version, name, works_with) VALUES ($1, 'next', $2)"
    await first.execute(insert, next_version, SCHEMA_VERSION)
    await check_schema(first)
    await first.execute("UPDATE schema_version SET works_with = NULL WHERE version = $1", next_version)
    with pytest.raises(UserError, match="use the newer release"):
        await check_schema(first)


async def _keep_writing(pool: Pool, datastream_id: str, stop: asyncio.Event) -> tuple[int, int]:
    """Writes as the first release until asked to stop: each batch again until it is stored. Returns (readings sent, retries)."""
    sent = retries = 0
    while not stop.is_set():
        try:
            async with pool.acquire() as connection, connection.transaction():
                await _append_as_first(connection, datastream_id, range(sent, sent + 20))
        except TransientError:
            retries += 1
            continue
        sent += 20
        await asyncio.sleep(0.005)
    return sent, retries


@pytest.mark.slow
async def test_a_migration_under_load_loses_nothing(first: asyncpg.Connection, database: DatabaseSettings, engine: Engine) -> None:
    """Three writers of the old release go on through it, into compressed weeks too; long readers are in its way."""
    for day in range(39):
        start = START + timedelta(days=day)
        for name in ("c-7/fill", "c-8/fill"):
            await _append_as_first(first, name, range(1440), start)
    await _compress(first, engine)
    before = await first.fetchval("SELECT count(*) FROM container_fill")
    stop = asyncio.Event()
    pool = await open_pool(database, application_name="first release", max_size=4)
    names = [f"c-{number}/load" for number in range(3)]
    writers = [asyncio.create_task(_keep_writing(pool, name, stop)) for name in names]
    try:
        async with connected(database, application_name="reader") as reader:
            await asyncio.sleep(0.5)
            reading = asyncio.create_task(reader.execute("SELECT pg_sleep(3), (SELECT count(*) FROM container_fill)"))
            await asyncio.sleep(0.2)
            began = asyncio.get_running_loop().time()
            async with connected(database, application_name="migrate", command_timeout_seconds=300) as connection:
                report = await migrate(connection, timezone=TIMEZONE)
            seconds = asyncio.get_running_loop().time() - began
            await reading
        await asyncio.sleep(0.5)
        async with pool.acquire() as connection:
            late = [stored(number, start=START, thing_id="c-9", distance_mm=1.0) for number in range(1000)]
            assert (await append_readings(connection, CONTAINER_FILL, late)).stored == 1000
    finally:
        stop.set()
        outcomes = await asyncio.gather(*writers)
        await pool.close()
    assert report.version == SCHEMA_VERSION
    sent = sum(count for count, _ in outcomes)
    print(
        f"\n{engine}: migrated in {seconds:.1f} s with {sent} readings sent meanwhile, {sum(n for _, n in outcomes)} retries, 0 lost"
    )
    assert min(count for count, _ in outcomes) > 0
    for name, (count, _) in zip(names, outcomes, strict=True):
        assert await first.fetchval("SELECT count(*) FROM container_fill WHERE datastream_id = $1", name) == count
    assert await first.fetchval("SELECT count(*) FROM container_fill") == before + sent + 1000
    for kind in SENSOR_KINDS:
        await first.fetch(f"SELECT source_incarnation FROM {kind.name} LIMIT 1")

"""Making and changing the schema, on both engines, on databases of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
import pytest
from pydantic import Field

from deploy.local.processes import Engine
from models.domain.failures import UserError
from models.domain.reading import Quantity, Reading
from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.container_fill import CONTAINER_FILL, ContainerFill
from models.sensor_kinds.kind import SensorKind
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.lifecycle import lifecycle_of
from storage.maintenance import maintain
from storage.migrations import MIGRATIONS, SCHEMA_VERSION, Migration
from storage.readings import append_readings, latest_readings
from storage.rollups import rollup_columns, rollups
from storage.schema import check_schema, migrate
from tests.contract.sample_readings import stored

pytestmark = pytest.mark.servers

TIMEZONE = "Europe/Amsterdam"


class _Level(Reading):
    level_m: Annotated[float | None, Quantity("m"), Field(ge=0)] = None


class _LevelWithAlarm(_Level):
    alarm: Annotated[bool | None, Quantity("")] = None
    pumped_l: Annotated[int | None, Quantity("l"), Field(ge=0)] = None


class _LevelInWholeMetres(Reading):
    level_m: Annotated[int | None, Quantity("m"), Field(ge=0)] = None
    alarm: Annotated[bool | None, Quantity("")] = None
    pumped_l: Annotated[int | None, Quantity("l"), Field(ge=0)] = None


LEVEL = SensorKind("water_level", "Water's level", "gauge", _Level, "level_m", 60)


@pytest.fixture
async def connection(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database, application_name="tests") as found:
        yield found


async def test_migrating_again_changes_nothing(connection: asyncpg.Connection, engine: Engine) -> None:
    first = await migrate(connection, timezone=TIMEZONE)
    before = await _shape(connection)
    second = await migrate(connection, timezone=TIMEZONE)
    assert first.engine == engine
    assert f"made table {CONTAINER_FILL.name}" in first.changes
    assert (second.changes, second.notes) == ([], [])
    assert await _shape(connection) == before
    await check_schema(connection)


async def _shape(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    """Tables with their columns, indices, and on TimescaleDB the jobs by number."""
    rows = [
        tuple(row)
        for row in await connection.fetch(
            """
            SELECT c.oid::bigint, c.relname::text, a.attname::text, a.atttypid::bigint, a.attnotnull FROM pg_class AS c
            JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
            ORDER BY 1, 3
            """
        )
    ]
    if await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"):
        rows += [tuple(row) for row in await connection.fetch("SELECT job_id, config FROM timescaledb_information.jobs ORDER BY 1")]
    return rows


async def test_migrations_at_the_same_time_wait_for_each_other(database: DatabaseSettings) -> None:
    async def run() -> list[str]:
        async with connected(database, application_name="tests") as own:
            return (await migrate(own, timezone=TIMEZONE, kinds=(LEVEL,))).changes

    changes = await asyncio.gather(run(), run(), run())
    assert sorted(map(bool, changes)) == [False, False, True]


async def test_a_new_kind_gets_its_tables_and_a_new_quantity_its_columns(connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE, kinds=SENSOR_KINDS)
    report = await migrate(connection, timezone=TIMEZONE, kinds=(*SENSOR_KINDS, LEVEL))
    assert report.changes == ["made table water_level", "made rollup water_level_hourly", "made rollup water_level_daily"]
    await append_readings(connection, LEVEL, [stored(0, kind=LEVEL, level_m=1.5)])

    wider = replace(LEVEL, reading_type=_LevelWithAlarm)
    with pytest.raises(UserError, match="water_level"):
        await check_schema(connection, kinds=(wider,))
    report = await migrate(connection, timezone=TIMEZONE, kinds=(*SENSOR_KINDS, wider))
    assert report.changes == [
        "added column alarm to water_level",
        "added column pumped_l to water_level",
        "made rollup water_level_hourly anew for its new columns",
        "made rollup water_level_daily anew for its new columns",
    ]
    await check_schema(connection, kinds=(wider,))
    again = await append_readings(
        connection, wider, [stored(0, kind=wider, level_m=1.5), stored(1, kind=wider, alarm=True, pumped_l=7)]
    )
    assert (again.stored, again.duplicates) == (1, 1)
    (newest,) = await latest_readings(connection, wider)
    assert (newest["level_m"], newest["alarm"], newest["pumped_l"]) == (None, True, 7)
    for rollup in rollups(wider):
        columns = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", rollup.name
        )
        assert {row["attname"] for row in columns} == set(rollup_columns(wider))


async def test_a_deadlock_with_a_job_of_the_server_is_borne(database: DatabaseSettings, connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))
    wider = replace(LEVEL, reading_type=_LevelWithAlarm)
    async with connected(database, application_name="tests") as job, job.transaction():
        await job.execute("LOCK TABLE water_level_latest IN ACCESS EXCLUSIVE MODE")
        migration = asyncio.create_task(migrate(connection, timezone=TIMEZONE, kinds=(wider,)))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'water_level_latest'::regclass"
        while not await job.fetchval(waiting):  # noqa: ASYNC110  # the server announces no lock
            await asyncio.sleep(0.05)
        # PostgreSQL ends the one that has waited for longer: the migration.
        await job.execute("LOCK TABLE water_level IN SHARE MODE")
        assert not migration.done()
    report = await migration
    assert report.changes[:2] == ["added column alarm to water_level", "added column pumped_l to water_level"]
    await check_schema(connection, kinds=(wider,))


async def test_a_changed_or_removed_quantity_is_refused_with_the_name_of_the_migration(connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE, kinds=(replace(LEVEL, reading_type=_LevelWithAlarm),))
    with pytest.raises(UserError, match=r"drop_water_level_alarm"):
        await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))
    with pytest.raises(UserError, match=r"change_water_level_level_m"):
        await migrate(connection, timezone=TIMEZONE, kinds=(replace(LEVEL, reading_type=_LevelInWholeMetres),))


async def test_the_identity_is_the_only_unique_key_and_cannot_be_null(connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE)
    for kind in SENSOR_KINDS:
        keys = await connection.fetch(
            """
            SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey, a.attnum)) AS columns, bool_and(a.attnotnull) AS not_null
            FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = $1::regclass AND i.indisunique GROUP BY i.indexrelid
            """,
            kind.name,
        )
        assert [(row["columns"], row["not_null"]) for row in keys] == [(["datastream_id", "observed_at"], True)]


async def test_services_refuse_a_schema_that_they_do_not_know(connection: asyncpg.Connection) -> None:
    with pytest.raises(UserError, match="stadspuls migrate"):
        await check_schema(connection)
    await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))
    await check_schema(connection, kinds=(LEVEL,))
    with pytest.raises(UserError, match="container_fill"):
        await check_schema(connection)
    await connection.execute("INSERT INTO schema_version (version, name) VALUES ($1, 'from_the_future')", SCHEMA_VERSION + 1)
    with pytest.raises(UserError, match="newer release"):
        await check_schema(connection, kinds=(LEVEL,))
    with pytest.raises(UserError, match="from_the_future"):
        await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))


async def test_named_migrations_run_once_in_order_and_a_failing_one_leaves_nothing(connection: asyncpg.Connection) -> None:
    second = Migration(
        SCHEMA_VERSION + 1, "second", "CREATE TABLE made_by_second (x integer); INSERT INTO made_by_second VALUES (1)"
    )
    broken = Migration(SCHEMA_VERSION + 2, "broken", "INSERT INTO made_by_second VALUES (2); SELECT no_such_function()")
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate(connection, timezone=TIMEZONE, kinds=(), migrations=(*MIGRATIONS, second, broken))
    report = await migrate(connection, timezone=TIMEZONE, kinds=(), migrations=(*MIGRATIONS, second))
    assert report.changes == []
    assert await connection.fetchval("SELECT array_agg(x) FROM made_by_second") == [1]


async def test_the_citys_time_zone_is_fixed_by_the_first_migration(connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))
    with pytest.raises(UserError, match="change_timezone"):
        await migrate(connection, timezone="Europe/Lisbon", kinds=(LEVEL,))


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
async def test_the_servers_jobs_follow_the_retention_setting(connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))
    assert await _job_periods(connection) == {"policy_retention": {730, 3650}, "refresh": {729}}
    await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,), lifecycle=lifecycle_of(4000))
    assert await _job_periods(connection) == {"policy_retention": {4000}, "refresh": {3999}}


async def _job_periods(connection: asyncpg.Connection) -> dict[str, set[int]]:
    rows = await connection.fetch(
        """
        SELECT proc_name, extract(day FROM (config ->> 'drop_after')::interval)::integer AS kept,
               extract(day FROM (config ->> 'start_offset')::interval)::integer AS reach
        FROM timescaledb_information.jobs WHERE job_id >= 1000
        """
    )
    return {
        "policy_retention": {row["kept"] for row in rows if row["proc_name"] == "policy_retention"},
        "refresh": {row["reach"] for row in rows if row["proc_name"] == "policy_refresh_continuous_aggregate"},
    }


async def test_units_and_descriptions_stand_in_the_database(connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE)
    for column in CONTAINER_FILL.columns():
        comment = await connection.fetchval(
            """
            SELECT col_description(attrelid, attnum) FROM pg_attribute
            WHERE attrelid = 'container_fill'::regclass AND attname = $1
            """,
            column.name,
        )
        assert column.description in comment
    assert ContainerFill.quantities()["fill_ratio"].derived
    assert "derived" in await connection.fetchval(
        "SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'container_fill'::regclass AND attname = 'fill_ratio'"
    )


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
async def test_the_servers_jobs_run(connection: asyncpg.Connection) -> None:
    """Not only declared: each job has really run. Some versions of server and extension do not fit each other."""
    await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))
    async with asyncio.timeout(120):
        while True:
            rows = await connection.fetch(
                """
                SELECT job.proc_name, stats.last_run_status FROM timescaledb_information.jobs AS job
                LEFT JOIN timescaledb_information.job_stats AS stats USING (job_id) WHERE job.job_id >= 1000
                """
            )
            assert len(rows) == 6
            assert not [row["proc_name"] for row in rows if row["last_run_status"] == "Failed"]
            if all(row["last_run_status"] == "Success" for row in rows):
                return
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
async def test_a_job_of_the_server_that_fails_is_told_by_maintenance(connection: asyncpg.Connection) -> None:
    await migrate(connection, timezone=TIMEZONE, kinds=(LEVEL,))
    await connection.execute(
        "CREATE PROCEDURE broken_job(job_id int, config jsonb) LANGUAGE plpgsql AS $$ BEGIN RAISE 'the job cannot run'; END $$"
    )
    await connection.execute("SELECT add_job('broken_job', '1 hour')")
    async with asyncio.timeout(60):
        while not (told := (await maintain(connection, now=datetime.now(UTC), kinds=(LEVEL,))).failed_jobs):  # noqa: ASYNC110  # the server announces no run
            await asyncio.sleep(0.5)
    assert [str(job) for job in told] == ["broken_job of broken_job: the job cannot run"]

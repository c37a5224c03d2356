"""Makes and checks the schema. `stadspuls migrate` alone changes it; services call `check_schema` when they start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import asyncpg

from models.domain.failures import UserError
from models.sensor_kinds import SENSOR_KINDS, SensorKind
from storage.engine import Engine, detect_engine
from storage.grants import apply_grants
from storage.lifecycle import Lifecycle
from storage.migrations import MIGRATIONS, SCHEMA_VERSION, Migration
from storage.reading_tables import (
    KEY,
    comments,
    create_statement,
    existing_columns,
    latest_columns,
    latest_table,
    missing_columns,
    reading_columns,
)
from storage.retrying import past_setbacks
from storage.rollups import rollup_columns, rollups

_ADVISORY_LOCK = 7_382_645_001
_LOCK_SECONDS = 5
"""A change of schema that waits for a long query makes everybody else wait behind it: it gives way and comes back."""
_WAITS_BORNE = 8

_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_setting (
    name text PRIMARY KEY,
    value text NOT NULL
);
ALTER TABLE schema_version ADD COLUMN IF NOT EXISTS works_with integer;
"""


@dataclass
class MigrationReport:
    """What `migrate` did, in sentences; `changes` is empty when there was nothing to do. `notes` need a person's eye."""

    engine: str
    version: int = 0
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)


async def migrate(
    connection: asyncpg.Connection,
    *,
    timezone: str,
    lifecycle: Lifecycle | None = None,
    kinds: Sequence[SensorKind] = SENSOR_KINDS,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> MigrationReport:
    """Brings the database to this release's schema; doing it again changes nothing. Concurrent calls wait for each other.

    `timezone` is the city's, in which daily rollups count days. Raises `UserError` for a change that needs a named migration, with
    everything of that step rolled back.
    """
    async with _alone(connection):
        engine = await detect_engine(connection)
        changes: list[str] = []
        await connection.execute(_VERSION_TABLE)
        await _run_migrations(connection, migrations, changes)
        fit = partial(_fit_everything, connection, engine, kinds, timezone, lifecycle or Lifecycle())
        report = await past_setbacks(fit, times=_WAITS_BORNE)
    report.version = migrations[-1].version
    report.changes[:0] = changes
    return report


async def _fit_everything(
    connection: asyncpg.Connection, engine: Engine, kinds: Sequence[SensorKind], timezone: str, lifecycle: Lifecycle
) -> MigrationReport:
    report = MigrationReport(engine.name)
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        await _keep_setting(connection, "engine", engine.name, "a database cannot change its engine: dump and restore the readings")
        await _keep_setting(
            connection, "timezone", timezone, "daily rollups are made in that time zone: write a named migration (change_timezone)"
        )
        for kind in kinds:
            await _fit_kind(connection, engine, kind, timezone, report)
        await engine.apply_lifecycle(connection, kinds, lifecycle)
        report.roles = await apply_grants(connection, kinds)
    return report


@asynccontextmanager
async def _alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    await connection.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _ADVISORY_LOCK)


async def _run_migrations(connection: asyncpg.Connection, migrations: Sequence[Migration], changes: list[str]) -> None:
    rows = await connection.fetch("SELECT version, name FROM schema_version ORDER BY version")
    applied = {row["version"]: row["name"] for row in rows}
    for version, name in applied.items():
        known = next((item for item in migrations if item.version == version), None)
        if known is None or known.name != name:
            raise UserError(
                f"the database has the migration {version} {name}, which this release does not know: it was made by a newer release; "
                "use that one"
            )
    for migration in migrations:
        if migration.version not in applied:
            await past_setbacks(partial(_run_migration, connection, migration), times=_WAITS_BORNE)
            changes.append(f"ran migration {migration.version} {migration.name}")


async def _run_migration(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_version (version, name, works_with) VALUES ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.works_with,
        )


async def _keep_setting(connection: asyncpg.Connection, name: str, value: str, otherwise: str) -> None:
    """Fixes a setting at the first migration; refuses another value later."""
    await connection.execute("INSERT INTO schema_setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, value)
    found = await connection.fetchval("SELECT value FROM schema_setting WHERE name = $1", name)
    if found != value:
        raise UserError(f"this database was made with {name} {found}, now it is {value}; {otherwise}")


async def _fit_kind(
    connection: asyncpg.Connection, engine: Engine, kind: SensorKind, timezone: str, report: MigrationReport
) -> None:
    if await existing_columns(connection, kind.name):
        added = await _add_columns(connection, kind.name, reading_columns(kind))
        await _add_columns(connection, latest_table(kind), latest_columns(kind))
        report.changes += [f"added column {name} to {kind.name}" for name in added]
    else:
        await connection.execute(create_statement(kind.name, reading_columns(kind), KEY))
        await connection.execute(
            create_statement(latest_table(kind), latest_columns(kind), ("datastream_id",), " WITH (fillfactor = 50)")
        )
        await connection.execute(f"CREATE INDEX {latest_table(kind)}_thing ON {latest_table(kind)} (thing_id)")
        await engine.make_hypertable(connection, kind)
        report.changes.append(f"made table {kind.name}")
    for statement in comments(kind, kind.name):
        await connection.execute(statement)
    for rollup in rollups(kind):
        existing = await existing_columns(connection, rollup.name)
        if not existing:
            await engine.make_rollup(connection, rollup, timezone)
            report.changes.append(f"made rollup {rollup.name}")
        elif set(rollup_columns(kind)) - set(existing):
            if await engine.remake_rollup(connection, rollup, timezone):
                report.changes.append(f"made rollup {rollup.name} anew for its new columns")
            else:
                report.notes.append(
                    f"rollup {rollup.name} stays without {', '.join(sorted(set(rollup_columns(kind)) - set(existing)))}: it holds history "
                    f"whose raw readings are gone; a named migration (extend_{rollup.name}) can add them"
                )


async def _add_columns(connection: asyncpg.Connection, table: str, wanted: Mapping[str, str]) -> list[str]:
    added = missing_columns(table, wanted, await existing_columns(connection, table))
    for name, sql_type in added.items():
        await connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {sql_type}")
    return list(added)


async def check_schema(connection: asyncpg.Connection, kinds: Sequence[SensorKind] = SENSOR_KINDS) -> None:
    """Raises `UserError` unless the database has a schema that this release can work with: the one that it knows, or a newer one that
    says so. Services call it at start."""
    if await connection.fetchval("SELECT to_regclass('schema_version')") is None:
        raise UserError("the database has no schema yet: run `stadspuls migrate`")
    version = await connection.fetchval("SELECT coalesce(max(version), 0) FROM schema_version")
    if version > SCHEMA_VERSION and not await _works_with(connection, SCHEMA_VERSION):
        raise UserError(f"the database has schema version {version}, this release knows {SCHEMA_VERSION}: use the newer release")
    if version < SCHEMA_VERSION:
        raise UserError(f"the database has schema version {version}, this release needs {SCHEMA_VERSION}: run `stadspuls migrate`")
    for kind in kinds:
        if set(reading_columns(kind)) - set(await existing_columns(connection, kind.name)):
            raise UserError(f"the table of {kind.name} is missing or lacks columns: run `stadspuls migrate`")


async def _works_with(connection: asyncpg.Connection, version: int) -> bool:
    """Whether every migration after `version` leaves services of that version working."""
    if "works_with" not in await existing_columns(connection, "schema_version"):
        return False
    newer = await connection.fetch("SELECT works_with FROM schema_version WHERE version > $1", version)
    return all(row["works_with"] is not None and row["works_with"] <= version for row in newer)

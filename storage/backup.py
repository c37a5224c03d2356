"""What a backup must know of a database, and what TimescaleDB wants before and after a restore.

A backup is a snapshot: readings, ledger and stored offsets of the same moment. Restored, the store goes on reading Kafka at the offsets of
that moment, so that everything which arrived since is read again, and identities keep it from standing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from models.sensor_kinds import SENSOR_KINDS

COUNTED = ("dead_letter", "thing", "sensor", "assignment", "emptying", "forecast_kept", "plan", "plan_decision")
"""Tables beside the readings whose rows are counted."""


@dataclass(frozen=True)
class DatabaseFacts:
    """What must be equal in a snapshot and in what was restored from it."""

    taken_at: datetime
    engine: str
    schema_version: int
    rows: Mapping[str, int]
    """Table → rows, of every kind of reading and of `COUNTED`."""
    messages_received: int
    next_offsets: int
    """Sum of the stored offsets of all consumers and partitions."""

    def differences(self, other: DatabaseFacts) -> list[str]:
        """What differs, as sentences; the moment does not count."""
        found = [
            f"{name}: {getattr(self, name)} in the backup, {getattr(other, name)} restored"
            for name in ("engine", "schema_version", "messages_received", "next_offsets")
            if getattr(self, name) != getattr(other, name)
        ]
        tables = sorted({*self.rows, *other.rows})
        return found + [
            f"rows of {table}: {self.rows.get(table)} in the backup, {other.rows.get(table)} restored"
            for table in tables
            if self.rows.get(table) != other.rows.get(table)
        ]


async def database_facts(connection: asyncpg.Connection) -> DatabaseFacts:
    """Counts everything; call it in a repeatable-read transaction. Reads each key once: seconds per million rows."""
    tables = (*(kind.name for kind in SENSOR_KINDS), *COUNTED)
    rows = {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
    return DatabaseFacts(
        taken_at=await connection.fetchval("SELECT now()"),
        engine=await connection.fetchval("SELECT value FROM schema_setting WHERE name = 'engine'"),
        schema_version=await connection.fetchval("SELECT max(version) FROM schema_version"),
        rows=rows,
        messages_received=await connection.fetchval("SELECT coalesce(sum(messages_received), 0)::bigint FROM ledger"),
        next_offsets=await connection.fetchval("SELECT coalesce(sum(next_offset), 0)::bigint FROM stream_offset"),
    )


async def timescaledb_version(connection: asyncpg.Connection) -> str | None:
    """The version of the extension in this database; None on plain PostgreSQL."""
    found: str | None = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    return found


async def begin_restore(connection: asyncpg.Connection, version: str) -> None:
    """Makes an empty database ready for a dump of that version of the extension; a superuser's call."""
    await connection.execute(f"CREATE EXTENSION timescaledb VERSION '{version}'")
    await connection.execute("SELECT timescaledb_pre_restore()")


async def end_restore(connection: asyncpg.Connection) -> None:
    """Lets the extension's jobs run again."""
    await connection.execute("SELECT timescaledb_post_restore()")

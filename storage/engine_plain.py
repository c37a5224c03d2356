"""PostgreSQL without the extension: ordinary tables, and rollups as materialised views under the same names.

`stadspuls maintain` does what TimescaleDB's jobs do. A rollup is a view over two parts: the current one, computed from the raw
readings that are there, and an archive of buckets whose raw readings retention has removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from models.sensor_kinds import SensorKind
from storage.engine import FailedJob
from storage.lifecycle import Lifecycle
from storage.rollups import Rollup, rollup_columns, rollup_select, rollups

_ARCHIVE = "archive"
_CURRENT = "current"


class PlainEngine:
    """See `storage.engine.Engine`."""

    name = "plain"

    async def make_hypertable(self, connection: asyncpg.Connection, kind: SensorKind) -> None:
        # Time-ordered inserts make a block range index small and retention's deletes fast.
        await connection.execute(f"CREATE INDEX {kind.name}_observed_at ON {kind.name} USING brin (observed_at)")

    async def make_rollup(self, connection: asyncpg.Connection, rollup: Rollup, timezone: str) -> None:
        columns = ", ".join(f"{name} {sql_type}" for name, sql_type in rollup_columns(rollup.kind).items())
        await connection.execute(
            f"CREATE TABLE {rollup.name}_{_ARCHIVE} ({columns}, PRIMARY KEY (bucket, datastream_id, thing_id))"
        )
        await self._make_current(connection, rollup, timezone)

    async def remake_rollup(self, connection: asyncpg.Connection, rollup: Rollup, timezone: str) -> bool:
        await connection.execute(f"DROP VIEW {rollup.name}")
        await connection.execute(f"DROP MATERIALIZED VIEW {rollup.name}_{_CURRENT}")
        for name, sql_type in rollup_columns(rollup.kind).items():
            await connection.execute(f"ALTER TABLE {rollup.name}_{_ARCHIVE} ADD COLUMN IF NOT EXISTS {name} {sql_type}")
        await self._make_current(connection, rollup, timezone)
        return True

    async def _make_current(self, connection: asyncpg.Connection, rollup: Rollup, timezone: str) -> None:
        grain = "hour" if rollup.grain == "hourly" else "day"
        select = rollup_select(
            rollup,
            f"date_trunc('{grain}', observed_at, '{'UTC' if rollup.grain == 'hourly' else timezone}')",
            "(array_agg({column} ORDER BY observed_at DESC) FILTER (WHERE {column} IS NOT NULL))[1]",
        )
        names = ", ".join(rollup_columns(rollup.kind))
        current, archive = f"{rollup.name}_{_CURRENT}", f"{rollup.name}_{_ARCHIVE}"
        await connection.execute(f"CREATE MATERIALIZED VIEW {current} AS\n{select}")
        await connection.execute(f"CREATE UNIQUE INDEX {current}_key ON {current} (datastream_id, bucket, thing_id)")
        await connection.execute(
            f"CREATE VIEW {rollup.name} AS SELECT {names} FROM {archive} UNION ALL SELECT {names} FROM {current} "
            f"WHERE bucket > coalesce((SELECT max(bucket) FROM {archive}), '-infinity')"
        )

    async def apply_lifecycle(self, connection: asyncpg.Connection, kinds: Sequence[SensorKind], lifecycle: Lifecycle) -> None:
        """Nothing: the server has no jobs."""

    async def refresh(
        self, connection: asyncpg.Connection, kind: SensorKind, lifecycle: Lifecycle, since: datetime | None, until: datetime | None
    ) -> None:
        for rollup in rollups(kind):
            await connection.execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {rollup.name}_{_CURRENT}")

    async def allow_wide_changes(self, connection: asyncpg.Connection) -> None:
        """Nothing: no row is compressed."""

    async def recompress(self, connection: asyncpg.Connection, kind: SensorKind, since: datetime, until: datetime) -> int:
        return 0

    async def maintain(self, connection: asyncpg.Connection, kind: SensorKind, lifecycle: Lifecycle, now: datetime) -> int:
        removed = await self._retire(connection, kind, now - lifecycle.readings)
        for rollup in rollups(kind):
            await connection.execute(f"DELETE FROM {rollup.name}_{_ARCHIVE} WHERE bucket < $1", now - lifecycle.rollups)
        if not removed:
            await self.refresh(connection, kind, lifecycle, None, None)
        return removed

    async def _retire(self, connection: asyncpg.Connection, kind: SensorKind, before: datetime) -> int:
        """Moves whole days of the city out of the raw table into the archives; returns how many readings went."""
        _, daily = rollups(kind)
        async with connection.transaction():
            # The start of the day that `before` lies in, as the daily rollup counts days.
            cut = await connection.fetchval(f"SELECT max(bucket) FROM {daily.name}_{_CURRENT} WHERE bucket <= $1", before)
            if cut is None:
                return 0
            await connection.execute(f"LOCK TABLE {kind.name} IN SHARE ROW EXCLUSIVE MODE")
            if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {kind.name} WHERE observed_at < $1)", cut):
                return 0
            for rollup in rollups(kind):
                names = ", ".join(rollup_columns(kind))
                await connection.execute(f"REFRESH MATERIALIZED VIEW {rollup.name}_{_CURRENT}")
                await connection.execute(
                    f"INSERT INTO {rollup.name}_{_ARCHIVE} ({names}) SELECT {names} FROM {rollup.name}_{_CURRENT} WHERE bucket < $1 "
                    "ON CONFLICT DO NOTHING",
                    cut,
                )
            done = await connection.execute(f"DELETE FROM {kind.name} WHERE observed_at < $1", cut)
            for rollup in rollups(kind):
                await connection.execute(f"REFRESH MATERIALIZED VIEW {rollup.name}_{_CURRENT}")
        return int(done.removeprefix("DELETE "))

    async def failed_jobs(self, connection: asyncpg.Connection) -> list[FailedJob]:
        return []

"""TimescaleDB: hypertables, continuous aggregates, columnstore and retention, carried out by the server's own jobs.

All policies are stated here; none is left to what the extension would make by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg

from models.sensor_kinds import SensorKind
from storage.engine import FailedJob
from storage.lifecycle import CHUNK, Lifecycle
from storage.retrying import past_setbacks
from storage.rollups import Rollup, rollup_select, rollups

_COLUMNSTORE_CHECK = timedelta(hours=12)
_RETENTION_CHECK = timedelta(days=1)
_SMALLEST_REACH = timedelta(days=4)


class TimescaleEngine:
    """See `storage.engine.Engine`."""

    name = "timescale"

    async def make_hypertable(self, connection: asyncpg.Connection, kind: SensorKind) -> None:
        await connection.execute(
            "SELECT create_hypertable($1::regclass, by_range('observed_at', $2::interval), create_default_indexes => false)",
            kind.name,
            CHUNK,
        )
        await connection.execute(
            f"ALTER TABLE {kind.name} SET (timescaledb.enable_columnstore = true, "
            "timescaledb.segmentby = 'datastream_id', timescaledb.orderby = 'observed_at')"
        )

    async def make_rollup(self, connection: asyncpg.Connection, rollup: Rollup, timezone: str) -> None:
        bucket = (
            "time_bucket('1 hour', observed_at)" if rollup.grain == "hourly" else f"time_bucket('1 day', observed_at, '{timezone}')"
        )
        select = rollup_select(rollup, bucket, "last({column}, observed_at) FILTER (WHERE {column} IS NOT NULL)")
        # Real time: what is newer than the last refresh is computed from raw readings when asked for.
        await connection.execute(
            f"CREATE MATERIALIZED VIEW {rollup.name} WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS\n"
            f"{select}\nWITH NO DATA"
        )

    async def remake_rollup(self, connection: asyncpg.Connection, rollup: Rollup, timezone: str) -> bool:
        if await _holds_more_than_raw(connection, rollup.kind):
            return False
        await connection.execute(f"DROP MATERIALIZED VIEW {rollup.name}")
        await self.make_rollup(connection, rollup, timezone)
        return True

    async def apply_lifecycle(self, connection: asyncpg.Connection, kinds: Sequence[SensorKind], lifecycle: Lifecycle) -> None:
        for kind in kinds:
            reach = await _refresh_reach(connection, kind, lifecycle)
            await _policy(
                connection, kind.name, "policy_compression", _COLUMNSTORE_CHECK, {"compress_after": lifecycle.columnstore_after},
                "CALL add_columnstore_policy($1::regclass, after => $2::interval, schedule_interval => $3::interval)",
                "CALL remove_columnstore_policy($1::regclass)",
            )  # fmt: skip
            await _policy(
                connection, kind.name, "policy_retention", _RETENTION_CHECK, {"drop_after": lifecycle.readings}, *_RETENTION
            )
            for rollup in rollups(kind):
                await _policy(
                    connection, rollup.name, "policy_refresh_continuous_aggregate", lifecycle.rollup_refresh,
                    {"start_offset": reach, "end_offset": rollup.width},
                    "SELECT add_continuous_aggregate_policy($1::regclass, start_offset => $2::interval, end_offset => $3::interval, "
                    "schedule_interval => $4::interval)",
                    "SELECT remove_continuous_aggregate_policy($1::regclass)",
                )  # fmt: skip
                await _policy(
                    connection, rollup.name, "policy_retention", _RETENTION_CHECK, {"drop_after": lifecycle.rollups}, *_RETENTION
                )

    async def refresh(
        self, connection: asyncpg.Connection, kind: SensorKind, lifecycle: Lifecycle, since: datetime | None, until: datetime | None
    ) -> None:
        floor = datetime.now(UTC) - await _refresh_reach(connection, kind, lifecycle)
        start = floor if since is None else max(since, floor)
        for rollup in rollups(kind):
            # A refresh covers whole buckets inside its window, which is therefore widened by one on each side.
            first = max(start - rollup.width, floor)
            last = until + rollup.width if until is not None else None
            if last is None or first < last:
                call = "CALL refresh_continuous_aggregate($1::regclass, $2::timestamptz, $3::timestamptz)"
                await past_setbacks(partial(connection.execute, call, rollup.name, first, last))

    async def allow_wide_changes(self, connection: asyncpg.Connection) -> None:
        await connection.execute("SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0")

    async def recompress(self, connection: asyncpg.Connection, kind: SensorKind, since: datetime, until: datetime) -> int:
        chunks = await connection.fetch(_PARTLY_COMPRESSED, kind.name, since, until)
        for row in chunks:
            await past_setbacks(partial(connection.execute, "CALL convert_to_columnstore($1::regclass)", row["chunk"]))
        return len(chunks)

    async def maintain(self, connection: asyncpg.Connection, kind: SensorKind, lifecycle: Lifecycle, now: datetime) -> int:
        return 0

    async def failed_jobs(self, connection: asyncpg.Connection) -> list[FailedJob]:
        rows = await connection.fetch(_FAILED_JOBS)
        return [FailedJob(row["procedure"], row["of_table"], row["message"]) for row in rows]


# The server numbers its own housekeeping below 1000. A rollup's job names the hidden table behind the rollup.
_FAILED_JOBS = """
    SELECT job.proc_name AS procedure,
           COALESCE(rollup.view_name, job.hypertable_name, job.proc_name) AS of_table,
           COALESCE(
               (SELECT error.err_message FROM timescaledb_information.job_errors AS error
                WHERE error.job_id = job.job_id ORDER BY error.finish_time DESC LIMIT 1),
               'the server keeps no message') AS message
    FROM timescaledb_information.jobs AS job
    JOIN timescaledb_information.job_stats AS stats USING (job_id)
    LEFT JOIN timescaledb_information.continuous_aggregates AS rollup
      ON rollup.materialization_hypertable_schema = job.hypertable_schema
     AND rollup.materialization_hypertable_name = job.hypertable_name
    WHERE job.job_id >= 1000 AND stats.last_run_status = 'Failed'
    ORDER BY job.job_id
"""

# The status of a chunk is a set of bits: 1 compressed, 2 with segments out of order, 8 with rows beside the segments.
_PARTLY_COMPRESSED = """
    SELECT format('%I.%I', info.chunk_schema, info.chunk_name) AS chunk
    FROM timescaledb_information.chunks AS info
    JOIN _timescaledb_catalog.chunk AS chunk ON chunk.schema_name = info.chunk_schema AND chunk.table_name = info.chunk_name
    WHERE info.hypertable_schema = current_schema() AND info.hypertable_name = $1
      AND info.range_end > $2 AND info.range_start <= $3 AND chunk.status & 1 = 1 AND chunk.status & 10 > 0
    ORDER BY info.range_start
"""

_RETENTION = (
    "SELECT add_retention_policy($1::regclass, drop_after => $2::interval, schedule_interval => $3::interval)",
    "SELECT remove_retention_policy($1::regclass)",
)


async def _policy(
    connection: asyncpg.Connection,
    table: str,
    procedure: str,
    every: timedelta,
    config: dict[str, timedelta],
    add: str,
    remove: str,
) -> None:
    """Makes a job fit. One that fits is left alone, so that it keeps its schedule."""
    job = await connection.fetchrow(
        """
        SELECT schedule_interval, config FROM timescaledb_information.jobs AS job
        WHERE proc_name = $2 AND (
            (hypertable_schema = current_schema() AND hypertable_name = $1)
            OR EXISTS (
                SELECT FROM timescaledb_information.continuous_aggregates AS rollup
                WHERE rollup.view_schema = current_schema() AND rollup.view_name = $1
                  AND rollup.materialization_hypertable_name = job.hypertable_name
                  AND rollup.materialization_hypertable_schema = job.hypertable_schema
            ))
        """,
        table,
        procedure,
    )
    if job is not None:
        if job["schedule_interval"] == every and await _has(connection, job["config"], config):
            return
        await connection.execute(remove, table)
    await connection.execute(add, table, *config.values(), every)


async def _has(connection: asyncpg.Connection, found: Any, wanted: dict[str, timedelta]) -> bool:
    for name, period in wanted.items():
        if await connection.fetchval("SELECT ($1::jsonb ->> $2::text)::interval", found, name) != period:
            return False
    return True


async def _oldest_chunk(connection: asyncpg.Connection, kind: SensorKind) -> datetime | None:
    found: datetime | None = await connection.fetchval(
        """
        SELECT min(range_start) FROM timescaledb_information.chunks
        WHERE hypertable_schema = current_schema() AND hypertable_name = $1
        """,
        kind.name,
    )
    return found


async def _holds_more_than_raw(connection: asyncpg.Connection, kind: SensorKind) -> bool:
    """Whether rollups hold hours whose raw readings are gone."""
    hourly, _ = rollups(kind)
    oldest_bucket = await connection.fetchval(f"SELECT min(bucket) FROM {hourly.name}")
    if oldest_bucket is None:
        return False
    oldest_chunk = await _oldest_chunk(connection, kind)
    return oldest_chunk is None or oldest_bucket < oldest_chunk


async def _refresh_reach(connection: asyncpg.Connection, kind: SensorKind, lifecycle: Lifecycle) -> timedelta:
    """How far back a refresh may start. A refresh over hours whose raw readings were dropped deletes them from the rollup, so it
    never starts before the oldest raw chunk, where anything was ever dropped."""
    if not await _holds_more_than_raw(connection, kind):
        return lifecycle.refresh_reach
    oldest_chunk = await _oldest_chunk(connection, kind)
    age = datetime.now(UTC) - oldest_chunk if oldest_chunk is not None else timedelta(0)
    whole_days = timedelta(days=age.days)
    return min(lifecycle.refresh_reach, max(whole_days, _SMALLEST_REACH))

"""Replaces stored readings by what they should be: the one way in which a stored reading ever changes.

`storage.registry_correction` and `ingest.store.redecode` call it, as the owner of the schema. A correction of one kind has three steps:
the caller puts the readings in question into the temporary table `correction_was` and what they should be into `correction_given`;
`compare` says what that would change and changes nothing; `apply` does it, a week of observations per transaction. Broken off in
between, it is simply done again.

What holds afterwards: each identity once; a reading from a record that is not in question is never touched; of two readings of one
identity the stored one stays, else the first received; what was taken away without another in its place stands in `withdrawn_reading`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import orjson

from models.domain.failures import TransientError, UserError
from models.sensor_kinds import SensorKind
from storage.correction_diff import ColumnDiff, Conflict, KindDiff, joined_weeks
from storage.engine import detect_engine
from storage.latest import rebuild_latest
from storage.ledger import LedgerEntry, add_to_ledger
from storage.lifecycle import Lifecycle
from storage.maintenance import refresh_rollups
from storage.reading_tables import reading_columns
from storage.retrying import past_setbacks

WAS, GIVEN = "correction_was", "correction_given"
_FINAL, _OUTSIDE = "correction_final", "correction_outside"
_ADVISORY_LOCK = 7_382_645_002
_SLICE_SECONDS = 7 * 86_400
_EXAMPLES = 5
_FEW_DATASTREAMS = 1000
_NOT_COMPARED = frozenset(
    (
        "received_at",
        "source_incarnation",
        "source_partition",
        "source_offset",
        "source_index",
        "decoder_version",
        "registry_version",
    )
)


@asynccontextmanager
async def alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Lets one correction run at a time. Raises `UserError` when another does."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _ADVISORY_LOCK):
        raise UserError("another correction is running on this database: wait until it is done")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _ADVISORY_LOCK)


async def begin_correction(connection: asyncpg.Connection, verb: str, since: datetime) -> int:
    """Notes that a correction begins; returns its number."""
    number: int = await connection.fetchval(
        "INSERT INTO correction (verb, since) VALUES ($1, $2) RETURNING correction_id", verb, since
    )
    return number


async def finish_correction(connection: asyncpg.Connection, correction_id: int, report: Any) -> None:
    """Notes that all of it is done, with what it did."""
    text = orjson.dumps(report, default=str).decode()
    await connection.execute("UPDATE correction SET finished_at = now(), report = $2 WHERE correction_id = $1", correction_id, text)


class KindCorrection:
    """The correction of one kind on one connection, which holds its temporary tables."""

    def __init__(self, connection: asyncpg.Connection, kind: SensorKind) -> None:
        self.connection = connection
        self.kind = kind
        self.columns = tuple(reading_columns(kind))
        self.names = ", ".join(self.columns)
        self._compared = [name for name in self.columns if name not in _NOT_COMPARED]

    async def open(self) -> None:
        """Makes the two tables, empty: the columns of a reading and `was_id`, by which a given reading names the one it replaces."""
        await self.close()
        for table in (WAS, GIVEN):
            await self.connection.execute(
                f"CREATE TEMP TABLE {table} AS SELECT {self.names}, 0::bigint AS was_id FROM {self.kind.name} WITH NO DATA"
            )

    async def close(self) -> None:
        """Drops them."""
        for table in (WAS, GIVEN, _FINAL, _OUTSIDE):
            await self.connection.execute(f"DROP TABLE IF EXISTS pg_temp.{table}")

    async def compare(self) -> KindDiff:
        """What `apply` would do. Reads the stored readings, changes none."""
        connection, kind = self.connection, self.kind
        diff = KindDiff(kind.name)
        await connection.execute(f"ANALYZE {WAS}")
        await connection.execute(f"ANALYZE {GIVEN}")
        await self._choose()
        await self._leave_to_others()
        diff.looked_at = await connection.fetchval(f"SELECT count(*) FROM {WAS}")
        given = await connection.fetchval(f"SELECT count(*) FROM {GIVEN}")
        fates = await connection.fetchrow(
            f"""
            SELECT count(*) AS final, count(*) FILTER (WHERE was_id IS NULL) AS added,
                   count(*) FILTER (WHERE was_id IS NOT NULL AND differs) AS changed,
                   count(*) FILTER (WHERE was_id IS NOT NULL AND NOT differs) AS unchanged
            FROM {_FINAL}
            """
        )
        diff.added, diff.changed, diff.unchanged = fates["added"], fates["changed"], fates["unchanged"]
        diff.removed = diff.looked_at - diff.changed - diff.unchanged
        diff.conflicts = await self._conflicts()
        diff.duplicates = given - fates["final"] - len(diff.conflicts)
        if diff.touches:
            await self._describe(diff)
        return diff

    async def _choose(self) -> None:
        """Of the readings given under one identity, the one that is stored there already, else the first received."""
        differs = " OR ".join(f"given.{name} IS DISTINCT FROM was.{name}" for name in self._compared)
        values = ", ".join(f"given.{name}" for name in self.columns)
        await self.connection.execute(
            f"""
            CREATE TEMP TABLE {_FINAL} AS
            SELECT DISTINCT ON (datastream_id, observed_at) {values}, given.was_id, was.was_id IS NULL OR {differs} AS differs,
                   was.datastream_id AS was_datastream_id, was.observed_at AS was_observed_at
            FROM {GIVEN} AS given LEFT JOIN {WAS} AS was USING (was_id)
            ORDER BY given.datastream_id, given.observed_at,
                     (was.datastream_id = given.datastream_id AND was.observed_at = given.observed_at) IS NOT TRUE,
                     given.received_at, given.source_partition, given.source_offset, given.source_index
            """
        )
        await self.connection.execute(f"ANALYZE {_FINAL}")

    async def _leave_to_others(self) -> None:
        """Gives way to stored readings that are not in question."""
        connection = self.connection
        moves = "(was_datastream_id, was_observed_at) IS DISTINCT FROM (datastream_id, observed_at)"
        bounds = await connection.fetchrow(
            f"SELECT min(observed_at), max(observed_at), array_agg(DISTINCT datastream_id) FROM {_FINAL} WHERE {moves}"
        )
        few = bounds[2] if bounds[2] and len(bounds[2]) <= _FEW_DATASTREAMS else None
        await connection.execute(f"CREATE TEMP TABLE {_OUTSIDE} (datastream_id text, observed_at timestamptz, content_hash bigint)")
        if bounds[0] is None:
            return
        await connection.execute(
            f"""
            INSERT INTO {_OUTSIDE}
            SELECT stored.datastream_id, stored.observed_at, stored.content_hash
            FROM {self.kind.name} AS stored JOIN {_FINAL} AS final USING (datastream_id, observed_at)
            WHERE stored.observed_at BETWEEN $1 AND $2 AND ($3::text[] IS NULL OR stored.datastream_id = ANY ($3::text[]))
              AND (final.was_datastream_id, final.was_observed_at) IS DISTINCT FROM (stored.datastream_id, stored.observed_at)
              AND NOT EXISTS (
                SELECT FROM {WAS} AS was WHERE was.datastream_id = stored.datastream_id AND was.observed_at = stored.observed_at
              )
            """,
            bounds[0],
            bounds[1],
            few,
        )
        await connection.execute(
            f"DELETE FROM {_FINAL} AS final USING {_OUTSIDE} AS outside "
            "WHERE final.datastream_id = outside.datastream_id AND final.observed_at = outside.observed_at"
        )

    async def _conflicts(self) -> list[Conflict]:
        rows = await self.connection.fetch(
            f"""
            SELECT given.datastream_id, given.observed_at, given.source_partition, given.source_offset, given.source_index
            FROM {GIVEN} AS given LEFT JOIN {_FINAL} AS final USING (datastream_id, observed_at)
            LEFT JOIN {_OUTSIDE} AS outside USING (datastream_id, observed_at)
            WHERE coalesce(final.content_hash, outside.content_hash) <> given.content_hash
            ORDER BY given.source_partition, given.source_offset, given.source_index
            """
        )
        return [Conflict(*row) for row in rows]

    async def _describe(self, diff: KindDiff) -> None:
        connection, kind = self.connection, self.kind
        rows = await connection.fetch(
            f"""
            SELECT thing_id, min(observed_at) AS first, max(observed_at) AS last FROM (
                SELECT thing_id, observed_at FROM {_FINAL} WHERE differs
                UNION ALL
                SELECT was.thing_id, was.observed_at FROM {WAS} AS was LEFT JOIN {_FINAL} AS final USING (was_id)
                WHERE final.was_id IS NULL OR final.differs
            ) AS touched GROUP BY thing_id ORDER BY thing_id
            """
        )
        diff.things = {row["thing_id"]: row["last"] for row in rows}
        diff.since, diff.until = min(row["first"] for row in rows), max(row["last"] for row in rows)
        if not diff.changed:
            return
        numbers = {column.name for column in kind.columns() if column.sql_type in ("double precision", "integer")}
        compared = [name for name in self._compared if name != "content_hash"]
        parts = []
        for name in compared:
            unlike = f"FILTER (WHERE was.{name} IS DISTINCT FROM final.{name})"
            means = f"avg(was.{name}) {unlike}, avg(final.{name}) {unlike}" if name in numbers else "NULL, NULL"
            parts.append(f"count(*) {unlike}, {means}")
        pairs = f"FROM {_FINAL} AS final JOIN {WAS} AS was USING (was_id) WHERE final.differs"
        found = list(await connection.fetchrow(f"SELECT {', '.join(parts)} {pairs}"))
        diff.columns = [
            ColumnDiff(name, *found[3 * place : 3 * place + 3]) for place, name in enumerate(compared) if found[3 * place]
        ]
        shown = [item.name for item in diff.columns]
        selected = ", ".join(f"was.{name}, final.{name}" for name in shown)
        examples = await connection.fetch(
            f"SELECT was.datastream_id, was.observed_at{', ' if shown else ''}{selected} {pairs} "
            f"ORDER BY was.observed_at, was.datastream_id LIMIT {_EXAMPLES}"
        )
        for row in examples:
            texts = [
                f"{name} {_text(row[2 + 2 * n])} → {_text(row[3 + 2 * n])}"
                for n, name in enumerate(shown)
                if row[2 + 2 * n] != row[3 + 2 * n]
            ]
            diff.examples.append(f"{row[0]} at {row[1].isoformat()}: {', '.join(texts)}")

    async def apply(
        self, correction_id: int, diff: KindDiff, *, verb: str, now: datetime, lifecycle: Lifecycle | None = None
    ) -> None:
        """Carries out what `compare` found, then refreshes the rollups of that time. Raises `TransientError` when somebody stored or
        corrected one of these readings meanwhile: do all of it again then. Not in a transaction."""
        connection = self.connection
        if not diff.touches or diff.since is None or diff.until is None:
            return
        engine = await detect_engine(connection)
        slices = await self._slices()
        for number in slices:
            since, until = await past_setbacks(partial(self._apply_slice, number, correction_id, verb, now))
            await engine.recompress(connection, self.kind, since, until)
        await refresh_rollups(connection, self.kind, since=diff.since, until=diff.until, lifecycle=lifecycle)

    async def _slices(self) -> list[int]:
        """Numbers the weeks of what changes. Weeks between which readings move count as one, whose number is the first one's: a place must
        be empty before another reading comes to it."""
        connection = self.connection
        moves = await connection.fetch(
            f"SELECT DISTINCT {_slice('was_observed_at')}, {_slice('observed_at')} FROM {_FINAL} "
            f"WHERE differs AND {_slice('was_observed_at')} <> {_slice('observed_at')}"
        )
        joined = joined_weeks([(row[0], row[1]) for row in moves])
        await connection.execute(f"ALTER TABLE {_FINAL} ADD COLUMN slice bigint")
        await connection.execute(f"ALTER TABLE {WAS} ADD COLUMN slice bigint, ADD COLUMN leaves boolean")
        await connection.execute(f"UPDATE {_FINAL} SET slice = {_slice('observed_at')} WHERE differs")
        # As one join: NOT EXISTS (…) OR EXISTS (…) is looked up row by row in all of _FINAL once its hash no longer fits into work_mem.
        await connection.execute(
            f"""
            UPDATE {WAS} AS was SET leaves = true, slice = {_slice("was.observed_at")}
            FROM (SELECT was_id, bool_or(final.differs) AS differs FROM {WAS} LEFT JOIN {_FINAL} AS final USING (was_id) GROUP BY was_id) AS found
            WHERE found.was_id = was.was_id AND found.differs IS NOT FALSE
            """
        )
        for table in (_FINAL, WAS):
            await connection.execute(
                f"UPDATE {table} AS moved SET slice = joined.first FROM unnest($1::bigint[], $2::bigint[]) AS joined (week, first) "
                "WHERE moved.slice = joined.week AND joined.week <> joined.first",
                list(joined),
                list(joined.values()),
            )
            await connection.execute(f"ANALYZE {table}")
        rows = await connection.fetch(
            f"SELECT DISTINCT slice FROM (SELECT slice FROM {_FINAL} WHERE differs UNION ALL SELECT slice FROM {WAS} WHERE leaves) "
            "AS slices ORDER BY slice"
        )
        return [row["slice"] for row in rows]

    async def _apply_slice(self, number: int, correction_id: int, verb: str, now: datetime) -> tuple[datetime, datetime]:
        connection, kind = self.connection, self.kind
        async with connection.transaction():
            engine = await detect_engine(connection)
            await engine.allow_wide_changes(connection)
            out = await connection.fetchrow(
                f"SELECT min(observed_at), max(observed_at), array_agg(DISTINCT datastream_id), count(*) FROM {WAS} "
                "WHERE leaves AND slice = $1",
                number,
            )
            into = await connection.fetchrow(
                f"SELECT min(observed_at), max(observed_at), array_agg(DISTINCT datastream_id), count(*) FROM {_FINAL} "
                "WHERE differs AND slice = $1",
                number,
            )
            await self._take_out(number, *out)
            await self._put_in(number, into[3])
            await connection.execute(
                f"""
                INSERT INTO withdrawn_reading (correction_id, kind, reading)
                SELECT $1, $2, to_jsonb(was) - 'was_id' - 'slice' - 'leaves' FROM {WAS} AS was
                WHERE slice = $3 AND NOT EXISTS (SELECT FROM {_FINAL} AS final WHERE final.was_id = was.was_id)
                """,
                correction_id,
                kind.name,
                number,
            )
            await rebuild_latest(connection, kind, [*(out[2] or ()), *(into[2] or ())])
            await add_to_ledger(connection, [LedgerEntry(now, verb, readings_corrected=max(out[3], into[3]))])
        moments = [moment for moment in (out[0], out[1], into[0], into[1]) if moment is not None]
        return min(moments), max(moments)

    async def _take_out(
        self, number: int, first: datetime | None, last: datetime | None, datastreams: list[str], count: int
    ) -> None:
        if first is None or last is None:
            return
        # Constants of time and datastream let TimescaleDB decompress only the segments that hold them.
        few = len(datastreams) <= _FEW_DATASTREAMS
        # To the planner a compressed chunk has hardly a row: it would look through all readings in question for each one it finds.
        await self.connection.execute("SET LOCAL enable_nestloop = off")
        done = await self.connection.execute(
            f"""
            DELETE FROM {self.kind.name} AS stored USING {WAS} AS was
            WHERE stored.observed_at BETWEEN '{first.isoformat()}' AND '{last.isoformat()}'
              {"AND stored.datastream_id IN (" + ", ".join(map(_literal, datastreams)) + ")" if few else ""}
              AND was.leaves AND was.slice = {number} AND stored.datastream_id = was.datastream_id
              AND stored.observed_at = was.observed_at AND stored.content_hash = was.content_hash
            """
        )
        await self.connection.execute("SET LOCAL enable_nestloop = on")
        self._expect(int(done.removeprefix("DELETE ")), count)

    async def _put_in(self, number: int, count: int) -> None:
        done = await self.connection.execute(
            f"INSERT INTO {self.kind.name} ({self.names}) SELECT {self.names} FROM {_FINAL} WHERE differs AND slice = $1 "
            "ORDER BY datastream_id, observed_at ON CONFLICT DO NOTHING",
            number,
        )
        self._expect(int(done.removeprefix("INSERT 0 ")), count)

    def _expect(self, found: int, expected: int) -> None:
        if found != expected:
            raise TransientError(
                f"readings of {self.kind.name} were stored or corrected while they were being corrected ({found} of {expected} are as they "
                "were): nothing of this week was changed; run the command again"
            )


def _slice(moment: str) -> str:
    return f"floor(extract(epoch FROM {moment}) / {_SLICE_SECONDS})::bigint"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "nothing" if value is None else str(value)

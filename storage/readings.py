"""Readings: append, history, newest.

Appending twice equals appending once. What was not inserted is looked up: the same content is a duplicate, another content under
the same identity a conflict, which the caller turns into a dead letter. Nothing stored is ever changed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any

import asyncpg
import orjson

from models.domain.reading import Reading
from models.sensor_kinds import SensorKind
from storage.reading_tables import latest_columns, latest_table, reading_columns


@dataclass(frozen=True, slots=True)
class SourceRef:
    """The record of the raw topic that a reading came from, and which reading of that record it is."""

    partition: int
    offset: int
    index: int


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A reading with what storage adds to it. `received_at` is aware UTC and never part of the identity."""

    reading: Reading
    received_at: datetime
    source: SourceRef
    decoder_version: int
    registry_version: int


@dataclass(frozen=True, slots=True)
class AppendResult:
    """`stored` + `duplicates` + `len(conflicts)` is the size of the batch."""

    stored: int
    duplicates: int
    conflicts: list[StoredReading]


def content_hash(reading: Reading) -> int:
    """A signed 64-bit hash of what was measured. Stable across processes and releases; a quantity that a later release adds
    does not change it, because absent values are left out."""
    values = reading.__dict__
    measured = {name: values[name] for name in reading.MEASURED_FIELDS if values[name] is not None}
    return int.from_bytes(
        blake2b(orjson.dumps(measured, option=orjson.OPT_SORT_KEYS), digest_size=8).digest(), "little", signed=True
    )


async def append_readings(connection: asyncpg.Connection, kind: SensorKind, batch: Sequence[StoredReading]) -> AppendResult:
    """Stores what is new, in the caller's transaction or one of its own. All readings must be of this kind.

    Keys are written in sorted order, so that two writers cannot deadlock on them; a caller that appends several kinds in one
    transaction does so in a fixed order of kinds.
    """
    if not connection.is_in_transaction():
        async with connection.transaction():
            return await append_readings(connection, kind, batch)
    by_key: dict[tuple[str, datetime], StoredReading] = {}
    repeated: list[StoredReading] = []
    for item in batch:
        values = item.reading.__dict__
        if by_key.setdefault((values["datastream_id"], values["observed_at"]), item) is not item:
            repeated.append(item)
    keys = sorted(by_key)
    rows = [by_key[key] for key in keys]
    hashes = [content_hash(item.reading) for item in rows]
    statement, build = _append_plan(kind)
    left_out = [record[0] - 1 for record in await connection.fetch(statement, *build(rows, hashes))]
    found = await _stored_hashes(connection, kind, [keys[index] for index in left_out])

    conflicting = {index for index in left_out if found[keys[index]] != hashes[index]}
    hash_of = dict(zip(keys, hashes, strict=True)) | found if repeated else {}
    conflicts = [rows[index] for index in sorted(conflicting)]
    conflicts += [item for item in repeated if content_hash(item.reading) != hash_of[_key(item)]]
    stored = len(rows) - len(left_out)
    await _advance_latest(connection, kind, [row for index, row in enumerate(rows) if index not in conflicting])
    return AppendResult(stored, len(batch) - stored - len(conflicts), conflicts)


def _key(item: StoredReading) -> tuple[str, datetime]:
    return item.reading.datastream_id, item.reading.observed_at


_Build = Callable[[list[StoredReading], list[int]], list[list[Any]]]


@cache
def _append_plan(kind: SensorKind) -> tuple[str, _Build]:
    """The statement that inserts and answers with the ordinals of the rows left out, and the builder of its arrays."""
    columns = reading_columns(kind)
    names = ", ".join(columns)
    arrays = ", ".join(f"${number}::{_plain(sql_type)}[]" for number, sql_type in enumerate(columns.values(), 1))
    statement = f"""
        WITH given AS MATERIALIZED (SELECT * FROM unnest({arrays}) WITH ORDINALITY AS given ({names}, ordinal)),
        stored AS (
            INSERT INTO {kind.name} ({names}) SELECT {names} FROM given ORDER BY ordinal ON CONFLICT DO NOTHING
            RETURNING datastream_id, observed_at
        )
        SELECT ordinal FROM given LEFT JOIN stored USING (datastream_id, observed_at) WHERE stored.datastream_id IS NULL
        """
    from_reading = [column.name for column in kind.columns()]

    def build(rows: list[StoredReading], hashes: list[int]) -> list[list[Any]]:
        values = [row.reading.__dict__ for row in rows]
        sources = [row.source for row in rows]
        return [
            [item["datastream_id"] for item in values],
            [item["thing_id"] for item in values],
            [item["observed_at"] for item in values],
            [row.received_at for row in rows],
            [item["time_source"] for item in values],
            *([item[name] for item in values] for name in from_reading),
            hashes,
            [source.partition for source in sources],
            [source.offset for source in sources],
            [source.index for source in sources],
            [row.decoder_version for row in rows],
            [row.registry_version for row in rows],
        ]

    return statement, build


async def _stored_hashes(
    connection: asyncpg.Connection, kind: SensorKind, keys: list[tuple[str, datetime]]
) -> dict[tuple[str, datetime], int]:
    """Content hashes of rows that are stored. One range per datastream: on compressed chunks a look-up per key would
    decompress the same segment again and again."""
    if not keys:
        return {}
    ranges: dict[str, tuple[datetime, datetime]] = {}
    for datastream_id, observed_at in keys:
        first, last = ranges.get(datastream_id, (observed_at, observed_at))
        ranges[datastream_id] = (min(first, observed_at), max(last, observed_at))
    wanted = set(keys)
    found: dict[tuple[str, datetime], int] = {}
    records = await connection.fetch(
        f"""
        SELECT given.datastream_id, stored.observed_at, stored.content_hash
        FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS given (datastream_id, first, last)
        CROSS JOIN LATERAL (
            SELECT observed_at, content_hash FROM {kind.name} AS stored
            WHERE stored.datastream_id = given.datastream_id AND stored.observed_at BETWEEN given.first AND given.last
        ) AS stored
        """,
        list(ranges),
        [first for first, _ in ranges.values()],
        [last for _, last in ranges.values()],
    )
    for record in records:
        key = (record[0], record[1])
        if key in wanted:
            found[key] = record[2]
    return found


@cache
def _latest_statement(kind: SensorKind) -> str:
    columns = latest_columns(kind)
    names = ", ".join(columns)
    arrays = ", ".join(f"${number}::{_plain(sql_type)}[]" for number, sql_type in enumerate(columns.values(), 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "datastream_id")
    return f"""
        INSERT INTO {latest_table(kind)} AS latest ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT (datastream_id)
        DO UPDATE SET {changes} WHERE excluded.observed_at > latest.observed_at
        """


async def _advance_latest(connection: asyncpg.Connection, kind: SensorKind, rows: list[StoredReading]) -> None:
    """Moves the newest reading of each datastream forward, never back. `rows` are sorted by key."""
    newest = {row.reading.datastream_id: row for row in rows}
    if not newest:
        return
    columns = [
        [row.received_at for row in newest.values()]
        if name == "received_at"
        else [getattr(row.reading, name) for row in newest.values()]
        for name in latest_columns(kind)
    ]
    await connection.execute(_latest_statement(kind), *columns)


async def reading_history(
    connection: asyncpg.Connection, kind: SensorKind, thing_id: str, since: datetime, until: datetime
) -> list[asyncpg.Record]:
    """All columns of the thing's readings with `since` ≤ observed_at < `until`, in order of time."""
    records: list[asyncpg.Record] = await connection.fetch(
        f"""
        SELECT * FROM {kind.name}
        WHERE datastream_id = ANY (ARRAY(SELECT datastream_id FROM {latest_table(kind)} WHERE thing_id = $1))
          AND observed_at >= $2 AND observed_at < $3
        ORDER BY observed_at, datastream_id
        """,
        thing_id,
        since,
        until,
    )
    return records


async def latest_readings(connection: asyncpg.Connection, kind: SensorKind) -> list[asyncpg.Record]:
    """The newest reading (by `observed_at`) of each datastream: identity, received_at, time_source and quantities."""
    records: list[asyncpg.Record] = await connection.fetch(f"SELECT * FROM {latest_table(kind)} ORDER BY datastream_id")
    return records


def _plain(sql_type: str) -> str:
    return sql_type.removesuffix(" NOT NULL")

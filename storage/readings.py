"""Readings: append, history, newest.

Appending twice equals appending once. What was not inserted is looked up: the same content is a duplicate, another content under
the same identity a conflict, which the caller turns into a dead letter. Nothing stored is ever changed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from models.domain.reading import Reading
from models.sensor_kinds import SensorKind
from storage.reading_tables import latest_columns, latest_table, reading_columns


@dataclass(frozen=True, slots=True)
class SourceRef:
    """The record of the raw topic that a reading came from, and which reading of that record it is. `incarnation` is the life of the
    topic: a topic that was made again counts its offsets from 0. None for readings that came no such way."""

    partition: int
    offset: int
    index: int
    incarnation: UUID | None = None


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
    return _hash(sorted(reading.MEASURED_FIELDS), reading.__dict__)


def _hash(names: Sequence[str], values: dict[str, Any]) -> int:
    """`names` are sorted; those that are absent in all readings of a batch may be left out."""
    measured = {name: value for name in names if (value := values[name]) is not None}
    return int.from_bytes(blake2b(orjson.dumps(measured), digest_size=8).digest(), "little", signed=True)


async def append_readings(connection: asyncpg.Connection, kind: SensorKind, batch: Sequence[StoredReading]) -> AppendResult:
    """Stores what is new, in the caller's transaction or one of its own. All readings must be of this kind.

    Keys are written in sorted order, so that two writers cannot deadlock on them; a caller that appends several kinds in one
    transaction does so in a fixed order of kinds.
    """
    if not connection.is_in_transaction():
        async with connection.transaction():
            return await append_readings(connection, kind, batch)
    if not batch:
        return AppendResult(0, 0, [])
    by_key: dict[tuple[str, datetime], StoredReading] = {}
    repeated: list[StoredReading] = []
    for item in batch:
        values = item.reading.__dict__
        key = (values["datastream_id"], values["observed_at"])
        if key in by_key:
            repeated.append(item)
        else:
            by_key[key] = item
    keys = sorted(by_key)
    rows = [by_key[key] for key in keys]
    columns = reading_values(kind, rows)
    hashes = columns["content_hash"]
    arguments, same = _arguments(columns)
    left_out = [record[0] - 1 for record in await connection.fetch(_append_statement(kind, same), *arguments)]
    found = await _stored_hashes(connection, kind, [keys[index] for index in left_out])

    conflicting = {index for index in left_out if found[keys[index]] != hashes[index]}
    hash_of = dict(zip(keys, hashes, strict=True)) | found if repeated else {}
    conflicts = [rows[index] for index in sorted(conflicting)]
    conflicts += [item for item in repeated if content_hash(item.reading) != hash_of[_key(item)]]
    stored = len(rows) - len(left_out)
    # Keys are sorted by time within a datastream, so the last one of each stays.
    newest = {key[0]: index for index, key in enumerate(keys) if not conflicting or index not in conflicting}
    await _advance_latest(connection, kind, columns, list(newest.values()))
    return AppendResult(stored, len(batch) - stored - len(conflicts), conflicts)


def _key(item: StoredReading) -> tuple[str, datetime]:
    return item.reading.datastream_id, item.reading.observed_at


def reading_values(kind: SensorKind, rows: list[StoredReading]) -> dict[str, list[Any]]:
    """The values of each of `reading_columns`. List comprehensions over plain dicts: this runs for every reading."""
    values = [row.reading.__dict__ for row in rows]
    sources = [row.source for row in rows]
    quantities = {name: [item[name] for item in values] for name in _quantity_names(kind)}
    names = sorted(name for name in kind.reading_type.MEASURED_FIELDS if quantities[name].count(None) < len(rows))
    return {
        "datastream_id": [item["datastream_id"] for item in values],
        "thing_id": [item["thing_id"] for item in values],
        "observed_at": [item["observed_at"] for item in values],
        "received_at": [row.received_at for row in rows],
        "time_source": [item["time_source"] for item in values],
        **quantities,
        "content_hash": [_hash(names, item) for item in values],
        "source_incarnation": [source.incarnation for source in sources],
        "source_partition": [source.partition for source in sources],
        "source_offset": [source.offset for source in sources],
        "source_index": [source.index for source in sources],
        "decoder_version": [row.decoder_version for row in rows],
        "registry_version": [row.registry_version for row in rows],
    }


_ALWAYS_ARRAYS = frozenset(("datastream_id", "thing_id", "observed_at", "received_at"))


def _arguments(columns: dict[str, list[Any]]) -> tuple[list[Any], frozenset[str]]:
    """Arguments for a statement, and the names of the columns that hold one value in all rows: those travel as that value, which
    saves most of the encoding, since half of the quantities are absent from any one device's readings."""
    same = frozenset(
        name for name, values in columns.items() if name not in _ALWAYS_ARRAYS and values.count(values[0]) == len(values)
    )
    return [values[0] if name in same else values for name, values in columns.items()], same


@cache
def _quantity_names(kind: SensorKind) -> tuple[str, ...]:
    return tuple(column.name for column in kind.columns())


def _given(columns: dict[str, str], same: frozenset[str]) -> tuple[str, str, str]:
    """(arguments of unnest, its columns, the SELECT list in the order of `columns`)."""
    types = {name: sql_type.removesuffix(" NOT NULL") for name, sql_type in columns.items()}
    arrays = {name: f"${number}::{types[name]}[]" for number, name in enumerate(columns, 1) if name not in same}
    values = [name if name in arrays else f"${number}::{types[name]}" for number, name in enumerate(columns, 1)]
    return ", ".join(arrays.values()), ", ".join(arrays), ", ".join(values)


@lru_cache(maxsize=1000)
def _append_statement(kind: SensorKind, same: frozenset[str]) -> str:
    """Inserts and answers with the ordinals of the rows left out."""
    columns = reading_columns(kind)
    arrays, names, values = _given(columns, same)
    return f"""
        WITH given AS MATERIALIZED (SELECT * FROM unnest({arrays}) WITH ORDINALITY AS given ({names}, ordinal)),
        stored AS (
            INSERT INTO {kind.name} ({", ".join(columns)}) SELECT {values} FROM given ORDER BY ordinal
            ON CONFLICT DO NOTHING RETURNING datastream_id, observed_at
        )
        SELECT ordinal FROM given LEFT JOIN stored USING (datastream_id, observed_at) WHERE stored.datastream_id IS NULL
        """


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


@lru_cache(maxsize=1000)
def _latest_statement(kind: SensorKind, same: frozenset[str]) -> str:
    columns = latest_columns(kind)
    arrays, names, values = _given(columns, same)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "datastream_id")
    return f"""
        INSERT INTO {latest_table(kind)} AS latest ({", ".join(columns)}) SELECT {values} FROM unnest({arrays}) AS given ({names})
        ON CONFLICT (datastream_id) DO UPDATE SET {changes} WHERE excluded.observed_at > latest.observed_at
        """


async def _advance_latest(
    connection: asyncpg.Connection, kind: SensorKind, columns: dict[str, list[Any]], newest: list[int]
) -> None:
    """Moves the newest reading of each datastream forward, never back. `newest` are indices in order of datastreams."""
    if newest:
        chosen = {name: [columns[name][index] for index in newest] for name in latest_columns(kind)}
        arguments, same = _arguments(chosen)
        await connection.execute(_latest_statement(kind, same), *arguments)


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

"""Dead letters: messages, and single readings of messages, that could not be stored, with their original bytes.

Unique on their source record, so that handling a record again adds nothing. A source has a quota of bytes kept per day: above it a
row keeps offset, hash and count, while the bytes stay in the raw topic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from models.domain.failures import DeadLetterReason

WHOLE_MESSAGE = -1
"""`index` of a letter that stands for its whole message, not for one reading of it."""

LETTERS_WITH_BYTES_PER_SOURCE_AND_DAY = 1000
_MAX_DETAIL = 2000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be stored and why.

    `partition`, `offset` and `index` name the source record in the `incarnation` of the raw topic. `source` is what quotas count by
    (a sensor or an MQTT topic). `payload` None means that the bytes are not kept here; `content_hash` is the SHA-256 of them,
    or what stands for it where not even that may be kept. The fields from `letter_id` on are filled by the database.
    """

    reason: DeadLetterReason
    detail: str
    mqtt_topic: str
    payload: bytes | None
    incarnation: UUID
    partition: int
    offset: int
    received_at: datetime
    index: int = WHOLE_MESSAGE
    source: str = ""
    key: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_hash: str = ""
    payload_length: int = 0
    letter_id: int | None = None
    first_seen: datetime | None = None
    attempts: int = 1
    replayed_at: datetime | None = None
    outcome: str | None = None


async def append_dead_letters(
    connection: asyncpg.Connection, letters: Sequence[DeadLetter], *, quota: int = LETTERS_WITH_BYTES_PER_SOURCE_AND_DAY
) -> int:
    """Stores letters; returns how many are new. Each source keeps the bytes of its first `quota` letters of a UTC day, and of
    several letters from one record the first has them: a message with thousands of bad readings is not kept thousands of times."""
    if not letters:
        return 0
    if not connection.is_in_transaction():
        async with connection.transaction():
            return await append_dead_letters(connection, letters, quota=quota)
    unique = {(item.incarnation, item.partition, item.offset, item.index): item for item in reversed(letters)}
    known = await _known_keys(connection, list(unique))
    new = [unique[key] for key in sorted(unique) if key not in known]
    before = await _count_sources(connection, new)
    rows: list[tuple[Any, ...]] = []
    digests: dict[bytes, str] = {}
    has_bytes: set[tuple[UUID, int, int]] = set()
    for item in new:
        source, record = _source(item), (item.incarnation, item.partition, item.offset)
        before[source] += 1
        keep_bytes = record not in has_bytes and before[source] <= quota
        has_bytes.add(record)
        content_hash = item.content_hash
        if not content_hash and item.payload is not None:
            content_hash = digests.get(item.payload) or sha256(item.payload).hexdigest()
            digests[item.payload] = content_hash
        rows.append(_row(item, source, content_hash, keep_bytes=keep_bytes))
    if rows:
        await connection.execute(_INSERT, *(list(column) for column in zip(*rows, strict=True)))
    return len(new)


_INSERT = """
    INSERT INTO dead_letter (incarnation, source_partition, source_offset, source_index, reason, detail, source, mqtt_topic,
                             kafka_key, headers, payload, payload_length, content_hash, received_at, attempts)
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::bytea[], $10::jsonb[], $11::bytea[], $12::integer[], $13::text[], $14::timestamptz[], $15::integer[])
    ON CONFLICT DO NOTHING
"""


def _row(item: DeadLetter, source: str, content_hash: str, *, keep_bytes: bool) -> tuple[Any, ...]:
    payload = item.payload
    headers = orjson.dumps({_clean(name): _clean(value) for name, value in item.headers.items()}).decode()
    return (
        item.incarnation,
        item.partition,
        item.offset,
        item.index,
        item.reason.value,
        _clean(item.detail)[:_MAX_DETAIL],
        source,
        _clean(item.mqtt_topic),
        item.key,
        headers,
        payload if keep_bytes else None,
        item.payload_length or len(payload or b""),
        content_hash,
        item.received_at,
        item.attempts,
    )


def _source(item: DeadLetter) -> str:
    return _clean(item.source or item.mqtt_topic)


def _clean(text: str) -> str:
    """Text that PostgreSQL can hold: no NUL, no lone surrogates."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


_Key = tuple[UUID, int, int, int]


async def _known_keys(connection: asyncpg.Connection, keys: list[_Key]) -> set[_Key]:
    rows = await connection.fetch(
        """
        SELECT incarnation, source_partition, source_offset, source_index FROM dead_letter
        JOIN unnest($1::uuid[], $2::integer[], $3::bigint[], $4::integer[])
          AS given (incarnation, source_partition, source_offset, source_index)
        USING (incarnation, source_partition, source_offset, source_index)
        """,
        *(list(column) for column in zip(*keys, strict=True)),
    )
    return {(UUID(int=row[0].int), row[1], row[2], row[3]) for row in rows}


async def _count_sources(connection: asyncpg.Connection, letters: list[DeadLetter]) -> dict[str, int]:
    """Adds the letters to their sources' counts of today; returns what the counts were before."""
    added: dict[str, int] = {}
    for item in letters:
        added[_source(item)] = added.get(_source(item), 0) + 1
    if not added:
        return {}
    names = sorted(added)
    rows = await connection.fetch(
        """
        INSERT INTO dead_letter_source AS kept (source, day, letters)
        SELECT source, (now() AT TIME ZONE 'UTC')::date, letters FROM unnest($1::text[], $2::bigint[]) AS given (source, letters)
        ON CONFLICT (source, day) DO UPDATE SET letters = kept.letters + excluded.letters RETURNING source, letters
        """,
        names,
        [added[name] for name in names],
    )
    return {row["source"]: row["letters"] - added[row["source"]] for row in rows}


_COLUMNS = """letter_id, incarnation, source_partition, source_offset, source_index, reason, detail, source, mqtt_topic, kafka_key,
    headers, payload, payload_length, content_hash, received_at, first_seen, attempts, replayed_at, outcome"""


_OF_TOPIC = "({0}::text IS NULL OR mqtt_topic = {0} OR (right({0}, 1) = '#' AND starts_with(mqtt_topic, left({0}, -1))))"


async def list_dead_letters(
    connection: asyncpg.Connection,
    *,
    reason: DeadLetterReason | None = None,
    source: str | None = None,
    mqtt_topic: str | None = None,
    since: datetime | None = None,
    replayed: bool | None = None,
    limit: int = 100,
) -> list[DeadLetter]:
    """The newest letters, newest first. `since` counts by first seen; `replayed` False: only those never replayed; `mqtt_topic` is one
    topic, or with a `#` at its end all that begin like it."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM dead_letter
        WHERE ($1::text IS NULL OR reason = $1) AND ($2::text IS NULL OR source = $2)
          AND ($3::timestamptz IS NULL OR first_seen >= $3) AND ($4::boolean IS NULL OR (replayed_at IS NOT NULL) = $4)
          AND {_OF_TOPIC.format("$6")}
        ORDER BY letter_id DESC LIMIT $5
        """,
        reason.value if reason else None,
        source,
        since,
        replayed,
        limit,
        mqtt_topic,
    )
    return [_letter(row) for row in rows]


async def dead_letters_after(connection: asyncpg.Connection, letter_id: int, *, limit: int = 100) -> list[DeadLetter]:
    """Letters with a higher id, oldest first: for those who follow what comes in."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM dead_letter WHERE letter_id > $1 ORDER BY letter_id LIMIT $2", letter_id, limit
    )
    return [_letter(row) for row in rows]


async def dead_letter(connection: asyncpg.Connection, letter_id: int) -> DeadLetter | None:
    """One letter, or None."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM dead_letter WHERE letter_id = $1", letter_id)
    return _letter(row) if row else None


@dataclass(frozen=True, slots=True)
class ReplayCursor:
    """The source record of the last letter that a replay has read: the next batch starts behind it."""

    incarnation: UUID
    partition: int
    offset: int
    index: int


async def letters_for_replay(
    connection: asyncpg.Connection,
    *,
    reason: DeadLetterReason | None = None,
    source: str | None = None,
    mqtt_topic: str | None = None,
    since: datetime | None = None,
    letter_ids: Sequence[int] | None = None,
    after: ReplayCursor | None = None,
    limit: int = 500,
) -> list[DeadLetter]:
    """Letters whose last outcome is not "stored", in the order of their source records. Those whose bytes are not kept here are
    among them: the caller reads them from the raw topic or says that it cannot."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS} FROM dead_letter
        WHERE ($1::text IS NULL OR reason = $1) AND ($2::text IS NULL OR source = $2)
          AND ($3::bigint[] IS NULL OR letter_id = ANY ($3)) AND outcome IS DISTINCT FROM 'stored'
          AND ($4::uuid IS NULL OR (incarnation, source_partition, source_offset, source_index) > ($4, $5, $6, $7))
          AND ($9::timestamptz IS NULL OR first_seen >= $9) AND {_OF_TOPIC.format("$10")}
        ORDER BY incarnation, source_partition, source_offset, source_index LIMIT $8
        """,
        reason.value if reason else None,
        source,
        list(letter_ids) if letter_ids is not None else None,
        after.incarnation if after else None,
        after.partition if after else 0,
        after.offset if after else 0,
        after.index if after else 0,
        limit,
        since,
        mqtt_topic,
    )
    return [_letter(row) for row in rows]


async def mark_replayed(connection: asyncpg.Connection, letter_id: int, outcome: str, detail: str = "") -> None:
    """Notes one replay. `outcome` is "stored" (also when it was stored before), or the reason why it still cannot be."""
    await connection.execute(
        "UPDATE dead_letter SET attempts = attempts + 1, replayed_at = now(), outcome = $2 WHERE letter_id = $1", letter_id, outcome
    )
    await connection.execute(
        "INSERT INTO dead_letter_replay (letter_id, outcome, detail) VALUES ($1, $2, $3)",
        letter_id,
        outcome,
        _clean(detail)[:_MAX_DETAIL],
    )


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay of a letter and what came of it."""

    replayed_at: datetime
    outcome: str
    detail: str


async def replays_of(connection: asyncpg.Connection, letter_id: int) -> list[Replay]:
    """The letter's replays, oldest first."""
    rows = await connection.fetch(
        "SELECT replayed_at, outcome, detail FROM dead_letter_replay WHERE letter_id = $1 ORDER BY replayed_at", letter_id
    )
    return [Replay(**dict(row)) for row in rows]


async def dead_letter_counts(
    connection: asyncpg.Connection, *, mqtt_topic: str | None = None, since: datetime | None = None
) -> dict[DeadLetterReason, int]:
    """Letters per reason, the most frequent first."""
    rows = await connection.fetch(
        f"""
        SELECT reason, count(*) AS letters FROM dead_letter
        WHERE ($1::timestamptz IS NULL OR first_seen >= $1) AND {_OF_TOPIC.format("$2")}
        GROUP BY reason ORDER BY letters DESC, reason
        """,
        since,
        mqtt_topic,
    )
    return {DeadLetterReason(row["reason"]): row["letters"] for row in rows}


def _letter(row: asyncpg.Record) -> DeadLetter:
    return DeadLetter(
        reason=DeadLetterReason(row["reason"]),
        detail=row["detail"],
        mqtt_topic=row["mqtt_topic"],
        payload=row["payload"],
        incarnation=row["incarnation"],
        partition=row["source_partition"],
        offset=row["source_offset"],
        index=row["source_index"],
        received_at=row["received_at"],
        source=row["source"],
        key=row["kafka_key"],
        headers=orjson.loads(row["headers"]),
        content_hash=row["content_hash"],
        payload_length=row["payload_length"],
        letter_id=row["letter_id"],
        first_seen=row["first_seen"],
        attempts=row["attempts"],
        replayed_at=row["replayed_at"],
        outcome=row["outcome"],
    )

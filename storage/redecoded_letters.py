"""Dead letters of records that were decoded again: those that are stored now are closed, those that are new are kept.

Called by `ingest.store.redecode`, with what it found unreadable in a temporary table, so that a million of them cost no memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from models.domain.failures import DeadLetterReason
from storage.dead_letters import WHOLE_MESSAGE
from storage.ledger import LedgerEntry, add_to_ledger

_TABLE = "redecode_letter"


@dataclass(frozen=True, slots=True)
class LetterFinding:
    """A message, or one reading of it, that cannot be stored."""

    partition: int
    offset: int
    index: int
    reason: DeadLetterReason
    detail: str


async def stage_letters(connection: asyncpg.Connection, findings: Sequence[LetterFinding], *, fresh: bool = False) -> None:
    """Adds findings to the temporary table, which `fresh` makes anew."""
    if fresh:
        await connection.execute(f"DROP TABLE IF EXISTS pg_temp.{_TABLE}")
        await connection.execute(
            f"CREATE TEMP TABLE {_TABLE} (source_partition integer, source_offset bigint, source_index integer, reason text, detail text)"
        )
    if findings:
        rows = [
            (item.partition, item.offset, item.index, item.reason.value, item.detail.replace("\x00", "\\x00")) for item in findings
        ]
        await connection.copy_records_to_table(_TABLE, records=rows)


async def resolve_letters(
    connection: asyncpg.Connection,
    incarnation: UUID,
    spans: Mapping[int, tuple[int, int]],
    staged: Sequence[str],
    *,
    now: datetime,
    source: str,
) -> int:
    """Marks the letters of these records "stored" whose readings are in the `staged` tables and not among the findings; a letter that
    a replay had stored and that is unreadable again gets the reason as its outcome. Returns how many became stored."""
    readable = " UNION ALL ".join(f"SELECT source_partition, source_offset, source_index FROM {table}" for table in staged)
    async with connection.transaction():
        await connection.execute(
            f"CREATE TEMP TABLE redecode_readable ON COMMIT DROP AS {readable}",
        )
        await connection.execute("CREATE INDEX ON redecode_readable (source_partition, source_offset)")
        await connection.execute("ANALYZE redecode_readable")
        await connection.execute(f"ANALYZE {_TABLE}")
        stored = await connection.fetch(
            f"""
            UPDATE dead_letter AS letter SET attempts = attempts + 1, replayed_at = now(), outcome = 'stored'
            FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS reread (source_partition, first, next)
            WHERE letter.incarnation = $1 AND letter.source_partition = reread.source_partition
              AND letter.source_offset >= reread.first AND letter.source_offset < reread.next
              AND letter.outcome IS DISTINCT FROM 'stored'
              AND EXISTS (
                SELECT FROM redecode_readable AS found
                WHERE found.source_partition = letter.source_partition AND found.source_offset = letter.source_offset
                  AND (letter.source_index = {WHOLE_MESSAGE} OR found.source_index = letter.source_index))
              AND NOT EXISTS (
                SELECT FROM {_TABLE} AS finding
                WHERE finding.source_partition = letter.source_partition AND finding.source_offset = letter.source_offset
                  AND finding.source_index = letter.source_index)
            RETURNING letter.letter_id
            """,
            incarnation,
            list(spans),
            [span[0] for span in spans.values()],
            [span[1] for span in spans.values()],
        )
        await _note(connection, [row["letter_id"] for row in stored], "stored", source)
        again = await connection.fetch(
            f"""
            UPDATE dead_letter AS letter SET attempts = attempts + 1, replayed_at = now(), outcome = finding.reason
            FROM {_TABLE} AS finding
            WHERE letter.incarnation = $1 AND letter.source_partition = finding.source_partition
              AND letter.source_offset = finding.source_offset AND letter.source_index = finding.source_index
              AND letter.outcome = 'stored'
            RETURNING letter.letter_id, finding.reason
            """,
            incarnation,
        )
        for row in again:
            await _note(connection, [row["letter_id"]], row["reason"], source)
        if stored:
            await add_to_ledger(connection, [LedgerEntry(now, source, messages_replayed=len(stored))])
    return len(stored)


async def _note(connection: asyncpg.Connection, letter_ids: Sequence[int], outcome: str, source: str) -> None:
    await connection.execute(
        "INSERT INTO dead_letter_replay (letter_id, outcome, detail) SELECT letter_id, $2, $3 FROM unnest($1::bigint[]) AS given (letter_id)",
        list(letter_ids),
        outcome,
        f"by {source}",
    )


async def unresolved_findings(connection: asyncpg.Connection, incarnation: UUID) -> list[LetterFinding]:
    """Findings that have no letter yet, in the order of their records."""
    rows = await connection.fetch(
        f"""
        SELECT source_partition, source_offset, source_index, reason, detail FROM {_TABLE} AS finding
        WHERE NOT EXISTS (
            SELECT FROM dead_letter AS letter
            WHERE letter.incarnation = $1 AND letter.source_partition = finding.source_partition
              AND letter.source_offset = finding.source_offset AND letter.source_index = finding.source_index)
        ORDER BY source_partition, source_offset, source_index
        """,
        incarnation,
    )
    return [LetterFinding(row[0], row[1], row[2], DeadLetterReason(row[3]), row[4]) for row in rows]


async def letters_beyond(
    connection: asyncpg.Connection,
    since: datetime,
    incarnation: UUID,
    spans: Mapping[int, tuple[int, int]],
    *,
    sources: Sequence[str] | None,
) -> list[int]:
    """Ids of letters with their bytes, first seen since then and not stored, whose records are not in these spans: of an earlier life of
    the topic, or no longer in Kafka. `sources` None: of all senders."""
    rows = await connection.fetch(
        """
        SELECT letter_id FROM dead_letter AS letter
        WHERE first_seen >= $1 AND payload IS NOT NULL AND outcome IS DISTINCT FROM 'stored'
          AND ($6::text[] IS NULL OR source = ANY ($6::text[]))
          AND NOT EXISTS (
            SELECT FROM unnest($3::integer[], $4::bigint[], $5::bigint[]) AS reread (source_partition, first, next)
            WHERE letter.incarnation = $2 AND letter.source_partition = reread.source_partition
              AND letter.source_offset >= reread.first AND letter.source_offset < reread.next)
        ORDER BY letter_id
        """,
        since,
        incarnation,
        list(spans),
        [span[0] for span in spans.values()],
        [span[1] for span in spans.values()],
        list(sources) if sources is not None else None,
    )
    return [row["letter_id"] for row in rows]

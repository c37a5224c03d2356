"""The fence for many partitions in one statement: how `store` moves the offsets of a whole batch.

`storage.stream_offsets` has the same for one partition. Here who lost a partition is told so instead of being rolled back: the
caller leaves that partition's rows out, everything else of the transaction stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import asyncpg


async def begin_offsets(
    connection: asyncpg.Connection, consumer: str, incarnation: UUID, beginnings: Mapping[int, int]
) -> dict[int, int]:
    """The offset to be read next of each partition given. A partition that was never read in this life of the topic starts at the
    given beginning of its log; whoever notes that first decides."""
    numbers = sorted(beginnings)
    await connection.execute(
        """
        INSERT INTO stream_offset (consumer, incarnation, partition, next_offset)
        SELECT $1, $2, partition, next_offset FROM unnest($3::integer[], $4::bigint[]) AS given (partition, next_offset)
        ON CONFLICT DO NOTHING
        """,
        consumer,
        incarnation,
        numbers,
        [beginnings[number] for number in numbers],
    )
    rows = await connection.fetch(
        "SELECT partition, next_offset FROM stream_offset WHERE consumer = $1 AND incarnation = $2 AND partition = ANY ($3::integer[])",
        consumer,
        incarnation,
        numbers,
    )
    return {row["partition"]: row["next_offset"] for row in rows}


async def advance_offsets(
    connection: asyncpg.Connection, consumer: str, incarnation: UUID, moves: Mapping[int, tuple[int, int]]
) -> frozenset[int]:
    """Moves each partition's offset from the first of its two values to the second, if it stands there. Returns the partitions that
    did not: another member moved them, nothing of theirs may be written.

    Call it first in the transaction of the rows; the offsets stay locked until its end, so that of two members only one writes.
    """
    numbers = sorted(moves)
    moved = await connection.fetch(
        """
        UPDATE stream_offset AS kept SET next_offset = given.next_offset, moved_at = now()
        FROM unnest($3::integer[], $4::bigint[], $5::bigint[]) AS given (partition, expected, next_offset)
        WHERE kept.consumer = $1 AND kept.incarnation = $2 AND kept.partition = given.partition AND kept.next_offset = given.expected
        RETURNING kept.partition
        """,
        consumer,
        incarnation,
        numbers,
        [moves[number][0] for number in numbers],
        [moves[number][1] for number in numbers],
    )
    return frozenset(numbers) - {row["partition"] for row in moved}

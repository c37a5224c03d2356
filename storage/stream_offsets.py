"""How far each consumer has come, per partition and life of the Kafka topic: the fence.

The offset moves by compare-and-set in the transaction of the rows. Whoever lost a partition finds another value there and must
drop its buffers: its transaction, or the savepoint around this partition, is rolled back.
"""

from __future__ import annotations

from uuid import UUID

import asyncpg

from models.domain.failures import FenceLost


async def stored_offset(connection: asyncpg.Connection, consumer: str, incarnation: UUID, partition: int) -> int | None:
    """The offset to be read next, or None when this consumer has never read this partition in this life of the topic."""
    found: int | None = await connection.fetchval(
        "SELECT next_offset FROM stream_offset WHERE consumer = $1 AND incarnation = $2 AND partition = $3",
        consumer,
        incarnation,
        partition,
    )
    return found


async def stored_offsets(connection: asyncpg.Connection, consumer: str, incarnation: UUID) -> dict[int, int]:
    """Partition → offset to be read next, of all partitions read so far."""
    rows = await connection.fetch(
        "SELECT partition, next_offset FROM stream_offset WHERE consumer = $1 AND incarnation = $2", consumer, incarnation
    )
    return {row["partition"]: row["next_offset"] for row in rows}


async def all_stored_offsets(connection: asyncpg.Connection, consumer: str) -> dict[UUID, dict[int, int]]:
    """The same per life of the topic, for all lives in which this consumer has read."""
    rows = await connection.fetch("SELECT incarnation, partition, next_offset FROM stream_offset WHERE consumer = $1", consumer)
    found: dict[UUID, dict[int, int]] = {}
    for row in rows:
        found.setdefault(UUID(int=row["incarnation"].int), {})[row["partition"]] = row["next_offset"]
    return found


async def advance_offset(
    connection: asyncpg.Connection, consumer: str, incarnation: UUID, partition: int, expected: int, next_offset: int
) -> None:
    """Moves the offset from `expected` to `next_offset`. Raises `FenceLost` when it is not `expected`, having moved nothing.

    A partition that was never read may start at any offset: whoever inserts first has it. Waits while another transaction
    holds the row.
    """
    moved = await connection.execute(
        """
        UPDATE stream_offset SET next_offset = $5, moved_at = now()
        WHERE consumer = $1 AND incarnation = $2 AND partition = $3 AND next_offset = $4
        """,
        consumer,
        incarnation,
        partition,
        expected,
        next_offset,
    )
    if moved == "UPDATE 1":
        return
    inserted = await connection.execute(
        """
        INSERT INTO stream_offset (consumer, incarnation, partition, next_offset) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        consumer,
        incarnation,
        partition,
        next_offset,
    )
    if inserted != "INSERT 0 1":
        raise FenceLost(f"{consumer}, partition {partition}: the stored offset is not {expected}; another member moved it")


async def record_incarnation(connection: asyncpg.Connection, kafka_topic: str, incarnation: UUID) -> bool:
    """Notes a life of a topic; True when it is a new one."""
    done = await connection.execute(
        "INSERT INTO topic_incarnation (incarnation, kafka_topic) VALUES ($1, $2) ON CONFLICT DO NOTHING", incarnation, kafka_topic
    )
    return bool(done == "INSERT 0 1")


async def recorded_incarnations(connection: asyncpg.Connection, kafka_topic: str) -> list[UUID]:
    """The lives of a topic, newest first."""
    rows = await connection.fetch(
        "SELECT incarnation FROM topic_incarnation WHERE kafka_topic = $1 ORDER BY recorded_at DESC, incarnation", kafka_topic
    )
    return [row["incarnation"] for row in rows]


async def other_incarnations(connection: asyncpg.Connection, consumer: str, kafka_topic: str, incarnation: UUID) -> list[UUID]:
    """Lives of the topic other than `incarnation` in which this consumer has read something, newest first: not empty means that
    the topic was recreated."""
    rows = await connection.fetch(
        """
        SELECT incarnation FROM topic_incarnation AS life
        WHERE kafka_topic = $2 AND incarnation <> $3
          AND EXISTS (SELECT FROM stream_offset AS s WHERE s.consumer = $1 AND s.incarnation = life.incarnation)
        ORDER BY recorded_at DESC, incarnation
        """,
        consumer,
        kafka_topic,
        incarnation,
    )
    return [row["incarnation"] for row in rows]


async def skip_deleted(
    connection: asyncpg.Connection, consumer: str, incarnation: UUID, partition: int, stored: int, beginning: int
) -> None:
    """Moves the offset over messages that Kafka has deleted, and notes them as a gap. Raises `FenceLost` like `advance_offset`."""
    async with connection.transaction():
        await advance_offset(connection, consumer, incarnation, partition, stored, beginning)
        await connection.execute(
            "INSERT INTO message_gap (consumer, incarnation, partition, first_offset, next_offset) VALUES ($1, $2, $3, $4, $5)",
            consumer,
            incarnation,
            partition,
            stored,
            beginning,
        )


async def messages_skipped(connection: asyncpg.Connection) -> int:
    """Messages in all gaps of all consumers."""
    found: int = await connection.fetchval("SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM message_gap")
    return found

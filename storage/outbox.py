"""The outbox: what other systems must receive for certain, written in the transaction that made it, taken out by a relay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message; `channel` says which relay takes it."""

    outbox_id: int
    channel: str
    key: str
    payload: Any
    written_at: datetime


async def append_once(connection: asyncpg.Connection, channel: str, key: str, payload: Any) -> bool:
    """Leaves a message unless the channel has had one of that key; says whether it was new."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"outbox {channel} {key}")
        if await connection.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE (channel, key) = ($1, $2))", channel, key):
            return False
        await connection.execute(
            "INSERT INTO outbox (channel, key, payload) VALUES ($1, $2, $3)", channel, key, orjson.dumps(payload).decode()
        )
    return True


async def unsent_messages(connection: asyncpg.Connection, channel: str, *, limit: int = 100) -> list[OutboxMessage]:
    """The oldest unsent messages, in order. Inside a transaction they are this relay's until its end."""
    rows = await connection.fetch(
        """
        SELECT outbox_id, channel, key, payload, written_at FROM outbox WHERE channel = $1 AND sent_at IS NULL
        ORDER BY outbox_id LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        channel,
        limit,
    )
    return [OutboxMessage(**{**dict(row), "payload": orjson.loads(row["payload"])}) for row in rows]


async def mark_sent(connection: asyncpg.Connection, outbox_ids: list[int]) -> None:
    """Notes that the messages were received at the other side."""
    await connection.execute("UPDATE outbox SET sent_at = now() WHERE outbox_id = ANY ($1)", outbox_ids)

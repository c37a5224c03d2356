"""What is stored, by identity and content, and dead letters by topic and reason: for comparing with what somebody knows was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from models.domain.failures import DeadLetterReason
from models.sensor_kinds import SensorKind


async def stored_times(connection: asyncpg.Connection, kind: SensorKind) -> tuple[datetime, datetime] | None:
    """The oldest and the newest `observed_at` of a kind, None where nothing is stored."""
    oldest, newest = await connection.fetchrow(f"SELECT min(observed_at), max(observed_at) FROM {kind.name}")
    return None if oldest is None else (oldest, newest)


async def stored_contents(
    connection: asyncpg.Connection, kind: SensorKind, quantities: Sequence[str], since: datetime, until: datetime
) -> dict[tuple[str, int], tuple[Any, ...]]:
    """(datastream id, `observed_at` in microseconds since 1970) → measured quantities, observed in [since, until). Ask for a day or so:
    all of it comes at once."""
    columns = ", ".join(quantities)
    records = await connection.fetch(
        f"""
        SELECT datastream_id, (extract(epoch FROM observed_at) * 1000000)::bigint, {columns}
        FROM {kind.name} WHERE observed_at >= $1 AND observed_at < $2
        """,
        since, until,
    )  # fmt: skip
    return {(record[0], record[1]): tuple(record[2:]) for record in records}


async def dead_letters_by_topic(connection: asyncpg.Connection) -> Counter[tuple[str, DeadLetterReason]]:
    """How many dead letters each MQTT topic has, by reason."""
    records = await connection.fetch("SELECT mqtt_topic, reason, count(*) FROM dead_letter GROUP BY mqtt_topic, reason")
    return Counter({(record[0], DeadLetterReason(record[1])): record[2] for record in records})

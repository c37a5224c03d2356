"""Bridges that are out of service for road traffic, from their readings: closed for longer than an opening for ships takes."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

LOOK_BACK = timedelta(days=3)
"""A bridge that has said nothing for longer does not close a road."""

_CLOSED = """
WITH passable AS (
    SELECT thing_id, max(observed_at) AS last FROM bridge_state
    WHERE observed_at > $1 AND observed_at <= $2 AND NOT road_closed GROUP BY thing_id
)
SELECT closed.thing_id, min(closed.observed_at) AS since, max(closed.observed_at) AS until
FROM bridge_state AS closed LEFT JOIN passable USING (thing_id)
WHERE closed.observed_at > $1 AND closed.observed_at <= $2 AND closed.road_closed
  AND (passable.last IS NULL OR closed.observed_at > passable.last)
GROUP BY closed.thing_id
HAVING max(closed.observed_at) - min(closed.observed_at) > $3
ORDER BY closed.thing_id
"""


async def closed_bridges(connection: asyncpg.Connection, now: datetime, longer_than_minutes: float) -> dict[str, datetime]:
    """Bridge → since when its road is closed. Only readings count: the last ones all say closed, over more than the given time."""
    rows = await connection.fetch(_CLOSED, now - LOOK_BACK, now, timedelta(minutes=longer_than_minutes))
    return {row["thing_id"]: row["since"] for row in rows}

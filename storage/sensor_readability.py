"""Which sensors were readable, and how many of their messages became dead letters since: what `store` must know after a restart to
tell a bad deployment from sensors that never worked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from models.sensor_kinds import SENSOR_KINDS, SensorKind
from storage.reading_tables import latest_table


async def failures_since_readable(
    connection: asyncpg.Connection, *, within: timedelta = timedelta(days=2), kinds: Sequence[SensorKind] = SENSOR_KINDS
) -> dict[str, int]:
    """Sensor id → dead letters received after its newest stored reading, of those first seen `within` the last days. Holds every
    registered sensor of which a reading is stored."""
    newest = " UNION ALL ".join(f"SELECT datastream_id, received_at FROM {latest_table(kind)}" for kind in kinds)
    rows = await connection.fetch(
        f"""
        WITH readable AS (
            SELECT sensor_id, max(received_at) AS readable_at FROM assignment JOIN ({newest}) AS newest USING (datastream_id)
            GROUP BY sensor_id
        ),
        letter AS (SELECT source, received_at FROM dead_letter WHERE first_seen > now() - $1::interval)
        SELECT sensor_id, count(letter.source) AS failures
        FROM readable LEFT JOIN letter ON letter.source = sensor_id AND letter.received_at > readable_at
        GROUP BY sensor_id
        """,
        within,
    )
    return {row["sensor_id"]: row["failures"] for row in rows}

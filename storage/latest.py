"""Makes `<kind>_latest` again from the readings: after a correction, and for whoever doubts it.

Appending only ever moves it forward; what a correction takes away or moves to another thing is put right here.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from models.sensor_kinds import SensorKind
from storage.reading_tables import latest_columns, latest_table


async def rebuild_latest(connection: asyncpg.Connection, kind: SensorKind, datastream_ids: Sequence[str] | None = None) -> int:
    """Makes the newest reading of each of these datastreams (None: of all) what the readings say; returns how many differed.

    In the caller's transaction or one of its own. Rows are locked in order, so that a store that appends meanwhile waits, and finds
    what was committed here.
    """
    if not connection.is_in_transaction():
        async with connection.transaction():
            return await rebuild_latest(connection, kind, datastream_ids)
    latest, names = latest_table(kind), ", ".join(latest_columns(kind))
    if datastream_ids is None:
        rows = await connection.fetch(f"SELECT datastream_id FROM {latest} UNION SELECT datastream_id FROM {kind.name}")
        datastream_ids = [row[0] for row in rows]
    wanted = sorted(set(datastream_ids))
    await connection.execute(
        f"SELECT FROM {latest} WHERE datastream_id = ANY ($1::text[]) ORDER BY datastream_id FOR UPDATE", wanted
    )
    removed = await connection.execute(
        f"""
        DELETE FROM {latest} AS latest WHERE datastream_id = ANY ($1::text[])
          AND NOT EXISTS (SELECT FROM {kind.name} AS stored WHERE stored.datastream_id = latest.datastream_id)
        """,
        wanted,
    )
    changes = ", ".join(f"{name} = excluded.{name}" for name in latest_columns(kind) if name != "datastream_id")
    values = ", ".join(f"newest.{name}" for name in latest_columns(kind))
    moved = await connection.execute(
        f"""
        INSERT INTO {latest} AS latest ({names})
        SELECT {values} FROM unnest($1::text[]) AS wanted (datastream_id) CROSS JOIN LATERAL (
            SELECT {names} FROM {kind.name} AS stored WHERE stored.datastream_id = wanted.datastream_id
            ORDER BY stored.observed_at DESC LIMIT 1
        ) AS newest
        ON CONFLICT (datastream_id) DO UPDATE SET {changes} WHERE latest IS DISTINCT FROM excluded
        """,
        wanted,
    )
    return int(removed.removeprefix("DELETE ")) + int(moved.removeprefix("INSERT 0 "))

"""When containers were last collected, as far as their sensors and crews say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg

from models.domain.legal_interval import KnownFrom, LastCollection
from models.domain.plan_day import CrewWord

# An emptying is somewhere between two readings: counted from the first, so that nobody waits longer than it seems.
_LAST = """
SELECT container_id,
       (SELECT max(emptied_after) FROM emptying WHERE emptying.container_id = asked.container_id AND emptied_before <= $2) AS seen,
       (SELECT max(said_at) FROM crew_report
        WHERE crew_report.container_id = asked.container_id AND word = $3 AND said_at <= $2) AS said,
       (SELECT min(valid_from) FROM assignment JOIN sensor USING (sensor_id)
        WHERE thing_id = asked.container_id AND sensor.kind = 'container_fill' AND valid_from <= $2
          AND EXISTS (SELECT FROM container_fill_latest AS latest WHERE latest.thing_id = asked.container_id)) AS read_from
FROM unnest($1::text[]) AS asked (container_id)
ORDER BY container_id
"""


async def last_collections(
    connection: asyncpg.Connection, container_ids: Sequence[str], now: datetime, zone: ZoneInfo
) -> dict[str, LastCollection]:
    """The newest emptying seen in the signal or said by a crew; of a container that was read and had none since its sensor was put there,
    that day. The others are not in it."""
    if not container_ids:
        return {}
    rows = await connection.fetch(_LAST, list(container_ids), now, CrewWord.DONE.value)
    found = {}
    for row in rows:
        known = [
            (moment, source) for moment, source in ((row["seen"], KnownFrom.EMPTYING), (row["said"], KnownFrom.CREW)) if moment
        ]
        if not known and row["read_from"]:
            known = [(row["read_from"], KnownFrom.READ)]
        if known:
            moment, source = max(known, key=lambda item: item[0])
            found[row["container_id"]] = LastCollection(
                container_id=row["container_id"], on=moment.astimezone(zone).date(), known_from=source
            )
    return found

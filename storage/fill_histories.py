"""Fill levels of many containers in one query, as the arrays that forecasters take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import numpy as np

from models.fill_forecast.history import History
from storage.crew_reports import collections_reported
from storage.plan_days import disrupted_spans

# One row per container: arrays are a tenth of the work of one record per reading. Several sensors of one container that
# report the same moment count once, by their mean. Asked by datastream, which is how the readings are laid out.
_HISTORIES = """
SELECT reading.thing_id,
       thing.fraction,
       array_agg(extract(epoch FROM observed_at)::double precision ORDER BY observed_at) AS times,
       array_agg(fill_ratio ORDER BY observed_at) AS levels,
       array_agg(extract(epoch FROM received_at)::double precision ORDER BY observed_at) AS known
FROM (
    SELECT thing_id, observed_at, avg(fill_ratio) AS fill_ratio, max(received_at) AS received_at
    FROM container_fill
    WHERE datastream_id = ANY (ARRAY(SELECT datastream_id FROM container_fill_latest WHERE thing_id = ANY ($1::text[])))
      AND observed_at >= $2 AND observed_at <= $3 AND fill_ratio IS NOT NULL
    GROUP BY thing_id, observed_at
) AS reading
JOIN thing USING (thing_id)
GROUP BY reading.thing_id, thing.fraction
ORDER BY reading.thing_id
"""

_WITH_NEWS = """
SELECT newest.thing_id
FROM (SELECT thing_id, max(observed_at) AS observed_at FROM container_fill_latest GROUP BY thing_id) AS newest
JOIN thing USING (thing_id)
LEFT JOIN forecast_current AS forecast ON forecast.container_id = newest.thing_id
WHERE forecast.container_id IS NULL OR forecast.cutoff < $1 OR newest.observed_at > forecast.level_observed_at
ORDER BY newest.thing_id
"""


async def fill_histories(
    connection: asyncpg.Connection, container_ids: Sequence[str], since: datetime, until: datetime
) -> list[History]:
    """Histories of the given containers, by id; those without a level in the time asked for are left out.

    Readings of disrupted days are left out once the day after is over, too: nothing is learnt from them, and they decide nothing.
    """
    records = await connection.fetch(_HISTORIES, list(container_ids), since, until)
    reported = await collections_reported(connection, container_ids, since, until)
    disrupted = await disrupted_spans(connection, since, until)
    histories = [_history(record, reported.get(record["thing_id"], []), disrupted) for record in records]
    return [history for history in histories if len(history.times)]


def _history(record: asyncpg.Record, collections: Sequence[float], disrupted: Sequence[tuple[float, float]]) -> History:
    times = np.array(record["times"], dtype=float)
    kept = np.ones(len(times), dtype=bool)
    for begin, end in disrupted:
        kept &= (times < begin) | (times >= end)
    return History(
        container_id=record["thing_id"],
        fraction=record["fraction"] or "",
        times=times[kept],
        levels=np.clip(np.array(record["levels"], dtype=float), 0.0, 1.0)[kept],
        known=np.array(record["known"], dtype=float)[kept],
        collections=np.array(collections, dtype=float),
    )


async def containers_with_news(connection: asyncpg.Connection, *, forecast_before: datetime) -> list[str]:
    """Containers with readings whose current forecast is missing, rests on an older reading than the newest, or has a cutoff
    before `forecast_before`. In the future: all containers that have ever been read."""
    return [record["thing_id"] for record in await connection.fetch(_WITH_NEWS, forecast_before)]

"""Fill levels, deposits and weights of many containers in one query, as the arrays that forecasters take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import asyncpg
import numpy as np

from models.domain.plan_day import CrewWord
from models.fill_forecast.history import BoolArray, FloatArray, History, Series
from models.fill_forecast.public_holidays import NOWHERE, holiday_days
from storage.crew_reports import collections_reported
from storage.plan_days import disrupted_spans

# One row per container: arrays are a tenth of the work of one record per reading. Several sensors of one container that report the same
# moment count once: levels by their mean, deposits by their sum, weights by the largest; where one is out of its position, the mean is no
# level. Asked by datastream, which is how the readings are laid out.
_HISTORIES = """
SELECT reading.thing_id,
       thing.fraction,
       thing.capacity_l,
       array_agg(extract(epoch FROM observed_at)::double precision ORDER BY observed_at) AS times,
       array_agg(extract(epoch FROM received_at)::double precision ORDER BY observed_at) AS known,
       array_agg(fill_ratio ORDER BY observed_at) AS levels,
       array_agg(extract(epoch FROM observed_at)::double precision ORDER BY observed_at) FILTER (WHERE tilted) AS tilted,
       CASE WHEN count(deposits) > 0 THEN array_agg(deposits ORDER BY observed_at) END AS deposits,
       CASE WHEN count(weight_kg) > 0 THEN array_agg(weight_kg ORDER BY observed_at) END AS weights
FROM (
    SELECT thing_id, observed_at, avg(fill_ratio) AS fill_ratio, sum(deposit_count)::double precision AS deposits,
           max(weight_kg) AS weight_kg, bool_or(tilted) AS tilted, max(received_at) AS received_at
    FROM container_fill
    WHERE datastream_id = ANY (ARRAY(SELECT datastream_id FROM container_fill_latest WHERE thing_id = ANY ($1::text[])))
      AND observed_at >= $2 AND observed_at <= $3 AND num_nonnulls(fill_ratio, deposit_count, weight_kg) > 0
    GROUP BY thing_id, observed_at
) AS reading
JOIN thing USING (thing_id)
GROUP BY reading.thing_id, thing.fraction, thing.capacity_l
ORDER BY reading.thing_id
"""

# Another sensor took the place of one that was there until then.
_SWAPPED = """
SELECT later.thing_id, array_agg(DISTINCT extract(epoch FROM later.valid_from)::double precision) AS at
FROM assignment AS later JOIN sensor USING (sensor_id)
WHERE later.thing_id = ANY ($1::text[]) AND later.valid_from >= $2 AND later.valid_from <= $3 AND sensor.kind = 'container_fill'
  AND EXISTS (
      SELECT FROM assignment AS earlier
      WHERE earlier.thing_id = later.thing_id AND earlier.sensor_id <> later.sensor_id AND earlier.valid_to <= later.valid_from
  )
GROUP BY later.thing_id
"""

_READ = """
SELECT DISTINCT thing_id FROM container_fill_latest JOIN thing USING (thing_id)
WHERE $1::timestamptz IS NULL OR decommissioned_at IS NULL OR decommissioned_at > $1
ORDER BY thing_id
"""

_WITH_NEWS = """
SELECT newest.thing_id
FROM (
    SELECT thing_id, max(observed_at) FILTER (WHERE observed_at <= $3) AS observed_at
    FROM container_fill_latest GROUP BY thing_id
) AS newest
JOIN thing USING (thing_id)
LEFT JOIN forecast_current AS forecast ON forecast.container_id = newest.thing_id
WHERE forecast.container_id IS NULL OR forecast.cutoff < $1 OR newest.observed_at > forecast.level_observed_at
    OR EXISTS (
        SELECT FROM crew_report AS said
        WHERE said.container_id = newest.thing_id AND said.word = $2
          AND said.said_at > forecast.level_observed_at AND said.received_at > forecast.known_at
    )
ORDER BY newest.thing_id
"""


async def fill_histories(
    connection: asyncpg.Connection,
    container_ids: Sequence[str],
    since: datetime,
    until: datetime,
    *,
    holiday_region: str = NOWHERE,
) -> list[History]:
    """Histories of the given containers, by id; those without a level or a counted deposit in the time asked for are left out.

    Readings of disrupted days are left out once the day after is over, too: nothing is learnt from them, and they decide nothing.
    """
    records = await connection.fetch(_HISTORIES, list(container_ids), since, until)
    reported = await collections_reported(connection, container_ids, since, until)
    disrupted = await disrupted_spans(connection, since, until)
    swapped = {row["thing_id"]: sorted(row["at"]) for row in await connection.fetch(_SWAPPED, list(container_ids), since, until)}
    histories = [
        _history(record, reported.get(record["thing_id"], []), swapped.get(record["thing_id"], []), disrupted) for record in records
    ]
    holidays = holiday_days(holiday_region, since.year, until.year + 1)
    return [replace(history, holidays=holidays) for history in histories if history.is_read()]


def _history(
    record: asyncpg.Record, collections: Sequence[float], swapped: Sequence[float], disrupted: Sequence[tuple[float, float]]
) -> History:
    times = np.array(record["times"], dtype=float)
    kept = np.ones(len(times), dtype=bool)
    for begin, end in disrupted:
        kept &= (times < begin) | (times >= end)
    known, levels = np.array(record["known"], dtype=float), np.array(record["levels"], dtype=float)
    read = kept & ~np.isnan(levels)
    return History(
        container_id=record["thing_id"],
        fraction=record["fraction"] or "",
        times=times[read],
        levels=np.clip(levels[read], 0.0, 1.0),
        known=known[read],
        collections=np.array(collections, dtype=float),
        deposits=_beside(record["deposits"], times, known, kept),
        weights=_beside(record["weights"], times, known, kept),
        swapped=np.array(swapped, dtype=float),
        tilted=np.array(record["tilted"] or (), dtype=float),
        capacity_l=record["capacity_l"],
    )


def _beside(values: Sequence[float | None] | None, times: FloatArray, known: FloatArray, kept: BoolArray) -> Series | None:
    """What is told beside levels; None where it never is."""
    if values is None:
        return None
    found = np.array(values, dtype=float)
    there = kept & ~np.isnan(found)
    return Series(times[there], found[there], known[there]) if bool(there.any()) else None


async def containers_read(connection: asyncpg.Connection, *, in_service_at: datetime | None = None) -> list[str]:
    """Containers that have ever been read, by id: all of them, or those that are not decommissioned at a moment."""
    return [row["thing_id"] for row in await connection.fetch(_READ, in_service_at)]


async def containers_with_news(connection: asyncpg.Connection, *, forecast_before: datetime, now: datetime) -> list[str]:
    """Containers with readings whose current forecast is missing, rests on an older reading than the newest, does not know of an emptying that a crew
    has reported since, or has a cutoff before `forecast_before`.

    A reading dated after `now` is no news yet: ingestion lets clocks be minutes ahead, and a forecast does not look beyond its cutoff. Nor is one
    that came late and is older than the newest: what has been stored since is not asked, as no index tells it."""
    records = await connection.fetch(_WITH_NEWS, forecast_before, CrewWord.DONE.value, now)
    return [record["thing_id"] for record in records]

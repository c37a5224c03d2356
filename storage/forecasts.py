"""Forecasts and the emptyings that they rest on. The current forecast of a container is replaced; those that a decision used, and the
nightly ones, are kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from models.domain.forecast import Emptying, InflowForecast

_COLUMNS = (
    "container_id",
    "forecaster",
    "forecaster_version",
    "cutoff",
    "known_at",
    "level_at_cutoff",
    "level_sd",
    "level_sd_above",
    "emptied_unseen",
    "errors_shared",
    "level_observed_at",
    "level_after_emptying",
    "level_after_sd",
    "after_collection_spread",
    "day_profile",
    "data_grade",
    "basis",
    "quantiles",
    "horizon_hours",
    "inflow_quantiles",
    "model_grade",
    "evidence",
    "level_error",
    "uncalibrated",
)
_NAMES = ", ".join(_COLUMNS)
_PARAMETERS = ", ".join(f"${number}" for number in range(1, len(_COLUMNS) + 1))
_ADVISORY_LOCK = 7_382_645_014
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "container_id")


async def replace_current_forecast(connection: asyncpg.Connection, forecast: InflowForecast) -> None:
    """Makes this the container's current forecast, unless the current one has a later cutoff."""
    await replace_current_forecasts(connection, [forecast])


async def replace_current_forecasts(connection: asyncpg.Connection, forecasts: Sequence[InflowForecast]) -> None:
    """The same for many, in one pipelined round trip, in order of containers so that two writers cannot deadlock."""
    await connection.executemany(
        f"""
        INSERT INTO forecast_current AS kept ({_NAMES}) VALUES ({_PARAMETERS})
        ON CONFLICT (container_id) DO UPDATE SET {_CHANGES} WHERE excluded.cutoff >= kept.cutoff
        """,
        [_row(item) for item in sorted(forecasts, key=lambda item: item.container_id)],
    )


async def keep_forecast(connection: asyncpg.Connection, forecast: InflowForecast, kept_for: str = "nightly") -> None:
    """Keeps a forecast for good: `kept_for` says why ("nightly", "plan"). Keeping the same again changes nothing."""
    await keep_forecasts(connection, [forecast], kept_for)


async def keep_forecasts(connection: asyncpg.Connection, forecasts: Sequence[InflowForecast], kept_for: str = "nightly") -> None:
    """The same for many, in one pipelined round trip."""
    await connection.executemany(
        f"INSERT INTO forecast_kept ({_NAMES}, kept_for) VALUES ({_PARAMETERS}, ${len(_COLUMNS) + 1}) ON CONFLICT DO NOTHING",
        [[*_row(forecast), kept_for] for forecast in forecasts],
    )


async def keep_nightly(connection: asyncpg.Connection, forecasts: Sequence[InflowForecast], *, night: datetime) -> None:
    """Keeps those of containers of which no nightly one with a cutoff from `night` on is kept: once a night, whichever member comes first.

    In the caller's transaction, as its last step: until that ends, other members wait here, and then find what was kept.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
    done = await connection.fetch(
        "SELECT DISTINCT container_id FROM forecast_kept WHERE container_id = ANY ($1) AND cutoff >= $2 AND kept_for = 'nightly'",
        [item.container_id for item in forecasts],
        night,
    )
    there = {row["container_id"] for row in done}
    await keep_forecasts(connection, [item for item in forecasts if item.container_id not in there])


async def current_forecast(connection: asyncpg.Connection, container_id: str) -> InflowForecast | None:
    """The container's current forecast, or None."""
    row = await connection.fetchrow(f"SELECT {_NAMES} FROM forecast_current WHERE container_id = $1", container_id)
    return _forecast(row) if row else None


async def current_forecasts(connection: asyncpg.Connection) -> list[InflowForecast]:
    """All current forecasts, by container."""
    return [_forecast(row) for row in await connection.fetch(f"SELECT {_NAMES} FROM forecast_current ORDER BY container_id")]


async def end_forecasts(connection: asyncpg.Connection, now: datetime) -> None:
    """Of containers that are out of service there is no current forecast; what was kept of them stays."""
    gone = "SELECT thing_id FROM thing WHERE decommissioned_at <= $1"
    await connection.execute(f"DELETE FROM forecast_current WHERE container_id IN ({gone})", now)


async def kept_forecasts(
    connection: asyncpg.Connection, *, since: datetime, until: datetime, kept_for: str = "nightly"
) -> list[InflowForecast]:
    """Kept forecasts with `since` ≤ cutoff < `until`, in order of cutoff and container; what scores look at."""
    rows = await connection.fetch(
        f"SELECT {_NAMES} FROM forecast_kept WHERE kept_for = $1 AND cutoff >= $2 AND cutoff < $3 ORDER BY cutoff, container_id",
        kept_for,
        since,
        until,
    )
    return [_forecast(row) for row in rows]


async def kept_forecasts_of(
    connection: asyncpg.Connection, container_ids: Sequence[str], *, since: datetime, until: datetime, kept_for: str = "nightly"
) -> list[InflowForecast]:
    """The same of some containers only."""
    rows = await connection.fetch(
        f"SELECT {_NAMES} FROM forecast_kept WHERE container_id = ANY ($4) AND kept_for = $1 AND cutoff >= $2 AND cutoff < $3 "
        "ORDER BY container_id, cutoff",
        kept_for,
        since,
        until,
        list(container_ids),
    )
    return [_forecast(row) for row in rows]


async def containers_not_kept(connection: asyncpg.Connection, *, since: datetime, kept_for: str = "nightly") -> list[str]:
    """Containers that have ever been read and of which no forecast with a later cutoff is kept: what a nightly run
    still has to do, where they are in service."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT latest.thing_id FROM container_fill_latest AS latest JOIN thing USING (thing_id)
        WHERE NOT EXISTS (
            SELECT FROM forecast_kept WHERE container_id = latest.thing_id AND cutoff >= $1 AND kept_for = $2
        )
        """,
        since,
        kept_for,
    )
    return [row["thing_id"] for row in rows]


async def replace_emptyings(connection: asyncpg.Connection, container_id: str, since: datetime, found: Sequence[Emptying]) -> None:
    """Replaces what was seen from `since` on (by `before`) with `found`. All of `found` must be of this container."""
    await connection.execute("DELETE FROM emptying WHERE container_id = $1 AND emptied_before >= $2", container_id, since)
    await connection.executemany(
        """
        INSERT INTO emptying AS kept (container_id, emptied_after, emptied_before, level_before, level_after)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (container_id, emptied_before) DO UPDATE
        SET emptied_after = excluded.emptied_after, level_before = excluded.level_before, level_after = excluded.level_after
        """,
        [(container_id, item.after, item.before, item.level_before, item.level_after) for item in found],
    )


async def emptyings(connection: asyncpg.Connection, container_id: str, since: datetime) -> list[Emptying]:
    """Emptyings of a container with `before` ≥ `since`, in order of time."""
    rows = await connection.fetch(
        """
        SELECT container_id, emptied_after AS after, emptied_before AS before, level_before, level_after FROM emptying
        WHERE container_id = $1 AND emptied_before >= $2 ORDER BY emptied_before
        """,
        container_id,
        since,
    )
    return [Emptying.model_validate(dict(row)) for row in rows]


def _row(forecast: InflowForecast) -> list[Any]:
    values = {name: getattr(forecast, name) for name in _COLUMNS}
    # asyncpg takes a tuple inside an array for a composite value.
    values["inflow_quantiles"] = [list(row) for row in forecast.inflow_quantiles]
    for name in ("evidence", "uncalibrated"):
        values[name] = values[name].model_dump_json() if values[name] else None
    return list(values.values())


def _forecast(row: asyncpg.Record) -> InflowForecast:
    texts = {name: orjson.loads(row[name]) if row[name] else None for name in ("evidence", "uncalibrated")}
    return InflowForecast.model_validate({**row, **texts})

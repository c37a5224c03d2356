"""How widely the forecasts of each version of a forecaster are spread: made once a day from outcomes, and read by whoever forecasts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np
import orjson

from models.fill_forecast.recalibration import WINDOW_DAYS, Resolved, Spread

_ADVISORY_LOCK = 7_382_645_013

Maker = tuple[str, str]
"""(forecaster, version): who made a forecast, and to whom a spread belongs."""


async def take_spreading(connection: asyncpg.Connection) -> bool:
    """Whether this member may make today's spreads; the right to it ends with the transaction."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _ADVISORY_LOCK))


async def newest_spreads(connection: asyncpg.Connection) -> dict[Maker, Spread]:
    """The newest spread of each forecaster and version."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (forecaster, forecaster_version) forecaster, forecaster_version, made_at, cases, factors
        FROM forecast_spread ORDER BY forecaster, forecaster_version, made_at DESC
        """
    )
    return {
        (row["forecaster"], row["forecaster_version"]): Spread(
            row["forecaster"],
            row["forecaster_version"],
            row["made_at"].timestamp(),
            row["cases"],
            {name: (float(low), float(high)) for name, (low, high) in orjson.loads(row["factors"]).items()},
        )
        for row in rows
    }


async def save_spread(connection: asyncpg.Connection, spread: Spread) -> None:
    """Keeps a spread; the same again changes nothing."""
    await connection.execute(
        """
        INSERT INTO forecast_spread (forecaster, forecaster_version, made_at, cases, factors)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
        """,
        spread.forecaster,
        spread.version,
        datetime.fromtimestamp(spread.made_at, UTC),
        spread.cases,
        orjson.dumps(dict(spread.factors)).decode(),
    )


async def makers_without_spread(connection: asyncpg.Connection, until: datetime, *, since: datetime) -> list[Maker]:
    """Whose settled outcomes, with a target in the 60 days before `until`, no spread has been made of since then; in order of name and version."""
    rows = await connection.fetch(
        """
        SELECT forecaster, forecaster_version FROM (
            SELECT DISTINCT forecaster, forecaster_version FROM forecast_outcome
            WHERE target_at >= $1 AND target_at < $2 AND below IS NOT NULL
        ) AS maker
        WHERE NOT EXISTS (
            SELECT FROM forecast_spread AS spread
            WHERE spread.forecaster = maker.forecaster AND spread.forecaster_version = maker.forecaster_version AND spread.made_at >= $3
        )
        ORDER BY forecaster, forecaster_version
        """,
        until - timedelta(days=WINDOW_DAYS),
        until,
        since,
    )
    return [(row["forecaster"], row["forecaster_version"]) for row in rows]


async def resolved_outcomes(connection: asyncpg.Connection, maker: Maker, until: datetime, *, full: float) -> Resolved:
    """The settled outcomes of a forecaster and version with a target in the 60 days before `until`. At and above `full` a level counts as full.

    A large city has hundreds of thousands: a thread makes the arrays, so that the event loop stays free.
    """
    rows = await connection.fetch(
        """
        SELECT fraction, length_hours, length_hours < horizon_hours AS collected, below, above, level_observed >= $5 AS at_full
        FROM forecast_outcome
        WHERE forecaster = $1 AND forecaster_version = $2 AND target_at >= $3 AND target_at < $4 AND below IS NOT NULL
        """,
        *maker,
        until - timedelta(days=WINDOW_DAYS),
        until,
        full,
    )
    return await asyncio.to_thread(_resolved, rows)


def _resolved(rows: Sequence[asyncpg.Record]) -> Resolved:
    length, below, above = (np.array([row[name] for row in rows], dtype=float) for name in ("length_hours", "below", "above"))
    collected, full = (np.array([row[name] for row in rows], dtype=np.bool_) for name in ("collected", "at_full"))
    return Resolved(tuple(row["fraction"] for row in rows), length, collected, below, above, full.astype(np.float64))

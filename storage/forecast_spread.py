"""How widely the forecasts of each version of a forecaster are spread: made once a day from outcomes, and read by whoever forecasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter

import asyncpg
import numpy as np
import orjson

from models.fill_forecast.recalibration import WINDOW_DAYS, Resolved, Spread

_ADVISORY_LOCK = 7_382_645_013


async def take_spreading(connection: asyncpg.Connection) -> bool:
    """Whether this member may make today's spreads; the right to it ends with the transaction."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _ADVISORY_LOCK))


async def newest_spreads(connection: asyncpg.Connection) -> dict[tuple[str, str], Spread]:
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


async def resolved_outcomes(connection: asyncpg.Connection, until: datetime, *, full: float) -> dict[tuple[str, str], Resolved]:
    """By forecaster and version, its settled outcomes with a target in the 60 days before `until`. At and above `full` a level counts as full."""
    rows = await connection.fetch(
        """
        SELECT forecaster, forecaster_version, fraction, length_hours,
               length_hours < horizon_hours AS collected, below, above, level_observed >= $3 AS at_full
        FROM forecast_outcome
        WHERE target_at >= $1 AND target_at < $2 AND below IS NOT NULL
        ORDER BY forecaster, forecaster_version
        """,
        until - timedelta(days=WINDOW_DAYS),
        until,
        full,
    )
    found: dict[tuple[str, str], Resolved] = {}
    for maker, group in groupby(rows, key=itemgetter("forecaster", "forecaster_version")):
        mine = list(group)
        length, below, above = (np.array([row[name] for row in mine], dtype=float) for name in ("length_hours", "below", "above"))
        collected, full_ = (np.array([row[name] for row in mine], dtype=np.bool_) for name in ("collected", "at_full"))
        found[maker] = Resolved(tuple(row["fraction"] for row in mine), length, collected, below, above, full_.astype(np.float64))
    return found

"""How forecasts turned out: single outcomes, kept for some months, and their means per day, kept for years."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg
import numpy as np
from numpy.typing import NDArray

from models.domain.forecast_score import ForecastOutcome, ForecastScore

_ADVISORY_LOCK = 7_382_645_011
_ERROR_DAYS = 60
_LEAST_ERRORS = 30

Errors = dict[tuple[str, int], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""(fraction, horizon) → quantiles of the past errors of the usual rate and of the weekday pattern."""

_OUTCOME = tuple(ForecastOutcome.model_fields)
_MEANS = ("absolute_error", "pinball", "coverage", "width", "usual_rate_pinball", "weekday_pinball")
_KEYS = ("fraction", "horizon_hours", "district", "forecaster", "forecaster_version")

_SAVE = f"""
INSERT INTO forecast_outcome ({", ".join(_OUTCOME)}, district)
SELECT {", ".join(f"${number}" for number in range(1, len(_OUTCOME) + 1))}, coalesce(
    (SELECT district FROM thing WHERE thing_id = $1), '')
ON CONFLICT DO NOTHING
"""

_REFRESH = f"""
INSERT INTO forecast_score (target_day, {", ".join(_KEYS)}, cases, {", ".join(_MEANS)})
SELECT (target_at AT TIME ZONE 'UTC')::date, {", ".join(_KEYS)}, count(*), avg(absolute_error), avg(pinball), avg(inside), avg(width),
       avg(usual_rate_pinball), avg(weekday_pinball)
FROM forecast_outcome
WHERE target_at >= $1 AND target_at < $2
GROUP BY 1, {", ".join(_KEYS)}
ON CONFLICT (target_day, {", ".join(_KEYS)}) DO UPDATE
SET cases = excluded.cases, {", ".join(f"{name} = excluded.{name}" for name in _MEANS)}
"""


async def scored_horizons(
    connection: asyncpg.Connection, container_ids: Sequence[str], since: datetime
) -> dict[tuple[str, datetime], set[int]]:
    """(container, cutoff) → horizons that have an outcome, for cutoffs since then."""
    rows = await connection.fetch(
        """
        SELECT container_id, cutoff, array_agg(horizon_hours) AS horizons FROM forecast_outcome
        WHERE container_id = ANY ($1) AND cutoff >= $2 GROUP BY container_id, cutoff
        """,
        list(container_ids),
        since,
    )
    return {(row["container_id"], row["cutoff"]): set(row["horizons"]) for row in rows}


async def baseline_errors(connection: asyncpg.Connection, before: datetime, quantiles: Sequence[float]) -> Errors:
    """Quantiles of the baselines' errors on outcomes of the 60 days before; none for fewer than 30."""
    rows = await connection.fetch(
        """
        SELECT fraction, horizon_hours,
               percentile_cont($3::double precision[]) WITHIN GROUP (ORDER BY level_observed - usual_rate_level) AS usual_rate,
               percentile_cont($3::double precision[]) WITHIN GROUP (ORDER BY level_observed - weekday_level) AS weekday
        FROM forecast_outcome WHERE target_at >= $1 AND target_at < $2
        GROUP BY fraction, horizon_hours HAVING count(*) >= $4
        """,
        before - timedelta(days=_ERROR_DAYS),
        before,
        list(quantiles),
        _LEAST_ERRORS,
    )
    return {(row["fraction"], row["horizon_hours"]): (np.array(row["usual_rate"]), np.array(row["weekday"])) for row in rows}


async def save_outcomes(connection: asyncpg.Connection, outcomes: Sequence[ForecastOutcome]) -> None:
    """Keeps outcomes, each once; the district is the container's."""
    await connection.executemany(_SAVE, [[getattr(item, name) for name in _OUTCOME] for item in outcomes])


async def refresh_scores(connection: asyncpg.Connection, days: Collection[date]) -> None:
    """Makes the means of these UTC days anew. In a transaction of its own: of two members that do it at a time the second waits, and then
    sees what the first one's outcomes were."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
        for day in sorted(days):
            begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
            await connection.execute(_REFRESH, begin, begin + timedelta(days=1))


async def forecast_scores(
    connection: asyncpg.Connection, *, since: date, until: date, apart: Collection[str] = ("fraction", "horizon_hours")
) -> list[ForecastScore]:
    """Means over targets with `since` ≤ day < `until`, weighted by cases, for each combination of the keys in `apart`; the other keys are
    "*" (horizon 0). Raises `ValueError` for a key that there is not."""
    unknown = set(apart) - set(_KEYS)
    if unknown:
        raise ValueError(f"scores are not kept by {', '.join(sorted(unknown))}; by {', '.join(_KEYS)}")
    kept = [name for name in _KEYS if name in apart]
    keys = ", ".join(
        name if name in kept else "0 AS horizon_hours" if name == "horizon_hours" else f"'*' AS {name}" for name in _KEYS
    )
    means = ", ".join(f"sum({name} * cases) / sum(cases) AS {name}" for name in _MEANS)
    grouping = f"GROUP BY {', '.join(kept)} ORDER BY {', '.join(kept)}" if kept else "HAVING count(*) > 0"
    rows = await connection.fetch(
        f"SELECT min(target_day) AS first_day, max(target_day) AS last_day, {keys}, sum(cases)::bigint AS cases, {means} "
        f"FROM forecast_score WHERE target_day >= $1 AND target_day < $2 {grouping}",
        since,
        until,
    )
    return [ForecastScore.model_validate(dict(row)) for row in rows]

"""Scores kept forecasts when their truth has been read: outcomes per forecast and horizon, their means per day, and metrics of four weeks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

import asyncpg
import numpy as np

from models.domain.forecast import InflowForecast
from models.domain.forecast_score import ForecastOutcome
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.history import History
from models.fill_forecast.outcome import SCORED_HORIZON_HOURS, baseline_pinball, outcomes_of
from processors.forecast.score_metrics import SCORE_METRICS
from runtime import metrics
from storage.fill_histories import fill_histories
from storage.forecast_scores import (
    Errors,
    baseline_errors,
    forecast_scores,
    refresh_scores,
    save_outcomes,
    scored_horizons,
)
from storage.forecasts import kept_forecasts_of

CHUNK = 100
METRICS_DAYS = 28
_REACH = timedelta(hours=SCORED_HORIZON_HOURS[-1]) + timedelta(days=2)
"""Truth that has not come this long after the cutoff is not waited for any more."""
_CONTEXT = timedelta(days=14)
"""Readings before the first cutoff, from which the detection of emptyings takes a sensor's jitter."""


class ForecastScorer:
    """Knows the database. One task at a time may call it."""

    def __init__(self, pool: asyncpg.Pool, *, truth_wait_hours: float) -> None:
        self._pool = pool
        self._wait = timedelta(hours=truth_wait_hours)

    async def score(self, container_ids: Sequence[str], now: datetime) -> int:
        """Scores what has ended by now, less the wait for late readings, of these containers; says how many. Doing it again adds nothing."""
        until = now - self._wait
        async with self._pool.acquire() as connection:
            errors = await baseline_errors(connection, until, QUANTILES)
        count, days = 0, set()
        for start in range(0, len(container_ids), CHUNK):
            outcomes = await self._chunk(container_ids[start : start + CHUNK], until, now, errors)
            if outcomes:
                async with self._pool.acquire() as connection, connection.transaction():
                    await save_outcomes(connection, outcomes)
            days |= {item.target_at.astimezone(UTC).date() for item in outcomes}
            count += len(outcomes)
        metrics.FORECASTS_SCORED.inc(count)
        async with self._pool.acquire() as connection:
            await refresh_scores(connection, days)
            await _show(connection, now)
        return count

    async def _chunk(self, container_ids: Sequence[str], until: datetime, now: datetime, errors: Errors) -> list[ForecastOutcome]:
        since = now - _REACH
        async with self._pool.acquire() as connection:
            done = await scored_horizons(connection, container_ids, since)
            kept = await kept_forecasts_of(connection, container_ids, since=since, until=until)
            open_ = [item for item in kept if _ended(item, until) - done.get((item.container_id, item.cutoff), set())]
            if not open_:
                return []
            wanted = sorted({item.container_id for item in open_})
            histories = await fill_histories(connection, wanted, since - _CONTEXT, now)
        return await asyncio.to_thread(_outcomes, open_, histories, until, done, errors)


def _ended(forecast: InflowForecast, until: datetime) -> set[int]:
    return {hours for hours in SCORED_HORIZON_HOURS if forecast.cutoff + timedelta(hours=hours) <= until}


def _outcomes(
    open_: Sequence[InflowForecast],
    histories: Sequence[History],
    until: datetime,
    done: dict[tuple[str, datetime], set[int]],
    errors: Errors,
) -> list[ForecastOutcome]:
    by_container = {item.container_id: item for item in histories}
    made: list[ForecastOutcome] = []
    for container_id, forecasts in groupby(open_, key=lambda item: item.container_id):
        history = by_container.get(container_id)
        if history is None:
            continue
        for forecast in forecasts:
            scored = done.get((container_id, forecast.cutoff), set())
            for item in outcomes_of(forecast, history, known_until=until, done=scored):
                made.append(_beside_baselines(item, forecast, errors))
    return made


def _beside_baselines(item: ForecastOutcome, forecast: InflowForecast, errors: Errors) -> ForecastOutcome:
    usual, weekday = errors.get((item.fraction, item.horizon_hours), (np.empty(0), np.empty(0)))
    if forecast.quantiles != QUANTILES:
        usual = weekday = np.empty(0)
    return item.model_copy(
        update={
            "usual_rate_pinball": baseline_pinball(item.level_observed, item.usual_rate_level, usual, forecast.quantiles),
            "weekday_pinball": baseline_pinball(item.level_observed, item.weekday_level, weekday, forecast.quantiles),
        }
    )


async def _show(connection: asyncpg.Connection, now: datetime) -> None:
    day = now.astimezone(UTC).date()
    since, until = day - timedelta(days=METRICS_DAYS), day + timedelta(days=1)
    for kind in SCORE_METRICS:
        kind.show(await forecast_scores(connection, since=since, until=until, apart=kind.apart))

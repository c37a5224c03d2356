"""Forecasts for a handful of containers: read their histories in one query, compute in a thread, write in one transaction.

Computing leaves the event loop free: metrics and rebalances go on. numpy holds its threads to one (the service sets it).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

import asyncpg

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.forecaster import FittedForecaster
from models.fill_forecast.history import History
from models.fill_forecast.public_holidays import NOWHERE
from processors.forecast.computing import Computed, compute
from processors.forecast.serving import ServingModel
from runtime import metrics
from storage.fill_histories import fill_histories
from storage.forecasts import keep_nightly, replace_current_forecasts, replace_emptyings

CHUNK = 200
"""Containers read, computed and written together: bounds memory (200 × 60 days of hours are 7 MB) and transaction length."""

_FIT_HOLDS = timedelta(hours=6)
"""What is learnt of fractions, and of how the containers' own past would have turned out, changes in days."""

_FIT_SAMPLE = 400
"""The distribution of a fraction is learnt from this many containers at most."""


class ForecastWorker:
    """Knows the database and what serves: the model that was taken or, without one, the containers' own past. One task at a time may
    call it."""

    def __init__(
        self, pool: asyncpg.Pool, *, history_days: float, model_stale_days: float = 60.0, holiday_region: str = NOWHERE
    ) -> None:
        self._pool = pool
        self._history = timedelta(days=history_days)
        self._holiday_region = holiday_region
        self._serving = ServingModel(stale_days=model_stale_days)
        self._fitted: FittedForecaster | None = None
        self._fitted_at: datetime | None = None

    @property
    def is_fitted(self) -> bool:
        return self._fitted is not None or self._serving.model is not None

    async def fit(self, container_ids: Sequence[str], cutoff: datetime, known_at: datetime) -> None:
        """Loads the model that serves. Where none can, for this cutoff, learns the fractions' distributions from a sample of the given
        containers."""
        async with self._pool.acquire() as connection:
            await self._serving.refresh(connection)
        model = self._serving.model
        if model is not None and model.description.data_until <= cutoff:
            return
        if self._fitted_at is not None and timedelta(0) <= cutoff - self._fitted_at < _FIT_HOLDS:
            return
        sample = container_ids[:: max(1, len(container_ids) // _FIT_SAMPLE)]
        histories: list[History] = []
        for chunk in chunks(sample):
            histories.extend(await self._read(chunk, cutoff))
        self._fitted_at = cutoff
        self._fitted = await asyncio.to_thread(
            lambda: EmpiricalInflow().fit(histories, cutoff=cutoff.timestamp(), known_at=known_at.timestamp())
        )

    async def forecast(
        self,
        container_ids: Sequence[str],
        cutoff: datetime,
        known_at: datetime,
        *,
        keep: Collection[str] = (),
        night: datetime | None = None,
    ) -> list[InflowForecast]:
        """Makes forecasts of what is observed by `cutoff` and stored by `known_at`, and stores them as the current ones; containers without any
        reading get none. Those of `keep` are kept too, unless one since `night` (by default: the cutoff) is."""
        made: list[InflowForecast] = []
        for chunk in chunks(container_ids):
            started = time.perf_counter()
            computed = await self._computed(chunk, cutoff, known_at)
            seconds = (time.perf_counter() - started) / max(1, len(computed))
            await self._write(computed, cutoff, keep, night or cutoff)
            for item in computed:
                metrics.FORECASTS_MADE.labels(item.forecast.data_grade).inc()
                metrics.FORECASTS_BY_MODEL.labels(item.forecast.model_grade).inc()
                metrics.FORECAST_SECONDS.observe(seconds)
            made.extend(item.forecast for item in computed)
        return made

    async def hindsight(self, container_ids: Sequence[str], cutoff: datetime, known_at: datetime) -> list[InflowForecast]:
        """The forecasts of an earlier `cutoff`, from what was observed by then, whenever it came in until `known_at`; stores nothing."""
        made: list[InflowForecast] = []
        for chunk in chunks(container_ids):
            made.extend(item.forecast for item in await self._computed(chunk, cutoff, known_at))
        return made

    async def _computed(self, container_ids: Sequence[str], cutoff: datetime, known_at: datetime) -> list[Computed]:
        histories = await self._read(container_ids, cutoff)
        return await asyncio.to_thread(compute, self._serving, self._fitted, histories, cutoff, known_at)

    async def _read(self, container_ids: Sequence[str], now: datetime) -> list[History]:
        async with self._pool.acquire() as connection:
            return await fill_histories(connection, container_ids, now - self._history, now, holiday_region=self._holiday_region)

    async def _write(self, computed: Sequence[Computed], now: datetime, keep: Collection[str], night: datetime) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await replace_current_forecasts(connection, [item.forecast for item in computed])
            for item in computed:
                await replace_emptyings(connection, item.forecast.container_id, now - self._history, item.emptyings)
            if kept := [item.forecast for item in computed if item.forecast.container_id in keep]:
                await keep_nightly(connection, kept, night=night)


def chunks(container_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """At most `CHUNK` at a time."""
    for start in range(0, len(container_ids), CHUNK):
        yield container_ids[start : start + CHUNK]

"""Fits a new model from what is stored, keeps it, and lets it serve if it is not worse on recent data than the one that serves.

The fit runs in a process of its own, so that forecasting goes on and a stop need not wait for it. One member at a time fits, by an advisory lock.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection

import asyncpg

from models.domain.failures import StadspulsError, UserError
from models.domain.forecast_model import ModelDescription
from models.fill_forecast.artifact import pack, sha256
from models.fill_forecast.fit_served import fit_served
from models.fill_forecast.history import History
from models.fill_forecast.inflow_model import ITERATIONS
from models.fill_forecast.public_holidays import NOWHERE
from models.fill_forecast.served_inflow import ServedInflow
from processors.forecast.serving import ServingModel
from runtime import logs, metrics
from storage.fill_histories import containers_read, fill_histories
from storage.forecast_models import StoredModel, model_of, save_model, take_model

_ADVISORY_LOCK = 7_382_645_012
_CHUNK = 100
_NICENESS = 10


class RefitBusy(UserError):
    """Another process is fitting a model: nothing failed, and there is nothing to do but wait."""


@dataclass(frozen=True, slots=True)
class Refitted:
    """What became of a refit: the stored model (as `serves` says after it) and the sentence of its comparison."""

    model: StoredModel
    sentence: str
    taken: bool


@dataclass(frozen=True, slots=True)
class _Fitted:
    content: bytes
    description: ModelDescription
    sentence: str
    not_worse: bool


async def refit(
    pool: asyncpg.Pool,
    *,
    now: datetime,
    known_at: datetime,
    containers: int,
    history_days: float,
    taken_by: str,
    take: bool = True,
    iterations: int = ITERATIONS,
    holiday_region: str = NOWHERE,
) -> Refitted:
    """Fits on at most so many of all containers that have been read, and days of history. Raises `UserError` when there is too little to
    learn from, `RefitBusy` when another member or command is at it."""
    async with pool.acquire() as lock:
        if not await lock.fetchval("SELECT pg_try_advisory_lock($1)", _ADVISORY_LOCK):
            raise RefitBusy("another process is fitting a forecast model right now: wait for it, then see stadspuls model list")
        try:
            return await _refit(pool, now, known_at, containers, history_days, taken_by, take, iterations, holiday_region)
        finally:
            if not lock.is_closed():
                await lock.execute("SELECT pg_advisory_unlock($1)", _ADVISORY_LOCK)


async def _refit(
    pool: asyncpg.Pool,
    now: datetime,
    known_at: datetime,
    containers: int,
    history_days: float,
    taken_by: str,
    take: bool,
    iterations: int,
    holiday_region: str,
) -> Refitted:
    serving = ServingModel(stale_days=history_days)
    async with pool.acquire() as connection:
        await serving.refresh(connection)
        every = await containers_read(connection)
    sample = every[:: max(1, -(-len(every) // containers))]
    histories: list[History] = []
    for start in range(0, len(sample), _CHUNK):
        async with pool.acquire() as connection:
            histories += await fill_histories(
                connection, sample[start : start + _CHUNK], now - timedelta(days=history_days), now, holiday_region=holiday_region
            )
    fitted = await _fit_apart(histories, now, known_at, serving.model, iterations)
    async with pool.acquire() as connection, connection.transaction():
        version = await save_model(
            connection, fitted.content, sha256(fitted.content), fitted.description,
            made_at=now, comparison=fitted.sentence, not_worse=fitted.not_worse,
        )  # fmt: skip
        taken = take and fitted.not_worse
        if taken:
            await take_model(connection, version, taken_at=now, taken_by=taken_by, reason=fitted.sentence)
        stored = await model_of(connection, version)
    metrics.FORECAST_REFITS.labels("taken" if taken else "kept beside").inc()
    logs.get_logger().info("forecast_model_fitted", model=stored.name, taken=taken, comparison=fitted.sentence)
    return Refitted(stored, fitted.sentence, taken)


async def _fit_apart(
    histories: Sequence[History], now: datetime, known_at: datetime, serving: ServedInflow | None, iterations: int
) -> _Fitted:
    """The fit in a process of its own, which ends with this call."""
    context = multiprocessing.get_context("spawn")
    answers, answer = context.Pipe(duplex=False)
    arguments = (answer, list(histories), now.timestamp(), known_at.timestamp(), serving, iterations)
    process = context.Process(target=_fit_and_tell, args=arguments, name="forecast-refit", daemon=True)
    await asyncio.to_thread(process.start)
    answer.close()
    try:
        told = await asyncio.to_thread(_receive, answers)
    finally:
        process.terminate()
        await asyncio.to_thread(process.join, 10)
        answers.close()
    if told is None:
        raise StadspulsError("the process that fits the forecast model ended without an answer; its log says why")
    if isinstance(told, str):
        raise UserError(told)
    return told


def _receive(answers: Connection) -> _Fitted | str | None:
    with suppress(EOFError, OSError):
        found: _Fitted | str = answers.recv()
        return found
    return None


def _fit_and_tell(
    answer: Connection,
    histories: list[History],
    cutoff: float,
    known_at: float,
    serving: ServedInflow | None,
    iterations: int,
) -> None:
    os.nice(_NICENESS)
    fitted = fit_served(histories, cutoff=cutoff, known_at=known_at, serving=serving, iterations=iterations)
    description = fitted.model.description
    if not fitted.model.regressors:
        answer.send(
            f"{len(histories)} containers with {description.cases} cases are too little to fit a forecast model from: "
            "wait for some weeks of readings"
        )
        return
    comparison = fitted.comparison
    answer.send(_Fitted(pack(fitted.model), description, comparison.sentence, comparison.not_worse))

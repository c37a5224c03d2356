"""Fitted models: kept once, taken, taken back; nothing is ever changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from models.domain.failures import UserError
from models.domain.forecast_model import ModelDescription, ModelScore
from storage.forecast_models import (
    former_version,
    model_content,
    model_of,
    models,
    newest_fit,
    save_model,
    serving_version,
    take_model,
)
from storage.maintenance import maintain

pytestmark = pytest.mark.servers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DESCRIPTION = ModelDescription(
    forecaster="weighed_inflow", forecaster_version="1", scikit_learn="1.9.1", numpy="2.4", python="3.11", features=("level_last",),
    quantiles=(0.1, 0.5, 0.9), horizon_hours=(24,), data_from=NOW - timedelta(days=90), data_until=NOW, containers=3, cases=700, seed=0,
    iterations=100, members=("own past", "global model"), weights={"glass|24": {"own past": 0.25, "global model": 0.75}},
    offsets={"glass|24": (-0.1, 0.0, 0.1)},
    scores=(ModelScore(name="own past", fraction="glass", cases=50, pinball=0.03, coverage=0.8, width=0.2),),
)  # fmt: skip


async def _save(connection: asyncpg.Connection, name: str, days: int = 0) -> int:
    return await save_model(
        connection, name.encode(), f"hash of {name}", DESCRIPTION, made_at=NOW + timedelta(days=days), comparison="as good", not_worse=True
    )  # fmt: skip


async def _take(connection: asyncpg.Connection, version: int) -> None:
    await take_model(connection, version, taken_at=NOW, taken_by="tests", reason="to see")


async def test_a_model_comes_back_as_it_was_and_is_kept_once(storage: asyncpg.Connection) -> None:
    assert await newest_fit(storage) is None
    version = await _save(storage, "first")
    assert await _save(storage, "first", days=1) == version
    (only,) = await models(storage)
    assert (only.description, only.name, only.content_bytes) == (DESCRIPTION, f"{version}-hash of ", 5)
    assert (only.serves, only.taken_at) == (False, None)
    assert await model_content(storage, version) == (b"first", "hash of first")
    assert await newest_fit(storage) == NOW


async def test_the_last_one_taken_serves_and_the_former_is_one_step_back(storage: asyncpg.Connection) -> None:
    assert await serving_version(storage) is None
    with pytest.raises(UserError, match="no forecast model has been taken yet"):
        await former_version(storage)
    first, second = await _save(storage, "first"), await _save(storage, "second", days=1)
    await _take(storage, first)
    with pytest.raises(UserError, match="the first that ever served"):
        await former_version(storage)
    await _take(storage, second)
    assert (await model_of(storage)).version == second
    assert await former_version(storage) == first
    await _take(storage, await former_version(storage))
    assert [(item.version, item.serves) for item in await models(storage)] == [(second, False), (first, True)]
    assert await former_version(storage) == second, "back is undone by back"


async def test_a_model_that_there_is_not_cannot_be_taken_or_shown(storage: asyncpg.Connection) -> None:
    for question in (_take(storage, 99), model_of(storage, 99), model_content(storage, 99)):
        with pytest.raises(UserError, match="there is no forecast model 99"):
            await question


async def test_models_that_were_never_taken_are_removed_after_a_while_and_others_stay(storage: asyncpg.Connection) -> None:
    taken, beside = await _save(storage, "taken"), await _save(storage, "beside")
    await _take(storage, taken)
    await maintain(storage, now=NOW + timedelta(days=179))
    assert {item.version for item in await models(storage)} == {taken, beside}
    await maintain(storage, now=NOW + timedelta(days=400))
    assert {item.version for item in await models(storage)} == {taken}

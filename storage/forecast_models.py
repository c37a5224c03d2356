"""Fitted forecast models, and which of them serves: the newest row of `forecast_model_taken`. Nothing is ever changed, only added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from models.domain.failures import UserError
from models.domain.forecast_model import ModelDescription

_NONE_SERVES = "no forecast model has been taken yet: fit one with `stadspuls model fit`"

_STORED = """
SELECT model.version, model.made_at, model.content_sha256, octet_length(model.content) AS content_bytes, model.description,
       model.comparison, model.not_worse, taken.taken_at, taken.taken_by, taken.reason,
       model.version IS NOT DISTINCT FROM (SELECT version FROM forecast_model_taken ORDER BY taken_id DESC LIMIT 1) AS serves
FROM forecast_model AS model
LEFT JOIN LATERAL (
    SELECT taken_at, taken_by, reason FROM forecast_model_taken WHERE version = model.version ORDER BY taken_id DESC LIMIT 1
) AS taken ON true
"""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model without its content. `taken_at` is when it was last taken to serve, None when it never was."""

    version: int
    made_at: datetime
    content_sha256: str
    content_bytes: int
    description: ModelDescription
    comparison: str
    not_worse: bool
    taken_at: datetime | None
    taken_by: str | None
    reason: str | None
    serves: bool

    @property
    def name(self) -> str:
        """How forecasts name it as their version."""
        return model_name(self.version, self.content_sha256)


def model_name(version: int, content_sha256: str) -> str:
    """Number and the beginning of the hash."""
    return f"{version}-{content_sha256[:8]}"


async def save_model(
    connection: asyncpg.Connection,
    content: bytes,
    content_sha256: str,
    description: ModelDescription,
    *,
    made_at: datetime,
    comparison: str,
    not_worse: bool,
) -> int:
    """Keeps a model and returns its version; the same content again keeps its version."""
    await connection.execute(
        """
        INSERT INTO forecast_model (made_at, content, content_sha256, description, comparison, not_worse)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (content_sha256) DO NOTHING
        """,
        made_at,
        content,
        content_sha256,
        description.model_dump_json(),
        comparison,
        not_worse,
    )
    return int(await connection.fetchval("SELECT version FROM forecast_model WHERE content_sha256 = $1", content_sha256))


async def take_model(connection: asyncpg.Connection, version: int, *, taken_at: datetime, taken_by: str, reason: str) -> None:
    """Lets a model serve from now on. Raises `UserError` for a version that there is not."""
    if await connection.fetchval("SELECT 1 FROM forecast_model WHERE version = $1", version) is None:
        raise UserError(f"there is no forecast model {version}; `stadspuls model list` shows them")
    await connection.execute(
        "INSERT INTO forecast_model_taken (version, taken_at, taken_by, reason) VALUES ($1, $2, $3, $4)",
        version,
        taken_at,
        taken_by,
        reason,
    )


async def serving_version(connection: asyncpg.Connection) -> tuple[int, int] | None:
    """(taken_id, version) of the model that serves, or None; cheap, to see whether another one was taken."""
    row = await connection.fetchrow("SELECT taken_id, version FROM forecast_model_taken ORDER BY taken_id DESC LIMIT 1")
    return (row["taken_id"], row["version"]) if row else None


async def former_version(connection: asyncpg.Connection) -> int:
    """The model that served before the one that serves now. Raises `UserError` where there is none."""
    serving = await serving_version(connection)
    if serving is None:
        raise UserError(_NONE_SERVES)
    found = await connection.fetchval(
        "SELECT version FROM forecast_model_taken WHERE version <> $1 ORDER BY taken_id DESC LIMIT 1", serving[1]
    )
    if found is None:
        raise UserError(f"forecast model {serving[1]} is the first that ever served: there is none to go back to")
    return int(found)


async def models(connection: asyncpg.Connection) -> list[StoredModel]:
    """All models, the newest first."""
    return [_stored(row) for row in await connection.fetch(f"{_STORED} ORDER BY model.version DESC")]


async def model_of(connection: asyncpg.Connection, version: int | None = None) -> StoredModel:
    """One model; without a version the one that serves. Raises `UserError`."""
    if version is None:
        serving = await serving_version(connection)
        if serving is None:
            raise UserError(_NONE_SERVES)
        version = serving[1]
    row = await connection.fetchrow(f"{_STORED} WHERE model.version = $1", version)
    if row is None:
        raise UserError(f"there is no forecast model {version}; `stadspuls model list` shows them")
    return _stored(row)


async def model_content(connection: asyncpg.Connection, version: int) -> tuple[bytes, str]:
    """(content, hash) as stored."""
    row = await connection.fetchrow("SELECT content, content_sha256 FROM forecast_model WHERE version = $1", version)
    if row is None:
        raise UserError(f"there is no forecast model {version}; `stadspuls model list` shows them")
    return row["content"], row["content_sha256"]


async def newest_fit(connection: asyncpg.Connection) -> datetime | None:
    """When the newest model was fitted, taken or not."""
    found: datetime | None = await connection.fetchval("SELECT max(made_at) FROM forecast_model")
    return found


def _stored(row: asyncpg.Record) -> StoredModel:
    return StoredModel(**{**row, "description": ModelDescription.model_validate_json(row["description"])})

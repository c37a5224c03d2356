"""The seam between TimescaleDB and plain PostgreSQL: one protocol, one file per side, the same names and columns on both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import asyncpg

from models.sensor_kinds import SensorKind
from storage.lifecycle import Lifecycle
from storage.rollups import Rollup


@dataclass(frozen=True, slots=True)
class FailedJob:
    """One of the server's own jobs whose last run failed: what it does, on what, and the server's words."""

    procedure: str
    table: str
    message: str

    def __str__(self) -> str:
        return f"{self.procedure} of {self.table}: {self.message}"


class Engine(Protocol):
    """What differs between the engines. Called by `storage.schema` and by maintenance, as the owner of the schema."""

    name: str

    async def make_hypertable(self, connection: asyncpg.Connection, kind: SensorKind) -> None:
        """Partitions the kind's new, empty table by time, where the engine can. Runs in a transaction."""
        ...

    async def make_rollup(self, connection: asyncpg.Connection, rollup: Rollup, timezone: str) -> None:
        """Makes the rollup under its name, empty or filled; days are those of `timezone`. Runs in a transaction."""
        ...

    async def remake_rollup(self, connection: asyncpg.Connection, rollup: Rollup, timezone: str) -> bool:
        """Gives a rollup the columns of new quantities. False when that would lose history: it stays as it was."""
        ...

    async def apply_lifecycle(self, connection: asyncpg.Connection, kinds: Sequence[SensorKind], lifecycle: Lifecycle) -> None:
        """Makes the server's own jobs fit the lifecycle; where there are none, `maintain` does all. Runs in a transaction."""
        ...

    async def refresh(
        self, connection: asyncpg.Connection, kind: SensorKind, lifecycle: Lifecycle, since: datetime | None, until: datetime | None
    ) -> None:
        """Brings the kind's rollups up to date for observed_at from `since` to `until` (None: as far as there is), without touching
        history whose raw readings are gone. Not in a transaction."""
        ...

    async def allow_wide_changes(self, connection: asyncpg.Connection) -> None:
        """Lets this transaction change as many compressed rows as it must."""
        ...

    async def recompress(self, connection: asyncpg.Connection, kind: SensorKind, since: datetime, until: datetime) -> int:
        """Compresses anew what changes or late readings left uncompressed in compressed chunks of that time; returns the number of
        chunks. Not in a transaction."""
        ...

    async def maintain(self, connection: asyncpg.Connection, kind: SensorKind, lifecycle: Lifecycle, now: datetime) -> int:
        """Does what the server does not do by itself; returns how many raw readings retention removed. Not in a transaction."""
        ...

    async def failed_jobs(self, connection: asyncpg.Connection) -> list[FailedJob]:
        """The server's own jobs whose last run failed. Their failures stand nowhere else but in the server's log, while rollups go stale,
        chunks stay uncompressed and nothing is removed."""
        ...


async def detect_engine(connection: asyncpg.Connection) -> Engine:
    """TimescaleDB when its extension is in this database with the licence that rollups and columnstore need, else plain."""
    from storage.engine_plain import PlainEngine
    from storage.engine_timescale import TimescaleEngine

    found = await connection.fetchval(
        "SELECT current_setting('timescaledb.license', true) FROM pg_extension WHERE extname = 'timescaledb'"
    )
    return TimescaleEngine() if found == "timescale" else PlainEngine()

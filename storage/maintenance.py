"""Maintenance that the server does not do by itself: retention of ordinary tables on both engines, and on plain PostgreSQL
the refresh of rollups and the retention of readings too. Called by `stadspuls maintain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import asyncpg

from models.sensor_kinds import SENSOR_KINDS, SensorKind
from storage.engine import FailedJob, detect_engine
from storage.lifecycle import Lifecycle
from storage.retrying import past_setbacks


@dataclass
class MaintenanceReport:
    """Rows removed, per table; the server's own jobs that failed."""

    engine: str
    removed: dict[str, int] = field(default_factory=dict)
    failed_jobs: list[FailedJob] = field(default_factory=list)


async def maintain(
    connection: asyncpg.Connection,
    *,
    now: datetime,
    lifecycle: Lifecycle | None = None,
    kinds: Sequence[SensorKind] = SENSOR_KINDS,
) -> MaintenanceReport:
    """Does all that is due. Safe to call at any time and again; not inside a transaction."""
    lifecycle = lifecycle or Lifecycle()
    engine = await detect_engine(connection)
    report = MaintenanceReport(engine.name)
    for kind in kinds:
        report.removed[kind.name] = await past_setbacks(partial(engine.maintain, connection, kind, lifecycle, now))
    for kept in lifecycle.kept_tables():
        delete = f"DELETE FROM {kept.table} WHERE {kept.age_column} < ($1::timestamptz) AND {kept.condition}"
        done = await past_setbacks(partial(connection.execute, delete, now - kept.keep))
        report.removed[kept.table] = int(done.removeprefix("DELETE "))
    report.failed_jobs = await engine.failed_jobs(connection)
    return report


async def refresh_rollups(
    connection: asyncpg.Connection,
    kind: SensorKind,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    lifecycle: Lifecycle | None = None,
) -> None:
    """Brings a kind's rollups up to date, e.g. after a replay of late readings. Not inside a transaction."""
    engine = await detect_engine(connection)
    await engine.refresh(connection, kind, lifecycle or Lifecycle(), since, until)

"""The maintain service: removes what is past its retention; on plain PostgreSQL also refreshes the rollups.

TimescaleDB cares for its hypertables by itself; the ordinary tables (dead letters, plans, the outbox) are cleaned here on both
engines. Two at once do no harm: each deletion and refresh is whole.
"""

from __future__ import annotations

import asyncio
import contextlib

from pydantic import Field

from models.domain.failures import TransientError
from runtime import logs, metrics
from runtime.postgres import connected
from runtime.service import ServiceContext
from runtime.settings import DatabaseSettings, Settings, StorageSettings
from storage.lifecycle import lifecycle_of
from storage.maintenance import maintain
from storage.schema import check_schema

STATEMENT_SECONDS = 3600.0
"""A refresh of years of readings takes minutes."""


class MaintainSettings(Settings):
    """How often the database is cleaned."""

    maintain_interval_seconds: float = Field(
        600.0, gt=0, description="Seconds between two rounds of retention and, without TimescaleDB, rollups"
    )


async def main(context: ServiceContext) -> None:
    """Maintains at start and then at the interval, until asked to stop."""
    interval = context.settings(MaintainSettings).maintain_interval_seconds
    while not context.stop.is_set():
        try:
            await maintain_once(context)
        except TransientError as error:
            logs.get_logger().warning("maintenance_postponed", reason=str(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(context.stop.wait(), interval)


async def maintain_once(context: ServiceContext) -> None:
    """One round. Retention counts from the wall clock: a simulated city's age does not keep data longer."""
    lifecycle = lifecycle_of(context.settings(StorageSettings).readings_retention_days)
    settings = context.settings(DatabaseSettings)
    async with connected(
        settings, application_name=f"stadspuls {context.name}", command_timeout_seconds=STATEMENT_SECONDS
    ) as connection:
        await check_schema(connection)
        report = await maintain(connection, now=context.wall.now(), lifecycle=lifecycle)
    removed = {table: rows for table, rows in report.removed.items() if rows}
    logs.get_logger().info("maintained", engine=report.engine, removed=removed)
    metrics.DATABASE_JOBS_FAILED.set(len(report.failed_jobs))
    for job in report.failed_jobs:
        logs.get_logger().error("database_job_failed", procedure=job.procedure, table=job.table, reason=job.message)

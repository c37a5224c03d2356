"""`stadspuls migrate` and `stadspuls maintain`: the schema and its upkeep."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

MIGRATION_TIMEOUT_SECONDS = 3600.0


def add_verbs(app: typer.Typer) -> None:
    app.command("migrate")(migrate)
    app.command("maintain")(maintain)


def migrate() -> None:
    """Bring the database to this release's schema. Doing it again changes nothing."""
    asyncio.run(_migrate())


def maintain(
    every_s: Annotated[
        float, typer.Option("--every", min=0, help="Go on, once every so many seconds, until stopped; 0 does it once")
    ] = 0,
) -> None:
    """Remove what is past its retention; on plain PostgreSQL also refresh the rollups (TimescaleDB does that by itself)."""
    try:
        asyncio.run(_maintain(every_s))
    except KeyboardInterrupt:
        typer.echo("stopped")


async def _migrate() -> None:
    from runtime.postgres import connected
    from runtime.settings import CitySettings, DatabaseSettings, StorageSettings, load
    from storage.lifecycle import lifecycle_of
    from storage.schema import migrate as migrate_schema

    lifecycle = lifecycle_of(load(StorageSettings, "operator").readings_retention_days)
    timezone = load(CitySettings, "operator").city_timezone
    settings = load(DatabaseSettings, "operator")
    async with connected(
        settings, application_name="stadspuls migrate", command_timeout_seconds=MIGRATION_TIMEOUT_SECONDS
    ) as connection:
        report = await migrate_schema(connection, timezone=timezone, lifecycle=lifecycle)
    for line in (*report.changes, *report.notes):
        typer.echo(line)
    done = "schema" if report.changes else "nothing to change: schema"
    engine = "TimescaleDB" if report.engine == "timescale" else "PostgreSQL without TimescaleDB"
    typer.echo(f"{done} version {report.version} on {engine}; rights of {', '.join(report.roles) or 'no role'} are set")


async def _maintain(every_s: float) -> None:
    from models.domain.failures import TransientError

    while True:
        try:
            await _maintain_once()
        except TransientError as error:
            if not every_s:
                raise
            typer.echo(f"postponed: {error}", err=True)
        if not every_s:
            return
        await asyncio.sleep(every_s)


async def _maintain_once() -> None:
    from models.domain.failures import UserError
    from runtime.clock import SystemClock
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, StorageSettings, load
    from storage.lifecycle import lifecycle_of
    from storage.maintenance import maintain as maintain_storage
    from storage.schema import check_schema

    lifecycle = lifecycle_of(load(StorageSettings, "operator").readings_retention_days)
    async with connected(
        load(DatabaseSettings, "operator"),
        application_name="stadspuls maintain",
        command_timeout_seconds=MIGRATION_TIMEOUT_SECONDS,
    ) as connection:
        await check_schema(connection)
        report = await maintain_storage(connection, now=SystemClock().now(), lifecycle=lifecycle)
    removed = ", ".join(f"{rows} of {table}" for table, rows in report.removed.items() if rows)
    typer.echo(f"removed {removed or 'nothing'}" + ("" if report.engine == "timescale" else "; rollups are up to date"))
    if report.failed_jobs:
        raise UserError(
            f"{len(report.failed_jobs)} of TimescaleDB's own jobs failed when they last ran, so rollups, columnstore and retention fall behind: "
            + "; ".join(str(job) for job in report.failed_jobs)
            + ". If all say the same, the extension does not fit this PostgreSQL's minor version: install a matching pair"
        )

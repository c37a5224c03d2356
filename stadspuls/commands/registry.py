"""`stadspuls registry import|export|correct`: what the city has, from and to files, and what follows for readings that are stored."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

CORRECTION_TIMEOUT_SECONDS = 3600.0
STORE_HAS_SEEN_IT_SECONDS = 5.0
"""`store` looks at the registry every three seconds."""
NOTES_SHOWN = 20


def add_verbs(app: typer.Typer) -> None:
    group = typer.Typer(help="What the city has: things, sensors, geometry, fleet and fixed schedule.", no_args_is_help=True)
    group.command("import")(import_files)
    group.command("export")(export_files)
    group.command("correct")(correct)
    app.add_typer(group, name="registry")


def import_files(
    files: Annotated[
        list[Path], typer.Argument(help="GeoJSON and CSV files, or folders of them; docs/registry.md says what stands in them")
    ],
) -> None:
    """Import files all together or not at all. Every wrong line is shown with its reason. Importing again changes nothing."""
    asyncio.run(_import(files))


def export_files(folder: Annotated[Path, typer.Argument(help="Folder to write to; made if missing")]) -> None:
    """Write the registry as the files that `import` takes."""
    asyncio.run(_export(folder))


def correct(
    since: Annotated[str, typer.Option("--from", help="From when: an age such as 36h or 7d, or a time with its zone")],
    files: Annotated[list[Path] | None, typer.Argument(help="Files to import first, as `import` does")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the diff, change no reading; takes no files")] = False,
) -> None:
    """Recompute stored readings from what was measured, after a sensor was moved or a height was wrong, and print what changed.

    Readings go to the thing that the registry names at their time, fill levels follow the geometry of their time. Rollups and newest
    readings follow, forecasts are made anew. Plans that were made keep what they were made from. Safe to repeat.

    stadspuls registry correct moved.csv --from 2026-11-21T08:00+01:00
    """
    from models.domain.failures import UserError

    if dry_run and files:
        raise UserError("a dry run takes no files: import them first, then see what `registry correct --dry-run` would change")
    for line in asyncio.run(_correct(since, files or [], dry_run)):
        typer.echo(line)


async def _correct(since: str, files: list[Path], dry_run: bool) -> list[str]:
    from runtime.clock import SystemClock
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, StorageSettings, load
    from stadspuls.correction_texts import diff_lines
    from stadspuls.hinting import hint_corrected
    from stadspuls.moments import moment_since
    from storage.lifecycle import lifecycle_of
    from storage.registry_correction import correct_readings
    from storage.schema import check_schema

    clock = SystemClock()
    moment = moment_since(since, clock.now())
    if files:
        await _import(files)
        await clock.sleep(STORE_HAS_SEEN_IT_SECONDS)
    settings = load(DatabaseSettings, "operator")
    lifecycle = lifecycle_of(load(StorageSettings, "operator").readings_retention_days)
    async with connected(
        settings, application_name="stadspuls registry correct", command_timeout_seconds=CORRECTION_TIMEOUT_SECONDS
    ) as connection:
        await check_schema(connection)
        diffs = await correct_readings(connection, moment, now=clock.now(), dry_run=dry_run, lifecycle=lifecycle)
    if not dry_run:
        await hint_corrected(diffs, clock, client_id="stadspuls-registry-correct")
    lines = [line for diff in diffs for line in diff_lines(diff)]
    return lines or ["no stored reading comes out otherwise"]


async def _import(files: list[Path]) -> None:
    from ingest.device_models import DEVICE_MODELS
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.registry import import_registry
    from storage.schema import check_schema

    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls registry import") as connection:
        await check_schema(connection)
        report = await import_registry(connection, files, device_models=DEVICE_MODELS)
    typer.echo(str(report))
    for note in report.notes[:NOTES_SHOWN]:
        typer.echo(f"note: {note}")
    if len(report.notes) > NOTES_SHOWN:
        typer.echo(f"note: and {len(report.notes) - NOTES_SHOWN} more")


async def _export(folder: Path) -> None:
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.registry import registry_content
    from storage.registry_files import write_registry_files
    from storage.schema import check_schema

    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls registry export") as connection:
        await check_schema(connection)
        content = await registry_content(connection)
    written = write_registry_files(content, folder)
    typer.echo("\n".join(str(path) for path in written) or "the registry is empty: nothing was written")

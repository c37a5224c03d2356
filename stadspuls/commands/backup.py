"""`stadspuls backup make`, `list` and `restore`: the database as a file, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ingest.store.waiting import LogPosition

FOLDER = Path("backups")


def add_verbs(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Back the database up, and bring it back.")
    group.command("make")(make)
    group.command("list")(list_backups)
    group.command("restore")(restore)
    app.add_typer(group, name="backup")


def make(folder: Annotated[Path, typer.Argument(help="Folder that the backup's own folder is made in")] = FOLDER) -> None:
    """Write a backup of the database while everything runs. It is one moment of readings, ledger and stored offsets."""
    from runtime.settings import DatabaseSettings, load
    from stadspuls.backups import make_backup, read_manifest

    made = asyncio.run(make_backup(load(DatabaseSettings, "admin"), folder, typer.echo))
    manifest = read_manifest(made)
    typer.echo(f"{made}: {manifest.dump_bytes / 1e6:,.1f} MB, {sum(manifest.facts.rows.values()):,} rows")
    typer.echo(f"bring it back with: stadspuls backup restore {made}")


def list_backups(folder: Annotated[Path, typer.Argument(help="Folder of the backups")] = FOLDER) -> None:
    """List the whole backups of a folder, oldest first."""
    from stadspuls.backups import backups_in

    found = backups_in(folder)
    for path, manifest in found:
        typer.echo(
            f"{path}  {manifest.dump_bytes / 1e6:,.1f} MB  {manifest.facts.engine}  schema {manifest.facts.schema_version}  "
            f"{manifest.facts.messages_received:,} messages received"
        )
    if not found:
        typer.echo(f"there is no backup in {folder}: `stadspuls backup make` writes one")


def restore(
    backup: Annotated[Path, typer.Argument(help="Folder of one backup, as `stadspuls backup list` shows it")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Put a backup in the place of the database; the former one is kept under another name.

    Services must not run meanwhile. Started again, they read from Kafka what has arrived since the backup. What only stood in the
    database since then (imports of the registry, released plans) has to be done again.
    """
    from runtime.settings import DatabaseSettings, load
    from stadspuls.backups import read_manifest, restore_backup

    admin = load(DatabaseSettings, "admin")
    manifest = read_manifest(backup)
    if not yes:
        typer.confirm(
            f"Replace the database {admin.database_name} by its state of {manifest.facts.taken_at:%Y-%m-%d %H:%M:%S %Z}?",
            abort=True,
        )
    former = asyncio.run(restore_backup(admin, backup, typer.echo))
    typer.echo(f"restored {admin.database_name}: {sum(manifest.facts.rows.values()):,} rows, as they were saved")
    if former is not None:
        typer.echo(f"the former database is kept as {former}; drop it when you no longer need it")
    for line in asyncio.run(_what_kafka_has()):
        typer.echo(line)


async def _what_kafka_has() -> list[str]:
    from ingest.store.waiting import log_positions
    from models.domain.failures import TransientError
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, KafkaSettings, load

    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls restore") as connection:
        try:
            positions = await log_positions(load(KafkaSettings, "operator"), connection)
        except TransientError as error:
            return [f"what has arrived since cannot be counted now: {error}"]
    return in_words(positions)


def in_words(positions: dict[int, LogPosition]) -> list[str]:
    """What the store will read again, and what it cannot."""
    waiting = sum(position.waiting for position in positions.values())
    missing = sum(position.missing for position in positions.values())
    lines = [f"{waiting:,} messages since the backup are in Kafka: the store reads them when it is started"]
    if missing:
        lines.append(
            f"{missing:,} messages since the backup are no longer in Kafka, which keeps them for its retention only: they are lost "
            "unless a newer backup has them"
        )
    return lines

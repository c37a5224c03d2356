"""`stadspuls registry import|export`: what the city has, from and to files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer


def add_verbs(app: typer.Typer) -> None:
    group = typer.Typer(help="What the city has: things, sensors, geometry, fleet and fixed schedule.", no_args_is_help=True)
    group.command("import")(import_files)
    group.command("export")(export_files)
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


async def _import(files: list[Path]) -> None:
    from ingest.codecs import CODECS
    from ingest.envelopes.own_json import OWN_DEVICE_MODEL
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.registry import import_registry
    from storage.schema import check_schema

    models = {OWN_DEVICE_MODEL, *(codec.name for codec in CODECS)}
    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls registry import") as connection:
        await check_schema(connection)
        report = await import_registry(connection, files, device_models=models)
    typer.echo(str(report))


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

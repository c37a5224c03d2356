"""`stadspuls replay`: recorded readings of others, through the real line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stadspuls.commands.simulate import close_sink, import_into_registry, open_sink

if TYPE_CHECKING:
    from models.sensor_kinds.kind import SensorKind
    from simulators.replay import Recording, ReplayScan

_SHOWN_BAD_LINES = 10


def add_verbs(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file with a header")],
    kind: Annotated[str, typer.Option(help="Sensor kind, like container_fill or traffic_flow")],
    maps: Annotated[
        list[str],
        typer.Option("--map", help="QUANTITY=COLUMN, or COLUMN*1.6, COLUMN/100, COLUMN+5; or QUANTITY=NUMBER; again for each"),
    ],
    thing_column: Annotated[str, typer.Option(help="Column that says whose reading a row is")] = "",
    thing: Annotated[str, typer.Option(help="Id of the thing that all rows belong to")] = "",
    prefix: Annotated[str, typer.Option(help="Put before each thing's id")] = "",
    datastream: Annotated[str, typer.Option(help="Name of the datastream, like fill, speed or occupancy")] = "recorded",
    time_column: Annotated[str, typer.Option(help="Column of the time")] = "timestamp",
    time_format: Annotated[str, typer.Option(help="Like %d-%m-%Y %H:%M; ISO 8601 needs none")] = "",
    timezone: Annotated[str, typer.Option(help="Zone of times that have none, like Europe/Amsterdam")] = "",
    where: Annotated[
        list[str] | None, typer.Option(help="Send only rows with COLUMN=VALUE (or !=, <, <=, >, >=); again for each")
    ] = None,
    window_seconds: Annotated[
        int, typer.Option(min=0, max=86_400, help="Of structures: rows are samples, send windows of so many seconds")
    ] = 0,
    name_column: Annotated[str, typer.Option(help="Column of the things' names")] = "",
    latitude: Annotated[str, typer.Option(help="Column, or degrees")] = "latitude",
    longitude: Annotated[str, typer.Option(help="Column, or degrees")] = "longitude",
    district: Annotated[str, typer.Option(help="District of the things")] = "",
    fraction: Annotated[str, typer.Option(help="Of containers: residual, paper, glass, plastic, organic or textile")] = "",
    capacity_l: Annotated[int | None, typer.Option(min=1, help="Of containers: litres")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of registry files and ledger [default: replay/<file> in the run directory]")
    ] = None,
    register: Annotated[bool, typer.Option(help="Import things and sensors into the registry before sending")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the messages to a file instead of sending")] = False,
) -> None:
    """Send the readings of a CSV file as if their sensors were sending them now; a second time stores nothing more.

    Example: stadspuls replay fill_levels.csv --kind container_fill --thing-column serialNumber --map
    reported_fill_ratio=latestFullness/10 --timezone Australia/Melbourne --datastream fill --fraction residual --capacity-l 600
    """
    import asyncio
    from datetime import UTC, datetime

    from runtime.settings import run_directory
    from simulators.local_times import zone_by_name
    from simulators.replay import Recording, ReplaySettings
    from simulators.replay_registry import write_replay_registry

    found = _kind(kind)
    recording = Recording(
        ReplaySettings(
            file=file, kind=found, maps=tuple(maps), datastream=datastream, time_column=time_column, time_format=time_format,
            zone=zone_by_name(timezone) if timezone else None, thing_column=thing_column, thing=thing, prefix=prefix,
            name_column=name_column, latitude=latitude, longitude=longitude, district=district,
            thing_fields=_thing_fields(found, fraction, capacity_l), conditions=tuple(where or ()), window_s=window_seconds,
        )
    )  # fmt: skip
    folder = output or run_directory() / "replay" / f"{file.stem}-{datastream}"
    scan = recording.scan(datetime.now(UTC))
    paths = write_replay_registry(recording, scan, folder / "registry")
    _print_scan(recording, scan)
    if register and not dry_run:
        typer.echo(f"Registered: {asyncio.run(import_into_registry(paths))}")
    sent = asyncio.run(_send(recording, scan, folder / "messages.jsonl" if dry_run else None))
    _write_ledger(folder, recording, scan, sent)
    typer.echo(f"Sent {sent:,} messages. Ledger: {folder / 'ledger.json'}")


def _kind(name: str) -> SensorKind:
    from models.domain.failures import UserError
    from models.sensor_kinds import SENSOR_KINDS, kind_by_name

    found = kind_by_name(name)
    if found is None:
        raise UserError(f"there is no sensor kind {name!r}; the kinds are {', '.join(item.name for item in SENSOR_KINDS)}")
    return found


def _thing_fields(kind: SensorKind, fraction: str, capacity_l: int | None) -> dict[str, Any]:
    from models.domain.failures import UserError
    from models.domain.registry import FRACTIONS

    if kind.thing_type != "container":
        return {}
    if fraction not in FRACTIONS or capacity_l is None:
        raise UserError(f"containers need --capacity-l and --fraction, one of {', '.join(FRACTIONS)}")
    return {"fraction": fraction, "capacity_l": capacity_l}


def _print_scan(recording: Recording, scan: ReplayScan) -> None:
    file = recording.settings.file
    typer.echo(
        f"{file.name}: {scan.rows:,} rows of {len(scan.things)} things, {scan.first} to {scan.last}. To send {scan.sent:,}: "
        f"{scan.readings_expected:,} readings, {scan.duplicates_sent:,} repeated rows. Left out by --where: {scan.left_out:,}."
    )
    if scan.samples:
        typer.echo(f"The rows are windows of {recording.settings.window_s} s, made of {scan.samples:,} samples.")
    for reason, count in sorted(scan.expected_dead_letters.items()):
        typer.echo(f"{count:,} will become dead letters: {reason}")
    if scan.doubtful_times:
        typer.echo(
            f"{scan.doubtful_times:,} times lie in an hour that clocks repeat: the earlier one is taken until a thing's times go back in it"
        )
    for bad in scan.bad_lines[:_SHOWN_BAD_LINES]:
        typer.echo(f"{file.name}:{bad.line}: not sent: {bad.reason}", err=True)
    if len(scan.bad_lines) > _SHOWN_BAD_LINES:
        typer.echo(f"and {len(scan.bad_lines) - _SHOWN_BAD_LINES:,} more lines that are not sent: see bad_lines.csv", err=True)


async def _send(recording: Recording, scan: ReplayScan, messages_file: Path | None) -> int:
    from tqdm import tqdm

    from simulators.replay import send_recording

    sink = await open_sink(messages_file)
    try:
        with tqdm(total=scan.sent, unit=" messages", unit_scale=True, mininterval=0.5) as bar:
            return await send_recording(recording, sink, lambda sent: _advance(bar, sent))
    finally:
        await close_sink(sink)


def _advance(bar: Any, sent: int) -> None:
    bar.update(sent - bar.n)


def _write_ledger(folder: Path, recording: Recording, scan: ReplayScan, sent: int) -> None:
    import json

    from simulators.ledger import replace_file
    from simulators.registry_files import write_csv

    about = {"file": recording.settings.file.name, "kind": recording.settings.kind.name, **scan.as_json(), "messages_sent": sent}
    replace_file(folder / "ledger.json", json.dumps(about, indent=1) + "\n")
    write_csv(folder / "bad_lines.csv", ("line", "reason"), [(bad.line, bad.reason) for bad in scan.bad_lines])

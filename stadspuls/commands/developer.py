"""`stadspuls explain-payload` and `stadspuls tail`: what developers of devices and decoders look at."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.domain.failures import UserError

if TYPE_CHECKING:
    from models.sensor_kinds import SensorKind

MAX_INPUT_BYTES = 16 * 1024 * 1024


def add_verbs(app: typer.Typer) -> None:
    app.command("explain-payload")(explain_payload)
    app.command("tail")(tail)


def explain_payload(
    what: Annotated[str, typer.Argument(metavar="HEX|FILE|-", help="A device's frame in hex, a file, or - for standard input")],
    topic: Annotated[str, typer.Option(help="MQTT topic that the payload came on; guessed when left out")] = "",
    device_model: Annotated[str, typer.Option(help="Device model as in the registry; else every codec is tried")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=255, help="LoRaWAN port of a bare frame")] = None,
    geometry: Annotated[str, typer.Option(metavar="EMPTY:FULL", help="Distances in mm to the empty and the full container")] = "",
    received_at: Annotated[str, typer.Option(help="When it was received, with its zone; now when left out")] = "",
) -> None:
    """Say how a payload is read: envelope, codec, the bytes of each value, the reading, or why it is rejected and at which byte.

    Needs no server and no registry. Ends with status 1 when nothing of it would be stored.

    stadspuls explain-payload 01755c03824408040001 --device-model milesight_em310_udl --geometry 2300:300
    """
    from datetime import UTC

    from runtime.clock import SystemClock
    from stadspuls.moments import moment_since
    from stadspuls.payload_explanation import Question, explain

    now = SystemClock().now()
    question = Question(
        payload=payload_of(what),
        received_at=moment_since(received_at, now).astimezone(UTC) if received_at else now,
        mqtt_topic=topic,
        device_model=device_model,
        f_port=port,
        geometry=distances_of(geometry) if geometry else None,
    )
    explanation = explain(question)
    for line in explanation.lines:
        typer.echo(line)
    if not explanation.accepted:
        raise typer.Exit(1)


def payload_of(what: str) -> bytes:
    """The bytes that the argument means: standard input, a file, or hex (spaces, colons and 0x are allowed in it)."""
    if what == "-":
        return _hex_or_as_is(sys.stdin.buffer.read(MAX_INPUT_BYTES))
    frame = from_hex(what)
    if frame is not None:
        return frame
    path = Path(what)
    try:
        with path.open("rb") as file:
            return _hex_or_as_is(file.read(MAX_INPUT_BYTES))
    except OSError as error:
        raise UserError(
            f"{what!r} is neither hex (two digits per byte) nor a file that can be read ({error.strerror}); "
            "JSON goes in by a file or, with -, by standard input"
        ) from None


def from_hex(text: str) -> bytes | None:
    """Bytes out of hex digits as people copy them, or None if it is something else."""
    bare = text.strip().removeprefix("0x").replace(" ", "").replace(":", "").replace("\n", "")
    try:
        return bytes.fromhex(bare) if bare else None
    except ValueError:
        return None


def _hex_or_as_is(data: bytes) -> bytes:
    """A file or standard input may hold hex text as well as the payload itself."""
    frame = from_hex(data.decode("ascii", "replace"))
    return data if frame is None else frame


def distances_of(text: str) -> tuple[float, float]:
    """EMPTY:FULL in millimetres."""
    try:
        empty, full = (float(part) for part in text.split(":"))
    except ValueError:
        raise UserError(f"{text!r} is no geometry: write the distances in mm to empty and to full, such as 2300:300") from None
    if not 0 <= full < empty <= 20_000:
        raise UserError(f"{text!r} is no geometry: empty must be farther away than full, and not farther than 20000 mm")
    return empty, full


def tail(
    kind: Annotated[str, typer.Option(help="Only readings of this kind, such as container_fill")] = "",
    thing: Annotated[str, typer.Option(metavar="ID", help="Only readings of this thing")] = "",
    rejected: Annotated[bool, typer.Option("--rejected", help="Dead letters instead of readings")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The messages in Kafka as they came, undecoded, from now on")] = False,
    last: Annotated[int, typer.Option(min=0, max=1000, help="How many of the newest are shown before it follows")] = 10,
    count: Annotated[int, typer.Option(min=0, help="Stop after so many lines; 0 goes on until Ctrl-C")] = 0,
) -> None:
    """Follow what comes in: each new reading on a line, with when it was received, when observed, and what it says."""
    if (rejected or raw) and (kind or thing):
        raise UserError("--kind and --thing choose readings; they do not go with --rejected or --raw")
    if rejected and raw:
        raise UserError("--rejected and --raw are two different things to follow: choose one")
    try:
        asyncio.run(_tail(kind, thing, rejected, raw, last, count))
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)


async def _tail(kind: str, thing: str, rejected: bool, raw: bool, last: int, count: int) -> None:
    from contextlib import aclosing

    from runtime.clock import SystemClock
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, KafkaSettings, load
    from stadspuls.tailing import follow_dead_letters, follow_raw, follow_readings

    if raw:
        async with aclosing(follow_raw(load(KafkaSettings, "operator"))) as lines:
            await _print(lines, count)
        return
    kinds = kinds_of(kind)
    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls tail") as connection:
        if rejected:
            found = follow_dead_letters(connection, last=last, clock=SystemClock())
        else:
            found = follow_readings(connection, kinds, thing_id=thing, last=last, clock=SystemClock())
        async with aclosing(found) as lines:
            await _print(lines, count)


async def _print(lines: AsyncIterator[str], count: int) -> None:
    printed = 0
    async for line in lines:
        typer.echo(line)
        printed += 1
        if printed == count:
            return


def kinds_of(name: str) -> tuple[SensorKind, ...]:
    """The kind of this name, or all but the canary, which would drown the others."""
    from models.sensor_kinds import SENSOR_KINDS, kind_by_name

    if not name:
        return tuple(kind for kind in SENSOR_KINDS if kind.name != "canary")
    found = kind_by_name(name)
    if found is None:
        raise UserError(f"there is no kind {name!r}; there are {', '.join(kind.name for kind in SENSOR_KINDS)}")
    return (found,)

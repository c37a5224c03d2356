"""`stadspuls simulate`: a seeded city that sends its history and then lives. `stadspuls replay` is beside it in `replay.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from simulators.broadcast import OnProgress, Progress, Sink
    from simulators.simulation import Simulation, SimulationSettings


def add_verbs(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


def simulate(
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same city and the same bytes [default: 1]")] = None,
    containers: Annotated[int | None, typer.Option(min=1, max=5000, help="Waste containers [default: 600]")] = None,
    days: Annotated[float | None, typer.Option(min=1, max=700, help="Days of container history [default: 60]")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="name=rate, again for each (docs/simulation.md lists them); all for every fault; or none [default: a little of five]"
        ),
    ] = None,
    usage: Annotated[
        str | None,
        typer.Option(help="planned: the demo's city; measured: containers whose series look like real ones [default: planned]"),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(help="Simulate as if begun then, like 2026-11-22T19:00Z: the history ends a day before [default: now]"),
    ] = None,
    backtest_files: Annotated[
        Path | None,
        typer.Option(
            help="Send nothing: write the containers' series there as READINGS.csv and PLAN.csv of a backtest, with the truth beside"
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of registry files, truth, ledger and state [default: city in the run directory]")
    ] = None,
    live: Annotated[bool, typer.Option(help="Live on after the history, until stopped")] = True,
    speed: Annotated[float, typer.Option(min=0.1, max=3600, help="Simulated seconds per second until now is reached")] = 60.0,
    register: Annotated[bool, typer.Option(help="Import the city into the registry before sending")] = True,
    registry_only: Annotated[
        bool, typer.Option("--registry-only", help="Write (and import) the registry files and send nothing")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Write the messages to a file below the folder instead of sending; no server is needed"),
    ] = False,
) -> None:
    """Send a simulated city's history through the real line, then let it live, never past the wall clock.

    Started again, it goes on where it stopped. What was sent, and what must therefore be stored or dead-lettered, stands in
    ledger.json; what each reading said and truly was, in truth/. Example: stadspuls simulate --fault late=0.01 --fault garbled=0.001
    """
    import asyncio

    from runtime.settings import run_directory
    from simulators.simulation import open_simulation

    folder = output or run_directory() / "city"
    settings, stated = _settings(seed, containers, days, fault, now, usage)
    if backtest_files is not None:
        _write_backtest_files(backtest_files, settings)
        return
    simulation = open_simulation(folder / "dry-run" if dry_run else folder, settings, stated=stated)
    paths = simulation.write_registry()
    typer.echo(f"A simulated city, seed {simulation.settings.seed}: {_things(simulation)}. Registry files: {paths[0].parent}")
    if register and not dry_run:
        typer.echo(f"Registered: {asyncio.run(import_into_registry(paths))}")
    if registry_only:
        return
    asyncio.run(_send(simulation, live=live, speed=speed, dry_run=dry_run))
    _print_ledger(simulation)


def _settings(
    seed: int | None, containers: int | None, days: float | None, fault: list[str] | None, now: str | None, usage: str | None
) -> tuple[SimulationSettings, frozenset[str]]:
    """The settings with defaults for what was not given, and the names of what was."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from simulators.faults import DEFAULT_RATES, parse_rates
    from simulators.sensor_simulator import CitySizes
    from simulators.simulation import SimulationSettings
    from simulators.usage import parse_usage

    sizes = CitySizes()
    sizes = replace(
        sizes,
        containers=containers or sizes.containers,
        container_days=days or sizes.container_days,
        usage=parse_usage(usage or sizes.usage),
    )
    settings = SimulationSettings(
        seed=1 if seed is None else seed,
        now=_moment(now) if now else datetime.now(UTC),
        sizes=sizes,
        faults=parse_rates(fault) if fault else dict(DEFAULT_RATES),
    )
    given = {
        "seed": seed is not None,
        "sizes": containers is not None or days is not None or usage is not None,
        "faults": bool(fault),
        "now": now is not None,
    }
    return settings, frozenset(name for name, is_given in given.items() if is_given)


def _write_backtest_files(folder: Path, settings: SimulationSettings) -> None:
    from simulators.fill_series import simulate_fill, write_backtest_files

    sizes = settings.sizes
    series = simulate_fill(
        settings.seed, settings.faults, containers=sizes.containers, days=sizes.container_days, usage=sizes.usage, ends=settings.now
    )
    for path in write_backtest_files(folder, series):
        typer.echo(path)


def _moment(text: str) -> datetime:
    from datetime import UTC, datetime

    from models.domain.failures import UserError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--now is a moment like 2026-11-22T19:00Z, not {text!r}") from None
    if moment.tzinfo is None:
        raise UserError(f"--now needs a zone, like {text}Z or {text}+01:00")
    if moment > datetime.now(UTC):
        raise UserError(f"--now lies in the future: {text}")
    return moment.astimezone(UTC)


def _things(simulation: Simulation) -> str:
    parts = [
        f"{len(item.things)} {item.things[0].thing_type.replace('_', ' ')}s" for item in simulation.stream.simulators if item.things
    ]
    return ", ".join(parts)


async def import_into_registry(files: Sequence[Path]) -> str:
    """Imports registry files, as `stadspuls registry import` does, and returns the sentence on what changed."""
    from ingest.device_models import DEVICE_MODELS
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.registry import import_registry

    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls simulate") as connection:
        return str(await import_registry(connection, files, device_models=DEVICE_MODELS))


async def _send(simulation: Simulation, *, live: bool, speed: float, dry_run: bool) -> None:
    import asyncio
    import signal

    from runtime.clock import SystemClock
    from simulators import broadcast

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sink = await open_sink(simulation.folder / "messages.jsonl" if dry_run else None)
    try:
        progress = ProgressLine()
        await broadcast.send_history(simulation, sink, stop, progress.show)
        progress.end()
        if live and not dry_run and not stop.is_set():
            typer.echo(f"The history is sent. The city lives on at {speed:g}× until now, then with the clock; Ctrl-C stops it.")
            await broadcast.live(simulation, sink, SystemClock(), stop, speed=speed, on_progress=progress.show)
            progress.end()
    finally:
        await close_sink(sink)


async def open_sink(messages_file: Path | None) -> Sink:
    """The MQTT broker, or a file for the messages."""
    from runtime.mqtt_publisher import MqttPublisher
    from runtime.settings import MqttSettings, load
    from simulators.broadcast import FileSink

    if messages_file is not None:
        return FileSink(messages_file)
    publisher = MqttPublisher(load(MqttSettings, "simulator"), client_id="stadspuls-simulator")
    await publisher.start()
    return publisher


async def close_sink(sink: Sink) -> None:
    from runtime.mqtt_publisher import MqttPublisher
    from simulators.broadcast import FileSink

    if isinstance(sink, FileSink):
        sink.close()
    elif isinstance(sink, MqttPublisher):
        await sink.stop()


class ProgressLine:
    """One line on a terminal, a line every ten seconds elsewhere: phase, share, rate, time left."""

    def __init__(self) -> None:
        import sys
        import time

        self._terminal = sys.stderr.isatty()
        self._clock = time.monotonic
        self._began: tuple[str, float, int] | None = None
        self._shown = 0.0
        self.show: OnProgress = self._show

    def _show(self, progress: Progress) -> None:
        now = self._clock()
        if self._began is None or self._began[0] != progress.phase:
            self._began = (progress.phase, now, progress.sent)
            self._shown = max(self._shown, now - 8.0)  # the first rate is one of two seconds, not of none
        if now - self._shown < (0.5 if self._terminal else 10.0):
            return
        self._shown = now
        typer.echo(("\r" if self._terminal else "") + self._text(progress, now), nl=not self._terminal, err=True)

    def _text(self, progress: Progress, now: float) -> str:
        from simulators.sensor_simulator import as_utc_text

        assert self._began is not None
        _, began, first = self._began
        rate = (progress.sent - first) / max(now - began, 1e-6)
        if progress.phase != "history":
            return f"live: the city is at {as_utc_text(int(progress.simulated_s))}, {progress.sent:,} messages sent   "
        left_s = max(0, progress.history_messages - progress.sent) / max(rate, 1e-6)
        share = min(1.0, progress.sent / max(1, progress.history_messages))
        return f"history: {share:4.0%}  {progress.sent:,} messages sent, {rate:,.0f}/s, {left_s:,.0f} s left   "

    def end(self) -> None:
        if self._terminal and self._shown:
            typer.echo("", err=True)
        self._shown = 0.0


def _print_ledger(simulation: Simulation) -> None:
    total = simulation.ledger.total()
    typer.echo(
        f"Sent {total.messages_sent:,} messages: {total.readings_expected:,} readings that must be stored once each, {total.duplicates_sent:,} sent "
        f"twice, {total.garbled_sent:,} garbled and {total.refused_sent:,} otherwise unusable (dead letters), {total.without_reading:,} without a "
        f"reading (joins). Of the readings {total.late:,} went out late and {total.noise:,} are noisy; {total.silent:,} were never sent."
    )
    if simulation.ledger.possibly_sent_twice:
        typer.echo(f"After a sudden end {simulation.ledger.possibly_sent_twice:,} messages were sent again and may be duplicates.")
    typer.echo(f"Ledger: {simulation.folder / 'ledger.json'}   Truth: {simulation.folder / 'truth'}")

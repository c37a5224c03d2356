"""`stadspuls whatif`: what a policy would have driven, and left full, in a simulated city or in a city's own recorded history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from experiments.whatif.experiment import Experiment, Progress
    from experiments.whatif.outcome import Outcome
    from experiments.whatif.recorded import Recorded
    from experiments.whatif.scenario import Scenario


def add_verbs(app: typer.Typer) -> None:
    app.command("whatif")(whatif)


def whatif(
    scenario: Annotated[str, typer.Argument(metavar="[SCENARIO]", help="groningen-850 or groningen-850-plus")] = "groningen-850",
    history: Annotated[
        Path | None,
        typer.Option(metavar="READINGS.csv", help="Instead of made-up arrivals: container_id,fraction,observed_at,fill_ratio"),
    ] = None,
    containers: Annotated[
        Path | None,
        typer.Option(metavar="CONTAINERS.csv", help="With --history: container_id,latitude,longitude[,capacity_l,district]"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=730, help="Days that count, after a warm-up of 14")] = 90,
    seeds: Annotated[str, typer.Option(help='Seeds, like "1-5" or "1,2,3"')] = "1-5",
    clusters: Annotated[int, typer.Option("--clusters", min=2, max=20_000, help="Another size of city; its density stays")] = 850,
    policies: Annotated[str, typer.Option(help="Only these, separated by commas")] = "",
    sensors: Annotated[str, typer.Option(help="levels, deposits or perfect, instead of the scenario's")] = "",
    silent: Annotated[float | None, typer.Option(min=0, max=0.9, help="Share of the time that a sensor is silent")] = None,
    iterations: Annotated[int, typer.Option(min=1, max=100_000, help="Search iterations per fraction and day")] = 150,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes side by side")] = 2,
    output: Annotated[
        Path | None, typer.Option(help="Folder for CSV files and plots; a stopped run goes on from what it has there")
    ] = None,
) -> None:
    """Compare collection policies in the same arrivals: kilometres, hours, service, overflow and who bears it, paired by seed.

    Every figure is simulated. Where an interval includes zero the words "not proven" stand beside it.
    """
    from experiments.whatif.experiment import Experiment, run
    from experiments.whatif.policies import POLICIES
    from experiments.whatif.recorded import recorded_city
    from models.domain.failures import UserError

    setup = _scenario(scenario, clusters, sensors, silent)
    recorded = None
    if history is not None:
        if containers is None:
            raise UserError("--history needs --containers CONTAINERS.csv: where the containers of the readings stand")
        recorded, setup, days = _recorded(history, containers, setup, days)
    elif containers is not None:
        raise UserError("--containers goes with --history; a made-up city is made larger or smaller with --clusters")
    wanted = tuple(part.strip() for part in policies.split(",") if part.strip()) or tuple(POLICIES)
    experiment = Experiment(setup, days, _seeds(seeds), wanted, iterations, recorded)
    names = recorded_city(recorded, setup).district_names if recorded else _district_names(setup)
    print(_heading(experiment))
    with _progress() as progress:
        outcomes = run(experiment, jobs, output, progress)
    _show(outcomes, names, by_weeks=recorded is not None)
    if output is not None:
        _write(output, experiment, outcomes, names)


def _scenario(name: str, clusters: int, sensors: str, silent: float | None) -> Scenario:
    from dataclasses import replace
    from typing import get_args

    from experiments.whatif.scenario import SensorMode, resized, scenario_named
    from models.domain.failures import UserError

    found = scenario_named(name)
    modes = {mode: mode for mode in get_args(SensorMode)}
    if sensors and sensors not in modes:
        raise UserError(f"--sensors {sensors!r} is not known; it takes {', '.join(modes)}")
    told = found.sensors
    if sensors:
        told = replace(told, mode=modes[sensors])
    if silent is not None:
        told = replace(told, silent_share=silent)
    found = replace(found, sensors=told)
    return resized(found, clusters) if clusters != found.clusters else found


def _recorded(history: Path, containers: Path, setup: Scenario, days: int) -> tuple[Recorded, Scenario, int]:
    """The recorded city, the scenario for it, and how many of the wanted days it has."""
    from experiments.whatif.recorded import countable_days, recorded_from, scenario_of
    from stadspuls import backtest_files, whatif_files

    notes = backtest_files.Notes()
    recorded = recorded_from(backtest_files.read_readings(history, notes), whatif_files.read_places(containers), setup)
    notes.add(
        recorded.left_out,
        "containers of the readings have no place or do not cover the common period and were left out",
        "container of the readings has no place or does not cover the common period and was left out",
    )
    for line in notes.lines:
        print(f"  note: {line}")
    return recorded, scenario_of(recorded, setup), min(days, countable_days(recorded, setup))


def _seeds(text: str) -> tuple[int, ...]:
    from models.domain.failures import UserError

    try:
        first, _, last = text.partition("-")
        found = tuple(range(int(first), int(last) + 1)) if last else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f'--seeds {text!r}: give them like "1-5" or "1,2,3"') from error
    if not found or len(set(found)) < len(found) or min(found) < 0:
        raise UserError(f"--seeds {text!r}: give at least one, each once, none negative")
    return found


def _heading(experiment: Experiment) -> str:
    sensors = experiment.scenario.sensors
    return (
        f"{experiment.scenario.name}: {experiment.scenario.clusters} {experiment.scenario.unit}, {len(experiment.seeds)} "
        f"{'seed' if len(experiment.seeds) == 1 else 'seeds'} × {experiment.days} days, simulated. Sensors: {sensors.mode}, "
        f"noise {100 * sensors.noise:g} %, silent {100 * sensors.silent_share:g} % of the time."
    )


def _district_names(setup: Scenario) -> tuple[str, ...]:
    from experiments.whatif.city import made_up_city

    return made_up_city(setup, 0).district_names


def _show(outcomes: Sequence[Outcome], districts: Sequence[str], *, by_weeks: bool) -> None:
    from experiments.whatif import report
    from experiments.whatif.comparison import by_week
    from runtime.settings import WhatIfSettings

    settings = WhatIfSettings()
    rows = report.table(outcomes, settings)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        print("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]))
    print(f"\n{report.factors(settings)}\n")
    print("differences, paired by " + ("week" if by_weeks else "seed") + ", with 95 % intervals:")
    for line in report.findings(by_week(outcomes) if by_weeks else outcomes, districts):
        print(line)


def _write(folder: Path, experiment: Experiment, outcomes: Sequence[Outcome], districts: Sequence[str]) -> None:
    from experiments.whatif import pictures, report
    from runtime.settings import WhatIfSettings

    settings = WhatIfSettings()
    folder.mkdir(parents=True, exist_ok=True)
    report.write_csv(folder / "table.csv", report.table(outcomes, settings))
    report.write_csv(folder / "runs.csv", report.run_rows(outcomes, settings))
    report.write_csv(folder / "districts.csv", report.district_rows(outcomes, districts))
    paths = pictures.draw(folder, outcomes, districts, f"{experiment.scenario.name} (simulated)")
    print(f"\nwritten: {folder}: table.csv, runs.csv, districts.csv, {', '.join(path.name for path in paths)}")


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on standard error with the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("days simulated", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)

"""`stadspuls check-truth` and `stadspuls simulated-month`: is what is stored what a simulated city's truth says must be stored?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stadspuls.truth_check import TruthCheck


def add_verbs(app: typer.Typer) -> None:
    app.command("check-truth")(check_truth)
    app.command("simulated-month")(simulated_month)


def check_truth(
    city: Annotated[Path | None, typer.Option(help="The simulation's folder [default: city in the run directory]")] = None,
) -> None:
    """Compare what is stored with the truth of a simulation that was sent, identity by identity.

    For a database that holds nothing but that simulation, when all of it is taken in. Ends with status 1 where anything differs.
    """
    import asyncio

    from runtime.postgres import open_pool
    from runtime.settings import DatabaseSettings, load, run_directory
    from simulators.simulation import TRUTH_FOLDER
    from stadspuls import truth_check

    folder = (city or run_directory() / "city") / TRUTH_FOLDER

    async def run() -> TruthCheck:
        pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls check-truth")
        try:
            return await truth_check.check_truth(pool, folder)
        finally:
            await pool.close()

    _end(asyncio.run(run()))


def simulated_month(
    seed: Annotated[int, typer.Option(help="Seed of the simulated city")] = 1,
    containers: Annotated[int, typer.Option(min=10, max=5000, help="How many waste containers it has")] = 600,
    bridge_days: Annotated[float, typer.Option(min=0.1, max=42, help="Days of the bridges, which report every minute")] = 31.0,
) -> None:
    """Send a month of a city with every fault on through real servers, started for it, and compare what is stored with the truth.

    Ends with status 1 where anything differs. Ten minutes or so; nothing is left running, and nothing on disk.
    """
    import asyncio
    from dataclasses import replace
    from datetime import UTC, datetime

    from simulators.faults import EVERY_FAULT
    from simulators.simulation import SimulationSettings
    from stadspuls.simulated_month import MONTH, run_month

    sizes = replace(MONTH, containers=containers, bridge_days=bridge_days)
    settings = SimulationSettings(seed=seed, now=datetime.now(UTC), sizes=sizes, faults=dict(EVERY_FAULT))
    _end(asyncio.run(run_month(settings, typer.echo)).check)


def _end(check: TruthCheck) -> None:
    from stadspuls.truth_check import in_words

    for line in in_words(check):
        typer.echo(line)
    if not check.passed:
        raise typer.Exit(1)

"""`stadspuls demo`: the whole main job on real servers, for a person who has never seen it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_verbs(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    duration: Annotated[
        float | None, typer.Option(min=0, help="Let the city live for so many seconds, then end; default: until Ctrl-C")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated city")] = 1,
    containers: Annotated[int, typer.Option(min=20, max=5000, help="How many waste containers it has")] = 600,
    days: Annotated[int, typer.Option(min=10, max=400, help="How many days of history its containers have")] = 60,
    small: Annotated[
        bool, typer.Option("--small", help="A city of 40 containers with a short history: done in a minute or two")
    ] = False,
    speed: Annotated[
        float, typer.Option(min=1, help="How much faster than time the city lives, until it reaches the present")
    ] = 60.0,
    output: Annotated[Path, typer.Option(help="Where demo-summary.json and demo-report.html go")] = Path(),
) -> None:
    """Run a simulated city on real servers, from sensor to plan, and show it.

    Ends with status 0 only if the ledger balances, every container with readings has a forecast and the plan passes its check.
    Data stays in the run directory: a second demo goes on from there. `stadspuls down --delete-data` begins anew.
    """
    import asyncio
    import signal

    from runtime.settings import run_directory
    from simulators.sensor_simulator import CitySizes
    from simulators.simulation import SimulationSettings
    from stadspuls.demo.run import Demo

    sizes = CitySizes(containers=containers, container_days=days)
    if small:
        sizes = CitySizes(
            containers=40,
            traffic_counters=8,
            transformers=2,
            container_days=21,
            traffic_days=2,
            bridge_days=0.1,
            transformer_days=2,
        )
    settings = SimulationSettings(seed=seed, sizes=sizes)

    async def run() -> bool:
        found = Demo(run_directory(), settings, duration, speed, output)
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(found.run())
        asked = False

        def interrupted() -> None:
            # The first Ctrl-C lets a city that lives close its books; a second one, or one before that, ends at once.
            nonlocal asked
            if found.lives and not asked:
                asked = True
                found.stop.set()
            else:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupted)
        try:
            return await task
        except asyncio.CancelledError:
            print("stopped before the end", flush=True)
            return False

    raise typer.Exit(0 if asyncio.run(run()) else 1)

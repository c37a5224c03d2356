"""`stadspuls pull-ndw`: traffic and bridge openings of the Netherlands' road data, published over MQTT for what is registered."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

TRAFFIC_URL = "https://opendata.ndw.nu/trafficspeed.xml.gz"
BRIDGES_URL = "https://opendata.ndw.nu/brugopeningen.xml.gz"


def add_verbs(app: typer.Typer) -> None:
    app.command("pull-ndw")(pull_ndw)


def pull_ndw(
    urls: Annotated[
        list[str] | None, typer.Argument(help="Files to fetch; NDW's traffic and bridge openings if none is given")
    ] = None,
    every_seconds: Annotated[float, typer.Option(min=10, help="Seconds from the start of one round to the next")] = 60.0,
    once: Annotated[bool, typer.Option("--once", help="One round, then stop")] = False,
) -> None:
    """Fetch NDW's files, publish the registered sites and bridges over MQTT, again and again."""
    asyncio.run(_pull(urls or [TRAFFIC_URL, BRIDGES_URL], every_seconds, once=once))


async def _pull(urls: list[str], every_seconds: float, *, once: bool) -> None:
    import signal

    import httpx

    from ingest.pull.ndw import NdwPull
    from runtime.mqtt_publisher import MqttPublisher
    from runtime.settings import MqttSettings, load

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    publisher = MqttPublisher(load(MqttSettings, "pull-ndw"), client_id="stadspuls-pull-ndw")
    await publisher.start()
    try:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            pull = NdwPull(client, publisher, urls, _registered)
            while not stop.is_set():
                began = loop.time()
                done = await pull.once()
                typer.echo(f"{done.published} messages published, {done.unchanged} files unchanged, {done.failed} files failed")
                if once:
                    if done.failed:
                        raise typer.Exit(1)
                    return
                try:
                    await asyncio.wait_for(stop.wait(), max(0.0, every_seconds - (loop.time() - began)))
                except TimeoutError:
                    continue
    finally:
        await publisher.stop()


async def _registered() -> set[str]:
    """The sites and bridges of the registry."""
    from ingest.envelopes.ndw import BRIDGES, TRAFFIC
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.registry import sensor_contexts

    async with connected(load(DatabaseSettings, "pull-ndw"), application_name="stadspuls pull-ndw") as connection:
        contexts = await sensor_contexts(connection)
    return {sensor_id for sensor_id, found in contexts.items() if found.sensor.device_model in (TRAFFIC, BRIDGES)}

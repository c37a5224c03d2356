"""`stadspuls sparkplug-host`: the host application that Sparkplug edge nodes need, in front of the line."""

from __future__ import annotations

import asyncio

import typer


def add_verbs(app: typer.Typer) -> None:
    app.command("sparkplug-host")(sparkplug_host)


def sparkplug_host() -> None:
    """Put names in place of Sparkplug aliases and hand messages on, until stopped."""
    asyncio.run(_host())


async def _host() -> None:
    import signal

    from ingest.sparkplug.host import SparkplugHost
    from runtime.mqtt_publisher import MqttPublisher
    from runtime.settings import MqttSettings, load

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    mqtt = load(MqttSettings, "sparkplug-host")
    publisher = MqttPublisher(mqtt, client_id="stadspuls-sparkplug-host-out")
    await publisher.start()
    host = SparkplugHost(mqtt, publisher)
    try:
        await host.run(stop)
    finally:
        await publisher.stop()
    typer.echo(
        f"{host.handed_on} messages handed on, {host.missing} missing by their sequence, {host.unresolved} metrics without a name, "
        f"{host.rebirths_asked} rebirths asked for"
    )

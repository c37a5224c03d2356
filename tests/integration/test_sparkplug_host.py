"""The Sparkplug host application on a real broker: births and data of an edge node go in, messages that say all they mean come out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from paho.mqtt.properties import Properties

from deploy.local.processes import StackState
from ingest.decode import decode_message
from ingest.sparkplug.host import SparkplugHost
from models.domain.message import RawMessage
from runtime.mqtt import Publish, make_client, subscribe_options
from runtime.mqtt_connection import MqttConnection
from runtime.mqtt_publisher import MqttPublisher
from runtime.settings import MqttSettings, load
from simulators.encoders.sparkplug import DOUBLE, metric, payload
from tests.unit.ingest.format_samples import AT_S
from tests.unit.ingest.samples import RECEIVED_AT, context

pytestmark = pytest.mark.servers


async def test_aliases_become_names_and_an_unknown_edge_node_is_asked_for_its_births(servers: StackState) -> None:
    mqtt = load(MqttSettings, "operator", servers.run_dir)
    group, heard = f"g{uuid4().hex[:8]}", list[Publish]()
    listener = make_client(mqtt, client_id=f"listener-{group}", session_expiry_seconds=0, receive_maximum=1000, clean_start=True)
    subscribed = asyncio.Event()

    def take(publishes: list[Publish]) -> None:
        heard.extend(publishes)
        listener.acknowledge([item.mid for item in publishes if item.mid])

    def subscribe(_session_present: bool, _properties: Properties | None) -> None:
        listener.subscribe([(f"sparkplug/{group}/#", subscribe_options()), (f"spBv1.0/{group}/NCMD/#", subscribe_options())])

    listener.on_publishes = take
    listener.on_subscribe = lambda *_: subscribed.set()
    connection = MqttConnection(listener)
    connection.on_connected = subscribe
    connection.start()
    await asyncio.wait_for(subscribed.wait(), 30)
    own_account = load(MqttSettings, "sparkplug-host", servers.run_dir)
    out, node = MqttPublisher(own_account, client_id=f"out-{group}"), MqttPublisher(mqtt, client_id=f"node-{group}")
    await out.start()
    await node.start()
    host, stop = SparkplugHost(own_account, out), asyncio.Event()
    running = asyncio.create_task(host.run(stop))
    await asyncio.sleep(0)  # so that it has begun to connect
    try:
        await host.connection.wait_connected(30)
        data = payload([metric(840.0, DOUBLE, alias=2, typed=False)], at_ms=AT_S * 1000, seq=1)
        await _until(lambda: _sent(node, f"spBv1.0/{group}/NDATA/n", data), lambda: f"spBv1.0/{group}/NCMD/n" in _topics(heard))
        birth = payload([metric(1.0, DOUBLE, name="distance_mm", alias=2)], at_ms=AT_S * 1000, seq=0)
        await node.publish(f"spBv1.0/{group}/NBIRTH/n", birth)
        await node.publish(f"spBv1.0/{group}/NDATA/n", data)
        await _until(
            None, lambda: _topics(heard)[-1:] == [f"sparkplug/{group}/NDATA/n"] and f"sparkplug/{group}/NBIRTH/n" in _topics(heard)
        )
    finally:
        stop.set()
        await running
        for publisher in (out, node):
            await publisher.stop()
        await connection.stop()
    known = {f"{group}:n": context(f"{group}:n", "sparkplug_b")}
    (reading,) = decode_message(RawMessage(f"sparkplug/{group}/NDATA/n", heard[-1].payload, RECEIVED_AT), known).readings
    assert reading.distance_mm == 840.0  # type: ignore[attr-defined]  # a fill reading
    assert host.rebirths_asked == 1


def _topics(heard: list[Publish]) -> list[str]:
    return [item.mqtt_topic.decode() for item in heard]


async def _sent(publisher: MqttPublisher, topic: str, data: bytes) -> None:
    await publisher.publish(topic, data)
    await publisher.drain()


async def _until(again: Callable[[], Awaitable[None]] | None, done: Callable[[], bool]) -> None:
    """Does `again` now and then, as the host may not have subscribed yet, until `done`."""
    async with asyncio.timeout(60):
        while not done():
            if again is not None:
                await again()
            await asyncio.sleep(0.2)

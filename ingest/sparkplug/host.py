"""The Sparkplug host application: takes every edge node's messages, puts names in place of aliases, and hands them on over MQTT.

Called by `stadspuls sparkplug-host`. What came with QoS 1 is acknowledged when the broker has what was handed on; edge nodes send data with
QoS 0, so what is lost between them and the broker is lost: the sequence shows it, and it is counted and told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from paho.mqtt.properties import Properties

from ingest.sparkplug.sessions import HOST_PREFIX, Sessions
from runtime import logs
from runtime.mqtt import Publish, make_client, subscribe_options
from runtime.mqtt_connection import MqttConnection
from runtime.settings import MqttSettings

CLIENT_ID = "stadspuls-sparkplug-host"
RECEIVE_MAXIMUM = 1000
MAX_WAITING_MESSAGES = 20_000
BATCH_MESSAGES = 500
_SESSION_EXPIRY_SECONDS = 86_400


class Sink(Protocol):
    """Where messages go: `publish` waits while too many are on their way, `drain` until the broker has all of them."""

    async def publish(self, topic: str, payload: bytes, /) -> None: ...

    async def drain(self) -> None: ...


class SparkplugHost:
    """One durable MQTT session on `spBv1.0/#`; messages are worked off in the order in which they came."""

    def __init__(self, mqtt: MqttSettings, sink: Sink) -> None:
        self.handed_on = self.missing = self.unresolved = self.rebirths_asked = 0
        self._sink = sink
        self._sessions = Sessions()
        self._waiting: deque[Publish] = deque()
        self._arrived = asyncio.Event()
        self._life = 0
        self._log = logs.get_logger()
        client = make_client(
            mqtt,
            client_id=CLIENT_ID,
            session_expiry_seconds=_SESSION_EXPIRY_SECONDS,
            receive_maximum=RECEIVE_MAXIMUM,
            clean_start=False,
        )
        client.on_publishes = self._received
        self.connection = MqttConnection(client)
        self.connection.on_connected = self._on_connected
        self.connection.on_lost = self._on_lost

    async def run(self, stop: asyncio.Event) -> None:
        """Until asked to stop. Raises what ended the connection for good."""
        self.connection.start()
        stopping, working = asyncio.create_task(stop.wait()), asyncio.create_task(self._work())
        try:
            await asyncio.wait({stopping, working, self.connection.failed}, return_when=asyncio.FIRST_COMPLETED)
            for task in (working, self.connection.failed):
                if task.done():
                    await task
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.wait({working})
            await self.connection.stop()

    def _on_connected(self, session_present: bool, _properties: Properties | None) -> None:
        self._log.info("sparkplug_host_connected", session_present=session_present)
        self.connection.client.subscribe([(HOST_PREFIX + "#", subscribe_options())])

    def _on_lost(self, _reason: str) -> None:
        """What was not acknowledged comes again; packet ids of the lost connection mean nothing on the next."""
        self._life += 1

    def _received(self, publishes: list[Publish]) -> None:
        self._waiting.extend(publishes)
        self._arrived.set()
        if len(self._waiting) > MAX_WAITING_MESSAGES:
            self.connection.pause_reading()

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            life = self._life
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MESSAGES, len(self._waiting)))]
            if not self._waiting:
                self._arrived.clear()
            await self._hand_on(batch)
            if life == self._life:
                self.connection.client.acknowledge([item.mid for item in batch if item.mid])
            if len(self._waiting) < MAX_WAITING_MESSAGES // 2:
                self.connection.resume_reading()

    async def _hand_on(self, batch: Sequence[Publish]) -> None:
        """Returns when the broker has everything that follows from the batch."""
        for item in batch:
            out = self._sessions.take(item.mqtt_topic.decode("utf-8", "replace"), item.payload, time.monotonic())
            if out is None:
                continue
            await self._sink.publish(out.mqtt_topic, out.payload)
            self.handed_on += 1
            if out.missing or out.unresolved:
                self.missing += out.missing
                self.unresolved += out.unresolved
                self._log.warning("sparkplug_gap", topic=out.mqtt_topic, missing=out.missing, unresolved=out.unresolved)
            if out.rebirth is not None:
                await self._sink.publish(*out.rebirth)
                self.rebirths_asked += 1
        await self._sink.drain()

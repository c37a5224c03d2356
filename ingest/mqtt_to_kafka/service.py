"""The service `mqtt-to-kafka`: settings → clients → forwarder → run until asked to stop, then drain.

One process owns one MQTT session. Kafka is waited for before MQTT is connected, so that nothing is taken that cannot be passed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt_to_kafka.forwarder import DROPPED_TOPIC, Forwarder, HoldLimits
from ingest.mqtt_to_kafka.kafka_writer import KafkaWriter, WriterLimits
from ingest.mqtt_to_kafka.private_fields import PrivateFields
from ingest.mqtt_to_kafka.raw_records import RecordMaker
from models.domain.failures import UserError
from runtime import logs, metrics
from runtime.kafka import make_producer
from runtime.mqtt import make_client, subscribe_options
from runtime.mqtt_connection import MqttConnection
from runtime.service import ServiceContext
from runtime.settings import KafkaSettings, MqttSettings, MqttToKafkaSettings

HELD_PER_WINDOW = 3
"""How many full windows may be held: one of this connection, and what earlier ones left while Kafka was away."""


async def main(context: ServiceContext) -> None:
    """Forwards until `context.stop` is set. Kafka or MQTT out of reach is waited for; anything unexpected ends the process."""
    settings = context.settings(MqttToKafkaSettings)
    kafka, mqtt = context.settings(KafkaSettings), context.settings(MqttSettings)
    limits = WriterLimits(
        gather_seconds=settings.mqtt_to_kafka_gather_milliseconds / 1000,
        delivery_timeout_seconds=settings.mqtt_to_kafka_delivery_timeout_seconds,
    )
    epoch = str(uuid4())
    hold = HoldLimits(HELD_PER_WINDOW * settings.mqtt_receive_maximum, settings.mqtt_to_kafka_max_held_bytes)
    forwarder: Forwarder | None = None

    writer = KafkaWriter(
        lambda: make_producer(kafka, client_id=context.name),
        kafka.kafka_topic_raw,
        lambda records: forwarder.written(records) if forwarder else None,
        limits,
    )
    partitions = await _unless_stopped(context.stop, writer.start())
    if partitions is None:
        await writer.stop()
        return
    logs.get_logger().info("forwarding", epoch=epoch, kafka_topic=kafka.kafka_topic_raw, partitions=partitions)
    maker = RecordMaker(epoch, partitions, PrivateFields(settings.mqtt_to_kafka_private_fields))
    forwarder = Forwarder(maker, hold, context.clock)
    session = MqttSession(mqtt, settings, forwarder)
    forwarder.writer, forwarder.connection = writer, session
    session.connection.start()
    try:
        await _until_stopped(context.stop, session.connection.failed, writer.failed)
        await drain(forwarder, writer, settings.mqtt_to_kafka_drain_seconds)
    finally:
        await session.connection.stop()
        await writer.stop()


class MqttSession:
    """The durable MQTT session: its subscriptions, and what the forwarder may do with its connection."""

    def __init__(self, mqtt: MqttSettings, settings: MqttToKafkaSettings, forwarder: Forwarder) -> None:
        self._filters = settings.mqtt_to_kafka_filters
        self._log = logs.get_logger()
        client = make_client(
            mqtt,
            client_id=settings.mqtt_to_kafka_client_id,
            session_expiry_seconds=settings.mqtt_session_expiry_seconds,
            receive_maximum=settings.mqtt_receive_maximum,
            clean_start=False,
        )
        client.on_publishes = forwarder.received
        client.on_subscribe = self._on_subscribe
        self.connection = MqttConnection(client)
        self.connection.on_connected = self._on_connected
        self.connection.on_lost = lambda _reason: forwarder.connection_lost()

    @property
    def connected(self) -> bool:
        return self.connection.connected

    def acknowledge(self, mids: Sequence[int]) -> None:
        self.connection.client.acknowledge(mids)

    def pause_reading(self) -> None:
        self.connection.pause_reading()

    def resume_reading(self) -> None:
        self.connection.resume_reading()

    def _on_connected(self, session_present: bool, _properties: Properties | None) -> None:
        """Subscribes at every connect: that changes nothing in a session that has the subscriptions."""
        metrics.MQTT_CONNECTS.labels(str(session_present).lower()).inc()
        self._log.info("mqtt_connected", session_present=session_present)
        wanted = [(topic_filter, subscribe_options()) for topic_filter in self._filters]
        self.connection.client.subscribe([*wanted, (DROPPED_TOPIC.decode(), SubscribeOptions(qos=0))])

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [topic_filter for topic_filter, code in zip(self._filters, codes, strict=False) if code.is_failure]
        if refused:
            raise UserError(f"the MQTT broker refuses the subscription to {', '.join(refused)}: check the user's rights")
        self._log.info("mqtt_subscribed", filters=self._filters)
        if codes[-1].is_failure:
            self._log.warning("mqtt_broker_hides_its_counters", reason=str(codes[-1]))


async def drain(forwarder: Forwarder, writer: KafkaWriter, timeout_seconds: float) -> None:
    """Reads nothing more, waits until Kafka has what was read, and lets the acknowledgements out. The session goes on without us."""
    forwarder.stop_reading()
    if not await writer.drained(timeout_seconds):
        logs.get_logger().warning("stopped_before_kafka_had_everything", held_messages=writer.held_messages)


async def _until_stopped(stop: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Returns when asked to stop; raises what ended one of the tasks."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                await task
    finally:
        stopping.cancel()


async def _unless_stopped(stop: asyncio.Event, work: Awaitable[int]) -> int | None:
    """The result of `work`, or None when a stop came first."""
    stopping, working = asyncio.create_task(stop.wait()), asyncio.ensure_future(work)
    await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.wait({working})
    return None

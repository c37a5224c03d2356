"""The baseline of the MQTT stage: paho and aiokafka as their documentation shows them, with the same guarantees.

paho's own thread and its own acknowledgement per message, one `send` future per message, a durable session, all replicas, idempotent.
Run as a process by `test_mqtt_to_kafka_speed`; ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import deque
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from runtime.kafka import make_producer
from runtime.mqtt import connect_properties, subscribe_options
from runtime.settings import KafkaSettings, MqttSettings, MqttToKafkaSettings, load

SERVICE = "mqtt-to-kafka"


async def main() -> None:
    settings, mqtt, kafka = load(MqttToKafkaSettings, SERVICE), load(MqttSettings, SERVICE), load(KafkaSettings, SERVICE)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    producer = make_producer(kafka, client_id=SERVICE)
    await producer.start()
    arrived: asyncio.Queue[MQTTMessage] = asyncio.Queue()
    waiting: deque[tuple[int, asyncio.Future[Any]]] = deque()
    epoch = str(uuid4()).encode()
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.mqtt_to_kafka_client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=True,
    )
    client.username_pw_set(mqtt.mqtt_username, mqtt.mqtt_password.get_secret_value())

    def on_message(_client: Client, _data: Any, message: MQTTMessage) -> None:
        loop.call_soon_threadsafe(arrived.put_nowait, message)

    def on_connect(_client: Client, _data: Any, _flags: ConnectFlags, _code: ReasonCode, _properties: Properties | None) -> None:
        client.subscribe([(topic_filter, subscribe_options()) for topic_filter in settings.mqtt_to_kafka_filters])

    def acknowledge(_future: asyncio.Future[Any]) -> None:
        while waiting and waiting[0][1].done():
            client.ack(waiting.popleft()[0], 1)

    async def forward() -> None:
        sequence = 0
        while True:
            message = await arrived.get()
            key = message.topic.encode()
            headers = [
                ("mqtt_topic", key),
                ("received_at_us", b"%d" % (time.time_ns() // 1000)),
                ("dup", b"%d" % message.dup),
                ("retain", b"%d" % message.retain),
                ("epoch", epoch),
                ("sequence", b"%d" % sequence),
            ]
            sequence += 1
            future = await producer.send(kafka.kafka_topic_raw, message.payload, key=key, headers=headers)
            waiting.append((message.mid, future))
            future.add_done_callback(acknowledge)

    client.on_message, client.on_connect = on_message, on_connect
    client.connect(
        mqtt.mqtt_host,
        mqtt.mqtt_port,
        clean_start=False,
        properties=connect_properties(settings.mqtt_session_expiry_seconds, settings.mqtt_receive_maximum),
    )
    client.loop_start()
    forwarding = asyncio.create_task(forward())
    await stop.wait()
    forwarding.cancel()
    client.disconnect()
    client.loop_stop()
    await producer.stop()


if __name__ == "__main__":
    asyncio.run(main())

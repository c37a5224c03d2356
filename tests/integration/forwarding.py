"""The MQTT side of the line on the real servers: a Kafka topic of its own, an MQTT branch of its own, the service as a process.

Used by the integration and the fault tests of `mqtt_to_kafka`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import psutil
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from deploy.local import stack
from deploy.local.processes import StackState
from runtime.kafka import make_admin, make_consumer
from runtime.mqtt_publisher import MqttPublisher
from runtime.settings import KafkaSettings, MqttSettings, load

PARTITIONS = 4
WAIT_SECONDS = 60.0


class Forwarding:
    """A topic, a branch of MQTT topics, and the service between them."""

    def __init__(self, servers: StackState, name: str) -> None:
        self.run_dir = servers.run_dir
        self.name = name
        # The service's account may write to topics whose names begin with that of the pipeline's own.
        self.kafka_topic = f"telemetry.raw.{name}"
        self.branch = f"stadspuls/v1/{name}"
        self.kafka = load(KafkaSettings, "operator", self.run_dir)
        self.mqtt = load(MqttSettings, "operator", self.run_dir)
        self.log = self.run_dir / "logs" / f"{name}.log"
        self.environment = {
            **os.environ,
            "STADSPULS_RUN_DIR": str(self.run_dir),
            "STADSPULS_METRICS_PORT": "0",
            "STADSPULS_KAFKA_TOPIC_RAW": self.kafka_topic,
            "STADSPULS_MQTT_TO_KAFKA_CLIENT_ID": name,
            "STADSPULS_MQTT_TO_KAFKA_FILTERS": json.dumps([f"{self.branch}/#"]),
        }
        self.process: asyncio.subprocess.Process | None = None

    async def create_topic(self) -> None:
        admin = make_admin(self.kafka, client_id="test")
        await admin.start()
        await admin.create_topics([NewTopic(self.kafka_topic, PARTITIONS, 1)])
        await admin.close()

    async def delete_topic(self) -> None:
        admin = make_admin(self.kafka, client_id="test")
        await admin.start()
        await admin.delete_topics([self.kafka_topic])
        await admin.close()

    # The service

    async def start(self, **settings: str) -> None:
        """Starts the service; returns when the MQTT broker has confirmed its subscriptions."""
        subscribed = self.events().count("mqtt_subscribed")
        await self.spawn(**settings)
        await self.until(lambda: self.events().count("mqtt_subscribed") > subscribed)

    async def spawn(self, **settings: str) -> None:
        """Starts the service and waits for nothing."""
        environment = {**self.environment, **{f"STADSPULS_{key.upper()}": value for key, value in settings.items()}}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stadspuls", "run", "mqtt-to-kafka", env=environment, stderr=log
            )

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signals the service and waits for its end; returns its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), WAIT_SECONDS)
        self.process = None
        return status

    def lines(self) -> list[dict[str, object]]:
        """What the service has logged, as fields."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.lines()]

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits until `true()` is; fails when the service ends instead, or with the end of its log when that takes too long."""
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while not true():
            ended = self.process is not None and self.process.returncode is not None
            assert not ended, f"the service has ended: {self.log.read_text()[-2000:]}"
            assert asyncio.get_running_loop().time() < deadline, f"waited for too long: {self.log.read_text()[-2000:]}"
            await asyncio.sleep(0.05)

    # What goes in and what came out

    def payloads(self, count: int, *, first: int = 0) -> list[bytes]:
        """Distinct payloads of the size of a usual reading."""
        return [
            b'{"v":1,"kind":"container_fill","seq":%d,"filler":"%s"}' % (number, b"x" * 60)
            for number in range(first, first + count)
        ]

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[MqttPublisher]:
        publisher = MqttPublisher(self.mqtt, client_id=f"publisher-{uuid4().hex[:8]}")
        await publisher.start()
        try:
            yield publisher
        finally:
            await publisher.stop()

    async def publish(self, payloads: Sequence[bytes]) -> None:
        """Returns when the MQTT broker has them all."""
        async with self.publisher() as publisher:
            for number, payload in enumerate(payloads):
                await publisher.publish(self.topic(number), payload)
            await publisher.drain()

    def topic(self, number: int) -> str:
        return f"{self.branch}/s-{number % 50}/readings"

    async def records(self) -> list[Record]:
        """Everything in the Kafka topic now."""
        consumer = make_consumer(self.kafka, group_id=None, group_instance_id=None, client_id="test")
        await consumer.start()
        try:
            partitions = [TopicPartition(self.kafka_topic, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Record] = []
            while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += [Record(item.partition, item.key, item.value, dict(item.headers), item.timestamp) for item in batch]
            return found
        finally:
            await consumer.stop()

    async def count(self) -> int:
        """Records in the Kafka topic now."""
        consumer = make_consumer(self.kafka, group_id=None, group_instance_id=None, client_id="test")
        await consumer.start()
        try:
            return sum(
                (await consumer.end_offsets([TopicPartition(self.kafka_topic, number) for number in range(PARTITIONS)])).values()
            )
        finally:
            await consumer.stop()

    async def until_kafka_has(self, payloads: Sequence[bytes]) -> list[Record]:
        """Waits until every payload is in Kafka; returns all records."""
        wanted = set(payloads)
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            records = await self.records()
            missing = wanted - {record.value for record in records}
            if not missing:
                return records
            assert asyncio.get_running_loop().time() < deadline, f"{len(missing)} messages are not in Kafka"
            await asyncio.sleep(0.3)

    # The servers

    def server(self, name: str) -> psutil.Process:
        state = stack.status(self.run_dir)
        assert state is not None
        return psutil.Process(state.process(name).pid)

    async def restart(self, name: str, number: signal.Signals) -> None:
        """Ends a server; its supervisor starts it again. Returns when it answers."""
        before = self.server(name)
        before.send_signal(number)

        def is_back() -> bool:
            state = stack.status(self.run_dir)
            process = state.process(name) if state else None
            return process is not None and process.pid != before.pid and stack.is_ready(self.run_dir, process)

        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while not await asyncio.to_thread(is_back):
            assert asyncio.get_running_loop().time() < deadline, f"{name} does not come back"
            await asyncio.sleep(0.1)


class Record:
    """A Kafka record as the tests look at it."""

    def __init__(self, partition: int, key: bytes, value: bytes, headers: dict[str, bytes], timestamp: int) -> None:
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp

    @property
    def source(self) -> tuple[bytes, int]:
        """The message's place in the ledger of the MQTT stage: process and number in it."""
        return self.headers["epoch"], int(self.headers["sequence"])


@asynccontextmanager
async def forwarding(servers: StackState) -> AsyncIterator[Forwarding]:
    """A fresh one, whose service, MQTT session and Kafka topic go away with it."""
    made = Forwarding(servers, f"test-{uuid4().hex[:8]}")
    await made.create_topic()
    try:
        yield made
    finally:
        if made.process is not None:
            await made.end(signal.SIGKILL)
        await _forget_session(made)
        await made.delete_topic()


async def _forget_session(made: Forwarding) -> None:
    """A clean start and a session that expires at once: the broker keeps nothing for a test that is over."""
    service = load(MqttSettings, "mqtt-to-kafka", made.run_dir)
    publisher = MqttPublisher(service, client_id=made.name)
    await publisher.start()
    await publisher.stop()


def duplicates(records: Sequence[Record]) -> int:
    """Records beyond the first of each payload."""
    return len(records) - len({record.value for record in records})


def random_moments(seed: int, count: int, longest_seconds: float) -> list[float]:
    """When to strike: reproducible, printed by the test that uses it."""
    return [random.Random(seed).uniform(0.1, longest_seconds) for _ in range(count)]

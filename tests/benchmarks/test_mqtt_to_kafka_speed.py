"""What a message costs from MQTT to Kafka, beside paho and aiokafka used plainly in the same run; and what publishing one costs.

CPU time is the figure to trust: on a shared machine messages per second tell about its other users.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

import psutil
import pytest

from deploy.local.processes import StackState
from tests.integration.forwarding import Forwarding, forwarding

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

MESSAGES = 60_000


@dataclass(frozen=True)
class Measured:
    """Figures of one forwarder."""

    name: str
    per_second: float
    cpu_us: float
    broker_us: float
    kafka_us: float


async def test_cost_of_a_message_from_mqtt_to_kafka(servers: StackState) -> None:
    plain = await _measure(servers, "paho + aiokafka, plain", [sys.executable, "-m", "tests.benchmarks.plain_forwarder"])
    ours = await _measure(servers, "mqtt_to_kafka", [sys.executable, "-m", "stadspuls", "run", "mqtt-to-kafka"])
    print(f"\n{MESSAGES:,} queued QoS 1 messages, one process")
    print(f"{'forwarder':24} {'messages/s':>11} {'CPU µs/message':>15} {'Mosquitto µs':>13} {'Kafka µs':>9} {'ratio':>7}")
    for measured in (plain, ours):
        print(
            f"{measured.name:24} {measured.per_second:11,.0f} {measured.cpu_us:15.1f} {measured.broker_us:13.1f} "
            f"{measured.kafka_us:9.1f} {plain.cpu_us / measured.cpu_us:6.1f}×"
        )
    assert ours.cpu_us < plain.cpu_us


async def test_cost_of_publishing(servers: StackState) -> None:
    async with forwarding(servers) as line, line.publisher() as publisher:
        payloads = line.payloads(MESSAGES)
        began, cpu = time.perf_counter(), time.process_time()
        for number, payload in enumerate(payloads):
            await publisher.publish(line.topic(number), payload)
        await publisher.drain()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"\nMqttPublisher: {MESSAGES / seconds:,.0f} QoS 1 messages/s, {cpu / MESSAGES * 1e6:.1f} µs of CPU each")


async def _measure(servers: StackState, name: str, command: list[str]) -> Measured:
    """Queues the messages while nobody listens, lets the forwarder take them, and looks at its CPU time while it does."""
    async with forwarding(servers) as line:
        await line.start()
        await line.end()
        await line.publish(line.payloads(MESSAGES))
        process = await asyncio.create_subprocess_exec(*command, env=line.environment, stderr=asyncio.subprocess.DEVNULL)
        line.process = process
        watched = [psutil.Process(process.pid), line.server("mosquitto"), line.server("kafka")]
        count = await _until_more_than(line, 0)
        began, first, before = time.perf_counter(), count, [_cpu(one) for one in watched]
        await _until_more_than(line, MESSAGES - 1)
        seconds, moved = time.perf_counter() - began, MESSAGES - first
        cpu, broker, kafka = [(_cpu(one) - then) / moved * 1e6 for one, then in zip(watched, before, strict=True)]
        await line.end()
        assert await line.count() == MESSAGES
    return Measured(name, moved / seconds, cpu, broker, kafka)


async def _until_more_than(line: Forwarding, count: int) -> int:
    deadline = time.monotonic() + 120
    while (found := await line.count()) <= count:
        assert time.monotonic() < deadline, f"only {found} messages are in Kafka"
        await asyncio.sleep(0.1)
    return found


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)

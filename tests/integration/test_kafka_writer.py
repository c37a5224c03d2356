"""The Kafka writer on a real Kafka, with a producer that wedges, fails or is slow: everything is written, everything is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import OutOfOrderSequenceNumber

from deploy.local.processes import StackState
from ingest.mqtt_to_kafka.kafka_writer import KafkaWriter, WriterLimits
from ingest.mqtt_to_kafka.raw_records import RawRecord
from runtime import metrics
from runtime.kafka import MAX_BATCH_BYTES, make_producer
from tests.integration.forwarding import PARTITIONS, Forwarding

pytestmark = pytest.mark.servers

LIMITS = WriterLimits(gather_seconds=0.01, delivery_timeout_seconds=2.0, retry_first_seconds=0.1)
Fault = Callable[[asyncio.Future[Any]], asyncio.Future[Any]]


class FaultyProducer:
    """A real producer whose answers to the first batches are replaced by a fault."""

    def __init__(self, real: AIOKafkaProducer, fault: Fault, times: int) -> None:
        self._real = real
        self._fault = fault
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def send_batch(self, *arguments: Any, **options: Any) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = await self._real.send_batch(*arguments, **options)
        self._times -= 1
        return self._fault(answer) if self._times >= 0 else answer


def never_answered(_answer: asyncio.Future[Any]) -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


def wedged(_answer: asyncio.Future[Any]) -> asyncio.Future[Any]:
    failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    failed.set_exception(OutOfOrderSequenceNumber())
    return failed


class Line:
    """A writer to a topic of its own, and what it has told to be written."""

    def __init__(self, forwarding: Forwarding) -> None:
        self.forwarding = forwarding
        self.told: list[RawRecord] = []
        self.producers = 0

    def make(self, fault: Fault | None = None, times: int = 0) -> KafkaWriter:
        def producer() -> Any:
            self.producers += 1
            real = make_producer(self.forwarding.kafka, client_id="test")
            return FaultyProducer(real, fault, times) if fault and self.producers == 1 else real

        return KafkaWriter(producer, self.forwarding.kafka_topic, self.told.extend, LIMITS)


@pytest.fixture
async def line(servers: StackState) -> AsyncIterator[Line]:
    forwarding = Forwarding(servers, f"test-{uuid4().hex[:8]}")
    await forwarding.create_topic()
    yield Line(forwarding)
    await forwarding.delete_topic()


def records(count: int, size: int = 100, first: int = 0) -> list[RawRecord]:
    return [
        RawRecord(number, number % PARTITIONS, 1_763_800_000_000, b"key", (b"%d " % number).ljust(size, b"x"), [])
        for number in range(first, first + count)
    ]


async def written(line: Line, writer: KafkaWriter, added: Sequence[RawRecord]) -> None:
    assert await writer.drained(30)
    await writer.stop()
    assert sorted(record.number for record in line.told) == [record.number for record in added], "each is told once"
    assert (writer.held_messages, writer.held_bytes) == (0, 0)
    assert {record.value for record in await line.forwarding.records()} == {record.value for record in added}


async def test_everything_is_written_and_told_once(line: Line) -> None:
    writer = line.make()
    assert await writer.start() == PARTITIONS
    added = records(5000)
    for begin in range(0, 5000, 500):
        writer.add(added[begin : begin + 500])
        await asyncio.sleep(0.005)
    await written(line, writer, added)
    assert len(await line.forwarding.records()) == 5000


async def test_batches_stay_below_what_the_topic_takes(line: Line) -> None:
    writer = line.make()
    await writer.start()
    added = [*records(40, MAX_BATCH_BYTES // 10), *records(3, MAX_BATCH_BYTES + 150_000, first=40)]
    writer.add(added)
    await written(line, writer, added)


@pytest.mark.parametrize("fault", [never_answered, wedged])
async def test_a_producer_that_does_not_deliver_is_replaced_and_its_records_are_sent_again(line: Line, fault: Fault) -> None:
    before = metrics.KAFKA_PRODUCER_RESTARTS._value.get()
    writer = line.make(fault, times=3)
    await writer.start()
    added = records(400)
    writer.add(added[:200])
    await asyncio.sleep(0.1)
    writer.add(added[200:])
    await written(line, writer, added)
    assert line.producers == 2
    assert metrics.KAFKA_PRODUCER_RESTARTS._value.get() == before + 1


async def test_an_error_in_what_is_told_ends_the_writer(line: Line) -> None:
    def fails(_records: Sequence[RawRecord]) -> None:
        raise ZeroDivisionError

    writer = KafkaWriter(lambda: make_producer(line.forwarding.kafka, client_id="test"), line.forwarding.kafka_topic, fails, LIMITS)
    await writer.start()
    writer.add(records(1))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(writer.failed, 10)
    await writer.stop()

"""Writes records to Kafka in batches, one per partition at a time, until each is acknowledged by all in-sync replicas.

A record that was added is written or still held; nothing is dropped. While Kafka is away records wait. A producer that fails, or leaves
a batch unanswered for too long (it can wedge after a broker's restart, and a black hole answers nothing), is replaced, and what was
not acknowledged is sent again by the new one: perhaps twice, which the database's key catches.

Batches are made here and not by the client: a future and a task per message would cost more than all the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from ingest.mqtt_to_kafka.raw_records import RawRecord
from models.domain.failures import UserError
from runtime import logs, metrics

Written = Callable[[Sequence[RawRecord]], None]

RECORD_OVERHEAD_BYTES = 500
"""Estimate of what a held record needs beside its value."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Everything that is bounded in a writer; how much it holds is its owner's to bound."""

    gather_seconds: float = 0.05
    """Under load, the time between two rounds of batches: larger batches cost everybody less."""
    delivery_timeout_seconds: float = 30.0
    start_timeout_seconds: float = 20.0
    close_timeout_seconds: float = 5.0
    retry_first_seconds: float = 0.5
    retry_most_seconds: float = 10.0


@dataclass(slots=True)
class _Batch:
    """Records of one partition that were given to the producer and are not answered."""

    records: list[RawRecord]
    sent_at: float


class KafkaWriter:
    """`start`, then `add` from the event loop; `on_written` is called there with what Kafka has, in no particular order."""

    def __init__(
        self,
        make_producer: Callable[[], AIOKafkaProducer],
        kafka_topic: str,
        on_written: Written,
        limits: WriterLimits | None = None,
    ) -> None:
        self.held_messages = 0
        self.held_bytes = 0
        self._make_producer = make_producer
        self._kafka_topic = kafka_topic
        self._on_written = on_written
        self._limits = limits or WriterLimits()
        self._producer: AIOKafkaProducer | None = None
        self._generation = 0
        self._pending: dict[int, list[RawRecord]] = {}
        self._outstanding: dict[int, _Batch] = {}
        self._failure: BaseException | None = None
        self._failures_in_a_row = 0
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._now = asyncio.get_running_loop().time
        self._log = logs.get_logger()

    async def start(self) -> int:
        """Waits for Kafka as long as it takes; returns the topic's number of partitions. `UserError` when there is no such topic."""
        await self._new_producer()
        assert self._producer is not None
        try:
            partitions = await self._producer.partitions_for(self._kafka_topic)
        except UnknownTopicOrPartitionError as error:
            await self.stop()
            raise UserError(f"Kafka has no topic {self._kafka_topic}: make it with `stadspuls topics create`") from error
        self._task = asyncio.create_task(self._run(), name="kafka-writer")
        return len(partitions)

    @property
    def failed(self) -> asyncio.Task[None]:
        """The writing task: it ends only by `stop`, or with an error that waiting does not mend."""
        assert self._task is not None, "start() comes first"
        return self._task

    def add(self, records: Sequence[RawRecord]) -> None:
        """Takes records over, to be written in this order within each partition."""
        pending = self._pending
        for record in records:
            waiting = pending.get(record.partition)
            if waiting is None:
                pending[record.partition] = [record]
            else:
                waiting.append(record)
        self.held_messages += len(records)
        self.held_bytes += _bytes_of(records)
        self._empty.clear()
        self._wake.set()

    async def drained(self, timeout_seconds: float) -> bool:
        """Waits until Kafka has everything; False when that took too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._empty.wait()
        return self._empty.is_set()

    async def stop(self) -> None:
        """Ends without waiting for what is held; `drained` comes before it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._generation += 1
        self._drop_producer()
        if self._closing:
            await asyncio.wait(set(self._closing))

    # The writing task

    async def _run(self) -> None:
        next_round_at = 0.0
        while True:
            await self._until_woken()
            if (early := next_round_at - self._now()) > 0:
                await asyncio.sleep(early)
            self._wake.clear()
            next_round_at = self._now() + self._limits.gather_seconds
            try:
                if self._failure is not None:
                    raise self._failure
                async with asyncio.timeout(self._limits.delivery_timeout_seconds):
                    await self._send_ready()
                self._check_deadline()
            except (KafkaError, OSError, TimeoutError) as error:
                await self._replace(error)

    async def _until_woken(self) -> None:
        """Returns when there may be something to send, and once a second to look at the deadline."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(1.0, self._limits.delivery_timeout_seconds / 4)):
                await self._wake.wait()

    async def _send_ready(self) -> None:
        """Gives the producer one batch for every partition that has something and waits for no answer."""
        producer = self._producer
        assert producer is not None
        generation = self._generation
        for partition in [waiting for waiting in self._pending if waiting not in self._outstanding]:
            records = self._pending.pop(partition)
            batch = producer.create_batch()
            append = batch.append
            count = 0
            for _, _, timestamp_ms, key, value, headers in records:
                if append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                    break
                count += 1
            batch.close()
            if count < len(records):
                self._pending[partition] = records[count:]
                records = records[:count]
            self._outstanding[partition] = _Batch(records, self._now())
            future = await producer.send_batch(batch, self._kafka_topic, partition=partition)
            future.add_done_callback(lambda done, partition=partition: self._answered(generation, partition, done))

    def _answered(self, generation: int, partition: int, done: asyncio.Future[Any]) -> None:
        """Kafka has a batch, or the producer gave it up."""
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if generation != self._generation:
            return  # of a producer that was replaced: its records are being sent again
        if error is not None:
            self._failure = error if isinstance(error, Exception) else KafkaError("the producer cancelled a batch")
            self._wake.set()
            return
        records = self._outstanding.pop(partition).records
        self._failures_in_a_row = 0
        self.held_messages -= len(records)
        self.held_bytes -= _bytes_of(records)
        if not self.held_messages:
            self._empty.set()
        elif partition in self._pending:
            self._wake.set()
        try:
            self._on_written(records)
        except Exception as failure:  # must end the process, not be shown by the event loop and forgotten
            self._failure = failure
            self._wake.set()

    def _check_deadline(self) -> None:
        oldest = next(iter(self._outstanding.values()), None)
        if oldest is not None and self._now() - oldest.sent_at > self._limits.delivery_timeout_seconds:
            raise TimeoutError(f"a batch is unanswered for {self._limits.delivery_timeout_seconds:g} s")

    # Replacing the producer

    async def _replace(self, reason: BaseException) -> None:
        """Another producer, and everything unanswered in front of what waits, to be sent again."""
        self._generation += 1
        self._failure = None
        unanswered = sum(len(batch.records) for batch in self._outstanding.values())
        metrics.KAFKA_PRODUCER_RESTARTS.inc()
        self._log.warning("kafka_producer_replaced", reason=repr(reason), sent_again=unanswered)
        for partition, batch in self._outstanding.items():
            self._pending[partition] = batch.records + self._pending.get(partition, [])
        self._outstanding.clear()
        self._drop_producer()
        await asyncio.sleep(self._backoff())
        await self._new_producer()
        self._wake.set()

    async def _new_producer(self) -> None:
        """Starts a producer, and tries until that works."""
        while True:
            producer = self._make_producer()
            try:
                async with asyncio.timeout(self._limits.start_timeout_seconds):
                    await producer.start()
            except (KafkaError, OSError, TimeoutError) as error:
                self._log.warning("kafka_unreachable", reason=repr(error))
                await self._close(producer)
                await asyncio.sleep(self._backoff())
            except BaseException:
                await self._close(producer)
                raise
            else:
                self._producer = producer
                return

    def _backoff(self) -> float:
        self._failures_in_a_row += 1
        return min(self._limits.retry_first_seconds * 2.0 ** (self._failures_in_a_row - 1), self._limits.retry_most_seconds)

    def _drop_producer(self) -> None:
        """Closes the producer aside: a wedged one must not hold up the next."""
        producer, self._producer = self._producer, None
        if producer is not None:
            closing = asyncio.create_task(self._close(producer))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _close(self, producer: AIOKafkaProducer) -> None:
        """Ends a producer without waiting for what it still holds: that is sent by its successor, or again by MQTT."""
        try:
            async with asyncio.timeout(self._limits.close_timeout_seconds):
                await producer.stop()
        except (KafkaError, OSError, TimeoutError) as error:
            self._log.warning("kafka_producer_not_closed", reason=repr(error))


def _bytes_of(records: Sequence[RawRecord]) -> int:
    return sum([len(record.value) for record in records]) + RECORD_OVERHEAD_BYTES * len(records)

"""The Kafka consumer loop: batching, offsets, back-pressure, bounded retry, rebalance, metrics, drain and watchdog for a handler.

A service builds one and awaits `run`. What it guarantees: a handler gets each partition's records in offset order, without a gap,
starting at the offset that its own store says; offsets move only in the handler's write; nothing is kept in memory beyond two
batches (one being written, one being prepared) and the client's bounded fetch buffer. It ends normally only when asked to stop.

Offsets come from the handler's store, never from Kafka: no auto-commit, no offset reset. Records that arrive before our own seek is
done are dropped. A stop or a rebalance waits for the batch that is being written, bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Generic, TypeVar

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from models.domain.failures import OffsetGap, TransientError
from runtime import logs, metrics
from runtime.clock import Clock, SystemClock
from runtime.consumer_batch import Batch, ConfirmLog, ConsumerLimits, Handler, OffsetStore, Partition, Prepared, RecordSource
from runtime.consumer_positions import ConsumerPositions
from runtime.progress_watchdog import ProgressWatchdog

Answer = TypeVar("Answer")
IDLE_POLL_SECONDS = 0.5


class ConsumerLoop(Generic[Prepared]):
    """One consumer of one Kafka topic, as a member of a group, working for one handler.

    `name` labels metrics and log lines. `confirm_log` is asked for every batch while it is being prepared, and by the watchdog.
    """

    def __init__(
        self,
        consumer: RecordSource,
        kafka_topic: str,
        handler: Handler[Prepared],
        offsets: OffsetStore,
        *,
        name: str,
        limits: ConsumerLimits | None = None,
        clock: Clock | None = None,
        confirm_log: ConfirmLog | None = None,
    ) -> None:
        self._consumer = consumer
        self._handler = handler
        self._offsets = offsets
        self._name = name
        self._limits = limits or ConsumerLimits()
        self._clock = clock or SystemClock()
        self._confirm_log = confirm_log
        self._positions = ConsumerPositions(kafka_topic)
        self._watchdog = ProgressWatchdog(name, self._positions, self._ends, self._limits, self._clock, confirm_log)
        self._fetch: asyncio.Task[Mapping[Any, Any]] | None = None
        self._fetch_generation = 0
        self._write: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[bool] | None = None
        self._log = logs.get_logger().bind(consumer=name)

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until `stop` is set, then drains. Raises `OffsetGap`, `StalledConsumer`, a `TransientError` that outlasted its
        bound, or whatever the handler raised: the process is to end uncommitted."""
        self._stopping = asyncio.create_task(stop.wait())
        self._consumer.subscribe([self._positions.kafka_topic], listener=_Rebalance(self._revoked, self._assigned))
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._consumer.start()
            tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._watchdog.run())]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except OffsetGap as gap:
            metrics.OFFSET_GAPS.labels(self._name).inc()
            self._log.error("offset_gap", detail=str(gap))
            raise
        finally:
            await self._close([*tasks, self._stopping, self._write, self._fetch])

    async def _close(self, tasks: list[asyncio.Task[Any] | None]) -> None:
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._consumer.stop(), self._limits.kafka_call_seconds)

    # One batch after the other

    async def _pump(self) -> None:
        while not self._stop_asked:
            if self._positions.must_seek:
                await self._written()
                await self._seek()
                continue
            batch = await self._collect()
            if batch.records:
                await self._pass_on(batch)
        try:
            async with asyncio.timeout(self._limits.stop_drain_seconds):
                await self._written()
        except (TransientError, TimeoutError) as error:
            self._log.warning("stopped_before_batch_was_durable", error=str(error) or "the drain took too long")

    @property
    def _stop_asked(self) -> bool:
        return self._stopping is not None and self._stopping.done()

    async def _collect(self) -> Batch:
        """A batch that is full, or old enough while nothing is being written, or what there is when the loop has to turn to
        something else."""
        batch = Batch(self._positions.kafka_topic)
        generation = self._positions.generation
        room = self._limits.max_batch_records
        deadline: float | None = None
        now = asyncio.get_running_loop().time
        while room > 0 and not self._stop_asked and not self._positions.must_seek and self._positions.generation == generation:
            patience = IDLE_POLL_SECONDS if deadline is None else deadline - now()
            if patience <= 0:
                if self._write is None or self._write.done():
                    break
                patience = IDLE_POLL_SECONDS
            taken = await self._fetch_into(batch, room, patience)
            room -= taken
            if taken and deadline is None:
                deadline = now() + self._limits.max_batch_age_seconds
        if self._positions.generation != generation:
            return Batch(self._positions.kafka_topic)
        return batch

    async def _fetch_into(self, batch: Batch, room: int, patience: float) -> int:
        """Waits for records, the end of the write under way, or a stop; returns how many records the batch got."""
        assert self._stopping is not None
        if self._fetch is None:
            self._fetch = asyncio.create_task(_getmany(self._consumer, patience, room))
            self._fetch_generation = self._positions.generation
        waiting: set[asyncio.Task[Any]] = {self._fetch, self._stopping}
        if self._write is not None and not self._write.done():
            waiting.add(self._write)
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._write is not None and self._write.done():
            await self._written()
        if not self._fetch.done():
            return 0
        task, self._fetch = self._fetch, None
        fetched = task.result()
        if self._fetch_generation != self._positions.generation:
            return 0
        taken = self._positions.take(batch, fetched)
        metrics.RECORDS_RECEIVED.labels(self._name).inc(taken)
        return taken

    async def _pass_on(self, batch: Batch) -> None:
        """Prepares the batch while the one before is being written, then starts to write it."""
        generation = self._positions.generation
        try:
            prepared = await self._patiently("prepare", lambda: self._prepare(batch))
            await self._written()
        except TransientError as error:
            if not self._stop_asked:
                raise
            self._log.warning("stopped_before_batch_was_durable", error=str(error))
            return
        if generation != self._positions.generation:
            self._log.info("batch_dropped", records=len(batch), why="the assignment changed or a fence was lost")
            return
        self._write = asyncio.create_task(self._make_durable(batch, prepared))

    async def _prepare(self, batch: Batch) -> Prepared:
        if self._confirm_log is None:
            return await self._handler.prepare(batch)
        # The question is put after the records were fetched: an answer that the topic is the same holds for them.
        confirming = asyncio.ensure_future(self._confirm_log())
        try:
            prepared = await self._handler.prepare(batch)
            await confirming
        finally:
            confirming.cancel()
            await asyncio.gather(confirming, return_exceptions=True)
        return prepared

    async def _make_durable(self, batch: Batch, prepared: Prepared) -> None:
        started = asyncio.get_running_loop().time()
        lost = await self._patiently("handle", lambda: self._handler.handle(batch, prepared))
        metrics.BATCH_SECONDS.labels(self._name).observe(asyncio.get_running_loop().time() - started)
        handled = self._positions.durable(batch, batch.spans(), lost)
        metrics.RECORDS_HANDLED.labels(self._name).inc(handled)
        self._watchdog.progressed()
        if lost:
            metrics.FENCE_LOST.labels(self._name).inc(len(lost))
            self._log.warning("fence_lost", partitions=sorted(lost), records=len(batch) - handled)
            self._positions.seek_again()

    async def _written(self) -> None:
        """Waits for the batch under way; raises what it raised."""
        if self._write is not None:
            try:
                await asyncio.shield(self._write)
            finally:
                if self._write.done():
                    self._write = None

    async def _patiently(self, step: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Calls until it succeeds; a `TransientError` is waited out, bounded in time, and raised at once after a stop."""
        assert self._stopping is not None
        began = asyncio.get_running_loop().time()
        pause = self._limits.retry_first_seconds
        while True:
            try:
                answer = await call()
            except TransientError as error:
                waited = asyncio.get_running_loop().time() - began
                metrics.BATCH_RETRIES.labels(self._name).inc()
                self._log.warning("batch_retried", step=step, error=str(error), waited_seconds=round(waited, 3))
                if self._stop_asked or waited + pause > self._limits.retry_for_seconds:
                    raise
                with self._watchdog.excused():
                    sleeping = asyncio.ensure_future(self._clock.sleep(pause))
                    await asyncio.wait({sleeping, self._stopping}, return_when=asyncio.FIRST_COMPLETED)
                    sleeping.cancel()
                pause = min(pause * 2, self._limits.retry_most_seconds)
            else:
                return answer

    # Where to read

    async def _seek(self) -> None:
        """Asks the store where to go on and seeks there. Leaves `must_seek` as it is when the assignment changes meanwhile."""
        generation = self._positions.generation
        await self._settle_fetch()
        partitions = self._positions.partitions
        beginnings = await self._patiently("beginnings", lambda: self._beginnings(partitions))
        offsets = await self._patiently("positions", lambda: self._offsets.positions(beginnings))
        ends = await self._patiently("ends", lambda: self._ends(partitions))
        if generation != self._positions.generation:
            return
        self._positions.check_log(offsets, beginnings, ends)
        for partition in partitions:
            self._consumer.seek(_client_partition(partition), offsets[partition.partition])
        self._positions.sought(offsets)
        self._consumer.resume(*map(_client_partition, partitions))
        self._watchdog.progressed()
        self._log.info("partitions_sought", partitions=len(partitions), lag=self._positions.lag(offsets, ends))

    async def _settle_fetch(self) -> None:
        """Ends a fetch under way: what it takes after a seek would be missing."""
        if self._fetch is not None:
            await asyncio.wait({self._fetch}, timeout=2 * IDLE_POLL_SECONDS)
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)
            self._fetch = None

    async def _beginnings(self, partitions: Collection[Partition]) -> dict[int, int]:
        return await self._ask(self._consumer.beginning_offsets([*map(_client_partition, partitions)]))

    async def _ends(self, partitions: Collection[Partition]) -> dict[int, int]:
        return await self._ask(self._consumer.end_offsets([*map(_client_partition, partitions)]))

    async def _ask(self, question: Awaitable[Mapping[Any, int]]) -> dict[int, int]:
        try:
            answer = await asyncio.wait_for(question, self._limits.kafka_call_seconds)
        except (KafkaError, TimeoutError) as error:
            raise TransientError(f"Kafka does not say where the log begins or ends: {error!r}") from error
        return {partition.partition: offset for partition, offset in answer.items()}

    # Called by the client in a task of its own

    async def _revoked(self) -> None:
        self._positions.revoke()
        if self._write is not None:
            await asyncio.wait({self._write}, timeout=self._limits.revoke_drain_seconds)

    def _assigned(self, numbers: Collection[int]) -> None:
        self._positions.assign(numbers)
        # Paused and with a position of its own, a partition is neither fetched nor reset by the client until `_seek`.
        for partition in map(_client_partition, self._positions.partitions):
            self._consumer.pause(partition)
            self._consumer.seek(partition, 0)
        self._log.info("partitions_assigned", partitions=sorted(numbers))


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # the client is untyped
    """Hands the group's decisions to the loop. The client swallows what a listener raises, so neither may raise."""

    def __init__(self, revoked: Callable[[], Awaitable[None]], assigned: Callable[[Collection[int]], None]) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Collection[Partition]) -> None:
        await self._revoked()

    async def on_partitions_assigned(self, assigned: Collection[Partition]) -> None:
        self._assigned([partition.partition for partition in assigned])


async def _getmany(consumer: RecordSource, patience: float, room: int) -> Mapping[Any, Any]:
    try:
        return await consumer.getmany(timeout_ms=max(1, int(patience * 1000)), max_records=room)
    except NoOffsetForPartitionError:
        # The client looked for a committed offset before we could seek; there is none and must be none.
        return {}
    except OffsetOutOfRangeError as error:
        raise OffsetGap(f"Kafka no longer has, or never had, the offset to be read next: {error}") from error


def _client_partition(partition: Partition) -> Any:
    return TopicPartition(*partition)

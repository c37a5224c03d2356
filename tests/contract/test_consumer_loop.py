"""What every handler may rely on in the consumer loop, over the log in memory and over a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from deploy.local.processes import StackState
from models.domain.failures import OffsetGap, TransientError, UserError
from runtime.consumer_batch import Batch, ConsumerLimits, RecordSource
from runtime.consumer_loop import ConsumerLoop
from runtime.kafka import make_admin, make_consumer, make_producer
from runtime.kafka_topic_id import topic_id
from runtime.memory_kafka import MemoryKafka
from runtime.settings import KafkaSettings, load

PARTITIONS = 4
QUICK = ConsumerLimits(
    max_batch_records=50,
    max_batch_age_seconds=0.02,
    retry_first_seconds=0.01,
    retry_for_seconds=0.5,
    watch_interval_seconds=0.2,
    progress_timeout_seconds=20.0,
)


class Log(Protocol):
    """A topic that the test writes to, takes consumers of, and damages."""

    kafka_topic: str

    async def write(self, partition: int, count: int) -> None: ...

    def consumer(self, instance: str) -> RecordSource: ...

    async def delete_before(self, partition: int, offset: int) -> None: ...

    async def recreate(self) -> None: ...

    async def incarnation(self) -> UUID: ...


class MemoryLog:
    """The log in memory."""

    def __init__(self) -> None:
        self.kafka = MemoryKafka("telemetry.test", PARTITIONS)
        self.kafka_topic = self.kafka.kafka_topic

    async def write(self, partition: int, count: int) -> None:
        for number in range(count):
            self.kafka.append(partition, b"%d" % number)

    def consumer(self, instance: str) -> RecordSource:
        return self.kafka.consumer("group")

    async def delete_before(self, partition: int, offset: int) -> None:
        self.kafka.delete_before(partition, offset)

    async def recreate(self) -> None:
        self.kafka.recreate()

    async def incarnation(self) -> UUID:
        return self.kafka.incarnation


class RealLog:
    """A topic of its own on the real Kafka."""

    def __init__(self, settings: KafkaSettings, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient) -> None:
        self.kafka_topic = f"test.{uuid4().hex[:8]}"
        self.group_id = f"group-{self.kafka_topic}"
        self._settings = settings
        self._producer = producer
        self._admin = admin

    async def create(self) -> None:
        await self._admin.create_topics([NewTopic(self.kafka_topic, PARTITIONS, 1)])

    async def delete(self) -> None:
        await self._admin.delete_topics([self.kafka_topic])

    async def write(self, partition: int, count: int) -> None:
        sent = [await self._producer.send(self.kafka_topic, b"%d" % number, partition=partition) for number in range(count)]
        await asyncio.gather(*sent)

    def consumer(self, instance: str) -> RecordSource:
        made: RecordSource = make_consumer(
            self._settings, group_id=self.group_id, group_instance_id=f"{self.group_id}-{instance}", client_id=f"test-{instance}"
        )
        return made

    async def delete_before(self, partition: int, offset: int) -> None:
        await self._admin.delete_records({TopicPartition(self.kafka_topic, partition): RecordsToDelete(offset)})

    async def recreate(self) -> None:
        await self.delete()
        for _ in range(50):
            await asyncio.sleep(0.1)
            if self.kafka_topic not in await self._admin.list_topics():
                break
        await self.create()

    async def incarnation(self) -> UUID:
        return await topic_id(self._settings, self.kafka_topic, client_id="test")


@pytest.fixture(params=["memory", "kafka"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    if request.param == "memory":
        yield MemoryLog()
        return
    servers: StackState = request.getfixturevalue("servers")
    settings = load(KafkaSettings, "operator", servers.run_dir)
    producer = make_producer(settings, client_id="test")
    admin = make_admin(settings, client_id="test")
    await producer.start()
    await admin.start()
    real = RealLog(settings, producer, admin)
    await real.create()
    try:
        yield real
    finally:
        await real.delete()
        await producer.stop()
        await admin.close()


class Rows:
    """A store with the fence of the real one: offsets move by compare-and-set together with the rows."""

    def __init__(self) -> None:
        self.offsets: dict[int, int] = {}
        self.rows: list[tuple[int, int, bytes]] = []
        self.before_write: Callable[[Batch], Awaitable[None]] | None = None
        self.most_prepared_before_written = 0
        self._prepared = 0

    async def positions(self, beginnings: Mapping[int, int]) -> dict[int, int]:
        return {number: self.offsets.setdefault(number, beginning) for number, beginning in beginnings.items()}

    async def prepare(self, batch: Batch) -> int:
        self._prepared += 1
        self.most_prepared_before_written = max(self.most_prepared_before_written, self._prepared)
        return len(batch)

    async def handle(self, batch: Batch, prepared: int) -> frozenset[int]:
        assert prepared == len(batch)
        if self.before_write is not None:
            await self.before_write(batch)
        lost = set()
        for number, span in batch.spans().items():
            if self.offsets[number] != span.first:
                lost.add(number)
                continue
            self.offsets[number] = span.next
            self.rows += [(number, record.offset, record.value or b"") for record in batch.records[number]]
        self._prepared -= 1
        return frozenset(lost)

    def expect(self, counts: Mapping[int, int]) -> None:
        """Every record once, in offset order within its partition."""
        for number, count in counts.items():
            assert [offset for partition, offset, _ in self.rows if partition == number] == list(range(count))


def loop_over(log: Log, rows: Rows, instance: str = "a", limits: ConsumerLimits = QUICK, **options: object) -> ConsumerLoop[int]:
    return ConsumerLoop(log.consumer(instance), log.kafka_topic, rows, rows, name="test", limits=limits, **options)  # type: ignore[arg-type]  # passed on as given


class Running:
    """A loop in a task of its own, stopped at the end of the block."""

    def __init__(self, loop: ConsumerLoop[int]) -> None:
        self.stop = asyncio.Event()
        self._loop = loop

    async def __aenter__(self) -> Running:
        self.task = asyncio.create_task(self._loop.run(self.stop))
        return self

    async def __aexit__(self, *error: object) -> None:
        self.stop.set()
        await asyncio.gather(self.task, return_exceptions=True)
        if error[0] is None and not self.task.cancelled():
            self.task.result()

    async def until(self, reached: Callable[[], bool], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not reached():
                if self.task.done():
                    self.task.result()
                    raise AssertionError("the loop ended")
                await asyncio.sleep(0.01)


async def test_each_record_is_handled_once_and_in_offset_order(log: Log) -> None:
    rows = Rows()
    for partition in range(PARTITIONS):
        await log.write(partition, 120)
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 480)
    rows.expect(dict.fromkeys(range(PARTITIONS), 120))


async def test_the_next_batch_is_prepared_while_one_is_written_and_no_further(log: Log) -> None:
    rows = Rows()
    await log.write(0, 400)

    async def slowly(_batch: Batch) -> None:
        await asyncio.sleep(0.05)

    rows.before_write = slowly
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 400)
    assert rows.most_prepared_before_written == 2


async def test_a_restart_goes_on_where_the_store_says(log: Log) -> None:
    rows = Rows()
    await log.write(1, 30)
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 30)
    await log.write(1, 25)
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 55)
    rows.expect({1: 55})


async def test_offsets_deleted_from_the_store_are_handled_again_from_the_beginning(log: Log) -> None:
    rows = Rows()
    await log.write(2, 30)
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 30)
    rows.offsets.clear()
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 60)
    assert [offset for _, offset, _ in rows.rows] == [*range(30), *range(30)]


async def test_a_transient_error_gives_the_same_batch_again(log: Log) -> None:
    rows = Rows()
    failures = iter([True, True])

    async def fail_twice(_batch: Batch) -> None:
        if next(failures, False):
            raise TransientError("the database is away")

    rows.before_write = fail_twice
    await log.write(0, 60)
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 60)
    rows.expect({0: 60})


async def test_a_transient_error_that_lasts_ends_the_process_uncommitted(log: Log) -> None:
    rows = Rows()

    async def fail(_batch: Batch) -> None:
        raise TransientError("the database is away")

    rows.before_write = fail
    await log.write(0, 5)
    with pytest.raises(TransientError, match="the database is away"):
        async with asyncio.timeout(30):
            await loop_over(log, rows).run(asyncio.Event())
    assert rows.offsets[0] == 0


async def test_an_unexpected_error_ends_the_process_uncommitted(log: Log) -> None:
    rows = Rows()

    async def fail(_batch: Batch) -> None:
        raise ZeroDivisionError

    rows.before_write = fail
    await log.write(0, 5)
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(30):
            await loop_over(log, rows).run(asyncio.Event())
    assert rows.offsets[0] == 0


async def test_a_stop_waits_for_the_batch_under_way(log: Log) -> None:
    rows = Rows()
    writing = asyncio.Event()

    async def slowly(_batch: Batch) -> None:
        writing.set()
        await asyncio.sleep(0.3)

    rows.before_write = slowly
    await log.write(0, 40)
    async with Running(loop_over(log, rows)) as running:
        await asyncio.wait_for(writing.wait(), 30)
        running.stop.set()
        await asyncio.wait_for(running.task, 30)
    assert rows.rows
    assert rows.offsets[0] == len(rows.rows)


async def test_a_second_member_takes_over_partitions_without_loss_or_repetition(log: Log) -> None:
    rows = Rows()
    for partition in range(PARTITIONS):
        await log.write(partition, 60)
    async with Running(loop_over(log, rows, "a")) as first:
        await first.until(lambda: len(rows.rows) >= 100)
        async with Running(loop_over(log, rows, "b")) as second:
            for partition in range(PARTITIONS):
                await log.write(partition, 60)
            await second.until(lambda: len(rows.rows) >= 480)
    rows.expect(dict.fromkeys(range(PARTITIONS), 120))


async def test_who_loses_the_fence_seeks_again_and_the_other_partitions_are_kept(log: Log) -> None:
    rows = Rows()
    stolen: list[int] = []

    async def another_member_writes(batch: Batch) -> None:
        # Another member of the group wakes up and has handled ten records of partition 0 meanwhile.
        if not stolen and 0 in batch.records and len(batch.records[0]) >= 10:
            taken = batch.records[0][:10]
            rows.rows += [(0, record.offset, b"by another") for record in taken]
            rows.offsets[0] = taken[-1].offset + 1
            stolen.append(taken[0].offset)

    rows.before_write = another_member_writes
    for partition in range(PARTITIONS):
        await log.write(partition, 100)
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 400)
    assert stolen
    rows.expect(dict.fromkeys(range(PARTITIONS), 100))


async def test_records_deleted_before_they_were_handled_stop_the_process_with_a_sentence(log: Log) -> None:
    rows = Rows()
    await log.write(3, 20)
    async with Running(loop_over(log, rows)) as running:
        await running.until(lambda: len(rows.rows) >= 20)
    await log.write(3, 20)
    await log.delete_before(3, 30)
    with pytest.raises(OffsetGap, match="10 records were deleted before they were handled"):
        async with asyncio.timeout(30):
            await loop_over(log, rows).run(asyncio.Event())
    assert rows.offsets[3] == 20


async def test_an_offset_past_the_end_of_the_log_stops_the_process(log: Log) -> None:
    rows = Rows()
    rows.offsets = {0: 500}
    await log.write(0, 20)
    with pytest.raises(OffsetGap, match="the log ends at 20"):
        async with asyncio.timeout(30):
            await loop_over(log, rows).run(asyncio.Event())


async def test_a_topic_created_again_while_running_is_noticed(log: Log) -> None:
    rows = Rows()
    life = await log.incarnation()

    async def confirm() -> None:
        try:
            found = await log.incarnation()
        except UserError as error:
            raise OffsetGap(str(error)) from error
        if found != life:
            raise OffsetGap("the topic was deleted and created again")

    await log.write(0, 40)

    async def run_over_a_recreation() -> None:
        async with Running(loop_over(log, rows, confirm_log=confirm)) as running:
            await running.until(lambda: len(rows.rows) >= 40)
            await log.recreate()
            await log.write(0, 3)
            await asyncio.wait_for(running.task, 60)

    with pytest.raises(OffsetGap):
        await run_over_a_recreation()
    assert len(rows.rows) == 40


async def test_a_batch_of_another_incarnation_is_never_written(log: Log) -> None:
    rows = Rows()
    asked: list[UUID] = []

    async def another_one() -> None:
        asked.append(uuid4())
        raise OffsetGap("the topic was deleted and created again")

    await log.write(0, 5)
    with pytest.raises(OffsetGap, match="created again"):
        async with asyncio.timeout(30):
            await loop_over(log, rows, confirm_log=another_one).run(asyncio.Event())
    assert asked
    assert not rows.rows

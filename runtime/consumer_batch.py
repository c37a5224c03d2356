"""What passes between the consumer loop and those it works for: a batch, its spans of offsets, the limits, the protocols.

Nothing here knows Kafka's client or the database: tests hand in a log in memory, the services hand in the real things.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar


class Partition(NamedTuple):
    """A partition of a Kafka topic; equal to aiokafka's `TopicPartition` of the same two values."""

    topic: str
    partition: int


class Record(Protocol):
    """The part of a Kafka record that is used (aiokafka's `ConsumerRecord` has it)."""

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def timestamp(self) -> int:
        """CreateTime, milliseconds since 1970."""
        ...

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Span(NamedTuple):
    """Offsets of one partition in a batch: from `first` (the offset that must be the stored one) up to before `next`."""

    first: int
    next: int


@dataclass(slots=True)
class Batch:
    """Records of several partitions, each partition's in offset order and without a gap."""

    kafka_topic: str
    records: dict[int, list[Record]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.records.values()))

    def __iter__(self) -> Iterator[Record]:
        for partition in sorted(self.records):
            yield from self.records[partition]

    def add(self, partition: int, records: Sequence[Record]) -> None:
        """Appends records that follow what the batch has of this partition."""
        self.records.setdefault(partition, []).extend(records)

    def spans(self) -> dict[int, Span]:
        """Per partition the offsets that become durable together with this batch."""
        return {partition: Span(records[0].offset, records[-1].offset + 1) for partition, records in self.records.items()}


Prepared = TypeVar("Prepared")
NO_PARTITIONS: frozenset[int] = frozenset()


class Handler(Protocol[Prepared]):
    """What a consumer does with records. The loop calls `prepare` and `handle` once per batch, batches in order.

    Both may raise `TransientError`: the loop waits and calls again with the same batch. Anything else stops the process.
    """

    async def prepare(self, batch: Batch) -> Prepared:
        """Work that needs no write, such as decoding, done while the batch before is being written. Must change nothing that a
        second call would find changed. May be called for a batch that is then dropped."""
        ...

    async def handle(self, batch: Batch, prepared: Prepared) -> frozenset[int]:
        """Makes the batch durable together with the offsets of `batch.spans()`; safe to be given the same batch again.

        Never called while another call is under way. Returns the partitions whose stored offset was not the expected one
        (another member moved it): nothing of theirs was written, everything of the others is durable.
        """
        ...


class OffsetStore(Protocol):
    """Where the offsets to be read next are kept: for `store` the database, in the rows' own transaction."""

    async def positions(self, beginnings: Mapping[int, int]) -> dict[int, int]:
        """The offset to be read next of each partition. For one that has none stored yet, its beginning (the given offset, where the
        log starts) is stored and returned. May raise `TransientError`."""
        ...


class RecordSource(Protocol):
    """The part of `AIOKafkaConsumer` that the loop uses, with manual offsets: no auto-commit, no offset reset."""

    def subscribe(self, topics: Sequence[str], *, listener: Any) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def getmany(self, *, timeout_ms: int, max_records: int) -> Mapping[Any, Sequence[Any]]: ...

    def seek(self, partition: Any, offset: int) -> None: ...

    def pause(self, *partitions: Any) -> None: ...

    def resume(self, *partitions: Any) -> None: ...

    async def beginning_offsets(self, partitions: Collection[Any]) -> Mapping[Any, int]: ...

    async def end_offsets(self, partitions: Collection[Any]) -> Mapping[Any, int]: ...


ConfirmLog = Callable[[], Awaitable[None]]
"""Raises `OffsetGap` when the Kafka topic is no longer the one that the offsets belong to (it was deleted and created again)."""


@dataclass(frozen=True, slots=True)
class ConsumerLimits:
    """Everything that is bounded in a consumer loop."""

    max_batch_records: int = 2000
    max_batch_age_seconds: float = 0.2
    """How long a batch waits for more records when the one before it is done."""
    retry_for_seconds: float = 240.0
    """How long one batch is tried again after transient errors, before the process gives up and is started again. Kept below
    Kafka's `max.poll.interval.ms`."""
    retry_first_seconds: float = 0.2
    retry_most_seconds: float = 10.0
    progress_timeout_seconds: float = 300.0
    """With lag and no record handled for so long, the process ends itself."""
    watch_interval_seconds: float = 5.0
    kafka_call_seconds: float = 30.0
    """Deadline of one question to Kafka about offsets."""
    revoke_drain_seconds: float = 10.0
    """How long a rebalance waits for the batch that is being written."""
    stop_drain_seconds: float = 30.0
    """How long a stop waits for what is in flight."""

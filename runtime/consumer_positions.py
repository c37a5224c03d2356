"""Which partitions a consumer has and which offset of each comes next. The consumer loop keeps one; it does no I/O.

Records are taken only of partitions that were sought to the stored offset, and only without a gap. A change of the assignment
or a lost fence starts a new generation: whatever was fetched or prepared before belongs to the old one and is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from models.domain.failures import OffsetGap
from runtime.consumer_batch import Batch, Partition, Span


class ConsumerPositions:
    """`next_offsets` is what is to be fetched next, `durable_offsets` what is to be read next after a restart."""

    def __init__(self, kafka_topic: str) -> None:
        self.kafka_topic = kafka_topic
        self.generation = 0
        self.joined = False
        self.next_offsets: dict[int, int] = {}
        self.durable_offsets: dict[int, int] = {}
        self._assigned: frozenset[int] = frozenset()
        self._durable_timestamps: dict[int, int] = {}

    @property
    def partitions(self) -> list[Partition]:
        """All that are assigned."""
        return [Partition(self.kafka_topic, number) for number in sorted(self._assigned)]

    @property
    def must_seek(self) -> bool:
        """Some assigned partition has not been sought to its stored offset yet."""
        return len(self.next_offsets) < len(self._assigned)

    def revoke(self) -> None:
        """Nothing is assigned until `assign`."""
        self._start_over(frozenset())
        self.joined = False

    def assign(self, numbers: Collection[int]) -> None:
        """These are assigned; each has to be sought."""
        self._start_over(frozenset(numbers))
        self.joined = True

    def seek_again(self) -> None:
        """Keeps the assignment and forgets every offset."""
        self._start_over(self._assigned)

    def _start_over(self, assigned: frozenset[int]) -> None:
        self.generation += 1
        self._assigned = assigned
        self.next_offsets.clear()
        self.durable_offsets.clear()
        self._durable_timestamps.clear()

    def check_log(self, offsets: Mapping[int, int], beginnings: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Raises `OffsetGap` unless the log still holds, or will write next, what is to be read next."""
        for number, offset in offsets.items():
            if offset < beginnings[number]:
                raise OffsetGap(
                    f"offset {offset} of {self.kafka_topic}[{number}] is to be read next, but the log starts at {beginnings[number]}: "
                    f"{beginnings[number] - offset} records were deleted before they were handled; "
                    "`stadspuls topics skip-deleted` lets the store go on without them"
                )
            if offset > ends[number]:
                raise OffsetGap(
                    f"offset {offset} of {self.kafka_topic}[{number}] is to be read next, but the log ends at {ends[number]}: "
                    "the topic lost records or was created again"
                )

    def sought(self, offsets: Mapping[int, int]) -> None:
        """The consumer stands at these offsets."""
        self.next_offsets.update(offsets)
        self.durable_offsets.update(offsets)

    def take(self, batch: Batch, fetched: Mapping[Any, Sequence[Any]]) -> int:
        """Adds what was fetched to the batch and returns how many records that was. Records of partitions not sought yet are dropped.
        Raises `OffsetGap` when a partition's records do not follow what was taken before."""
        taken = 0
        for partition, records in fetched.items():
            number = partition.partition
            expected = self.next_offsets.get(number)
            if expected is None or not records:
                continue
            if records[0].offset != expected or records[-1].offset != expected + len(records) - 1:
                raise OffsetGap(
                    f"{self.kafka_topic}[{number}] gave offsets {records[0].offset} to {records[-1].offset} ({len(records)} records) where "
                    f"{expected} is to be read next"
                )
            self.next_offsets[number] = expected + len(records)
            batch.add(number, records)
            taken += len(records)
        return taken

    def durable(self, batch: Batch, spans: Mapping[int, Span], lost: Collection[int]) -> int:
        """Notes that a batch is durable, but for the lost partitions; returns the number of its records."""
        count = 0
        for number, span in spans.items():
            if number in lost:
                continue
            count += span.next - span.first
            if number in self.durable_offsets:
                self.durable_offsets[number] = span.next
                self._durable_timestamps[number] = batch.records[number][-1].timestamp
        return count

    def lag(self, durable: Mapping[int, int], ends: Mapping[int, int]) -> int:
        """Records in the log that were not durable when `durable` was noted."""
        return sum(max(0, ends[number] - offset) for number, offset in durable.items())

    def oldest_waiting_timestamp(self, ends: Mapping[int, int]) -> int | None:
        """Milliseconds: a time before which no record waits (CreateTime of the last durable record of partitions with lag), None if
        that is not known."""
        return min(
            (
                self._durable_timestamps[number]
                for number, offset in self.durable_offsets.items()
                if number in self._durable_timestamps and ends.get(number, 0) > offset
            ),
            default=None,
        )

"""A Kafka topic and its consumer groups in memory, for tests of consumer loops without a server.

It behaves as the real one does where the loop can tell the difference (one contract suite runs against both): positions are the
consumer's own, paused partitions give nothing, an offset outside the log is an error, a member that joins or leaves takes everything
from everybody before it is handed out again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError


@dataclass(slots=True)
class MemoryRecord:
    """One record of the log."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(slots=True)
class _PartitionLog:
    beginning: int = 0
    records: list[MemoryRecord] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.beginning + len(self.records)


class MemoryKafka:
    """One topic and its consumer groups."""

    def __init__(self, kafka_topic: str, partitions: int) -> None:
        self.kafka_topic = kafka_topic
        self.incarnation = uuid4()
        self.logs = {number: _PartitionLog() for number in range(partitions)}
        self._groups: dict[str, list[MemoryConsumer]] = {}
        self._joining = asyncio.Lock()

    def append(
        self,
        partition: int,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
    ) -> int:
        """Writes a record and returns its offset."""
        log = self.logs[partition]
        moment = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
        log.records.append(MemoryRecord(self.kafka_topic, partition, log.end, moment, key, value, headers))
        for members in self._groups.values():
            for member in members:
                member.wake()
        return log.end - 1

    def delete_before(self, partition: int, offset: int) -> None:
        """What retention does."""
        log = self.logs[partition]
        del log.records[: offset - log.beginning]
        log.beginning = offset

    def recreate(self) -> None:
        """Deletes the topic and makes it again, empty."""
        self.incarnation = uuid4()
        self.logs = {number: _PartitionLog() for number in self.logs}

    def consumer(self, group_id: str) -> MemoryConsumer:
        """A member-to-be of a group; `start` joins it."""
        return MemoryConsumer(self, group_id)

    async def join(self, member: MemoryConsumer) -> None:
        self._groups.setdefault(member.group_id, []).append(member)
        await self._rebalance(member.group_id)

    async def leave(self, member: MemoryConsumer) -> None:
        members = self._groups.get(member.group_id, [])
        if member in members:
            members.remove(member)
            await self._rebalance(member.group_id)

    async def _rebalance(self, group_id: str) -> None:
        async with self._joining:
            members = list(self._groups[group_id])
            for member in members:
                await member.revoke()
            for place, member in enumerate(members):
                await member.assign([number for number in self.logs if number % len(members) == place])


class MemoryConsumer:
    """The part of `AIOKafkaConsumer` that a consumer loop uses."""

    def __init__(self, kafka: MemoryKafka, group_id: str) -> None:
        self.group_id = group_id
        self._kafka = kafka
        self._listener: Any = None
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._news = asyncio.Event()

    def wake(self) -> None:
        self._news.set()

    async def revoke(self) -> None:
        revoked = {self._name(number) for number in self._positions}
        self._positions.clear()
        await self._listener.on_partitions_revoked(revoked)

    async def assign(self, numbers: Collection[int]) -> None:
        self._positions = dict.fromkeys(numbers, 0)
        self._paused.clear()
        await self._listener.on_partitions_assigned({self._name(number) for number in numbers})

    def _name(self, number: int) -> TopicPartition:
        return TopicPartition(self._kafka.kafka_topic, number)

    def subscribe(self, topics: Sequence[str], *, listener: Any) -> None:
        if list(topics) != [self._kafka.kafka_topic]:
            raise ValueError(f"this log holds {self._kafka.kafka_topic}, not {topics}")
        self._listener = listener

    async def start(self) -> None:
        await self._kafka.join(self)

    async def stop(self) -> None:
        await self._kafka.leave(self)

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[MemoryRecord]]:
        found = self._take(max_records)
        if not found:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), timeout_ms / 1000)
            except TimeoutError:
                return {}
            found = self._take(max_records)
        return found

    def _take(self, room: int) -> dict[TopicPartition, list[MemoryRecord]]:
        found: dict[TopicPartition, list[MemoryRecord]] = {}
        for number, position in self._positions.items():
            log = self._kafka.logs[number]
            if number in self._paused or room == 0:
                continue
            if not log.beginning <= position <= log.end:
                raise OffsetOutOfRangeError({self._name(number): position})
            records = log.records[position - log.beginning : position - log.beginning + room]
            if records:
                found[self._name(number)] = records
                self._positions[number] = position + len(records)
                room -= len(records)
        return found

    def seek(self, partition: Any, offset: int) -> None:
        self._positions[partition.partition] = offset
        self._news.set()

    def pause(self, *partitions: Any) -> None:
        self._paused |= {partition.partition for partition in partitions}

    def resume(self, *partitions: Any) -> None:
        self._paused -= {partition.partition for partition in partitions}
        self._news.set()

    async def beginning_offsets(self, partitions: Collection[Any]) -> dict[TopicPartition, int]:
        return {partition: self._kafka.logs[partition.partition].beginning for partition in partitions}

    async def end_offsets(self, partitions: Collection[Any]) -> dict[TopicPartition, int]:
        return {partition: self._kafka.logs[partition.partition].end for partition in partitions}

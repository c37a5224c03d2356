"""Reads single records of the raw topic again: the bytes of dead letters that were above their source's quota, and records that became
dead letters only now.

Asked in the order of offsets, it reads on where that is cheaper than seeking.
"""

from __future__ import annotations

import asyncio
import hashlib
from types import TracebackType
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from models.domain.failures import DeadLetterReason, TransientError
from runtime.consumer_batch import Record
from runtime.kafka import make_consumer
from runtime.kafka_topic_id import topic_id
from runtime.settings import KafkaSettings
from storage.dead_letters import DeadLetter

READ_ON_RECORDS = 500
CALL_SECONDS = 20.0


class RawLog:
    """Opened as a context; connects to Kafka when it is first needed."""

    def __init__(self, settings: KafkaSettings, *, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._consumer: AIOKafkaConsumer | None = None
        self._incarnation = UUID(int=0)
        self._beginnings: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._position: tuple[TopicPartition, int] | None = None

    async def __aenter__(self) -> RawLog:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def payload(self, letter: DeadLetter) -> bytes | None:
        """The payload of the letter's source record; None when Kafka no longer has it. May raise `TransientError`."""
        record = await self.record(letter.incarnation, letter.partition, letter.offset)
        if record is None:
            return None
        found: bytes = record.value or b""
        same = letter.reason is DeadLetterReason.TOO_LARGE or hashlib.sha256(found).hexdigest() == letter.content_hash
        return found if same else None

    async def record(self, incarnation: UUID, partition: int, offset: int) -> Record | None:
        """One record of this life of the topic; None when Kafka no longer has it. May raise `TransientError`."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._read(incarnation, TopicPartition(self._settings.kafka_topic_raw, partition), offset)
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransientError(f"Kafka does not give offset {offset} of partition {partition}: {error!r}") from error

    async def _read(self, incarnation: UUID, partition: TopicPartition, offset: int) -> Record | None:
        consumer = self._consumer or await self._connect()
        if incarnation != self._incarnation:
            return None
        if partition not in self._ends:
            self._beginnings.update(await consumer.beginning_offsets([partition]))
            self._ends.update(await consumer.end_offsets([partition]))
        if not self._beginnings[partition] <= offset < self._ends[partition]:
            return None
        near = self._position is not None and self._position[0] == partition
        if not near or not 0 <= offset - self._position[1] <= READ_ON_RECORDS:  # type: ignore[index]  # near says it is there
            consumer.assign([partition])
            consumer.seek(partition, offset)
        while True:
            record: Record = await consumer.getone()
            self._position = (partition, record.offset + 1)
            if record.offset >= offset:
                return record if record.offset == offset else None

    async def _connect(self) -> AIOKafkaConsumer:
        self._incarnation = await topic_id(self._settings, self._settings.kafka_topic_raw, client_id=self._client_id)
        self._consumer = make_consumer(self._settings, group_id=None, group_instance_id=None, client_id=self._client_id)
        await self._consumer.start()
        return self._consumer

"""How many messages wait in the raw topic: what is in flight between Kafka and the database, as the ledger counts it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from ingest.store.service import CONSUMER
from models.domain.failures import TransientError
from runtime.kafka import make_consumer
from runtime.kafka_topic_id import topic_id
from runtime.settings import KafkaSettings
from storage.stream_offsets import stored_offsets

CLIENT_ID = "stadspuls-waiting"
CALL_SECONDS = 20.0


@dataclass(frozen=True)
class LogPosition:
    """Of one partition: the oldest offset that Kafka still has, the one to be stored next, and the one to be written next."""

    beginning: int
    stored: int
    end: int

    @property
    def waiting(self) -> int:
        """Messages that will be read."""
        return self.end - max(self.stored, self.beginning)

    @property
    def missing(self) -> int:
        """Messages that were to be read and that Kafka has deleted."""
        return max(0, self.beginning - self.stored)


async def records_waiting(kafka: KafkaSettings, connection: asyncpg.Connection) -> int:
    """Records behind the stored offsets. Raises `TransientError` when Kafka does not answer."""
    return sum(position.waiting for position in (await log_positions(kafka, connection)).values())


async def log_positions(kafka: KafkaSettings, connection: asyncpg.Connection) -> dict[int, LogPosition]:
    """Partition → where the raw topic begins, is stored up to, and ends. Raises `TransientError` when Kafka does not answer."""
    incarnation = await topic_id(kafka, kafka.kafka_topic_raw, client_id=CLIENT_ID)
    stored = await stored_offsets(connection, CONSUMER, incarnation)
    consumer = make_consumer(kafka, group_id=None, group_instance_id=None, client_id=CLIENT_ID)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            # An assignment of one partition, paused, makes the client learn how many there are.
            first = TopicPartition(kafka.kafka_topic_raw, 0)
            consumer.assign([first])
            await consumer.start()
            consumer.seek(first, 0)
            consumer.pause(first)
            numbers = consumer.partitions_for_topic(kafka.kafka_topic_raw) or ()
            partitions = [TopicPartition(kafka.kafka_topic_raw, number) for number in sorted(numbers)]
            beginnings = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(f"Kafka does not say where {kafka.kafka_topic_raw} ends: {error!r}") from error
    finally:
        await consumer.stop()
    return {
        item.partition: LogPosition(beginnings[item], stored.get(item.partition, beginnings[item]), ends[item])
        for item in partitions
    }

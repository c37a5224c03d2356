"""Reads the raw topic again from a moment on, up to where the store has come: what `redecode` decodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from models.domain.failures import TransientError
from runtime.consumer_batch import Record, Span
from runtime.kafka import make_consumer
from runtime.kafka_topic_id import topic_id
from runtime.settings import KafkaSettings

RECORDS_AT_A_TIME = 10_000
SILENCE_SECONDS = 30.0
"""Kafka must give something within this time while there is something left."""


class RawRange:
    """`incarnation` and `spans` are known once it is open; `records` gives each span once, in batches of one partition."""

    def __init__(self, settings: KafkaSettings, consumer: AIOKafkaConsumer, incarnation: UUID, spans: Mapping[int, Span]) -> None:
        self._settings = settings
        self._consumer = consumer
        self.incarnation = incarnation
        self.spans = spans

    async def records(self) -> AsyncIterator[tuple[int, list[Record]]]:
        """(partition, records in order of offsets). May raise `TransientError`."""
        topic, left = self._settings.kafka_topic_raw, {number: span.next for number, span in self.spans.items()}
        self._consumer.assign([TopicPartition(topic, number) for number in left])
        for number, span in self.spans.items():
            self._consumer.seek(TopicPartition(topic, number), span.first)
        quiet_since = asyncio.get_running_loop().time()
        while left:
            try:
                fetched = await self._consumer.getmany(timeout_ms=1000, max_records=RECORDS_AT_A_TIME)
            except (KafkaError, OSError) as error:
                raise TransientError(f"Kafka does not give records of {topic}: {error!r}") from error
            now = asyncio.get_running_loop().time()
            if fetched:
                quiet_since = now
            elif now - quiet_since > SILENCE_SECONDS:
                raise TransientError(
                    f"Kafka gave no record of {topic} for {SILENCE_SECONDS:.0f} s; partitions left: {sorted(left)}"
                )
            for partition, records in fetched.items():
                end = left.get(partition.partition)
                if end is None:
                    continue
                wanted = records if records[-1].offset < end else [record for record in records if record.offset < end]
                if wanted:
                    yield partition.partition, wanted
                if records[-1].offset + 1 >= end:
                    del left[partition.partition]
                    self._consumer.pause(partition)


@asynccontextmanager
async def raw_range(
    settings: KafkaSettings, since: datetime, stored: Mapping[UUID, Mapping[int, int]], *, client_id: str
) -> AsyncIterator[RawRange]:
    """The range from the first record written at `since` or later up to the offsets that the store reads next, which `stored` has per
    life of the topic. Raises `TransientError` when Kafka cannot be reached."""
    incarnation = await topic_id(settings, settings.kafka_topic_raw, client_id=client_id)
    consumer = make_consumer(settings, group_id=None, group_instance_id=None, client_id=client_id)
    try:
        try:
            await consumer.start()
            spans = await _spans(consumer, settings.kafka_topic_raw, since, stored.get(incarnation, {}))
        except (KafkaError, OSError) as error:
            raise TransientError(f"Kafka cannot be reached: {error!r}") from error
        yield RawRange(settings, consumer, incarnation, spans)
    finally:
        await consumer.stop()


async def _spans(consumer: AIOKafkaConsumer, topic: str, since: datetime, ends: Mapping[int, int]) -> dict[int, Span]:
    partitions = [TopicPartition(topic, number) for number in ends]
    if not partitions:
        return {}
    beginnings = await consumer.beginning_offsets(partitions)
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    spans = {}
    for partition in partitions:
        end = ends[partition.partition]
        first = found[partition].offset if found.get(partition) is not None else end
        if max(first, beginnings[partition]) < end:
            spans[partition.partition] = Span(max(first, beginnings[partition]), end)
    return spans

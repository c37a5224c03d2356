"""How many records wait for the store, asked of a real Kafka and database: the ledger's "in flight", and what Kafka no longer has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from deploy.local.processes import StackState
from ingest.store.waiting import records_waiting
from models.domain.failures import OffsetGap
from runtime.kafka import make_admin
from runtime.settings import DatabaseSettings
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of
from tests.integration.test_store_commands import stadspuls

pytestmark = pytest.mark.servers


@pytest.fixture
async def line(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Line]:
    async with raw_topic_on(servers) as topic:
        made = Line(servers, database, topic, tmp_path)
        await made.prepare(["s1"])
        yield made


async def test_what_the_store_has_not_handled_waits(line: Line) -> None:
    now = datetime.now(UTC)
    await line.topic.send([(topic_of("s1"), own_payload(now, distance_mm=1.0)), (topic_of("s2"), b"{")])
    async with line.connection() as connection:
        assert await records_waiting(line.topic.kafka, connection) == 2
        await line.handled(2)
        assert await records_waiting(line.topic.kafka, connection) == 0


async def test_what_kafka_deleted_stops_the_store_until_a_person_skips_it(line: Line) -> None:
    moments = [datetime.now(UTC) - timedelta(minutes=number) for number in range(6)]
    messages = [(topic_of("s1"), own_payload(moment, distance_mm=1.0)) for moment in moments]
    await line.topic.send(messages[:2])
    await line.handled(2)
    await line.topic.send(messages[2:])
    async with line.connection() as connection:
        (partition,) = await connection.fetch("SELECT partition, next_offset FROM stream_offset WHERE next_offset > 0")
    admin = make_admin(line.topic.kafka, client_id="test")
    await admin.start()
    log = TopicPartition(line.topic.kafka.kafka_topic_raw, partition["partition"])
    await admin.delete_records({log: RecordsToDelete(before_offset=partition["next_offset"] + 3)})
    await admin.close()

    with pytest.raises(OffsetGap, match=r"3 records were deleted.*skip-deleted"):
        async with line.store() as task:
            await asyncio.wait([task], timeout=60)
    status, said = await stadspuls(line, "topics", "skip-deleted", "--yes")
    assert (status, "3 messages" in said) == (0, True), said
    await line.handled(3)
    status, said = await stadspuls(line, "ledger")
    assert "gaps: 3 messages were deleted by Kafka" in said
    assert "3 received = 3 decoded" in said
    status, said = await stadspuls(line, "topics", "skip-deleted")
    assert "nothing to skip" in said

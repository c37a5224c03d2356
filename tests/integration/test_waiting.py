"""How many records wait for the store, asked of a real Kafka and database: the ledger's "in flight"."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.processes import StackState
from ingest.store.waiting import records_waiting
from runtime.settings import DatabaseSettings
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of

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

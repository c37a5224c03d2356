"""`kill -9` of `mqtt_to_kafka` at random moments with messages in flight: everything that the publisher sent is in Kafka."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from deploy.local.processes import StackState
from tests.integration.forwarding import Forwarding, duplicates, forwarding, random_moments

pytestmark = pytest.mark.servers

MESSAGES = 50_000
KILLS = 5
SEED = 20261122


@pytest.fixture
async def line(servers: StackState) -> AsyncIterator[Forwarding]:
    async with forwarding(servers) as made:
        yield made


async def test_five_kills_during_50000_messages_lose_none(line: Forwarding) -> None:
    payloads = line.payloads(MESSAGES)
    block = MESSAGES // KILLS
    await line.start()
    began = monotonic()
    sent = 0
    for kill, moment in enumerate(random_moments(SEED, KILLS, 0.8)):
        publishing = asyncio.create_task(_publish_for_a_second(line, payloads, kill * block, block))
        await asyncio.sleep(moment)
        await line.end(signal.SIGKILL)
        assert not publishing.done(), "a kill has to strike while messages are being sent"
        await line.start()
        sent += await publishing
    records = await line.until_kafka_has(payloads)
    stored = {record.value for record in records}
    print(
        f"{sent} sent, {len(stored)} in Kafka, {len(set(payloads) - stored)} lost, {duplicates(records)} twice after {KILLS} kills "
        f"(seed {SEED}); {monotonic() - began:.1f} s"
    )
    assert sent == MESSAGES
    assert stored == set(payloads), "0 lost, nothing made up"
    assert len({record.source for record in records}) == len(records), "each record is a reception of its own"
    assert len({record.source[0] for record in records}) == KILLS + 1
    assert await line.end() == 0


async def _publish_for_a_second(line: Forwarding, payloads: list[bytes], first: int, count: int) -> int:
    """Sends payloads over a good second, so that a kill within it finds some on their way; returns how many the broker has."""
    async with line.publisher() as publisher:
        for number in range(first, first + count):
            await publisher.publish(line.topic(number), payloads[number])
            if number % (count // 100) == 0:
                await asyncio.sleep(0.01)
        await publisher.drain()
        return publisher.acknowledged

"""Hints: coalesced per thing, none for the past, and their loss never harms the store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ingest.store.hints import Hints
from models.domain.reading import TimeSource
from models.sensor_kinds.container_fill import ContainerFill
from runtime.clock import ManualClock

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def reading(thing_id: str, minutes_ago: float) -> ContainerFill:
    observed_at = NOW - timedelta(minutes=minutes_ago)
    return ContainerFill(
        thing_id=thing_id, datastream_id=f"{thing_id}/fill", observed_at=observed_at, time_source=TimeSource.DEVICE, distance_mm=800
    )


class Producer:
    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self._error = error

    async def send(self, topic: str, value: bytes, key: bytes) -> asyncio.Future[None]:
        if self._error is not None:
            raise self._error
        self.sent.append({"topic": topic, "key": key.decode(), **orjson.loads(value)})
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def hints_to(producer: Producer) -> Hints:
    return Hints(producer, "things.changed", ManualClock(NOW), lateness=timedelta(days=1))


async def test_a_thing_gets_one_hint_with_its_newest_observation() -> None:
    producer = Producer()
    hints = hints_to(producer)
    hints.note("container_fill", [reading("c-1", 30), reading("c-1", 10), reading("c-1", 20), reading("c-2", 5)])
    await hints.flush()
    assert [(hint["topic"], hint["key"], hint["thing_id"], hint["kind"]) for hint in producer.sent] == [
        ("things.changed", "c-1", "c-1", "container_fill"),
        ("things.changed", "c-2", "c-2", "container_fill"),
    ]
    assert datetime.fromisoformat(producer.sent[0]["observed_at"]) == NOW - timedelta(minutes=10)


async def test_readings_older_than_the_lateness_window_raise_none() -> None:
    producer = Producer()
    hints = hints_to(producer)
    hints.note("container_fill", [reading("c-1", 24 * 60 + 1)])
    await hints.flush()
    assert producer.sent == []


async def test_a_hint_is_sent_once() -> None:
    producer = Producer()
    hints = hints_to(producer)
    hints.note("container_fill", [reading("c-1", 1)])
    await hints.flush()
    await hints.flush()
    assert len(producer.sent) == 1


async def test_a_kafka_that_takes_nothing_only_loses_hints() -> None:
    hints = hints_to(Producer(ConnectionError("away")))
    hints.note("container_fill", [reading("c-1", 1)])
    await hints.flush()

"""`stadspuls tail` on real servers: readings, dead letters and raw messages appear on lines, the newest first known, then each new one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from deploy.local.processes import StackState
from models.sensor_kinds import kind_by_name
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.clock import SystemClock
from runtime.settings import DatabaseSettings
from stadspuls.tailing import follow_dead_letters, follow_raw, follow_readings
from storage.registry import import_registry, sensor_contexts
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of

pytestmark = pytest.mark.servers
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
async def line(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Line]:
    async with raw_topic_on(servers) as topic:
        made = Line(servers, database, topic, tmp_path)
        await made.prepare(["s1", "s2"])
        yield made


async def next_line(lines: AsyncGenerator[str, None], seconds: float = 30.0) -> str:
    async with asyncio.timeout(seconds):
        return await anext(lines)


async def test_readings_are_followed_from_the_newest_on(line: Line) -> None:
    await line.topic.send([(topic_of("s1"), own_payload(NOW - timedelta(hours=3), distance_mm=840.0, tilted=False))])
    await line.handled(1)
    async with line.connection() as connection:
        lines = follow_readings(connection, [CONTAINER_FILL], last=5, clock=SystemClock())
        async with aclosing(lines):
            first = await next_line(lines)
            assert f"container_fill   c-s1/fill          observed {NOW - timedelta(hours=3):%Y-%m-%d %H:%M:%S} (3 h late)" in first
            assert first.endswith("distance_mm=840mm  tilted=no")
            await line.topic.send([(topic_of("s2"), own_payload(NOW, distance_mm=900.0))])
            await line.handled(2)
            assert "c-s2/fill" in await next_line(lines)


async def test_readings_of_one_thing_and_none_of_the_past(line: Line) -> None:
    sent = [(topic_of(sensor), own_payload(NOW - timedelta(hours=1), distance_mm=1.0)) for sensor in ("s1", "s2")]
    await line.topic.send(sent)
    await line.handled(2)
    traffic = kind_by_name("traffic_flow")
    assert traffic is not None
    async with line.connection() as connection:
        lines = follow_readings(connection, [CONTAINER_FILL, traffic], thing_id="c-s2", last=0, clock=SystemClock())
        async with aclosing(lines):
            waiting = asyncio.create_task(next_line(lines))
            await asyncio.sleep(0.3)
            await line.topic.send([(topic_of(sensor), own_payload(NOW, distance_mm=7.0)) for sensor in ("s1", "s2")])
            await line.handled(4)
            assert "distance_mm=7mm" in await waiting
            assert "c-s2/fill" in waiting.result()


async def test_dead_letters_are_followed(line: Line) -> None:
    await line.topic.send([(topic_of("s1"), b"{"), (topic_of("s1"), own_payload(NOW, distance_mm=-1.0))])
    await line.handled(2)
    async with line.connection() as connection:
        lines = follow_dead_letters(connection, last=1, clock=SystemClock())
        async with aclosing(lines):
            assert "range" in await next_line(lines)
            await line.topic.send([(topic_of("s2"), b"nothing")])
            await line.handled(3)
            assert "malformed" in await next_line(lines)


async def test_raw_messages_are_followed_undecoded(line: Line) -> None:
    await line.topic.send([(topic_of("s1"), b"before")])
    lines = follow_raw(line.topic.kafka)
    async with aclosing(lines):
        waiting = asyncio.create_task(next_line(lines))
        async with asyncio.timeout(30):
            while not waiting.done():
                await line.topic.send([(topic_of("s2"), b"\xff\x00 garbled " + b"x" * 500)])
                await asyncio.sleep(0.2)
        said = waiting.result()
    assert topic_of("s2") in said
    assert "·· garbled xxx" in said
    assert said.endswith("x…")


async def test_only_sensors_of_simulated_things_are_simulated(line: Line, tmp_path: Path) -> None:
    """What decides whether uplinks are taken that a network server marks as simulated."""
    point = {"type": "Point", "coordinates": [5.2, 52.4]}
    features = [
        {"type": "Feature", "geometry": point, "properties": {"type": "bridge", "id": name, "name": name, "simulated": simulated}}
        for name, simulated in (("b-real", False), ("b-made-up", True))
    ]
    (tmp_path / "bridges.geojson").write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    (tmp_path / "sensors.csv").write_text(
        "sensor_id,device_model,kind,thing_id,datastream,channel,valid_from,valid_to,accepts_history_from\n"
        "real,stadspuls_json,bridge_state,b-real,state,,2020-01-01T00:00:00Z,,\n"
        "made-up,stadspuls_json,bridge_state,b-made-up,state,,2020-01-01T00:00:00Z,,\n"
    )
    async with line.connection() as connection:
        await import_registry(connection, [tmp_path / "bridges.geojson", tmp_path / "sensors.csv"])
        contexts = await sensor_contexts(connection)
    assert {name: context.simulated for name, context in contexts.items()} == {
        "s1": False,
        "s2": False,
        "real": False,
        "made-up": True,
    }

"""Devices that count and say no time, through the real store on both engines: exactly once, whatever is delivered again, and for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.local.processes import Engine, StackState
from ingest.store.raw_log import RawLog
from ingest.store.registry_snapshot import RegistrySnapshot
from ingest.store.replay import LetterChoice, Replay
from models.domain.sequences import REDELIVERY_REACH
from runtime.clock import SystemClock
from runtime.postgres import open_pool
from runtime.settings import DatabaseSettings
from tests.integration.raw_topic import Line, raw_topic_on, topic_of
from tests.integration.test_redecode import _decoder, _every_third_refused, _in_centimetres, compress, diff_of, redecode

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=12)
Rows = list[tuple[datetime, float, str]]


@pytest.fixture
async def line(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Line]:
    async with raw_topic_on(servers) as topic:
        made = Line(servers, database, topic, tmp_path)
        await made.prepare(["s1", "s2"])
        yield made


def counted(seq: int, distance_mm: float, *, sensor: str = "s1", **more: Any) -> tuple[str, bytes]:
    return topic_of(sensor), orjson.dumps({"v": 1, "kind": "container_fill", "seq": seq, "distance_mm": distance_mm, **more})


async def rows(line: Line, sensor: str = "s1") -> Rows:
    """(observed_at, distance, time source) in order of time."""
    async with line.connection() as connection:
        found = await connection.fetch(
            "SELECT observed_at, distance_mm, time_source FROM container_fill WHERE thing_id = $1 ORDER BY observed_at",
            f"c-{sensor}",
        )
    return [tuple(row) for row in found]


async def replay_letters(line: Line) -> dict[str, int]:
    pool = await open_pool(line.store_database, application_name="test")
    try:
        registry = RegistrySnapshot(pool, SystemClock())
        await registry.load()
        async with RawLog(line.topic.kafka, client_id="test") as raw_log:
            report = await Replay(pool, registry, raw_log, b"key", lambda kind, readings: None).run(LetterChoice())
    finally:
        await pool.close()
    return dict(report.outcomes)


async def test_a_redelivery_is_stored_once_in_its_batch_in_a_later_one_and_after_a_restart(line: Line, engine: Engine) -> None:
    sent = [counted(number, 100.0 + number) for number in range(5)]
    await line.topic.send([*sent, sent[1], sent[4]], received_at=START)
    totals = await line.handled(7)
    assert (totals.readings_stored, totals.readings_duplicate) == (5, 2)
    first = await rows(line)
    assert [distance for _, distance, _ in first] == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert first[0] == (START, 100.0, "sequence")

    async with line.store() as task:
        await line.topic.send(sent, received_at=START + timedelta(minutes=1))
        await line.until_received(12, task)
        await line.topic.send(sent, received_at=START + timedelta(hours=9), extra={"dup": b"1"})
        await line.until_received(17, task)
    totals = await line.handled(17)
    assert (totals.readings_stored, totals.readings_duplicate, totals.messages_dead_lettered) == (5, 12, 0)
    assert await rows(line) == first


async def test_a_reboot_and_a_wrap_are_other_readings_and_what_is_out_of_order_is_each_stored_once(
    line: Line, engine: Engine
) -> None:
    numbers = [254, 255, 0, 2, 1, 0, 1]
    for place, number in enumerate(numbers):
        await line.topic.send([counted(number, 100.0 + place)], received_at=START + timedelta(minutes=10 * place))
    again = START + timedelta(minutes=61)
    await line.topic.send([counted(1, 106.0), counted(0, 105.0)], received_at=again)
    await line.topic.send([counted(1, 106.0, sensor="s2")], received_at=again)
    totals = await line.handled(len(numbers) + 3)
    assert (totals.readings_stored, totals.readings_duplicate) == (8, 2)
    assert [row[:2] for row in await rows(line)] == [
        (START + timedelta(minutes=10 * place), 100.0 + place) for place in range(len(numbers))
    ]
    assert len(await rows(line, "s2")) == 1
    # The same bytes under the same number, but long after: the device was started again.
    later = again + REDELIVERY_REACH + timedelta(minutes=1)
    await line.topic.send([counted(1, 106.0)], received_at=later)
    await line.handled(len(numbers) + 4)
    assert (await rows(line))[-1] == (later, 106.0, "sequence")


async def test_named_starts_of_a_counter_are_told_apart_at_once(line: Line, engine: Engine) -> None:
    await line.topic.send([counted(1, 840.0, boot=1), counted(1, 840.0, boot=2), counted(1, 840.0, boot=2)], received_at=START)
    totals = await line.handled(3)
    assert (totals.readings_stored, totals.readings_duplicate) == (2, 1)


async def test_readings_of_one_message_keep_the_order_of_their_numbers(line: Line, engine: Engine) -> None:
    items = [{"seq": number, "distance_mm": 100.0 + number} for number in (9, 7, 8)]
    body = orjson.dumps({"v": 1, "kind": "container_fill", "readings": [*items, {"distance_mm": 1.0}]})
    await line.topic.send([(topic_of("s1"), body)] * 2, received_at=START)
    totals = await line.handled(2)
    assert [distance for _, distance, _ in await rows(line)] == [107.0, 108.0, 109.0]
    assert (totals.readings_stored, totals.readings_duplicate, totals.readings_rejected) == (3, 3, 2)


async def test_redecoding_gives_the_same_rows_and_doubles_nothing(line: Line, engine: Engine) -> None:
    sent = [counted(number, 1000.0 + 10 * number) for number in range(20)]
    async with _decoder(_in_centimetres):
        for number, message in enumerate(sent):
            await line.topic.send([message, message], received_at=START + timedelta(minutes=number))
        await line.topic.send([counted(3, 2000.0)], received_at=START + timedelta(hours=1))
        await line.topic.send(sent[:5], received_at=START + timedelta(hours=1, minutes=1), extra={"dup": b"1"})
        await line.handled(46)
    await compress(line, engine)
    wrong = await rows(line)
    seen = await redecode(line, dry_run=True)
    assert await rows(line) == wrong
    report = await redecode(line)
    assert diff_of(report) == diff_of(seen) == (21, 0, 21, 0, 0)
    right = await rows(line)
    assert [row[0] for row in right] == [row[0] for row in wrong]
    assert [row[1] for row in right] == pytest.approx([10 * row[1] for row in wrong])
    assert diff_of(await redecode(line)) == (21, 21, 0, 0, 0)
    # What is delivered again after the decoder was mended is known: its bytes are the same.
    await line.topic.send(sent, received_at=START + timedelta(hours=2), extra={"dup": b"1"})
    totals = await line.handled(66)
    assert totals.readings_duplicate == 45
    assert len(await rows(line)) == 21


async def test_looking_at_what_redecoding_would_do_fixes_no_moment(line: Line, engine: Engine) -> None:
    sent = [counted(number, float(number)) for number in range(6)]
    async with _decoder(_every_third_refused):
        await line.topic.send(sent, received_at=START)
        await line.handled(6)
    fixed = "SELECT count(*) FROM sequence_moment"
    assert await line.count(fixed) == 4
    seen = await redecode(line, dry_run=True)
    assert await line.count(fixed) == 4
    report = await redecode(line)
    assert diff_of(report) == diff_of(seen) == (4, 4, 0, 2, 0)
    assert sorted(distance for _, distance, _ in await rows(line)) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert diff_of(await redecode(line)) == (6, 6, 0, 0, 0)


async def test_a_replay_stores_once_what_was_refused_also_if_it_was_delivered_again_meanwhile(line: Line, engine: Engine) -> None:
    sent = [counted(number, 100.0 + number, sensor="late") for number in range(3)]
    await line.topic.send(sent, received_at=START)
    totals = await line.handled(3)
    assert totals.messages_dead_lettered == 3
    await line.register(["s1", "s2", "late"])
    await line.topic.send(sent[:1], received_at=START + timedelta(minutes=2))
    await line.handled(4)
    assert await replay_letters(line) == {"stored": 3}
    stored = await rows(line, "late")
    assert sorted(distance for _, distance, _ in stored) == [100.0, 101.0, 102.0]
    assert await replay_letters(line) == {}
    await line.topic.send(sent, received_at=START + timedelta(minutes=30))
    totals = await line.handled(7)
    assert await rows(line, "late") == stored
    assert diff_of(await redecode(line)) == (3, 3, 0, 0, 0)


async def test_a_retained_message_with_a_number_and_no_time_is_a_dead_letter(line: Line, engine: Engine) -> None:
    await line.topic.send([counted(1, 1.0)], received_at=START, extra={"retain": b"1"})
    totals = await line.handled(1)
    assert totals.messages_dead_lettered == 1
    assert await line.count("SELECT count(*) FROM sequence_moment") == 0

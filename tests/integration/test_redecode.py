"""Decoding the raw topic again after a decoder was mended: on a real Kafka and both database engines."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest
from aiokafka import TopicPartition

from deploy.local.processes import Engine, StackState
from ingest.build_reading import build_reading
from ingest.store.raw_log import RawLog
from ingest.store.raw_range import raw_range
from ingest.store.redecode import Redecode, RedecodeReport
from ingest.store.service import CONSUMER
from models.domain.failures import DeadLetterReason, InvalidMessage, UserError
from models.domain.reading import Reading
from models.sensor_kinds import SENSOR_KINDS, SensorKind
from models.sensor_kinds.bridge_state import BRIDGE_STATE
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.clock import SystemClock
from runtime.kafka import make_consumer
from runtime.settings import DatabaseSettings
from stadspuls.correction_texts import redecode_lines
from stadspuls.hinting import hint_corrected
from storage.dead_letters import list_dead_letters, replays_of
from storage.readings import latest_readings
from storage.registry import sensor_contexts
from storage.stream_offsets import all_stored_offsets
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of

SENSORS = [f"s{number}" for number in range(4)]
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=39)
HOURS = 100


@pytest.fixture
async def line(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Line]:
    async with raw_topic_on(servers) as topic:
        made = Line(servers, database, topic, tmp_path)
        await made.prepare(SENSORS)
        yield made


def hourly(sensor: str, hours: int = HOURS, *, first: int = 0) -> list[tuple[str, bytes]]:
    return [
        (topic_of(sensor), own_payload(START + timedelta(hours=hour), distance_mm=100.0 + hour, battery_v=3.6))
        for hour in range(first, first + hours)
    ]


@asynccontextmanager
async def _decoder(build: Any) -> AsyncIterator[None]:
    """While this lasts, readings are built by `build`."""
    with patch("ingest.decode.build_reading", build):
        yield


def _in_centimetres(fields: Any, context: Any, measured: Mapping[str, Any], *others: Any, **named: Any) -> Reading:
    """A decoder's bug: the distance is taken for centimetres."""
    return build_reading(fields, context, {**measured, "distance_mm": measured["distance_mm"] / 10}, *others, **named)


def _an_hour_early(
    fields: Any, context: Any, measured: Mapping[str, Any], observed_at: datetime, *others: Any, **named: Any
) -> Reading:
    return build_reading(fields, context, measured, observed_at - timedelta(hours=1), *others, **named)


def _every_third_refused(fields: Any, context: Any, measured: Mapping[str, Any], *others: Any, **named: Any) -> Reading:
    if int(measured["distance_mm"]) % 3 == 0:
        raise InvalidMessage(DeadLetterReason.RANGE, "a decoder's bug")
    return build_reading(fields, context, measured, *others, **named)


async def redecode(
    line: Line, *, kinds: Sequence[SensorKind] = SENSOR_KINDS, dry_run: bool = False, allow_removals: bool = False
) -> RedecodeReport:
    since = datetime.now(UTC) - timedelta(days=1)
    kafka = line.topic.kafka
    async with line.connection() as connection:
        contexts = await sensor_contexts(connection)
        stored = await all_stored_offsets(connection, CONSUMER)
        async with RawLog(kafka, client_id="letters") as raw_log, raw_range(kafka, since, stored, client_id="redecode") as raw:
            work = Redecode(connection, raw, raw_log, contexts, 1, b"key", kinds=kinds)
            return await work.run(since, datetime.now(UTC), dry_run=dry_run, allow_removals=allow_removals)


async def stored(line: Line) -> dict[tuple[str, datetime], asyncpg.Record]:
    async with line.connection() as connection:
        rows = await connection.fetch("SELECT * FROM container_fill")
    return {(row["datastream_id"], row["observed_at"]): row for row in rows}


async def compress(line: Line, engine: Engine, *, before: datetime | None = None) -> None:
    """Compresses all chunks, or those that end before a moment."""
    if engine == "timescale":
        async with line.connection() as connection:
            await connection.execute(
                "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000"
            )
            for row in await connection.fetch(
                "SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks "
                "WHERE hypertable_name = 'container_fill' AND NOT is_compressed AND ($1::timestamptz IS NULL OR range_end <= $1)",
                before,
            ):
                await connection.execute("CALL convert_to_columnstore($1::regclass)", row["chunk"])


def diff_of(report: RedecodeReport) -> tuple[int, int, int, int, int]:
    (diff,) = [item for item in report.diffs if item.kind == CONTAINER_FILL.name]
    return diff.looked_at, diff.unchanged, diff.changed, diff.added, diff.removed


async def test_a_mended_decoder_puts_right_what_is_stored_and_doubles_nothing(line: Line, engine: Engine) -> None:
    sent = [message for sensor in SENSORS for message in hourly(sensor)]
    async with _decoder(_in_centimetres):
        await line.topic.send(sent)
        await line.topic.send(sent[:50])
        await line.handled(len(sent) + 50)
    await compress(line, engine)
    wrong = await stored(line)
    assert len(wrong) == len(sent)

    seen = await redecode(line, dry_run=True)
    assert await stored(line) == wrong
    report = await redecode(line)
    assert diff_of(report) == diff_of(seen) == (400, 0, 400, 0, 0)
    right = await stored(line)
    assert right.keys() == wrong.keys()
    assert all(right[key]["distance_mm"] == pytest.approx(10 * wrong[key]["distance_mm"]) for key in right)
    assert all(right[key]["received_at"] == wrong[key]["received_at"] for key in right)
    said = "\n".join(redecode_lines(report, dry_run=False))
    assert "400 readings looked at: 0 as they were, 400 changed" in said
    assert "distance_mm: 400 readings, on average 14.95 → 149.5" in said
    assert "50 say what another reading of their moment says already" in said
    assert diff_of(await redecode(line)) == (400, 400, 0, 0, 0), "done again, nothing changes"
    async with line.connection() as connection:
        newest = await latest_readings(connection, CONTAINER_FILL)
        counted = await connection.fetchval("SELECT sum(reading_count) FROM container_fill_hourly")
        mean = await connection.fetchval("SELECT avg(distance_mm_avg) FROM container_fill_hourly")
        if engine == "timescale":
            assert not await connection.fetchval("SELECT count(*) FROM _timescaledb_catalog.chunk WHERE status & 10 > 0")
    assert {row["distance_mm"] for row in newest} == {100.0 + HOURS - 1}
    assert (counted, mean) == (400, pytest.approx(149.5))
    # The store goes on, and what it is given again is known to it.
    await line.topic.send(sent[:10])
    totals = await line.handled(len(sent) + 60)
    assert (totals.readings_duplicate, totals.readings_corrected) == (60, 400)


@pytest.mark.slow
async def test_a_mended_clock_moves_readings_to_their_own_moments(line: Line, engine: Engine) -> None:
    sent = [message for sensor in SENSORS for message in hourly(sensor, 8 * 24)]
    async with _decoder(_an_hour_early):
        await line.topic.send(sent)
        await line.handled(len(sent))
    await compress(line, engine)
    report = await redecode(line)
    assert diff_of(report) == (768, 0, 768, 0, 0)
    right = await stored(line)
    assert {moment for _, moment in right} == {START + timedelta(hours=hour) for hour in range(8 * 24)}
    assert len(right) == 768
    assert all(row["distance_mm"] == 100 + (row["observed_at"] - START) / timedelta(hours=1) for row in right.values())


async def test_dead_letters_of_a_mended_decoder_are_stored_and_closed(line: Line, engine: Engine) -> None:
    sent = [message for sensor in SENSORS for message in hourly(sensor, 30)]
    line.options["store_letters_with_bytes"] = 2
    async with _decoder(_every_third_refused):
        await line.topic.send(sent)
        await line.topic.send([(topic_of("s1"), b"?")])
        totals = await line.handled(len(sent) + 1)
    refused = totals.messages_dead_lettered - 1
    assert refused == 40
    report = await redecode(line)
    assert diff_of(report) == (80, 80, 0, 40, 0)
    assert (report.letters_stored, report.letters_new) == (40, 0)
    assert len(await stored(line)) == len(sent)
    async with line.connection() as connection:
        letters = await list_dead_letters(connection)
        assert sorted(letter.outcome or "" for letter in letters) == ["", *["stored"] * 40]
        done = next(letter for letter in letters if letter.outcome)
        assert done.letter_id is not None
        (replay,) = await replays_of(connection, done.letter_id)
    assert (replay.outcome, done.attempts) == ("stored", 2)
    totals = await line.totals()
    assert (totals.messages_replayed, totals.readings_corrected) == (40, 40)


@pytest.mark.slow
async def test_a_broken_decoder_does_not_take_readings_away_unasked(line: Line, engine: Engine) -> None:
    sent = [message for sensor in SENSORS for message in hourly(sensor, 30)]
    await line.topic.send(sent)
    await line.handled(len(sent))
    before = await stored(line)
    async with _decoder(_every_third_refused):
        with pytest.raises(UserError, match="40 of 120 readings of container_fill would be taken away"):
            await redecode(line)
        assert await stored(line) == before
        report = await redecode(line, allow_removals=True)
    assert diff_of(report) == (120, 80, 0, 0, 40)
    assert (report.letters_stored, report.letters_new) == (0, 40)
    async with line.connection() as connection:
        letters = await list_dead_letters(connection)
        assert {letter.reason for letter in letters} == {DeadLetterReason.RANGE}
        assert all(letter.content_hash == hashlib.sha256(letter.payload or b"").hexdigest() for letter in letters)
    report = await redecode(line)
    assert diff_of(report) == (80, 80, 0, 40, 0)
    assert await stored(line) == before


async def test_what_a_recreated_topic_holds_is_never_taken_for_what_the_old_one_held(line: Line, engine: Engine) -> None:
    """Offsets of both begin at 0: without the topic's life in each reading's source they would be the same records."""
    async with _decoder(_in_centimetres):
        await line.topic.send(hourly("s1", 20))
        await line.handled(20)
        await line.topic.recreate()
        await line.topic.send(hourly("s1", 20, first=20))
        await line.handled(40)
    before = await stored(line)
    report = await redecode(line)
    assert diff_of(report) == (20, 0, 20, 0, 0)
    after = await stored(line)
    boundary = START + timedelta(hours=20)
    for key, row in after.items():
        assert row["distance_mm"] == pytest.approx(before[key]["distance_mm"] * (10 if key[1] >= boundary else 1))


@pytest.mark.slow
async def test_only_the_kind_asked_for_is_touched_and_things_are_hinted_at(line: Line, engine: Engine) -> None:
    async with _decoder(_in_centimetres):
        await line.topic.send([message for sensor in SENSORS for message in hourly(sensor, 3)])
        await line.handled(12)
    report = await redecode(line, kinds=(BRIDGE_STATE,))
    assert [diff.touches for diff in report.diffs] == [0]
    report = await redecode(line, kinds=(CONTAINER_FILL,))
    assert [diff.changed for diff in report.diffs] == [12]
    kafka = line.topic.kafka
    consumer = make_consumer(kafka, group_id=None, group_instance_id=None, client_id="test")
    partitions = [TopicPartition(kafka.kafka_topic_changed, number) for number in range(2)]
    consumer.assign(partitions)
    await consumer.start()
    try:
        await consumer.seek_to_end(*partitions)
        positions = [await consumer.position(partition) for partition in partitions]
        assert await hint_corrected(report.diffs, SystemClock(), client_id="test", kafka=kafka) == len(SENSORS)
        hinted: set[bytes] = set()
        async with asyncio.timeout(30):
            while len(hinted) < len(SENSORS):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    hinted |= {record.key for record in records}
    finally:
        await consumer.stop()
    assert hinted == {f"c-{sensor}".encode() for sensor in SENSORS}, positions

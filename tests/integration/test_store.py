"""The store on a real Kafka and both database engines: every message in one column of the ledger, every reading stored once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from aiokafka import TopicPartition

from deploy.local.processes import StackState
from ingest.store.breaker import TooManyUnreadable
from ingest.store.raw_log import RawLog
from ingest.store.registry_snapshot import RegistrySnapshot
from ingest.store.replay import LetterChoice, Replay, ReplayReport
from models.domain.failures import OffsetGap
from runtime.clock import SystemClock
from runtime.kafka import make_consumer
from runtime.postgres import connected, open_pool
from runtime.settings import DatabaseSettings
from storage.dead_letters import dead_letter_counts, list_dead_letters
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of

SENSORS = [f"s{number}" for number in range(20)]
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=20)


@pytest.fixture
async def line(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Line]:
    async with raw_topic_on(servers) as topic:
        made = Line(servers, database, topic, tmp_path)
        await made.prepare(SENSORS)
        yield made


def hourly(sensor: str, hours: int, *, first: int = 0) -> list[tuple[str, bytes]]:
    return [
        (topic_of(sensor), own_payload(START + timedelta(hours=hour), distance_mm=500.0 + hour, battery_v=3.6))
        for hour in range(first, first + hours)
    ]


async def replay(line: Line, choice: LetterChoice) -> ReplayReport:
    clock = SystemClock()
    pool = await open_pool(line.database, application_name="replay", max_size=1)
    try:
        registry = RegistrySnapshot(pool, clock)
        await registry.load()
        async with RawLog(line.topic.kafka, client_id="replay") as raw_log:
            return await Replay(pool, registry, raw_log, b"key", lambda kind, readings: None).run(choice)
    finally:
        await pool.close()


async def test_every_fate_stands_in_its_column_of_the_ledger(line: Line) -> None:
    good = [message for sensor in SENSORS for message in hourly(sensor, 10)]
    late_first = list(reversed(hourly("s1", 5, first=10)))
    conflict = [(topic_of("s0"), own_payload(START, distance_mm=1.0))]
    await line.topic.send(good)
    await line.topic.send(good + good + late_first)
    await line.topic.send(
        [
            *conflict,
            (topic_of("s2"), b'{"v":1,'),
            (topic_of("s2"), own_payload(START + timedelta(days=3), distance_mm=1.0)),
            (topic_of("s3"), own_payload(START, distance_mm=-1.0)),
            (topic_of("s3"), orjson.dumps({"v": 9})),
            (topic_of("nobody"), own_payload(START, distance_mm=1.0)),
            (topic_of("s4"), own_payload(START, distance_mm=1.0, card_id="0477")),
            ("v3/app@ttn/devices/dev/join", b"{}"),
            ("somewhere/else", b"\x00\xff"),
        ]
    )
    await line.topic.send([(topic_of("s5"), b"{")], extra={"too_large": orjson.dumps({"length": 300_000, "sha256": "ab"})})

    totals = await line.handled(len(good) * 3 + 5 + 10)
    assert totals.messages_received == len(good) * 3 + 5 + 10
    assert (totals.messages_without_reading, totals.messages_dead_lettered) == (1, 8)
    assert (totals.readings_stored, totals.readings_duplicate, totals.readings_rejected) == (205, 400, 1)
    assert await line.count("SELECT count(*) FROM container_fill") == 205
    assert await line.count("SELECT count(*) FROM container_fill WHERE distance_mm = 1") == 0
    async with line.connection() as connection:
        counts = await dead_letter_counts(connection)
        letters = await list_dead_letters(connection)
    assert {reason.value: number for reason, number in counts.items()} == {
        "malformed": 1,
        "clock": 1,
        "range": 1,
        "schema": 2,
        "unknown_thing": 1,
        "privacy": 1,
        "identity": 1,
        "too_large": 1,
    }
    assert all("0477" not in f"{letter}" for letter in letters)
    assert next(letter for letter in letters if letter.mqtt_topic == "somewhere/else").payload == b"\x00\xff"


async def test_offsets_deleted_from_the_database_cost_only_duplicates(line: Line) -> None:
    sent = [message for sensor in SENSORS for message in hourly(sensor, 5)] + [(topic_of("s2"), b"{")]
    await line.topic.send(sent)
    await line.handled(len(sent))
    async with line.connection() as connection:
        await connection.execute("DELETE FROM stream_offset")
    totals = await line.handled(2 * len(sent))
    assert (totals.readings_stored, totals.readings_duplicate) == (100, 100)
    assert await line.count("SELECT count(*) FROM container_fill") == 100
    assert await line.count("SELECT count(*) FROM dead_letter") == 1


async def test_a_sensor_registered_while_the_store_runs_is_known_from_the_next_message_on(line: Line) -> None:
    async with line.store() as task:
        await line.topic.send(hourly("new", 1))
        await line.until_received(1, task)
        await line.register(["new"])
        await line.topic.send(hourly("new", 2, first=1))
        totals = await line.until_received(3, task)
        assert (totals.messages_dead_lettered, totals.readings_stored) == (1, 2)

        report = await replay(line, LetterChoice())
        assert (report.outcomes["stored"], report.readings_stored) == (1, 1)
        again = await replay(line, LetterChoice())
        assert again.outcomes.total() == 0
    assert await line.count("SELECT count(*) FROM container_fill WHERE thing_id = 'c-new'") == 3
    totals = await line.totals()
    assert (totals.messages_replayed, totals.readings_replayed, totals.readings_stored) == (1, 1, 2)
    assert totals.readings_imbalance == 0


async def test_a_replay_keeps_the_time_of_reception_and_the_source(line: Line) -> None:
    received_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    await line.topic.send(hourly("new", 1), received_at=received_at)
    await line.topic.send([(topic_of("new"), own_payload(received_at, distance_mm=5.0))], received_at=received_at)
    await line.handled(2)
    await line.register(["new"])
    report = await replay(line, LetterChoice())
    # The first reading lies ahead of its own reception by more than a clock may: it stays a dead letter, with another reason.
    assert dict(report.outcomes) == {"clock": 1, "stored": 1}
    async with line.connection() as connection:
        row = await connection.fetchrow("SELECT received_at, source_offset FROM container_fill")
        letters = await list_dead_letters(connection)
    assert (row["received_at"], row["source_offset"]) == (received_at, 1)
    assert sorted((letter.attempts, letter.outcome) for letter in letters) == [(2, "clock"), (2, "stored")]


async def test_above_its_quota_a_source_keeps_no_bytes_and_a_replay_reads_them_from_kafka(line: Line) -> None:
    line.options["store_letters_with_bytes"] = 2
    await line.topic.send(hourly("new", 6))
    await line.handled(6)
    assert await line.count("SELECT count(*) FROM dead_letter WHERE payload IS NULL") == 4
    await line.register(["new"])
    report = await replay(line, LetterChoice(mqtt_topic="stadspuls/v1/new/#"))
    assert (report.outcomes["stored"], report.readings_stored) == (6, 6)


async def test_a_topic_that_was_created_again_is_read_from_its_beginning(line: Line) -> None:
    await line.topic.send([message for sensor in SENSORS for message in hourly(sensor, 3)])
    await line.handled(60)
    await line.topic.recreate()
    await line.topic.send([message for sensor in SENSORS for message in hourly(sensor, 5, first=3)])
    totals = await line.handled(160)
    assert totals.readings_stored == 160
    assert await line.count("SELECT count(DISTINCT incarnation) FROM stream_offset") == 2


async def test_a_topic_created_again_under_the_running_store_stops_it(line: Line) -> None:
    await line.topic.send(hourly("s1", 3))

    async def recreate_under_the_store() -> None:
        async with line.store() as task:
            await line.until_received(3, task)
            await line.topic.recreate()
            await line.topic.send(hourly("s1", 5))
            await asyncio.wait_for(asyncio.shield(task), 60)

    with pytest.raises(OffsetGap):
        await recreate_under_the_store()
    assert (await line.totals()).messages_received == 3


async def test_connections_that_break_lose_and_repeat_nothing(line: Line) -> None:
    async with line.store() as task:
        await line.topic.send([(topic_of("s1"), b"?")])
        await line.until_received(1, task)
        for part in range(5):
            await line.topic.send([message for sensor in SENSORS for message in hourly(sensor, 4, first=4 * part)])
            async with connected(line.store_database, application_name="test") as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'store' AND pid <> pg_backend_pid()"
                )
        totals = await line.until_received(401, task)
    assert (totals.readings_stored, totals.readings_duplicate) == (400, 0)


async def test_a_bad_deployment_stops_the_store_before_it_dead_letters_everything(line: Line) -> None:
    await line.topic.send([message for sensor in SENSORS for message in hourly(sensor, 2)])
    await line.handled(40)
    unreadable = [(topic_of(sensor), b"\x01\x02") for sensor in SENSORS for _ in range(4)]
    await line.topic.send(unreadable)
    for _ in range(2):
        with pytest.raises(TooManyUnreadable, match="20 of 20 sensors"):
            async with line.store() as task:
                await asyncio.wait_for(asyncio.shield(task), 60)
    assert (await line.totals()).messages_received == 40
    line.options["store_unreadable_sensors"] = 0
    totals = await line.handled(120)
    assert totals.messages_dead_lettered == 80


async def test_garbage_and_unregistered_sensors_stop_nothing(line: Line) -> None:
    await line.topic.send([message for sensor in SENSORS for message in hourly(sensor, 2)])
    await line.topic.send([(f"stadspuls/v1/x{number}/readings", uuid4().bytes) for number in range(500)])
    await line.topic.send([(topic_of("s1"), b"?")] * 200)
    totals = await line.handled(740)
    assert totals.messages_dead_lettered == 700


async def test_changed_things_are_hinted_at_after_the_commit_and_old_readings_are_not(line: Line) -> None:
    await line.topic.send([message for sensor in SENSORS for message in hourly(sensor, 3)])
    old = datetime.now(UTC) - timedelta(days=20)
    await line.topic.send([(topic_of("s1"), own_payload(old, distance_mm=1.0))])
    await line.handled(61)
    kafka = line.topic.kafka
    consumer = make_consumer(kafka, group_id=None, group_instance_id=None, client_id="test", auto_offset_reset="earliest")
    consumer.assign([TopicPartition(kafka.kafka_topic_changed, number) for number in range(2)])
    await consumer.start()
    hints: list[dict[str, str]] = []
    try:
        async with asyncio.timeout(30):
            while {hint["thing_id"] for hint in hints} != {f"c-{sensor}" for sensor in SENSORS}:
                fetched = await consumer.getmany(timeout_ms=500)
                hints += [orjson.loads(record.value) for records in fetched.values() for record in records]
    finally:
        await consumer.stop()
    assert {hint["kind"] for hint in hints} == {"container_fill"}
    assert all(datetime.fromisoformat(hint["observed_at"]) > START - timedelta(hours=1) for hint in hints)

"""The transaction of a batch, on both engines and without Kafka: the fence per partition, refused readings, all or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from ingest.store.decoding import Decoding
from ingest.store.work import Work
from ingest.store.writing import Unaccounted, Writer, Written
from models.domain.failures import DeadLetterReason
from models.domain.registry import Assignment, Sensor, SensorContext
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.consumer_batch import Batch, Span
from runtime.memory_kafka import MemoryRecord
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from simulators.encoders.sparkplug import DOUBLE, metric, payload
from storage.dead_letters import list_dead_letters
from storage.ledger import ledger_totals
from storage.offset_fence import advance_offsets, begin_offsets
from storage.readings import latest_readings
from storage.schema import migrate
from tests.integration.raw_topic import TIMEZONE, own_payload, topic_of

LIFE = UUID(int=11)
NOW = datetime.now(UTC).replace(microsecond=0)
CONTEXTS = {
    sensor: SensorContext(
        sensor=Sensor(sensor_id=sensor, device_model="stadspuls_json", kind="container_fill"),
        assignments=(
            Assignment(
                sensor_id=sensor,
                thing_id=f"c-{sensor}",
                datastream_id=f"c-{sensor}/fill",
                valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            ),
        ),
        registry_version=1,
    )
    for sensor in ("a", "b")
}
DECODING = Decoding(CONTEXTS, 1, LIFE, b"key")
WRITER = Writer("store", LIFE, letters_with_bytes=100)


@pytest.fixture
async def connection(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database, application_name="test") as made:
        await migrate(made, timezone=TIMEZONE)
        await begin_offsets(made, "store", LIFE, {0: 0, 1: 0})
        yield made


def batch_of(counts: Mapping[int, int], *, first: int = 0) -> Batch:
    """Partition 0 has readings of sensor a, partition 1 of sensor b."""
    batch = Batch("telemetry.raw")
    for partition, count in counts.items():
        topic = topic_of("ab"[partition]).encode()
        headers = (("mqtt_topic", topic), ("received_at_us", b"%d" % (int(NOW.timestamp()) * 1_000_000)))
        batch.add(
            partition,
            [
                MemoryRecord(
                    "telemetry.raw",
                    partition,
                    offset,
                    0,
                    topic,
                    own_payload(NOW - timedelta(minutes=offset), distance_mm=1.0),
                    headers,
                )
                for offset in range(first, first + count)
            ],
        )
    return batch


async def test_a_historical_sparkplug_metric_is_stored_and_what_is_latest_stays_latest(connection: asyncpg.Connection) -> None:
    node = CONTEXTS["a"].model_copy(
        update={
            "sensor": Sensor(sensor_id="g:n:d", device_model="sparkplug_b", kind="container_fill"),
            "assignments": (CONTEXTS["a"].assignments[0].model_copy(update={"sensor_id": "g:n:d"}),),
        }
    )
    decoding = Decoding({"g:n:d": node}, 1, LIFE, b"key")
    now_ms = int(NOW.timestamp()) * 1000
    live = metric(840.0, DOUBLE, name="distance_mm", at_ms=now_ms)
    buffered = metric(500.0, DOUBLE, name="distance_mm", at_ms=now_ms - 3_600_000, historical=True)
    topic = b"sparkplug/g/DDATA/n/d"
    headers = (("mqtt_topic", topic), ("received_at_us", b"%d" % (now_ms * 1000)))
    batch = Batch("telemetry.raw")
    batch.add(
        0,
        [
            MemoryRecord("telemetry.raw", 0, offset, 0, topic, payload([sent], at_ms=now_ms, seq=offset), headers)
            for offset, sent in enumerate((live, buffered))
        ],
    )
    await WRITER.write(connection, batch.spans(), await decoding.work(batch), decoding)
    assert await connection.fetchval("SELECT count(*) FROM container_fill") == 2
    (newest,) = await latest_readings(connection, CONTAINER_FILL)
    assert (newest["observed_at"], newest["distance_mm"]) == (NOW, 840.0)


async def write(connection: asyncpg.Connection, batch: Batch, work: Work | None = None) -> Written:
    return await WRITER.write(connection, batch.spans(), work or await DECODING.work(batch), DECODING)


async def rows(connection: asyncpg.Connection) -> dict[str, int]:
    found = await connection.fetch("SELECT thing_id, count(*) AS readings FROM container_fill GROUP BY thing_id")
    return {row["thing_id"]: row["readings"] for row in found}


async def test_who_lost_one_partition_writes_the_others_and_nothing_of_it(connection: asyncpg.Connection) -> None:
    assert await advance_offsets(connection, "store", LIFE, {1: Span(0, 3)}) == frozenset()
    written = await write(connection, batch_of({0: 5, 1: 5}))
    assert written.lost == {1}
    assert await rows(connection) == {"c-a": 5}
    assert await begin_offsets(connection, "store", LIFE, {0: 99, 1: 99}) == {0: 5, 1: 3}
    totals = await ledger_totals(connection)
    assert (totals.messages_received, totals.readings_stored) == (5, 5)


async def test_the_same_batch_again_is_lost_as_a_whole(connection: asyncpg.Connection) -> None:
    batch = batch_of({0: 5, 1: 5})
    assert (await write(connection, batch)).lost == frozenset()
    assert (await write(connection, batch)).lost == {0, 1}
    assert (await ledger_totals(connection)).messages_received == 10


async def test_other_lives_of_the_topic_have_offsets_of_their_own(connection: asyncpg.Connection) -> None:
    await write(connection, batch_of({0: 5}))
    assert await begin_offsets(connection, "store", UUID(int=12), {0: 7}) == {0: 7}
    assert await advance_offsets(connection, "store", UUID(int=12), {0: Span(7, 8)}) == frozenset()
    assert await begin_offsets(connection, "store", LIFE, {0: 0}) == {0: 5}


async def test_readings_that_the_database_refuses_stand_alone_as_dead_letters(connection: asyncpg.Connection) -> None:
    batch = batch_of({0: 40, 1: 40})
    work = await DECODING.work(batch)
    for part in work.partitions.values():
        for readings in part.readings.values():
            for place in (0, 17):
                # More than the column holds: asyncpg refuses to encode it.
                readings[place] = replace(readings[place], decoder_version=2**40)
    written = await write(connection, batch, work)
    assert written.lost == frozenset()
    assert await rows(connection) == {"c-a": 38, "c-b": 38}
    letters = await list_dead_letters(connection)
    assert sorted((letter.partition, letter.offset, letter.index) for letter in letters) == [
        (0, 0, 0),
        (0, 17, 0),
        (1, 0, 0),
        (1, 17, 0),
    ]
    assert {letter.reason for letter in letters} == {DeadLetterReason.MALFORMED}
    assert all(letter.payload and "the database refuses" in letter.detail for letter in letters)
    totals = await ledger_totals(connection)
    assert (totals.readings_decoded, totals.readings_stored, totals.readings_rejected) == (80, 76, 4)
    assert totals.readings_imbalance == 0


async def test_a_text_that_the_server_refuses_stands_alone_too(connection: asyncpg.Connection) -> None:
    batch = batch_of({0: 10})
    work = await DECODING.work(batch)
    (readings,) = work.partitions[0].readings.values()
    changed = readings[3].reading.model_copy(update={"thing_id": "c-\x00"})
    readings[3] = replace(readings[3], reading=changed)
    await write(connection, batch, work)
    assert await rows(connection) == {"c-a": 9}
    (letter,) = await list_dead_letters(connection)
    assert letter.offset == 3


async def test_a_ledger_that_does_not_balance_is_not_committed(connection: asyncpg.Connection) -> None:
    batch = batch_of({0: 5})
    work = await DECODING.work(batch)
    next(iter(work.partitions[0].counts.values())).decoded -= 1
    with pytest.raises(Unaccounted, match="of 5 messages received 4"):
        await write(connection, batch, work)
    assert await rows(connection) == {}
    assert await begin_offsets(connection, "store", LIFE, {0: 0}) == {0: 0}


async def test_the_same_identity_twice_in_one_batch_is_a_duplicate_or_a_conflict(connection: asyncpg.Connection) -> None:
    batch = batch_of({0: 3})
    records = batch.records[0]
    for offset, value in enumerate((1.0, 2.0), start=3):
        payload = own_payload(NOW, distance_mm=value)
        batch.add(0, [replace(records[0], offset=offset, value=payload)])  # type: ignore[type-var]  # they are MemoryRecords
    written = await write(connection, batch)
    (outcome,) = written.appended.values()
    assert (outcome.stored, outcome.duplicates, len(outcome.conflicts)) == (3, 1, 1)
    (letter,) = await list_dead_letters(connection)
    assert (letter.reason, letter.offset, letter.source) == (DeadLetterReason.IDENTITY, 4, "a")

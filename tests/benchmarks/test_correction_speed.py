"""How long it takes to put right what is stored: late readings into compressed chunks, and a million messages decoded again.

Each has a limit that it must keep. BENCH_MESSAGES sets another number of messages for the second.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.local.processes import Engine, StackState
from models.sensor_kinds.container_fill import CONTAINER_FILL
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from stadspuls.commands.redecode import TIMEOUT_SECONDS
from stadspuls.correction_texts import redecode_lines
from storage.engine import detect_engine
from storage.maintenance import refresh_rollups
from storage.readings import StoredReading, append_readings
from storage.schema import migrate
from tests.contract.sample_readings import stored
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of
from tests.integration.test_redecode import _decoder, _in_centimetres, compress, redecode

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
START = NOW - timedelta(days=40)
SPAN = timedelta(days=35)
"""Of the messages that are decoded again: half of them lies in chunks that are compressed."""
CONTAINERS = 600
LATE = 50_000
BATCH = 5_000
LATE_SECONDS = 5.0
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "1000000"))
REDECODE_SECONDS = 300.0

_FILL = """
    INSERT INTO container_fill (datastream_id, thing_id, observed_at, received_at, time_source, distance_mm, fill_ratio, content_hash,
                                source_partition, source_offset, source_index, decoder_version, registry_version)
    SELECT format('c-%s/fill', thing), format('c-%s', thing), moment, moment, 'device', 840, 0.5, 0, 0, 0, 0, 1, 1
    FROM generate_series(0, $1 - 1) AS thing, generate_series($2::timestamptz, $3::timestamptz, '1 hour') AS moment
"""


@pytest.fixture
async def connection(database: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database, application_name="benchmark", command_timeout_seconds=600) as found:
        await migrate(found, timezone="Europe/Amsterdam", kinds=(CONTAINER_FILL,))
        yield found


async def test_late_readings_of_40_days_into_compressed_chunks(connection: asyncpg.Connection, engine: Engine) -> None:
    if engine == "timescale":
        # Before there is anything to do for them: a job that has begun goes on beside this test.
        await connection.execute(
            "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000"
        )
    await connection.execute(_FILL, CONTAINERS, START, NOW)
    await refresh_rollups(connection, CONTAINER_FILL)
    if engine == "timescale":
        rows = await connection.fetch(
            "SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks WHERE hypertable_name = 'container_fill'"
        )
        for row in rows:
            await connection.execute("CALL convert_to_columnstore($1::regclass)", row["chunk"])
    before = await connection.fetchval("SELECT count(*) FROM container_fill")
    step = 40 * 24 * 60 / (LATE / CONTAINERS)
    late = [
        stored(number // CONTAINERS * step + 7, thing_id=f"c-{number % CONTAINERS}", start=START, distance_mm=900.0, fill_ratio=0.4)
        for number in range(LATE)
    ]
    print(f"\n{engine}: {LATE:,} late readings of {CONTAINERS} containers and 40 days beside {before:,} stored ones")
    print("| what | seconds | rows/s |\n|---|---|---|")
    seconds = await _timed("stored, in batches of 5,000", late, connection, new=LATE)
    await _timed("all of them again: duplicates", late, connection, new=0)
    began = time.perf_counter()
    chunks = await (await detect_engine(connection)).recompress(connection, CONTAINER_FILL, START, NOW)
    print(f"| compressed again: {chunks} chunks | {time.perf_counter() - began:.2f} | |")
    began = time.perf_counter()
    await refresh_rollups(connection, CONTAINER_FILL, since=START, until=NOW)
    print(f"| rollups refreshed | {time.perf_counter() - began:.2f} | |")
    raw = await connection.fetch(
        "SELECT date_trunc('hour', observed_at), datastream_id, count(*), avg(distance_mm) FROM container_fill GROUP BY 1, 2 ORDER BY 1, 2"
    )
    rollup = await connection.fetch(
        "SELECT bucket, datastream_id, reading_count, distance_mm_avg FROM container_fill_hourly ORDER BY 1, 2"
    )
    assert [tuple(row) for row in raw] == [tuple(row) for row in rollup]
    assert await connection.fetchval("SELECT count(*) FROM container_fill") == before + LATE
    assert seconds <= LATE_SECONDS


async def _timed(what: str, readings: list[StoredReading], connection: asyncpg.Connection, *, new: int) -> float:
    began, count = time.perf_counter(), 0
    for start in range(0, len(readings), BATCH):
        async with connection.transaction():
            count += (await append_readings(connection, CONTAINER_FILL, readings[start : start + BATCH])).stored
    seconds = time.perf_counter() - began
    assert count == new
    print(f"| {what} | {seconds:.2f} | {len(readings) / seconds:,.0f} |")
    return seconds


@pytest.mark.timeout(3600)
async def test_redecoding_a_million_messages(
    servers: StackState, database: DatabaseSettings, engine: Engine, tmp_path: Path
) -> None:
    sensors = [f"s{number}" for number in range(CONTAINERS)]
    async with raw_topic_on(servers) as topic:
        # As the command does: one statement may be about all of the readings.
        patient = database.model_copy(update={"database_command_timeout_seconds": TIMEOUT_SECONDS})
        line = Line(servers, patient, topic, tmp_path)
        await line.prepare(sensors)
        hours = -(-MESSAGES // CONTAINERS)
        for hour in range(hours):
            moment = START + hour * SPAN / hours
            await topic.send(
                [(topic_of(name), own_payload(moment, distance_mm=100.0 + hour % 1500, battery_v=3.6)) for name in sensors]
            )
        await _pretend_it_was_read(line)
        print(f"\n{engine}: {hours * CONTAINERS:,} messages, one reading each\n| what | seconds |\n|---|---|")
        async with _decoder(_in_centimetres):
            began = time.perf_counter()
            report = await redecode(line)
            print(f"| all of them new, with a wrong decoder | {time.perf_counter() - began:.0f} |")
        assert sum(diff.added for diff in report.diffs) == hours * CONTAINERS
        middle = START + SPAN / 2
        await compress(line, engine, before=middle)
        compressed = await _compressed_readings(line) if engine == "timescale" else 0
        began, cpu = time.perf_counter(), _cpu_seconds(servers)
        report = await redecode(line)
        seconds, cpu = time.perf_counter() - began, {name: used - cpu[name] for name, used in _cpu_seconds(servers).items()}
        print(f"| all of them changed, with the right one, {compressed:,} in compressed chunks | {seconds:.0f} |")
        print(
            f"| of that, CPU seconds: {', '.join(f'{name} {used:.0f}' for name, used in cpu.items())} | {sum(cpu.values()):.0f} |"
        )
        print("\n".join(redecode_lines(report, dry_run=False)))
        (diff,) = [item for item in report.diffs if item.kind == CONTAINER_FILL.name]
        assert (diff.looked_at, diff.changed, diff.added, diff.removed) == (hours * CONTAINERS, hours * CONTAINERS, 0, 0)
        (column,) = [item for item in diff.columns if item.name == "distance_mm"]
        assert column.readings == hours * CONTAINERS
        assert column.mean_after == pytest.approx(10 * (column.mean_before or 0))
        assert await line.count("SELECT count(*) FROM container_fill") == hours * CONTAINERS
        assert (
            await line.count("SELECT count(DISTINCT (source_partition, source_offset)) FROM container_fill") == hours * CONTAINERS
        )
        assert await line.count("SELECT count(*) FROM container_fill WHERE distance_mm < 100") == 0
        if engine == "timescale":
            assert await _compressed_readings(line) == compressed
        began = time.perf_counter()
        again = await redecode(line)
        print(f"| all of them again: nothing to change | {time.perf_counter() - began:.0f} |")
        assert [diff.touches for diff in again.diffs if diff.touches] == []
    assert seconds <= REDECODE_SECONDS


def _cpu_seconds(servers: StackState) -> dict[str, float]:
    """What this process and the two servers have used so far, their ended children included: other users of the machine do not change it."""
    used = {"redecode": time.process_time()}
    for name in ("postgres", "kafka"):
        server = psutil.Process(servers.process(name).pid)
        used[name] = sum(server.cpu_times()[:4])
        for child in server.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended just now, and its server has its time
                used[name] += sum(child.cpu_times()[:2])
    return used


async def _compressed_readings(line: Line) -> int:
    """Readings in chunks that are wholly compressed."""
    async with line.connection() as connection:
        chunks = await connection.fetch(
            "SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks "
            "WHERE hypertable_name = 'container_fill' AND is_compressed"
        )
        counts = [await connection.fetchval(f"SELECT count(*) FROM {row['chunk']}") for row in chunks]
        partly = await connection.fetchval("SELECT count(*) FROM _timescaledb_catalog.chunk WHERE status & 10 > 0")
    assert partly == 0
    return sum(counts)


async def _pretend_it_was_read(line: Line) -> None:
    """Notes the store's offsets at the end of the log: the first redecoding stores what the store would have."""
    from aiokafka import TopicPartition

    from ingest.store.service import CONSUMER
    from runtime.kafka import make_consumer
    from runtime.kafka_topic_id import topic_id
    from storage.offset_fence import begin_offsets
    from tests.integration.raw_topic import PARTITIONS

    kafka = line.topic.kafka
    consumer = make_consumer(kafka, group_id=None, group_instance_id=None, client_id="test")
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(kafka.kafka_topic_raw, number) for number in range(PARTITIONS)])
    finally:
        await consumer.stop()
    life = await topic_id(kafka, kafka.kafka_topic_raw, client_id="test")
    async with line.connection() as connection:
        await begin_offsets(connection, CONSUMER, life, {partition.partition: end for partition, end in ends.items()})

"""Rollups equal the raw readings on both engines, and outlive them."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from deploy.local.processes import Engine
from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.container_fill import CONTAINER_FILL
from storage.lifecycle import Lifecycle, lifecycle_of
from storage.maintenance import maintain, refresh_rollups
from storage.readings import StoredReading, append_readings
from storage.rollups import Rollup, rollup_columns, rollups
from tests.contract.conftest import TIMEZONE
from tests.contract.sample_readings import stored

pytestmark = pytest.mark.servers

# Three weeks around a change to summer time: one day of 23 hours, and more than one chunk.
FIRST = datetime(2026, 3, 15, 0, 30, tzinfo=UTC)


def _series(days: int, start: datetime, seed: int = 1) -> list[StoredReading]:
    rng = random.Random(seed)
    return [
        stored(
            hour * 60 + rng.randrange(60),
            thing_id=f"c-{thing:04d}",
            start=start,
            fill_ratio=rng.choice((None, rng.random())),
            deposit_count=rng.randrange(9),
            tilted=rng.random() < 0.1,
        )
        for hour in range(days * 24)
        for thing in range(3)
    ]


def _bucket(moment: datetime, rollup: Rollup) -> datetime:
    if rollup.grain == "hourly":
        return moment.replace(minute=0, second=0, microsecond=0)
    return moment.astimezone(ZoneInfo(TIMEZONE)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _expected(readings: list[StoredReading], rollup: Rollup) -> dict[tuple[datetime, str], dict[str, Any]]:
    """The rollup's own columns of fill_ratio, deposits and tilt, computed in Python."""
    groups: dict[tuple[datetime, str], list[Any]] = defaultdict(list)
    for item in readings:
        groups[_bucket(item.reading.observed_at, rollup), item.reading.datastream_id].append(item.reading)
    found = {}
    for key, members in groups.items():
        members.sort(key=lambda reading: reading.observed_at)
        levels = [reading.fill_ratio for reading in members if reading.fill_ratio is not None]
        found[key] = {
            "reading_count": len(members),
            "fill_ratio_min": min(levels, default=None),
            "fill_ratio_max": max(levels, default=None),
            "fill_ratio_avg": sum(levels) / len(levels) if levels else None,
            "fill_ratio_last": levels[-1] if levels else None,
            "deposit_count_sum": sum(reading.deposit_count for reading in members),
            "tilted_share": sum(reading.tilted for reading in members) / len(members),
            "distance_mm_avg": None,
        }
    return found


async def _assert_equal(
    connection: asyncpg.Connection, rollup: Rollup, expected: dict[tuple[datetime, str], dict[str, Any]]
) -> None:
    rows = {(row["bucket"], row["datastream_id"]): row for row in await connection.fetch(f"SELECT * FROM {rollup.name}")}
    assert rows.keys() == expected.keys()
    for key, values in expected.items():
        for name, value in values.items():
            found = rows[key][name]
            assert found == value or (value is not None and math.isclose(found, value, abs_tol=1e-12)), (key, name)


async def test_rollups_equal_raw_also_after_late_readings(storage: asyncpg.Connection) -> None:
    readings = _series(21, FIRST)
    await append_readings(storage, CONTAINER_FILL, readings)
    await refresh_rollups(storage, CONTAINER_FILL)
    for rollup in rollups(CONTAINER_FILL):
        await _assert_equal(storage, rollup, _expected(readings, rollup))
    late = [item for item in _series(21, FIRST + timedelta(seconds=7), seed=2) if item.reading.thing_id == "c-0001"]
    await append_readings(storage, CONTAINER_FILL, late)
    first, last = FIRST, FIRST + timedelta(days=22)
    await refresh_rollups(storage, CONTAINER_FILL, since=first, until=last)
    for rollup in rollups(CONTAINER_FILL):
        await _assert_equal(storage, rollup, _expected(readings + late, rollup))


@pytest.mark.parametrize("kind", SENSOR_KINDS, ids=lambda kind: kind.name)
async def test_both_engines_give_rollups_the_same_columns(storage: asyncpg.Connection, kind: Any) -> None:
    for rollup in rollups(kind):
        rows = await storage.fetch(
            """
            SELECT attname, format_type(atttypid, atttypmod) AS sql_type FROM pg_attribute
            WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum
            """,
            rollup.name,
        )
        assert {row["attname"]: row["sql_type"] for row in rows} == rollup_columns(kind)


async def test_rollups_outlive_the_raw_readings(storage: asyncpg.Connection, engine: Engine) -> None:
    """Retention takes raw readings; neither it, nor a refresh, nor late data afterwards takes history."""
    now = datetime.now(UTC)
    start = (now - timedelta(days=100)).replace(hour=0, minute=0, second=0, microsecond=0)
    readings = _series(100, start)
    await append_readings(storage, CONTAINER_FILL, readings)
    await refresh_rollups(storage, CONTAINER_FILL)
    expected = {rollup.name: _expected(readings, rollup) for rollup in rollups(CONTAINER_FILL)}
    short = lifecycle_of(60)

    await _retain(storage, engine, short, now)
    oldest = await storage.fetchval("SELECT min(observed_at) FROM container_fill")
    assert start + timedelta(days=30) < oldest < now - timedelta(days=58)
    await _retain(storage, engine, short, now)

    # Late data just after the cut, then refreshes under the longer default retention, as after a change of the setting.
    after_cut = oldest + timedelta(days=2)
    late = stored(0, thing_id="c-late", start=after_cut, fill_ratio=0.5, deposit_count=1, tilted=False)
    await append_readings(storage, CONTAINER_FILL, [late])
    await refresh_rollups(storage, CONTAINER_FILL)
    for rollup in rollups(CONTAINER_FILL):
        merged = expected[rollup.name] | _expected([late], rollup)
        await _assert_equal(storage, rollup, merged)


async def _retain(connection: asyncpg.Connection, engine: Engine, lifecycle: Lifecycle, now: datetime) -> None:
    """Retention as the server's job or maintenance does it."""
    if engine == "timescale":
        await connection.execute("SELECT drop_chunks('container_fill', older_than => $1::timestamptz)", now - lifecycle.readings)
    report = await maintain(connection, now=now, lifecycle=lifecycle)
    assert report.engine == engine


async def test_maintenance_removes_what_is_past_its_time_and_nothing_else(storage: asyncpg.Connection) -> None:
    for days, source in ((400, "old"), (5, "new")):
        await storage.execute(
            """
            INSERT INTO dead_letter (incarnation, source_partition, source_offset, source_index, reason, detail, source, mqtt_topic,
                                     payload_length, content_hash, received_at, first_seen)
            VALUES (gen_random_uuid(), 0, 0, 0, 'schema', '', $1, '', 0, '', now(), now() - $2::interval)
            """,
            source,
            timedelta(days=days),
        )
        await storage.execute("INSERT INTO ledger (hour, source) VALUES (now() - $2::interval, $1)", source, timedelta(days=days))
    await storage.execute(
        "INSERT INTO outbox (channel, key, payload, written_at) VALUES ('plans', '', '{}', now() - interval '1 year')"
    )
    report = await maintain(storage, now=datetime.now(UTC))
    assert {table: rows for table, rows in report.removed.items() if rows} == {"dead_letter": 1}
    assert await storage.fetchval("SELECT array_agg(source) FROM dead_letter") == ["new"]
    assert await storage.fetchval("SELECT count(*) FROM outbox") == 1, "an unsent message is never removed"
    await storage.execute("UPDATE outbox SET sent_at = now()")
    assert (await maintain(storage, now=datetime.now(UTC))).removed["outbox"] == 1

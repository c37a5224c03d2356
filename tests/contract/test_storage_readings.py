"""What appending readings promises, on both engines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from datetime import timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.sensor_kinds import SENSOR_KINDS, SensorKind
from models.sensor_kinds.container_fill import CONTAINER_FILL
from models.sensor_kinds.traffic_flow import TRAFFIC_FLOW
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.readings import StoredReading, append_readings, latest_readings, reading_history
from tests.contract.sample_readings import START, full_quantities, stored

pytestmark = pytest.mark.servers


async def _all(connection: asyncpg.Connection, kind: SensorKind = CONTAINER_FILL) -> list[asyncpg.Record]:
    records: list[asyncpg.Record] = await connection.fetch(f"SELECT * FROM {kind.name} ORDER BY datastream_id, observed_at")
    return records


async def test_appending_twice_equals_appending_once(storage: asyncpg.Connection) -> None:
    batch = [stored(minute, distance_mm=minute, offset=minute) for minute in range(50)]
    first = await append_readings(storage, CONTAINER_FILL, batch)
    rows = await _all(storage)
    second = await append_readings(storage, CONTAINER_FILL, batch)
    assert (first.stored, first.duplicates, first.conflicts) == (50, 0, [])
    assert (second.stored, second.duplicates, second.conflicts) == (0, 50, [])
    assert await _all(storage) == rows


async def test_an_empty_batch_stores_nothing(storage: asyncpg.Connection) -> None:
    result = await append_readings(storage, CONTAINER_FILL, [])
    assert (result.stored, result.duplicates, result.conflicts) == (0, 0, [])


async def test_the_same_reading_twice_in_a_batch_is_a_duplicate(storage: asyncpg.Connection) -> None:
    result = await append_readings(
        storage, CONTAINER_FILL, [stored(0, distance_mm=5, offset=1), stored(0, distance_mm=5, offset=2)]
    )
    assert (result.stored, result.duplicates, result.conflicts) == (1, 1, [])
    assert [row["source_offset"] for row in await _all(storage)] == [1]


async def test_another_content_under_one_identity_is_a_conflict_and_the_first_one_stays(storage: asyncpg.Connection) -> None:
    inside = stored(0, distance_mm=6, offset=2)
    result = await append_readings(storage, CONTAINER_FILL, [stored(0, distance_mm=5, offset=1), inside])
    assert (result.stored, result.duplicates, result.conflicts) == (1, 0, [inside])
    later = stored(0, distance_mm=7, offset=3)
    same = stored(0, distance_mm=5, offset=4)
    result = await append_readings(storage, CONTAINER_FILL, [later, same, later])
    assert (result.stored, result.duplicates) == (0, 1)
    assert result.conflicts == [later, later]
    assert [row["distance_mm"] for row in await _all(storage)] == [5]
    assert [row["distance_mm"] for row in await latest_readings(storage, CONTAINER_FILL)] == [5]


async def test_a_derived_value_does_not_make_a_conflict(storage: asyncpg.Connection) -> None:
    await append_readings(storage, CONTAINER_FILL, [stored(0, distance_mm=5, fill_ratio=0.5)])
    result = await append_readings(storage, CONTAINER_FILL, [stored(0, distance_mm=5, fill_ratio=0.6)])
    assert (result.duplicates, result.conflicts) == (1, [])


async def test_new_duplicate_and_conflicting_readings_of_one_batch_are_told_apart(storage: asyncpg.Connection) -> None:
    things = [f"c-{number:04d}" for number in range(20)]
    await append_readings(storage, CONTAINER_FILL, [stored(0, thing_id=thing, distance_mm=1) for thing in things])
    batch = [
        stored(minute, thing_id=thing, distance_mm=2 if minute == 0 and thing > "c-0014" else 1)
        for thing in reversed(things)
        for minute in (10, 0, -10)
    ]
    result = await append_readings(storage, CONTAINER_FILL, batch)
    assert (result.stored, result.duplicates, len(result.conflicts)) == (40, 15, 5)
    assert {item.reading.thing_id for item in result.conflicts} == set(things[15:])


async def test_speed_and_occupancy_of_one_detector_at_one_moment_are_both_stored(storage: asyncpg.Connection) -> None:
    batch = [
        stored(0, kind=TRAFFIC_FLOW, thing_id="t-0001", name="speed", speed_km_h=80),
        stored(0, kind=TRAFFIC_FLOW, thing_id="t-0001", name="occupancy", occupancy_ratio=0.1),
    ]
    assert (await append_readings(storage, TRAFFIC_FLOW, batch)).stored == 2
    assert [row["speed_km_h"] for row in await reading_history(storage, TRAFFIC_FLOW, "t-0001", START, START + timedelta(1))] == [
        None,
        80,
    ]


@pytest.mark.parametrize("kind", SENSOR_KINDS, ids=lambda kind: kind.name)
async def test_every_value_of_every_kind_comes_back_as_it_went_in(storage: asyncpg.Connection, kind: SensorKind) -> None:
    item = stored(0, kind=kind, offset=2**40, index=3, **full_quantities(kind))
    empty = stored(1, kind=kind)
    await append_readings(storage, kind, [item, empty])
    full, nothing = await reading_history(storage, kind, "c-0001", START, START + timedelta(hours=1))
    for name, value in item.reading.model_dump().items():
        assert full[name] == value, name
    assert all(nothing[column.name] is None for column in kind.columns())
    assert (full["received_at"], full["source_offset"], full["source_index"]) == (item.received_at, 2**40, 3)
    (newest,) = await latest_readings(storage, kind)
    assert newest["observed_at"] == empty.reading.observed_at


async def test_latest_means_latest_observed_whatever_the_order_of_arrival(storage: asyncpg.Connection) -> None:
    await append_readings(
        storage, CONTAINER_FILL, [stored(10, distance_mm=1), stored(20, distance_mm=2), stored(15, distance_mm=3)]
    )
    await append_readings(storage, CONTAINER_FILL, [stored(5, distance_mm=4), stored(5, thing_id="c-0002", distance_mm=9)])
    newest = await latest_readings(storage, CONTAINER_FILL)
    assert [(row["thing_id"], row["distance_mm"]) for row in newest] == [("c-0001", 2), ("c-0002", 9)]


async def test_history_is_half_open_in_order_and_of_one_thing(storage: asyncpg.Connection) -> None:
    batch = [stored(minute, distance_mm=minute) for minute in (3, 1, 2, 0)] + [stored(1, thing_id="c-0002", distance_mm=99)]
    await append_readings(storage, CONTAINER_FILL, batch)
    rows = await reading_history(storage, CONTAINER_FILL, "c-0001", START + timedelta(minutes=1), START + timedelta(minutes=3))
    assert [row["distance_mm"] for row in rows] == [1, 2]


async def test_a_rolled_back_append_leaves_nothing(storage: asyncpg.Connection) -> None:
    transaction = storage.transaction()
    await transaction.start()
    await append_readings(storage, CONTAINER_FILL, [stored(0, distance_mm=1)])
    await transaction.rollback()
    assert await _all(storage) == []
    assert await latest_readings(storage, CONTAINER_FILL) == []


async def test_two_writers_of_the_same_readings_store_each_once(
    storage: asyncpg.Connection, storage_settings: DatabaseSettings
) -> None:
    batch = [stored(minute, thing_id=f"c-{thing:04d}", distance_mm=1) for minute in range(20) for thing in range(30)]
    shuffled = random.Random(1).sample(batch, len(batch))

    async def write(items: list[StoredReading]) -> tuple[int, int]:
        async with connected(storage_settings, application_name="tests") as connection:
            result = await append_readings(connection, CONTAINER_FILL, items)
            assert result.conflicts == []
            return result.stored, result.duplicates

    results = await asyncio.gather(write(batch), write(shuffled), write(batch[::-1]))
    assert sum(new for new, _ in results) == 600
    assert sum(old for _, old in results) == 1200
    assert len(await _all(storage)) == 600


_deliveries = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 2)), max_size=12), min_size=1, max_size=4
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=_deliveries)
async def test_any_deliveries_store_the_first_content_of_each_identity(
    storage: asyncpg.Connection, deliveries: list[list[tuple[int, int, int]]]
) -> None:
    transaction = storage.transaction()
    await transaction.start()
    try:
        expected: dict[tuple[str, int], int] = {}
        for delivery in deliveries:
            batch = [stored(minute, thing_id=f"c-{thing}", distance_mm=content) for thing, minute, content in delivery]
            result = await append_readings(storage, CONTAINER_FILL, batch)
            counts = _reference(expected, delivery)
            assert (result.stored, result.duplicates, len(result.conflicts)) == counts
        rows = {(row["thing_id"], row["observed_at"]): row["distance_mm"] for row in await _all(storage)}
        assert rows == {(thing, START + timedelta(minutes=minute)): value for (thing, minute), value in expected.items()}
        newest = {row["thing_id"]: row["observed_at"] for row in await latest_readings(storage, CONTAINER_FILL)}
        assert newest == {thing: max(at for other, at in rows if other == thing) for thing, _ in rows}
    finally:
        await transaction.rollback()


def _reference(known: dict[tuple[str, int], int], delivery: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
    """(stored, duplicates, conflicts), by a dictionary."""
    counts = [0, 0, 0]
    for thing, minute, content in delivery:
        first = known.setdefault((f"c-{thing}", minute), -1)
        if first == -1:
            known[f"c-{thing}", minute] = content
        counts[0 if first == -1 else 1 if first == content else 2] += 1
    return counts[0], counts[1], counts[2]

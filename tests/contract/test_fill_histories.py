"""Histories as they come out of the database: levels, deposits, weights, swaps, each in its own place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from models.sensor_kinds.container_fill import CONTAINER_FILL
from storage.fill_histories import fill_histories
from storage.readings import append_readings
from tests.contract.sample_readings import START, stored

pytestmark = pytest.mark.servers

UNTIL = START + timedelta(days=2)


async def _container(storage: asyncpg.Connection, name: str, capacity_l: int = 4000) -> None:
    await storage.execute(
        "INSERT INTO thing (thing_id, thing_type, name, latitude, longitude, district, fraction, capacity_l, simulated, properties) "
        "VALUES ($1, 'container', $1, 52, 5, '', 'glass', $2, true, '{}')",
        name,
        capacity_l,
    )


async def test_levels_deposits_and_weights_come_each_with_their_own_times(storage: asyncpg.Connection) -> None:
    await _container(storage, "c-1")
    told: list[dict[str, Any]] = [
        {"fill_ratio": 0.2, "deposit_count": 3},
        {"deposit_count": 4},
        {"fill_ratio": 0.3},
        {"weight_kg": 150.0},
        {"temperature_c": 8.0},
    ]
    readings = [stored(60 * hour, thing_id="c-1", **values) for hour, values in enumerate(told)]
    await append_readings(storage, CONTAINER_FILL, readings)
    (found,) = await fill_histories(storage, ["c-1"], START, UNTIL)
    hours = [(START + timedelta(hours=hour)).timestamp() for hour in range(4)]
    assert found.times.tolist() == [hours[0], hours[2]]
    assert found.levels.tolist() == [0.2, 0.3]
    assert found.deposits is not None
    assert (found.deposits.times.tolist(), found.deposits.values.tolist()) == ([hours[0], hours[1]], [3.0, 4.0])
    assert found.weights is not None
    assert (found.weights.times.tolist(), found.weights.values.tolist()) == ([hours[3]], [150.0])
    assert (found.capacity_l, found.fraction) == (4000, "glass")


async def test_a_container_that_only_counts_deposits_has_a_history_and_one_that_tells_nothing_has_none(
    storage: asyncpg.Connection,
) -> None:
    names = ["c-counts", "c-hardly-counts", "c-level", "c-nothing"]
    for name in names:
        await _container(storage, name)
    await append_readings(
        storage,
        CONTAINER_FILL,
        [
            *(stored(60 * hour, thing_id="c-counts", deposit_count=2) for hour in range(7)),
            *(stored(60 * hour, thing_id="c-hardly-counts", deposit_count=1) for hour in range(7)),
            stored(0, thing_id="c-level", fill_ratio=0.5),
            stored(0, thing_id="c-nothing", temperature_c=8.0),
        ],
    )
    found = {item.container_id: item for item in await fill_histories(storage, names, START, UNTIL)}
    assert set(found) == {"c-counts", "c-level"}
    assert not len(found["c-counts"].times)
    assert found["c-level"].deposits is None


async def test_two_counters_of_one_container_at_the_same_moment_are_added_up(storage: asyncpg.Connection) -> None:
    await _container(storage, "c-1")
    readings = [
        stored(0, thing_id="c-1", name=name, fill_ratio=level, deposit_count=count)
        for name, level, count in (("left", 0.2, 3), ("right", 0.4, 5))
    ]
    await append_readings(storage, CONTAINER_FILL, readings)
    (found,) = await fill_histories(storage, ["c-1"], START, UNTIL)
    assert found.levels.tolist() == pytest.approx([0.3])
    assert found.deposits is not None
    assert found.deposits.values.tolist() == [8.0]


async def test_a_swap_is_known_from_the_registry(storage: asyncpg.Connection) -> None:
    await _container(storage, "c-1")
    swap = START + timedelta(hours=10)
    for sensor, begin, end in (("old", START - timedelta(days=9), swap), ("new", swap, None)):
        await storage.execute("INSERT INTO sensor (sensor_id, device_model, kind) VALUES ($1, 'm', 'container_fill')", sensor)
        await storage.execute(
            "INSERT INTO assignment (sensor_id, channel, thing_id, datastream_id, valid_from, valid_to) "
            "VALUES ($1, '', 'c-1', 'c-1/fill', $2, $3)",
            sensor,
            begin,
            end,
        )
    await append_readings(storage, CONTAINER_FILL, [stored(60 * hour, thing_id="c-1", fill_ratio=0.5) for hour in range(20)])
    (found,) = await fill_histories(storage, ["c-1"], START, UNTIL)
    assert found.swapped.tolist() == [swap.timestamp()]


async def test_what_a_sensor_says_of_its_position_comes_along(storage: asyncpg.Connection) -> None:
    """Of two sensors at the same moment one is enough: their mean is no level then."""
    await _container(storage, "c-1")
    said: list[dict[str, Any]] = [{"tilted": False}, {"tilted": True}, {}, {"tilted": True}]
    readings = [stored(60 * hour, thing_id="c-1", fill_ratio=0.5, **values) for hour, values in enumerate(said)]
    beside = stored(60, thing_id="c-1", name="beside", fill_ratio=0.4, tilted=False)
    await append_readings(storage, CONTAINER_FILL, [*readings, beside])
    (found,) = await fill_histories(storage, ["c-1"], START, UNTIL)
    assert len(found.times) == 4
    assert found.tilted.tolist() == [(START + timedelta(hours=hour)).timestamp() for hour in (1, 3)]

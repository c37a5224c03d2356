"""The fence: an offset moves only from where its owner believes it to be."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from models.domain.failures import FenceLost
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.stream_offsets import (
    advance_offset,
    other_incarnations,
    record_incarnation,
    recorded_incarnations,
    stored_offset,
    stored_offsets,
)

pytestmark = pytest.mark.servers

LIFE = uuid4()


async def test_an_offset_is_unknown_until_it_moves_and_then_where_it_was_moved_to(storage: asyncpg.Connection) -> None:
    assert await stored_offset(storage, "store", LIFE, 3) is None
    await advance_offset(storage, "store", LIFE, 3, 0, 100)
    await advance_offset(storage, "store", LIFE, 3, 100, 250)
    assert await stored_offset(storage, "store", LIFE, 3) == 250
    assert await stored_offsets(storage, "store", LIFE) == {3: 250}


async def test_consumers_partitions_and_lives_of_a_topic_do_not_mix(storage: asyncpg.Connection) -> None:
    await advance_offset(storage, "store", LIFE, 3, 0, 100)
    assert await stored_offset(storage, "other", LIFE, 3) is None
    assert await stored_offset(storage, "store", LIFE, 4) is None
    assert await stored_offset(storage, "store", uuid4(), 3) is None


@pytest.mark.parametrize("expected", [0, 99, 101])
async def test_who_expects_another_offset_has_lost_the_fence_and_moves_nothing(storage: asyncpg.Connection, expected: int) -> None:
    await advance_offset(storage, "store", LIFE, 3, 0, 100)
    with pytest.raises(FenceLost, match="partition 3"):
        await advance_offset(storage, "store", LIFE, 3, expected, 500)
    assert await stored_offset(storage, "store", LIFE, 3) == 100


async def test_a_lost_partition_does_not_roll_back_the_others(storage: asyncpg.Connection) -> None:
    await advance_offset(storage, "store", LIFE, 1, 0, 10)
    async with storage.transaction():
        await advance_offset(storage, "store", LIFE, 2, 0, 20)
        with pytest.raises(FenceLost):
            async with storage.transaction():
                await advance_offset(storage, "store", LIFE, 1, 0, 99)
    assert await stored_offsets(storage, "store", LIFE) == {1: 10, 2: 20}


@pytest.mark.parametrize("before", [None, 100])
async def test_of_two_members_that_move_one_partition_exactly_one_wins(
    storage: asyncpg.Connection, storage_settings: DatabaseSettings, before: int | None
) -> None:
    if before is not None:
        await advance_offset(storage, "store", LIFE, 5, 0, before)

    async def move(next_offset: int) -> bool:
        async with connected(storage_settings, application_name="tests") as connection:
            try:
                async with connection.transaction():
                    await advance_offset(connection, "store", LIFE, 5, before or 0, next_offset)
                    await asyncio.sleep(0.05)
            except FenceLost:
                return False
            return True

    won = await asyncio.gather(*(move(200 + number) for number in range(4)))
    assert sum(won) == 1
    assert await stored_offset(storage, "store", LIFE, 5) == 200 + won.index(True)


async def test_a_recreated_topic_is_noticed(storage: asyncpg.Connection) -> None:
    first, second = uuid4(), uuid4()
    assert await record_incarnation(storage, "telemetry.raw", first)
    assert not await record_incarnation(storage, "telemetry.raw", first)
    assert await other_incarnations(storage, "store", "telemetry.raw", first) == []
    await advance_offset(storage, "store", first, 0, 0, 10)
    assert await record_incarnation(storage, "telemetry.raw", second)
    assert await recorded_incarnations(storage, "telemetry.raw") == [second, first]
    assert await other_incarnations(storage, "store", "telemetry.raw", second) == [first]
    assert await other_incarnations(storage, "another consumer", "telemetry.raw", second) == []
    assert await other_incarnations(storage, "store", "things.changed", second) == []

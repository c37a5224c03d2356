"""Dead letters are kept once, whole, within a quota, and remember their replays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import asyncpg
import pytest

from models.domain.failures import DeadLetterReason
from storage.dead_letters import (
    WHOLE_MESSAGE,
    DeadLetter,
    ReplayCursor,
    append_dead_letters,
    dead_letter,
    dead_letter_counts,
    letters_for_replay,
    list_dead_letters,
    mark_replayed,
    replays_of,
)

pytestmark = pytest.mark.servers

LIFE = UUID(int=1)


def _letter(offset: int, *, partition: int = 0, index: int = WHOLE_MESSAGE, source: str = "s-1") -> DeadLetter:
    return DeadLetter(
        reason=DeadLetterReason.SCHEMA,
        detail="quantity is missing",
        mqtt_topic="stadspuls/v1/s-1/readings",
        payload=b"\x00\xff not json",
        incarnation=LIFE,
        partition=partition,
        offset=offset,
        index=index,
        received_at=datetime(2026, 3, 1, tzinfo=UTC),
        source=source,
        key=b"key\x00",
        headers={"dup": "0"},
    )


async def test_a_letter_comes_back_whole(storage: asyncpg.Connection) -> None:
    assert await append_dead_letters(storage, [_letter(7, index=2)]) == 1
    (found,) = await list_dead_letters(storage)
    assert found.letter_id is not None
    assert found.first_seen is not None
    sent = _letter(7, index=2)
    assert sent.payload is not None
    assert found == replace(
        sent,
        letter_id=found.letter_id,
        first_seen=found.first_seen,
        content_hash=sha256(sent.payload).hexdigest(),
        payload_length=len(sent.payload),
    )
    assert await dead_letter(storage, found.letter_id) == found
    assert await dead_letter(storage, found.letter_id + 1) is None


async def test_the_same_source_record_is_kept_once(storage: asyncpg.Connection) -> None:
    assert await append_dead_letters(storage, [_letter(1), _letter(1), _letter(1, index=0), _letter(1, partition=1)]) == 3
    assert await append_dead_letters(storage, [_letter(1), _letter(2)]) == 1
    assert await append_dead_letters(storage, []) == 0
    assert await storage.fetchval("SELECT count(*) FROM dead_letter") == 4
    assert await storage.fetchval("SELECT letters FROM dead_letter_source") == 4


async def test_text_that_postgresql_cannot_hold_does_not_lose_a_letter(storage: asyncpg.Connection) -> None:
    strange = replace(
        _letter(1),
        detail="NUL \x00, lone surrogate \ud800 and a very long tail" + "x" * 10_000,
        mqtt_topic="a\x00b\udfff",
        headers={"\x00": "\ud800"},
    )
    assert await append_dead_letters(storage, [strange]) == 1
    (found,) = await list_dead_letters(storage)
    assert found.mqtt_topic == "a\\x00b\\udfff"
    assert found.detail.startswith("NUL \\x00, lone surrogate \\ud800")
    assert found.headers == {"\\x00": "\\ud800"}


async def test_above_its_quota_a_source_keeps_rows_but_no_bytes(storage: asyncpg.Connection) -> None:
    await append_dead_letters(storage, [_letter(offset) for offset in range(3)], quota=5)
    await append_dead_letters(storage, [_letter(offset) for offset in range(2, 8)], quota=5)
    await append_dead_letters(storage, [_letter(100, source="another")], quota=5)
    rows = await storage.fetch(
        "SELECT source_offset, payload, payload_length, content_hash FROM dead_letter ORDER BY source_offset"
    )
    assert [row["source_offset"] for row in rows if row["payload"] is None] == [5, 6, 7]
    assert all(row["payload_length"] == 11 and row["content_hash"] for row in rows)


async def test_the_bytes_of_a_message_with_many_bad_readings_are_kept_once(storage: asyncpg.Connection) -> None:
    many = [_letter(offset, index=index) for offset in (1, 2) for index in range(500)]
    assert await append_dead_letters(storage, many) == 1000
    rows = await storage.fetch("SELECT source_offset, source_index, payload, payload_length, content_hash FROM dead_letter")
    assert {(row["source_offset"], row["source_index"]) for row in rows if row["payload"]} == {(1, 0), (2, 0)}
    assert {(row["payload_length"], row["content_hash"]) for row in rows} == {(11, sha256(b"\x00\xff not json").hexdigest())}


async def test_letters_are_listed_by_reason_source_and_replay(storage: asyncpg.Connection) -> None:
    clock = replace(_letter(2, source="s-2"), reason=DeadLetterReason.CLOCK)
    await append_dead_letters(storage, [_letter(1), clock])
    assert [item.offset for item in await list_dead_letters(storage)] == [2, 1]
    assert [item.offset for item in await list_dead_letters(storage, reason=DeadLetterReason.CLOCK)] == [2]
    assert [item.offset for item in await list_dead_letters(storage, source="s-1")] == [1]
    assert await list_dead_letters(storage, since=datetime(2100, 1, 1, tzinfo=UTC)) == []
    assert await list_dead_letters(storage, replayed=True) == []
    assert len(await list_dead_letters(storage, limit=1)) == 1
    assert await dead_letter_counts(storage) == {DeadLetterReason.SCHEMA: 1, DeadLetterReason.CLOCK: 1}


async def test_replay_goes_in_the_order_of_offsets_in_batches_and_leaves_out_what_was_stored(storage: asyncpg.Connection) -> None:
    await append_dead_letters(storage, [_letter(offset, partition=partition) for offset in (5, 1, 3) for partition in (1, 0)])
    first = await letters_for_replay(storage, limit=4)
    assert [(item.partition, item.offset) for item in first] == [(0, 1), (0, 3), (0, 5), (1, 1)]
    last = first[-1]
    rest = await letters_for_replay(storage, after=ReplayCursor(last.incarnation, last.partition, last.offset, last.index))
    assert [(item.partition, item.offset) for item in rest] == [(1, 3), (1, 5)]

    ids = [item.letter_id for item in first if item.letter_id is not None]
    await mark_replayed(storage, ids[0], "stored")
    await mark_replayed(storage, ids[1], "unknown_thing", "still not registered")
    await mark_replayed(storage, ids[1], "schema", "now it is another reason")
    left = await letters_for_replay(storage)
    assert [(item.partition, item.offset, item.attempts) for item in left][:2] == [(0, 3, 3), (0, 5, 1)]
    assert len(left) == 5
    assert [item.outcome for item in await replays_of(storage, ids[1])] == ["unknown_thing", "schema"]
    assert [item.offset for item in await letters_for_replay(storage, letter_ids=ids[2:3])] == [5]
    assert await letters_for_replay(storage, source="nobody") == []

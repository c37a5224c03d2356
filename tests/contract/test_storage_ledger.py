"""The ledger adds up, per hour and source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest

from storage.ledger import LedgerEntry, add_to_ledger, ledger_by_source, ledger_totals

pytestmark = pytest.mark.servers

HOUR = datetime(2026, 3, 1, 10, tzinfo=UTC)


async def test_an_empty_ledger_is_balanced(storage: asyncpg.Connection) -> None:
    totals = await ledger_totals(storage)
    assert (totals.messages_received, totals.messages_imbalance, totals.readings_imbalance) == (0, 0, 0)


async def test_entries_of_one_hour_and_source_add_up(storage: asyncpg.Connection) -> None:
    entry = LedgerEntry(HOUR + timedelta(minutes=59), "stadspuls_json", messages_received=3, messages_decoded=3, readings_decoded=5,
                        readings_stored=4, readings_duplicate=1)  # fmt: skip
    other_zone = LedgerEntry(
        HOUR.astimezone(timezone(timedelta(hours=2))), "stadspuls_json", messages_received=1, messages_without_reading=1
    )
    await add_to_ledger(storage, [entry, other_zone])
    await add_to_ledger(
        storage, [entry, LedgerEntry(HOUR, "tts_v3", messages_received=2, messages_dead_lettered=2, readings_replayed=7)]
    )
    await add_to_ledger(storage, [])
    assert await storage.fetchval("SELECT count(*) FROM ledger") == 2
    totals = await ledger_totals(storage)
    assert (totals.messages_received, totals.messages_decoded, totals.messages_without_reading, totals.messages_dead_lettered) == (
        9,
        6,
        1,
        2,
    )
    assert (totals.readings_decoded, totals.readings_stored, totals.readings_duplicate, totals.readings_replayed) == (10, 8, 2, 7)
    assert (totals.messages_imbalance, totals.readings_imbalance) == (0, 0)
    assert (await ledger_totals(storage, source="tts_v3")).messages_received == 2
    assert (await ledger_totals(storage, since=HOUR + timedelta(hours=1))).messages_received == 0
    assert list(await ledger_by_source(storage)) == ["stadspuls_json", "tts_v3"]


async def test_what_is_unaccounted_for_shows_as_an_imbalance(storage: asyncpg.Connection) -> None:
    await add_to_ledger(
        storage, [LedgerEntry(HOUR, "x", messages_received=5, messages_decoded=4, readings_decoded=4, readings_stored=6)]
    )
    totals = await ledger_totals(storage)
    assert (totals.messages_imbalance, totals.readings_imbalance) == (1, -2)

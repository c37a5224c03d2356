"""The ledger of a running stack, and waiting until it has everything: what end-to-end tests share."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runtime.postgres import connected
from runtime.settings import DatabaseSettings, load
from storage.ledger import LedgerTotals, ledger_totals


async def books(run_dir: Path) -> LedgerTotals:
    async with connected(load(DatabaseSettings, "operator", run_dir), application_name="test") as connection:
        return await ledger_totals(connection)


async def settled_books(run_dir: Path, messages: int) -> LedgerTotals:
    """The books when so many messages are in them; fails when they do not come, or more come."""
    for _ in range(400):
        totals = await books(run_dir)
        if totals.messages_received >= messages:
            break
        await asyncio.sleep(0.5)
    assert totals.messages_received == messages
    return totals

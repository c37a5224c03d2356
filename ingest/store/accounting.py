"""Shows the ledger's imbalance as a metric, read from the database every half minute: what was really committed, by all members.

Each batch asserts both identities before its commit; this is the look from outside at the same figures.
"""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from models.domain.failures import TransientError
from runtime import logs, metrics
from runtime.clock import Clock
from storage.ledger import ledger_totals

LOOK_SECONDS = 30.0
LOOK_BACK = timedelta(days=2)


async def watch_ledger(pool: asyncpg.Pool, clock: Clock) -> None:
    """Until cancelled. While the database is away the metric keeps its value."""
    log = logs.get_logger()
    while True:
        try:
            async with pool.acquire() as connection:
                totals = await ledger_totals(connection, since=clock.now() - LOOK_BACK)
        except TransientError as error:
            log.warning("ledger_not_read", error=str(error))
        else:
            metrics.ACCOUNTING_IMBALANCE.labels("messages").set(totals.messages_imbalance)
            metrics.ACCOUNTING_IMBALANCE.labels("readings").set(totals.readings_imbalance)
            if totals.messages_imbalance or totals.readings_imbalance:
                log.error("ledger_not_balanced", messages=totals.messages_imbalance, readings=totals.readings_imbalance)
        await clock.sleep(LOOK_SECONDS)

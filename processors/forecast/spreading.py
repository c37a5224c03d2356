"""Once a night: the spread of forecasts set right by how the kept ones of the same model turned out in the last 60 days.

Found from what is stored whose spread tonight still lacks, so that restarts lose nothing and no other outcomes are read; one member at a
time makes it, the others read it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import asyncpg

from models.fill_forecast.recalibration import Spread, factors_of
from models.fill_forecast.suspects import FULL
from runtime import logs
from storage.forecast_spread import Maker, makers_without_spread, resolved_outcomes, save_spread, take_spreading


async def spread_nightly(pool: asyncpg.Pool, *, now: datetime, night: datetime) -> list[Spread]:
    """Makes the spreads of the night that began at `night`, unless they are there; says which it made. Only outcomes whose target lies before
    `now` are asked, and a forecast takes a spread only if it was made before its cutoff."""
    async with pool.acquire() as connection, connection.transaction():
        if not await take_spreading(connection):
            return []
        made = [await _spread(connection, maker, now) for maker in await makers_without_spread(connection, now, since=night)]
        for spread in made:
            await save_spread(connection, spread)
    for spread in made:
        logs.get_logger().info(
            "forecasts_spread",
            forecaster=spread.forecaster,
            version=spread.version,
            outcomes=spread.cases,
            cells=len(spread.factors),
        )
    return made


async def _spread(connection: asyncpg.Connection, maker: Maker, now: datetime) -> Spread:
    outcomes = await resolved_outcomes(connection, maker, now, full=FULL)
    # Seconds of work in a large city: metrics and rebalances go on meanwhile.
    return Spread(*maker, now.timestamp(), len(outcomes), await asyncio.to_thread(factors_of, outcomes))

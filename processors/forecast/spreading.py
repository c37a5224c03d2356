"""Once a night: the spread of forecasts set right by how the kept ones of the same model turned out in the last 60 days.

Found from what is stored whether tonight's is there, so that restarts lose nothing; one member at a time makes it, the others read it.
"""

from __future__ import annotations

from datetime import datetime

import asyncpg

from models.fill_forecast.recalibration import Spread, factors_of
from models.fill_forecast.suspects import FULL
from runtime import logs
from storage.forecast_spread import newest_spreads, resolved_outcomes, save_spread, take_spreading


async def spread_nightly(pool: asyncpg.Pool, *, now: datetime, night: datetime) -> list[Spread]:
    """Makes the spreads of the night that began at `night`, unless they are there; says which it made. Only outcomes whose target lies before
    `now` are asked, and a forecast takes a spread only if it was made before its cutoff."""
    async with pool.acquire() as connection, connection.transaction():
        if not await take_spreading(connection):
            return []
        there = {maker for maker, spread in (await newest_spreads(connection)).items() if spread.made_at >= night.timestamp()}
        made = [
            Spread(*maker, now.timestamp(), len(outcomes), factors_of(outcomes))
            for maker, outcomes in (await resolved_outcomes(connection, now, full=FULL)).items()
            if maker not in there
        ]
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

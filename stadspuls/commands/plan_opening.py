"""What the commands of a planner's day share: the day that is meant, the city's clock, a connection with a planner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import date

    import asyncpg

    from processors.plan.service import Planner
    from runtime.clock import Clock

Day = Annotated[
    str, typer.Option("--date", help="The day, like 2026-11-23; when left out, today before noon and the coming one after")
]
Language = Annotated[str, typer.Option("--language", help="en or nl; the city's when left out")]


def run(work: Any) -> None:
    """Runs a command's work with warnings on the terminal."""
    import asyncio

    from runtime import logs

    logs.configure("plan", level="WARNING")
    asyncio.run(work)


def day_meant(day: str) -> date:
    """The day asked for, else the one that is worked on: before noon today, if trucks drive, later the coming collection day."""
    from processors.plan.calendar import collection_weekdays
    from runtime.settings import CitySettings, PlanSettings, load
    from stadspuls.commands.plan import given_day

    now = city_clock().now().astimezone(load(CitySettings, "operator").zone)
    drives = now.weekday() in collection_weekdays(load(PlanSettings, "operator").plan_weekdays)
    return now.date() if not day and now.hour < 12 and drives else given_day(day)


def city_clock() -> Clock:
    """The city's clock: a simulated city has one of its own."""
    from runtime.city_clock import CityClock
    from runtime.clock import SystemClock
    from runtime.settings import CitySettings, load

    file = load(CitySettings, "operator").city_clock_file
    return CityClock(file) if file else SystemClock()


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[asyncpg.Connection, Planner]]:
    """A connection and a planner, as the operator."""
    from processors.plan.service import Planner
    from runtime.postgres import open_pool
    from runtime.settings import CitySettings, DatabaseSettings, PlanSettings, load

    pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls-plan")
    try:
        planner = Planner(pool, load(PlanSettings, "operator"), load(CitySettings, "operator"), city_clock())
        async with pool.acquire() as connection:
            yield connection, planner
    finally:
        await pool.close()

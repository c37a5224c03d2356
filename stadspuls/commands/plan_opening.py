"""What the commands about plans share: the day that is meant, the city's clock, a language, a connection with a planner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from datetime import date

    import asyncpg

    from models.domain.plan import CollectionPlan
    from processors.plan.city_planner import Planner
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

    now = city_clock().now().astimezone(load(CitySettings, "operator").zone)
    drives = now.weekday() in collection_weekdays(load(PlanSettings, "operator").plan_weekdays)
    return now.date() if not day and now.hour < 12 and drives else given_day(day)


def given_day(text: str) -> date:
    """The day asked for, else the coming collection day in the city's time."""
    from datetime import date

    from models.domain.failures import UserError
    from processors.plan.calendar import collection_weekdays, next_collection_day
    from runtime.settings import CitySettings, PlanSettings, load

    if not text:
        today = city_clock().now().astimezone(load(CitySettings, "operator").zone).date()
        return next_collection_day(today, collection_weekdays(load(PlanSettings, "operator").plan_weekdays))
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"--date {text!r} is no day; write it like 2026-11-23") from error


def in_language(plans: list[CollectionPlan], language: str) -> list[CollectionPlan]:
    """The plans with their reasons and verdicts in a language; as they were stored when none is given."""
    from models.domain.failures import UserError
    from models.domain.reason_words import reason
    from models.domain.verdict_words import verdict_sentence
    from runtime.settings import CitySettings, load

    if not language:
        return plans
    if language not in ("en", "nl"):
        raise UserError(f"reasons are written in en or nl, not in {language!r}")
    zone = load(CitySettings, "operator").zone
    chosen: Literal["en", "nl"] = "nl" if language == "nl" else "en"
    return [
        plan.model_copy(
            update={
                "decisions": tuple(item.model_copy(update={"reason": reason(item, chosen, zone)}) for item in plan.decisions),
                "verdict": verdict_sentence(plan, chosen, zone),
            }
        )
        for plan in plans
    ]


def city_clock() -> Clock:
    """The city's clock: a simulated city has one of its own."""
    from runtime.city_clock import clock_by
    from runtime.settings import CitySettings, load

    return clock_by(load(CitySettings, "operator").city_clock_file)


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[asyncpg.Connection, Planner]]:
    """A connection and a planner, as the operator."""
    from processors.plan.city_planner import Planner
    from runtime.postgres import open_pool
    from runtime.settings import CitySettings, DatabaseSettings, PlanSettings, load

    pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls-plan")
    try:
        planner = Planner(pool, load(PlanSettings, "operator"), load(CitySettings, "operator"), city_clock())
        async with pool.acquire() as connection:
            yield connection, planner
    finally:
        await pool.close()

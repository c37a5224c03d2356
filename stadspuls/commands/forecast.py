"""`stadspuls forecast`: how full containers are, when they will be full, and how sure that is; `stadspuls forecast scores`: how right it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from datetime import datetime

    from models.domain.forecast import InflowForecast
    from models.domain.forecast_score import ForecastScore


class _ContainersUnlessAVerb(TyperGroup):
    """`stadspuls forecast c-0001` means `stadspuls forecast show c-0001`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ContainersUnlessAVerb,
    help="How full containers are, when they will be full and how sure that is; `scores` says how right it was. Without a verb: show.",
)


def add_verbs(parent: typer.Typer) -> None:
    parent.add_typer(app, name="forecast")


@app.command("scores")
def scores(
    days: Annotated[int, typer.Option("--days", min=1, help="Forecasts whose target lies in the last so many days")] = 28,
    by: Annotated[
        str,
        typer.Option("--by", help="Told apart by these, comma separated: fraction, horizon, district, model; none: all together"),
    ] = "fraction,horizon",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")] = False,
) -> None:
    """How kept forecasts turned out: error, pinball loss beside the baselines, coverage and width of the 80 % interval, in points.

    Example: stadspuls forecast scores --days 14 --by fraction,district
    """
    import asyncio

    from rich.console import Console
    from rich.table import Table

    from stadspuls import forecast_score_view

    found = asyncio.run(_scores(days, _keys(by)))
    if as_json:
        import orjson

        print(orjson.dumps([item.model_dump(mode="json") for item in found], option=orjson.OPT_INDENT_2).decode())
        return
    if not found:
        print(
            f"No forecast of the last {days} days has been scored yet: forecasts are kept nightly and scored when their truth was read."
        )
        return
    table = Table(*forecast_score_view.HEADINGS)
    for item in found:
        table.add_row(*forecast_score_view.as_row(item))
    Console().print(table)
    for sentence in forecast_score_view.remarks(found):
        print(sentence)


@app.command("show")
def forecast(
    containers: Annotated[list[str] | None, typer.Argument(metavar="[CONTAINER]...", help="Container ids; none means all")] = None,
    at: Annotated[str, typer.Option("--at", help="Forecast from what was observed by then, like 2026-11-22T10:00+01:00")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Make and store new forecasts now instead of showing the stored ones")
    ] = False,
) -> None:
    """Level now and when measured, time to 80 % and to full with their spread, the grade of the data and what it rests on.

    For one container a picture of the week to come. Examples: stadspuls forecast; stadspuls forecast c-0001; stadspuls forecast c-0001
    --at 2026-11-20T06:00Z --json
    """
    import asyncio

    from models.domain.failures import UserError
    from runtime import logs

    if at and refresh:
        raise UserError("--at looks back and stores nothing, --refresh stores: give one of them")
    logs.configure("forecast", level="WARNING")
    found = asyncio.run(_forecasts(containers or [], _cutoff(at) if at else None, refresh))
    missing = sorted(set(containers or []) - {item.container_id for item in found})
    if missing or not found:
        raise UserError(_nothing(missing))
    _print(found, as_json=as_json, detailed=len(containers or []) == 1)


def _print(found: list[InflowForecast], *, as_json: bool, detailed: bool) -> None:
    from zoneinfo import ZoneInfo

    from rich.console import Console
    from rich.table import Table

    from runtime.settings import CitySettings, load
    from stadspuls import forecast_view

    zone = ZoneInfo(load(CitySettings, "operator").city_timezone)
    views = [forecast_view.view_of(item) for item in found]
    if as_json:
        import orjson

        print(orjson.dumps([forecast_view.as_json(view) for view in views], option=orjson.OPT_INDENT_2).decode())
        return
    if detailed:
        print(forecast_view.as_text(views[0], zone))
        return
    table = Table(*forecast_view.HEADINGS)
    for view in views:
        table.add_row(*forecast_view.as_row(view, zone))
    Console().print(table)


_KEYS = {
    "fraction": ("fraction",),
    "horizon": ("horizon_hours",),
    "district": ("district",),
    "model": ("forecaster", "forecaster_version"),
}


def _keys(by: str) -> list[str]:
    from models.domain.failures import UserError

    asked = [part.strip() for part in by.split(",") if part.strip()]
    unknown = [part for part in asked if part not in _KEYS]
    if unknown:
        raise UserError(f"--by {', '.join(unknown)}: scores are told apart by {', '.join(_KEYS)}")
    return [key for part in asked for key in _KEYS[part]]


async def _scores(days: int, apart: list[str]) -> list[ForecastScore]:
    from datetime import UTC, timedelta

    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.forecast_scores import forecast_scores

    today = _city_time().astimezone(UTC).date()
    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls-forecast") as connection:
        return await forecast_scores(connection, since=today - timedelta(days=days), until=today + timedelta(days=1), apart=apart)


def _city_time() -> datetime:
    """Now, by the city's clock: a simulated city's may lag behind the wall clock."""
    from runtime.city_clock import clock_by
    from runtime.settings import CitySettings, load

    return clock_by(load(CitySettings, "operator").city_clock_file).now()


async def _forecasts(containers: list[str], cutoff: datetime | None, refresh: bool) -> list[InflowForecast]:
    """Stored forecasts, or ones made for `cutoff` from what was observed by then, or new ones that are stored too: as the service makes them, by the
    city's clock, and of what has come in by the wall clock, which stamps it."""
    from datetime import UTC, datetime

    from processors.forecast.worker import ForecastWorker
    from runtime.postgres import open_pool
    from runtime.settings import CitySettings, DatabaseSettings, ForecastSettings, load
    from storage.fill_histories import containers_read
    from storage.forecasts import current_forecasts

    pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls-forecast")
    try:
        if cutoff is None and not refresh:
            async with pool.acquire() as connection:
                stored = await current_forecasts(connection)
            return [item for item in stored if not containers or item.container_id in containers]
        now, known_at = _city_time(), datetime.now(UTC)
        async with pool.acquire() as connection:
            every = await containers_read(connection, in_service_at=now)
        settings = load(ForecastSettings, "operator")
        worker = ForecastWorker(
            pool,
            history_days=settings.forecast_history_days,
            model_stale_days=settings.forecast_model_stale_days,
            holiday_region=load(CitySettings, "operator").city_holidays,
        )
        await worker.fit(every, cutoff or now, known_at)
        if cutoff is not None:
            return await worker.hindsight(containers or every, cutoff, known_at)
        return await worker.forecast(containers or every, now, known_at)
    finally:
        await pool.close()


def _cutoff(text: str) -> datetime:
    from datetime import UTC, datetime

    from models.domain.failures import UserError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"--at {text!r} is no time; write it like 2026-11-22T10:00+01:00") from error
    if moment.tzinfo is None:
        raise UserError(f"--at {text!r} has no time zone; add Z or an offset, like {text}+01:00")
    return moment.astimezone(UTC)


def _nothing(missing: list[str]) -> str:
    if missing:
        why = "no such container, no reading of it has come in yet, it is out of service, or it failed and the log above says why"
        return f"no forecast of {', '.join(missing)}: {why}"
    return "no container has a forecast yet: is the forecast service running, and have readings come in? See stadspuls status"

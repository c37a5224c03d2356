"""`/v1/containers/{id}/…`: a container's past level and the forecast of it, for the chart and for planners."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from api.dependencies import Backend, BackendOf
from models.domain.forecast import InflowForecast
from models.fill_forecast.evidence import coming_holidays, explained
from models.fill_forecast.overlay import JUST_BEFORE, TimeToLevel, level_quantiles, time_to_level
from models.sensor_kinds.container_fill import CONTAINER_FILL
from storage.forecasts import current_forecast, emptyings
from storage.plans import newest_plan_date, plans_of
from storage.readings import reading_history

router = APIRouter(tags=["containers"])


class LevelPoint(BaseModel):
    observed_at: datetime
    fill_ratio: float


class SeenEmptying(BaseModel):
    """A collection seen in the signal, somewhere between two moments."""

    after: datetime
    before: datetime
    level_before: float
    level_after: float


class LevelHistory(BaseModel):
    """Past levels, in order of `observed_at`, and the emptyings seen in them."""

    container_id: str
    points: list[LevelPoint]
    emptyings: list[SeenEmptying]


class ForecastPoint(BaseModel):
    """`levels[i]` is quantile `quantiles[i]` of the fill ratio at `at`."""

    at: datetime
    levels: list[float]


class ReachTime(BaseModel):
    """When a level is reached: early (probability 10 %), median (50 %) and late (90 %). None: not within the horizon."""

    early: datetime | None
    median: datetime | None
    late: datetime | None


class FillForecast(BaseModel):
    """The level to come if nobody collects, with the collections given in the query laid over it."""

    container_id: str
    cutoff: datetime
    level_at_cutoff: float
    level_observed_at: datetime
    forecaster: str
    forecaster_version: str
    data_grade: str
    model_grade: str
    basis: str
    explanation: str
    quantiles: list[float]
    points: list[ForecastPoint]
    time_to_80: ReachTime
    time_to_full: ReachTime
    collections: list[datetime]


@router.get("/containers/{container_id}/history")
async def history(
    backend: BackendOf,
    container_id: str,
    days: Annotated[int, Query(ge=1, le=90, description="How many days before the newest reading")] = 7,
) -> LevelHistory:
    """Levels of the past days, counted back from the forecast's cutoff or from now."""
    async with backend.connection() as connection:
        forecast = await current_forecast(connection, container_id)
        end = forecast.cutoff + timedelta(hours=1) if forecast else backend.now()
        rows = await reading_history(connection, CONTAINER_FILL, container_id, end - timedelta(days=days), end)
        seen = await emptyings(connection, container_id, end - timedelta(days=days))
    points = [
        LevelPoint(observed_at=row["observed_at"], fill_ratio=row["fill_ratio"]) for row in rows if row["fill_ratio"] is not None
    ]
    found = [
        SeenEmptying(after=item.after, before=item.before, level_before=item.level_before, level_after=item.level_after)
        for item in seen
    ]
    return LevelHistory(container_id=container_id, points=points, emptyings=found)


@router.get("/containers/{container_id}/forecast")
async def forecast(
    backend: BackendOf,
    container_id: str,
    collected_at: Annotated[
        list[datetime] | None, Query(alias="collectedAt", description="Collections to lay over the forecast, with zone")
    ] = None,
    with_plan: Annotated[bool, Query(alias="withPlan", description="Lay the newest plan's collection over it, too")] = False,
    every_hours: Annotated[
        int | None, Query(alias="everyHours", ge=1, le=24, description="Levels every so many hours, too, as for a chart")
    ] = None,
) -> FillForecast:
    """The current forecast: level quantiles over the coming days, at its horizons and just before and at each collection, and when 80 % and full are
    reached. The explanation names the newest plan's collection whatever was laid over, and those of the query apart from it."""
    if any(moment.tzinfo is None for moment in collected_at or []):
        raise HTTPException(400, "collectedAt needs a zone, as in 2026-03-01T10:00:00+01:00.")
    async with backend.connection() as connection:
        stored = await current_forecast(connection, container_id)
        planned = await _planned_collections(connection, container_id, backend)
    if stored is None:
        raise _no_forecast(container_id)
    given, coming = _after(stored.cutoff, collected_at or []), _after(stored.cutoff, planned)
    collections = sorted([*given, *coming] if with_plan else given)
    levels = level_quantiles(stored, collections, _told_at(stored, collections, every_hours))
    points = [ForecastPoint(at=at, levels=quantiles) for at, quantiles in zip(levels.at, levels.levels.T.tolist(), strict=True)]
    return FillForecast(
        container_id=container_id,
        cutoff=stored.cutoff,
        level_at_cutoff=stored.level_at_cutoff,
        level_observed_at=stored.level_observed_at,
        forecaster=stored.forecaster,
        forecaster_version=stored.forecaster_version,
        data_grade=stored.data_grade,
        model_grade=stored.model_grade,
        basis=stored.basis,
        explanation=explained(stored, coming[0] if coming else None, backend.city.zone, given=given),
        quantiles=list(stored.quantiles),
        points=points,
        time_to_80=_reach(time_to_level(stored, 0.8, collections)),
        time_to_full=_reach(time_to_level(stored, 1.0, collections)),
        collections=collections,
    )


def _no_forecast(container_id: str) -> HTTPException:
    return HTTPException(
        404, f"There is no forecast for {container_id!r}: no such container, no readings of it yet, or it is out of service."
    )


def _told_at(stored: InflowForecast, collections: list[datetime], every_hours: int | None) -> list[datetime]:
    """The cutoff, the horizons, both sides of each collection, and every so many hours, in order."""
    last = stored.horizon_hours[-1]
    hours = {0, *stored.horizon_hours, *(range(0, last, every_hours) if every_hours else ())}
    within = [moment for moment in collections if moment <= stored.cutoff + timedelta(hours=last)]
    return sorted(
        {*(stored.cutoff + timedelta(hours=hour) for hour in hours), *within, *(moment - JUST_BEFORE for moment in within)}
    )


class ForecastExplanation(BaseModel):
    """What a forecast rests on. Rates are fractions of the capacity per day, `weekday_rates` begin with Monday (UTC days), `members` are weights,
    `doubts` what is wrong with the data, `holidays` the public holidays of the week to come, which count as Sundays, `level_sd` how unsure the doubts
    make the level (`level_sd_above`: upwards, beyond that), `emptied_unseen` how likely it was emptied since its sensor last showed how full it was
    (what is unsure of its level then stands in the forecast's quantiles, and not in `level_sd`); where deposits are counted, how many since the
    emptying and at how many litres. `model_grade` says what made it: full, partial (a member was missing), stale (not fitted for long) or fallback
    (its own past alone)."""

    container_id: str
    sentence: str
    cutoff: datetime
    last_good_level: float | None
    last_good_at: datetime | None
    rate_now_per_day: float | None
    rate_usual_per_day: float | None
    weekday_rates: list[float]
    emptied_at: datetime | None
    suspect_share: float | None
    doubts: list[str]
    holidays: list[date]
    level_sd: float
    level_sd_above: float
    emptied_unseen: float
    deposits_since_emptying: int | None
    litres_per_deposit: float | None
    planned_collection: datetime | None
    data_grade: str
    forecaster: str
    forecaster_version: str
    model_grade: str
    members: dict[str, float]


@router.get("/containers/{container_id}/explanation")
async def explanation(backend: BackendOf, container_id: str) -> ForecastExplanation:
    """What the current forecast of a container rests on, as data and as one sentence."""
    async with backend.connection() as connection:
        stored = await current_forecast(connection, container_id)
        planned = await _planned_collections(connection, container_id, backend)
    if stored is None:
        raise _no_forecast(container_id)
    coming = _after(stored.cutoff, planned)
    found = stored.evidence
    return ForecastExplanation(
        container_id=container_id,
        sentence=explained(stored, coming[0] if coming else None, backend.city.zone),
        cutoff=stored.cutoff,
        last_good_level=found.last_good_level if found else None,
        last_good_at=found.last_good_at if found else None,
        rate_now_per_day=found.rate_now_per_day if found else None,
        rate_usual_per_day=found.rate_usual_per_day if found else None,
        weekday_rates=list(found.weekday_rates) if found else [],
        emptied_at=found.emptied_at if found else None,
        suspect_share=found.suspect_share if found else None,
        doubts=list(found.doubts) if found else [],
        holidays=list(coming_holidays(stored, backend.city.zone)),
        level_sd=stored.level_sd,
        level_sd_above=stored.level_sd_above,
        emptied_unseen=stored.emptied_unseen,
        deposits_since_emptying=found.deposits_since_emptying if found else None,
        litres_per_deposit=found.litres_per_deposit if found else None,
        planned_collection=coming[0] if coming else None,
        data_grade=stored.data_grade,
        forecaster=stored.forecaster,
        forecaster_version=stored.forecaster_version,
        model_grade=stored.model_grade,
        members=dict(found.members) if found else {},
    )


def _after(cutoff: datetime, moments: list[datetime]) -> list[datetime]:
    """Those that a forecast can tell of, in order."""
    return sorted(moment for moment in moments if moment > cutoff)


async def _planned_collections(connection: Any, container_id: str, backend: Backend) -> list[datetime]:
    """When the newest plan has a truck at this container; in shadow mode, when its fixed route has."""
    plan_date = await newest_plan_date(connection)
    plans = await plans_of(connection, plan_date) if plan_date else []
    routes = [route for plan in plans for route in (plan.fixed_routes if backend.plan.plan_shadow else plan.routes)]
    visits = [visit for route in routes for visit in route.visits if container_id in visit.container_ids]
    return [_moment(plan_date, visit.arrival_s, backend.city.zone) for visit in visits if plan_date]


def _moment(day: date, seconds: int, zone: ZoneInfo) -> datetime:
    """Seconds of a local day as the wall clock shows them, in UTC."""
    return (datetime.combine(day, time()) + timedelta(seconds=seconds)).replace(tzinfo=zone).astimezone(UTC)


def _reach(times: TimeToLevel) -> ReachTime:
    return ReachTime(early=times.by(0.1), median=times.by(0.5), late=times.by(0.9))

"""`/v1/things`: what the city has, where it stands, its newest values, their age and the state that follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from api.city_state import CityNow, ThingNow, city_now
from api.dependencies import BackendOf
from models.sensor_kinds import SENSOR_KINDS
from storage.readings import reading_history

router = APIRouter(tags=["things"])


class ThingView(BaseModel):
    """A thing with its newest values; `age_s` counts from the city's time (see `ThingList`). A container may be collected within `windows`
    (pairs of seconds of the local day; null: at any time), by trucks up to a width and a permissible maximum mass, and by law at
    least every `max_interval_days`."""

    thing_id: str
    thing_type: str
    name: str
    latitude: float
    longitude: float
    district: str
    fraction: str | None
    capacity_l: int | None
    windows: list[tuple[int, int]] | None
    max_interval_days: int | None
    max_truck_width_mm: int | None
    max_truck_weight_kg: int | None
    simulated: bool
    state: str
    observed_at: datetime | None
    age_s: float | None
    values: dict[str, float | int | bool | str | None]


class ThingList(BaseModel):
    """`city_time` is the newest `observed_at` of all things. A simulated city's ages count from it, a real one's from now."""

    city_time: datetime | None
    simulated: bool
    things: list[ThingView]


@router.get("/things")
async def list_things(
    backend: BackendOf,
    thing_type: Annotated[str | None, Query(alias="thingType", description="Only things of this type")] = None,
    district: Annotated[str | None, Query(description="Only things of this district")] = None,
) -> ThingList:
    """All things of the city with their newest values."""
    async with backend.connection() as connection:
        city = await city_now(connection, backend.now())
    chosen = [
        item
        for item in city.things
        if (thing_type is None or item.thing.thing_type == thing_type) and (district is None or item.thing.district == district)
    ]
    reference = _reference(city, backend.now())
    views = [_view(item, reference) for item in chosen]
    return ThingList(city_time=city.city_time, simulated=city.simulated, things=views)


@router.get("/things/{thing_id}")
async def one_thing(backend: BackendOf, thing_id: str) -> ThingView:
    """One thing with its newest values."""
    async with backend.connection() as connection:
        city = await city_now(connection, backend.now())
    for item in city.things:
        if item.thing.thing_id == thing_id:
            return _view(item, _reference(city, backend.now()))
    raise HTTPException(404, f"There is no thing {thing_id!r}; /v1/things lists them.")


class ReadingList(BaseModel):
    """Readings of one thing in order of `observed_at`; columns without a value are left out."""

    thing_id: str
    kind: str
    readings: list[dict[str, Any]]


@router.get("/things/{thing_id}/readings")
async def thing_readings(
    backend: BackendOf,
    thing_id: str,
    since: Annotated[datetime | None, Query(description="From this moment, with its zone; default a day before until")] = None,
    until: Annotated[datetime | None, Query(description="Before this moment, with its zone; default now")] = None,
) -> ReadingList:
    """Readings of one thing, 31 days at the most."""
    thing = await one_thing(backend, thing_id)
    kind = next(kind for kind in SENSOR_KINDS if kind.thing_type == thing.thing_type)
    end = until or backend.now()
    begin = since or end - timedelta(days=1)
    if end.tzinfo is None or begin.tzinfo is None or not timedelta(0) < end - begin <= timedelta(days=31):
        raise HTTPException(400, "since and until need a zone, since must be before until, and they span 31 days at the most.")
    async with backend.connection() as connection:
        rows = await reading_history(connection, kind, thing_id, begin, end)
    names = ["datastream_id", "observed_at", "time_source", *(column.name for column in kind.columns())]
    readings = [{name: row[name] for name in names if row[name] is not None} for row in rows]
    return ReadingList(thing_id=thing_id, kind=kind.name, readings=readings)


def _reference(city: CityNow, now: datetime) -> datetime:
    return (city.city_time if city.simulated else now) or now


def _view(item: ThingNow, reference: datetime) -> ThingView:
    thing = item.thing
    return ThingView(
        thing_id=thing.thing_id,
        thing_type=thing.thing_type,
        name=thing.name,
        latitude=thing.latitude,
        longitude=thing.longitude,
        district=thing.district,
        fraction=thing.fraction,
        capacity_l=thing.capacity_l,
        windows=None if thing.windows is None else list(thing.windows),
        max_interval_days=thing.max_interval_days,
        max_truck_width_mm=thing.max_truck_width_mm,
        max_truck_weight_kg=thing.max_truck_weight_kg,
        simulated=thing.simulated,
        state=item.state.value,
        observed_at=item.observed_at,
        age_s=(reference - item.observed_at).total_seconds() if item.observed_at else None,
        values=item.values,
    )

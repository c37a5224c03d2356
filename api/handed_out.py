"""What crews get on a day: the released tours, else the fixed schedule's, with the places that they visit by name. Read by the crew's
page, the exports and the commands; it works without any plan, too, from the registry's schedule alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.domain.language import Language
from models.domain.limit_words import limits_in_words
from models.domain.plan import CollectionPlan, Route, Visit, VisitKind
from models.domain.plan_day import HandedOut, Handout, handout, moment_of
from models.domain.reason_words import reason
from models.domain.registry import Thing
from runtime.settings import PlanSettings
from storage import registry
from storage.plan_days import handed_out_plans, state_changes


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A container, depot or disposal site as people know it. `limits` say when it may be collected and by which trucks, as registered now."""

    name: str
    latitude: float
    longitude: float
    district: str = ""
    fraction: str = ""
    limits: str = ""


@dataclass(frozen=True, slots=True)
class HandedTour:
    """One truck's tour. `timed` is false for the bare fixed schedule of a day without any plan. `reasons` are by container."""

    plan_date: date
    truck_id: str
    fractions: tuple[str, ...]
    route: Route
    places: Mapping[str, NamedPlace]
    reasons: Mapping[str, str]
    sentence: str
    what: HandedOut
    timed: bool = True

    @property
    def stops(self) -> list[Visit]:
        return [visit for visit in self.route.visits if visit.kind is VisitKind.STOP]


async def handed_out(
    connection: Any, plan_date: date, now: datetime, settings: PlanSettings, zone: ZoneInfo, language: Language | None = None
) -> tuple[Handout, list[HandedTour]]:
    """The handout of a day and its tours by truck; before the hour to release, the draft's tours, and the sentence says that they are
    a draft."""
    changes = await state_changes(connection, plan_date)
    limit = moment_of(plan_date, settings.plan_release_by, zone)
    given = handout(changes, now, limit, plan_date, shadow=settings.plan_shadow, language=language or settings.plan_language)
    plans = await handed_out_plans(connection, given, plan_date)
    places = await _places(connection, language or settings.plan_language)
    if given.what is HandedOut.FIXED_SCHEDULE and not any(plan.fixed_routes for plan in plans):
        return given, await _from_registry(connection, plan_date, places, given)
    tours: dict[str, HandedTour] = {}
    for plan in plans:
        fixed = given.what is HandedOut.FIXED_SCHEDULE
        reasons = {} if fixed else _reasons(plan, language or settings.plan_language, zone)
        for route in plan.fixed_routes if fixed else plan.routes:
            made = HandedTour(plan_date, route.truck_id, (plan.fraction,), route, places, reasons, given.sentence, given.what)
            tours[route.truck_id] = _joined(tours[route.truck_id], made) if route.truck_id in tours else made
    return given, [tours[truck] for truck in sorted(tours)]


def _reasons(plan: CollectionPlan, language: Language, zone: ZoneInfo) -> dict[str, str]:
    return {item.container_id: reason(item, language, zone) for item in plan.decisions if item.collected}


def _joined(first: HandedTour, second: HandedTour) -> HandedTour:
    """One truck's tours of two fractions, one after the other."""
    route = first.route.model_copy(
        update={
            "visits": first.route.visits + second.route.visits,
            "path": first.route.path + second.route.path,
            "distance_m": first.route.distance_m + second.route.distance_m,
            "duration_s": first.route.duration_s + second.route.duration_s,
        }
    )
    reasons = {**first.reasons, **second.reasons}
    fractions = first.fractions + second.fractions
    return HandedTour(
        first.plan_date, first.truck_id, fractions, route, first.places, reasons, first.sentence, first.what, first.timed
    )


async def _places(connection: Any, language: Language) -> dict[str, NamedPlace]:
    found = {item.thing_id: _container(item, language) for item in await registry.things(connection, "container")}
    found |= {item.depot_id: NamedPlace(item.name, item.latitude, item.longitude) for item in await registry.depots(connection)}
    sites = await registry.disposal_sites(connection)
    return found | {item.disposal_site_id: NamedPlace(item.name, item.latitude, item.longitude) for item in sites}


def _container(item: Thing, language: Language) -> NamedPlace:
    limits = limits_in_words(item.windows, item.max_truck_width_mm, item.max_truck_weight_kg, language)
    return NamedPlace(item.name, item.latitude, item.longitude, item.district, item.fraction or "", limits)


async def _from_registry(connection: Any, plan_date: date, places: Mapping[str, NamedPlace], given: Handout) -> list[HandedTour]:
    """The fixed schedule as it stands in the registry, in its order, without times."""
    due = [line for line in await registry.fixed_collections(connection) if line.is_due(plan_date)]
    trucks = {item.truck_id: item for item in await registry.trucks(connection)}
    tours = []
    for truck_id in sorted({line.truck_id for line in due}):
        lines = sorted(
            (line for line in due if line.truck_id == truck_id), key=lambda line: (line.tour_position, line.container_id)
        )
        start = trucks[truck_id].shift_start_s
        depot = Visit(kind=VisitKind.DEPOT, place_id=trucks[truck_id].depot_id, arrival_s=start, departure_s=start, load_l=0)
        stops = [
            Visit(
                kind=VisitKind.STOP,
                place_id=line.container_id,
                container_ids=(line.container_id,),
                arrival_s=start,
                departure_s=start,
                load_l=0,
            )
            for line in lines
        ]
        route = Route(truck_id=truck_id, visits=(depot, *stops, depot), distance_m=0, duration_s=0)
        fractions = tuple(sorted({places[line.container_id].fraction for line in lines}))
        tours.append(HandedTour(plan_date, truck_id, fractions, route, places, {}, given.sentence, given.what, timed=False))
    return tours

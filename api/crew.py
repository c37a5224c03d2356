"""`/v1/crew/…`: one truck's tour of one day, and the crew's words back. The signed link is all that is needed, and opens nothing else.

What comes back is stored by truck: no person, no position, no trail. Reports are idempotent by their id, so that a phone may send
again whatever it is not sure of.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from api.crew_links import LinkRefused, crew_of
from api.dependencies import Backend, BackendOf, bearer
from api.handed_out import HandedTour, handed_out
from models.domain.plan import VisitKind
from models.domain.plan_day import CrewReport, CrewWord, DayState, HandedOut, state_of
from storage.crew_reports import append_reports, reports_of
from storage.plan_days import state_changes
from storage.plans import stops_changed_by_words

router = APIRouter(tags=["crews"])

FUTURE = timedelta(minutes=10)
"""A phone's clock may be ahead by so much."""


class Halt(BaseModel):
    """One halt, in order. `planned_s` is None where the fixed schedule has no times; `word` is the crew's last on it; `limits` say
    when it may be collected and by which trucks."""

    place_id: str
    kind: VisitKind
    name: str
    district: str
    fraction: str
    latitude: float
    longitude: float
    planned_s: int | None
    reason: str
    limits: str
    word: CrewWord | None


class CrewTour(BaseModel):
    """What a truck's page shows. `handed_out` is plan, fixed_schedule or nothing_yet, and `sentence` says so in words. `changed_this_week` is
    on how many stops, since Monday, the crew's words decided in a re-plan otherwise than the plan's times."""

    plan_date: date
    truck_id: str
    city_name: str
    city_timezone: str
    language: str
    handed_out: str
    sentence: str
    simulated: bool
    distance_m: int
    changed_this_week: int
    halts: list[Halt]


class Reports(BaseModel):
    """Up to 200 at a time; a phone that has more sends again."""

    reports: Annotated[list[CrewReport], Field(max_length=200)]


class Received(BaseModel):
    """`report_ids` are all stored now; `new` of them were not before."""

    report_ids: list[str]
    new: int


@router.get("/crew/tour")
async def tour(request: Request, backend: BackendOf) -> CrewTour:
    """The tour of the link's truck, as it is handed out now, in the order that the crew said last."""
    plan_date, truck_id = _opened(request, backend)
    async with backend.connection() as connection:
        given, tours = await handed_out(connection, plan_date, backend.now(), backend.plan, backend.city.zone)
        reports = [stored.report for stored in await reports_of(connection, plan_date, truck_id)]
        monday = plan_date - timedelta(days=plan_date.weekday())
        changed = await stops_changed_by_words(connection, truck_id, monday, plan_date)
        simulated = bool(await connection.fetchval("SELECT coalesce(bool_or(simulated), false) FROM thing"))
    # A draft is the planner's: crews get what is handed out.
    shown = tours if given.what is not HandedOut.NOTHING_YET else []
    found = next((item for item in shown if item.truck_id == truck_id), None)
    return CrewTour(
        plan_date=plan_date,
        truck_id=truck_id,
        city_name=backend.city.city_name,
        city_timezone=backend.city.city_timezone,
        language=backend.plan.plan_language,
        handed_out=given.what.value,
        sentence=given.sentence,
        simulated=simulated,
        distance_m=found.route.distance_m if found else 0,
        changed_this_week=changed,
        halts=_halts(found, reports) if found else [],
    )


@router.post("/crew/reports")
async def report(request: Request, backend: BackendOf, body: Reports) -> Received:
    """The crew's words. Those that are known already are taken again, and nothing happens."""
    plan_date, truck_id = _opened(request, backend)
    now = backend.now()
    if any(item.said_at > now + FUTURE for item in body.reports):
        raise HTTPException(400, "A report was said in the future: set the phone's clock.")
    async with backend.connection() as connection:
        if state_of(await state_changes(connection, plan_date)) is DayState.CLOSED:
            raise HTTPException(410, f"{plan_date.isoformat()} is closed: tell the planner.")
        new = await append_reports(connection, plan_date, truck_id, body.reports, now)
    return Received(report_ids=[str(item.report_id) for item in body.reports], new=new)


def _opened(request: Request, backend: Backend) -> tuple[date, str]:
    key = backend.access.crew_link_key.get_secret_value()
    try:
        return crew_of(key, bearer(request), backend.now(), backend.city.zone)
    except LinkRefused as refused:
        raise HTTPException(410 if refused.gone else 401, str(refused)) from None


def _halts(tour: HandedTour, reports: list[CrewReport]) -> list[Halt]:
    words: dict[str | None, CrewWord] = {}
    order: tuple[str, ...] = ()
    for item in reports:
        if item.word in (CrewWord.DONE, CrewWord.SKIPPED, CrewWord.BLOCKED):
            words[item.container_id] = item.word
        if item.word is CrewWord.REORDERED:
            order = item.order
    halts = [
        Halt(
            place_id=visit.place_id,
            kind=visit.kind,
            name=tour.places[visit.place_id].name,
            district=tour.places[visit.place_id].district,
            fraction=tour.places[visit.place_id].fraction,
            latitude=tour.places[visit.place_id].latitude,
            longitude=tour.places[visit.place_id].longitude,
            planned_s=visit.arrival_s if tour.timed else None,
            reason=tour.reasons.get(visit.place_id, "") if visit.kind is VisitKind.STOP else "",
            limits=tour.places[visit.place_id].limits if visit.kind is VisitKind.STOP else "",
            word=words.get(visit.place_id) if visit.kind is VisitKind.STOP else None,
        )
        for visit in tour.route.visits
    ]
    return _reordered(halts, order)


def _reordered(halts: list[Halt], order: tuple[str, ...]) -> list[Halt]:
    """The stops that the crew put into another order, in that order, at the places where they stood; all others stay."""
    wanted = {place_id: index for index, place_id in enumerate(order)}
    moved = sorted((halt for halt in halts if halt.place_id in wanted), key=lambda halt: wanted[halt.place_id])
    following = iter(moved)
    return [next(following) if halt.place_id in wanted else halt for halt in halts]

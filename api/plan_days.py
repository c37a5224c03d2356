"""`/v1/plans/{date}/…`: a planner's day. Reading is open; releasing, changing and closing need the planner's token.

What needs the planner itself (a price, a re-plan) becomes a request that the planner answers within seconds:
`/v1/plan-requests/{id}` shows the answer.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field

from api import tour_files
from api.crew_links import crew_token
from api.dependencies import Backend, BackendOf, PlannerRole
from api.first_view import FirstView, first_view
from api.handed_out import HandedTour, handed_out
from models.domain.district_standing import HeldBy
from models.domain.held_words import held_sentence
from models.domain.plan import CollectionPlan
from models.domain.plan_day import DayEvent, DayEventKind, DayState, StateChange, Wish, WishKind, handout, moment_of, state_of
from models.domain.registry import Identifier
from storage.crew_reports import reports_of
from storage.plan_days import append_event, append_state, close_day, events_of, release_day, state_changes, wishes_of
from storage.plans import plan_request, plans_of, request_plan

router = APIRouter(tags=["the planner's day"])

PlanDate = Annotated[date, Path(alias="planDate", description="The day, as in 2026-11-23")]


class ReportView(BaseModel):
    """One word of a crew, by truck."""

    truck_id: str
    word: str
    container_id: str | None
    said_at: datetime
    reason: str
    fill_ratio: float | None
    order: tuple[str, ...]


class HeldView(BaseModel):
    """A district whose fixed route is driven: in shadow mode, for missing data or for overflow; `sentence` has the figures."""

    district: str
    by: HeldBy
    since: date | None
    planned_again_from: date | None
    sentence: str


class DayView(BaseModel):
    """How far a day is, what crews get and why, which districts follow their fixed routes, and what planners and crews said about it."""

    plan_date: date
    state: DayState | None
    handed_out: str
    sentence: str
    release_by: datetime
    changes: list[StateChange]
    held: list[HeldView]
    wishes: list[Wish]
    events: list[DayEvent]
    reports: list[ReportView]


@router.get("/plans/{planDate}/day")
async def day(backend: BackendOf, plan_date: PlanDate) -> DayView:
    """How far a day is."""
    async with backend.connection() as connection:
        return await _day_view(backend, connection, plan_date)


async def _day_view(backend: Backend, connection: Any, plan_date: date) -> DayView:
    changes = await state_changes(connection, plan_date)
    release_by = moment_of(plan_date, backend.plan.plan_release_by, backend.city.zone)
    settings = backend.plan
    given = handout(changes, backend.now(), release_by, plan_date, shadow=settings.plan_shadow, language=settings.plan_language)
    return DayView(
        plan_date=plan_date,
        state=state_of(changes),
        handed_out=given.what.value,
        sentence=given.sentence,
        release_by=release_by,
        changes=changes,
        held=_held(await plans_of(connection, plan_date), backend),
        wishes=await wishes_of(connection, plan_date),
        events=await events_of(connection, plan_date),
        reports=[
            ReportView(
                truck_id=stored.truck_id,
                word=stored.report.word.value,
                container_id=stored.report.container_id,
                said_at=stored.report.said_at,
                reason=stored.report.reason,
                fill_ratio=stored.report.fill_ratio,
                order=stored.report.order,
            )
            for stored in await reports_of(connection, plan_date)
        ],
    )


def _held(plans: list[CollectionPlan], backend: Backend) -> list[HeldView]:
    found = {item.district: item for plan in plans for item in plan.held}
    return [
        HeldView(
            district=name,
            by=item.by,
            since=item.since,
            planned_again_from=item.planned_again_from,
            sentence=held_sentence(item, backend.plan.plan_language),
        )
        for name, item in sorted(found.items())
    ]


@router.get("/plans/{planDate}/first-view")
async def planners_first_view(backend: BackendOf, plan_date: PlanDate) -> FirstView:
    """What a planner looks at first: what differs, what rests on doubtful data, which trucks are missing."""
    async with backend.connection() as connection:
        return await first_view(connection, plan_date)


class Release(BaseModel):
    """`late`: take back the fixed schedule that is handed out already."""

    late: bool = False


@router.post("/plans/{planDate}/release")
async def release(backend: BackendOf, role: PlannerRole, plan_date: PlanDate, body: Release | None = None) -> DayView:
    """Release the newest plans of a day to the crews."""
    limit = moment_of(plan_date, backend.plan.plan_release_by, backend.city.zone)
    late = body.late if body else False
    async with backend.connection() as connection:
        await release_day(
            connection, plan_date, role=role, now=backend.now(), release_by=limit, late=late, shadow=backend.plan.plan_shadow
        )
        return await _day_view(backend, connection, plan_date)


@router.post("/plans/{planDate}/drive")
async def drive(backend: BackendOf, role: PlannerRole, plan_date: PlanDate) -> DayView:
    """Note that the trucks of a day are back."""
    async with backend.connection() as connection:
        await append_state(connection, StateChange(plan_date=plan_date, state=DayState.DRIVEN, role=role, at=backend.now()))
        return await _day_view(backend, connection, plan_date)


@router.post("/plans/{planDate}/close")
async def close(backend: BackendOf, role: PlannerRole, plan_date: PlanDate) -> DayView:
    """Close a driven day with what its crews said."""
    limit = moment_of(plan_date, backend.plan.plan_release_by, backend.city.zone)
    async with backend.connection() as connection:
        shadow = backend.plan.plan_shadow
        await close_day(connection, plan_date, role=role, now=backend.now(), release_by=limit, shadow=shadow)
        return await _day_view(backend, connection, plan_date)


class AskedWish(BaseModel):
    """`pin` or `forbid` one container; a pin may name the truck."""

    kind: WishKind
    container_id: Identifier
    truck_id: Identifier | None = None


class AskedWishes(BaseModel):
    """Wishes that belong together: a swap is a forbid and a pin. Without `save` only the price is found."""

    wishes: Annotated[list[AskedWish], Field(min_length=1, max_length=20)]
    save: bool = False


class RequestView(BaseModel):
    """A request to the planner. `state` is waiting, done or refused; `answer` is the price, `failure` the sentence on why not."""

    request_id: int
    state: Literal["waiting", "done", "refused"]
    href: str
    revision: int | None = None
    failure: str | None = None
    answer: dict[str, Any] | None = None


@router.post("/plans/{planDate}/wishes", status_code=202)
async def wish(backend: BackendOf, role: PlannerRole, plan_date: PlanDate, body: AskedWishes) -> RequestView:
    """Ask for a price, or for the change itself."""
    details = body.model_dump(mode="json")
    async with backend.connection() as connection:
        request_id = await request_plan(connection, plan_date, asked_by=role, kind="price", details=details)
    return RequestView(request_id=request_id, state="waiting", href=f"/v1/plan-requests/{request_id}")


class AskedEvent(BaseModel):
    """What happened: a truck is out, a street or bridge is blocked, a container is urgent."""

    kind: DayEventKind
    subject: Identifier
    note: Annotated[str, Field(max_length=500)] = ""


@router.post("/plans/{planDate}/events", status_code=202)
async def happened(backend: BackendOf, role: PlannerRole, plan_date: PlanDate, body: AskedEvent) -> RequestView:
    """Note what happened, and ask for a re-plan of what is not driven yet."""
    event = DayEvent(plan_date=plan_date, kind=body.kind, subject=body.subject, role=role, at=backend.now(), note=body.note)
    async with backend.connection() as connection, connection.transaction():
        await append_event(connection, event)
        details = event.model_dump(mode="json")
        request_id = await request_plan(connection, plan_date, asked_by=role, kind="replan", details=details)
    return RequestView(request_id=request_id, state="waiting", href=f"/v1/plan-requests/{request_id}")


@router.get("/plan-requests/{requestId}")
async def answer(backend: BackendOf, request_id: Annotated[int, Path(alias="requestId", ge=1)]) -> RequestView:
    """The answer of the planner, once it is there."""
    async with backend.connection() as connection:
        found = await plan_request(connection, request_id)
    if found is None:
        raise HTTPException(404, f"There is no request {request_id}.")
    state: Literal["waiting", "done", "refused"] = "waiting"
    if found.answered_at is not None:
        state = "refused" if found.failure else "done"
    return RequestView(
        request_id=request_id,
        state=state,
        href=f"/v1/plan-requests/{request_id}",
        revision=found.revision,
        failure=found.failure,
        answer=found.answer,
    )


@router.get("/plans/{planDate}/tours/{truckId}/{format}", response_class=Response)
async def tour_file(
    backend: BackendOf,
    plan_date: PlanDate,
    truck_id: Annotated[str, Path(alias="truckId")],
    file_format: Annotated[Literal["gpx", "geojson", "csv"], Path(alias="format")],
) -> Response:
    """A truck's tour as it is handed out: GPX 1.1, GeoJSON or CSV."""
    tour = await _tour(backend, plan_date, truck_id)
    content, media = {
        "gpx": (tour_files.gpx, "application/gpx+xml"),
        "geojson": (tour_files.geojson, "application/geo+json"),
        "csv": (tour_files.as_csv, "text/csv; charset=utf-8"),
    }[file_format]
    name = f"{truck_id}-{plan_date.isoformat()}.{file_format}"
    return Response(content(tour), media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/plans/{planDate}/tours/{truckId}/sheet/html", response_class=Response)
async def tour_sheet(
    request: Request, backend: BackendOf, _role: PlannerRole, plan_date: PlanDate, truck_id: Annotated[str, Path(alias="truckId")]
) -> Response:
    """The sheet to print, with the code that opens the crew's page: for planners, as the code lets crews write."""
    key = backend.access.crew_link_key.get_secret_value()
    if not key:
        raise HTTPException(403, "No link can be signed: set-up makes the key (STADSPULS_CREW_LINK_KEY).")
    tour = await _tour(backend, plan_date, truck_id)
    address = backend.access.api_public_address or str(request.base_url)
    link = f"{address.rstrip('/')}/crew/#{crew_token(key, plan_date, truck_id)}"
    style = '<link rel="stylesheet" href="/assets/sheet.css">'
    page = tour_files.sheet(tour, link, backend.city.city_name, backend.plan.plan_language, style)
    return Response(page, media_type="text/html; charset=utf-8")


async def _tour(backend: Backend, plan_date: date, truck_id: str) -> HandedTour:
    async with backend.connection() as connection:
        given, tours = await handed_out(connection, plan_date, backend.now(), backend.plan, backend.city.zone)
    for tour in tours:
        if tour.truck_id == truck_id:
            return tour
    raise HTTPException(404, f"{truck_id} has no tour on {plan_date.isoformat()}. {given.sentence}")

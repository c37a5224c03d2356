"""`/v1/plans/{date}`: the newest revision of every plan of a day, with tours to draw, reasons, and the fixed schedule beside it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from api.dependencies import BackendOf
from models.domain.language import Language
from models.domain.plan import CollectionPlan, ContainerDecision, CostedSchedule, LeftBehind, Route, Visit, VisitKind, left_in_all
from models.domain.reason_words import reason
from models.domain.verdict_words import verdict_sentence
from storage.plans import plans_of

router = APIRouter(tags=["plans"])


class TourView(BaseModel):
    """One truck's tour; `path` is [latitude, longitude] along the roads, for a map."""

    truck_id: str
    distance_m: int
    duration_s: int
    visits: list[Visit]
    path: list[tuple[float, float]]


class PlanView(BaseModel):
    """The plan of one fraction and district, with a decision for every container of it."""

    district: str
    fraction: str
    revision: int
    made_at: datetime
    matrix_source: str
    routes: list[TourView]
    decisions: list[ContainerDecision]
    fixed_schedule: CostedSchedule | None
    check_failures: list[str]
    verdict: str


class DayPlan(BaseModel):
    """All plans of one day. `totals` and `fixed_schedule` are sums over them, costed on the same roads by the same rules; the `left_by`
    of each says what it leaves standing, without which kilometres do not compare."""

    plan_date: date
    revisions: dict[str, int]
    matrix_source: str
    checked: bool
    totals: CostedSchedule
    fixed_schedule: CostedSchedule
    left_by_plan: LeftBehind
    left_by_fixed_schedule: LeftBehind
    plans: list[PlanView]


@router.get("/plans/{plan_date}")
async def plans(
    backend: BackendOf,
    plan_date: date,
    language: Annotated[Language | None, Query(description="Language of verdicts and reasons; the city's when left out")] = None,
) -> DayPlan:
    """The plan of one day, as it stands."""
    async with backend.connection() as connection:
        found = await plans_of(connection, plan_date)
    if not found:
        raise HTTPException(404, f"There is no plan for {plan_date.isoformat()} yet.")
    if language is not None:
        found = [_told(plan, language, backend.city.zone) for plan in found]
    return day_plan(plan_date, found)


def _told(plan: CollectionPlan, language: Language, zone: ZoneInfo) -> CollectionPlan:
    """The plan with its verdict and reasons in a language."""
    decisions = tuple(item.model_copy(update={"reason": reason(item, language, zone)}) for item in plan.decisions)
    return plan.model_copy(update={"decisions": decisions, "verdict": verdict_sentence(plan, language, zone)})


def day_plan(plan_date: date, found: list[CollectionPlan]) -> DayPlan:
    """Adds the plans of a day up; a truck that serves two fractions counts once."""
    tours = [route for plan in found for route in plan.routes]
    fixed = [plan.fixed_schedule for plan in found if plan.fixed_schedule is not None]
    return DayPlan(
        plan_date=plan_date,
        revisions={f"{plan.district}/{plan.fraction}": plan.revision for plan in found},
        matrix_source=", ".join(sorted({plan.matrix_source for plan in found})),
        checked=not any(plan.check_failures for plan in found),
        totals=CostedSchedule(
            trucks=len({tour.truck_id for tour in tours}),
            stops=sum(plan.stop_count for plan in found),
            distance_m=sum(plan.distance_m for plan in found),
            duration_s=sum(tour.duration_s for tour in tours),
        ),
        fixed_schedule=CostedSchedule(
            trucks=sum(item.trucks for item in fixed),
            stops=sum(item.stops for item in fixed),
            distance_m=sum(item.distance_m for item in fixed),
            duration_s=sum(item.duration_s for item in fixed),
        ),
        left_by_plan=left_in_all([plan.left_by_plan for plan in found]),
        left_by_fixed_schedule=left_in_all([plan.left_by_fixed_schedule for plan in found if plan.fixed_schedule is not None]),
        plans=[_view(plan) for plan in found],
    )


def _view(plan: CollectionPlan) -> PlanView:
    return PlanView(
        district=plan.district,
        fraction=plan.fraction,
        revision=plan.revision,
        made_at=plan.made_at,
        matrix_source=plan.matrix_source,
        routes=[_tour(route) for route in plan.routes],
        decisions=list(plan.decisions),
        fixed_schedule=plan.fixed_schedule,
        check_failures=list(plan.check_failures),
        verdict=plan.verdict,
    )


def _tour(route: Route) -> TourView:
    return TourView(
        truck_id=route.truck_id,
        distance_m=route.distance_m,
        duration_s=route.duration_s,
        visits=[visit for visit in route.visits if visit.kind is not VisitKind.BREAK or visit.departure_s > visit.arrival_s],
        path=list(route.path),
    )

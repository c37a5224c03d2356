"""A planner's first view of a day: what differs from the last collection day and from the draft before, what rests on doubtful data,
which trucks are missing. Read from what is stored; pure but for the reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel

from models.domain.plan import CollectionPlan, ContainerDecision, DecisionFigures
from models.domain.plan_day import DayEventKind
from models.domain.reason_words import HELD
from storage import registry
from storage.plan_days import events_of
from storage.plans import plan_of, plans_of, previous_plan_date


class Figures(BaseModel):
    """A day in four figures."""

    trucks: int
    stops: int
    distance_m: int
    duration_s: int


class Moved(BaseModel):
    """A container that another truck collects than last time it was collected by plan."""

    container_id: str
    before: str
    now: str


class Doubtful(BaseModel):
    """A decision that rests on doubtful data, or on the schedule because there are none."""

    container_id: str
    collected: bool
    reason: str


class MissingTruck(BaseModel):
    """A truck that would usually drive and does not, and why as far as it is known."""

    truck_id: str
    why: str


class FirstView(BaseModel):
    """`compared_with` is the last day with plans; `on` and `off` are containers that came on or off since the draft before this
    one of the same day."""

    plan_date: date
    compared_with: date | None
    today: Figures
    before: Figures | None
    on: list[str]
    off: list[str]
    moved: list[Moved]
    doubtful: list[Doubtful]
    missing_trucks: list[MissingTruck]


async def first_view(connection: Any, plan_date: date) -> FirstView:
    """The view of a day; empty lists where there is nothing to look at."""
    plans = await plans_of(connection, plan_date)
    last = await previous_plan_date(connection, plan_date)
    earlier = await plans_of(connection, last) if last else []
    drafts = [
        await plan_of(connection, plan_date, plan.district, plan.fraction, plan.revision - 1) for plan in plans if plan.revision > 1
    ]
    on, off = _turned(plans, [draft for draft in drafts if draft is not None])
    due = {line.truck_id for line in await registry.fixed_collections(connection) if line.is_due(plan_date)}
    broken = {event.subject: event.note for event in await events_of(connection, plan_date) if event.kind is DayEventKind.TRUCK_OUT}
    return FirstView(
        plan_date=plan_date,
        compared_with=last,
        today=_figures(plans),
        before=_figures(earlier) if earlier else None,
        on=on,
        off=off,
        moved=_moved(plans, earlier),
        doubtful=[Doubtful(container_id=d.container_id, collected=d.collected, reason=d.reason) for d in _doubtful(plans)],
        missing_trucks=_missing(plans, due, broken),
    )


def _figures(plans: Sequence[CollectionPlan]) -> Figures:
    routes = [route for plan in plans for route in plan.routes]
    return Figures(
        trucks=len({route.truck_id for route in routes}),
        stops=sum(plan.stop_count for plan in plans),
        distance_m=sum(route.distance_m for route in routes),
        duration_s=sum(route.duration_s for route in routes),
    )


def _by_truck(plans: Sequence[CollectionPlan]) -> dict[str, str]:
    return {item.container_id: item.truck_id for plan in plans for item in plan.decisions if item.truck_id is not None}


def _turned(plans: Sequence[CollectionPlan], drafts: Sequence[CollectionPlan]) -> tuple[list[str], list[str]]:
    fractions = {draft.fraction for draft in drafts}
    now = set(_by_truck([plan for plan in plans if plan.fraction in fractions]))
    then = set(_by_truck(drafts))
    return sorted(now - then), sorted(then - now)


def _moved(plans: Sequence[CollectionPlan], earlier: Sequence[CollectionPlan]) -> list[Moved]:
    then = _by_truck(earlier)
    return [
        Moved(container_id=name, before=then[name], now=truck)
        for name, truck in sorted(_by_truck(plans).items())
        if name in then and then[name] != truck
    ]


def _doubtful(plans: Sequence[CollectionPlan]) -> list[ContainerDecision]:
    found = [item for plan in plans for item in plan.decisions if item.figures is not None and _rests_on_doubt(item.figures)]
    return sorted(found, key=lambda item: (not item.collected, item.container_id))


def _rests_on_doubt(figures: DecisionFigures) -> bool:
    """Not of a container whose whole district follows its fixed route: its data are not to blame."""
    return figures.doubtful or (figures.unusable is not None and figures.unusable not in HELD)


def _missing(plans: Sequence[CollectionPlan], due: set[str], broken: dict[str, str]) -> list[MissingTruck]:
    driving = {route.truck_id for plan in plans for route in plan.routes}
    missing = [MissingTruck(truck_id=truck, why=f"out: {note}" if note else "out") for truck, note in sorted(broken.items())]
    idle = sorted(due - driving - set(broken))
    return missing + [MissingTruck(truck_id=truck, why="has a tour in the fixed schedule and none on the plan") for truck in idle]

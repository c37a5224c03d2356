"""The rest of a day planned anew after something happened: a truck is out, a road is blocked, a container is urgent. Pure.

What is driven stays as it is; what is still to come stays where it can. The planner releases the result again: until then crews keep
what they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.domain.failures import UserError
from models.domain.plan import CollectionPlan
from models.domain.plan_day import DayEvent, DayEventKind, Wish, WishKind
from processors.plan.city_roads import without_street
from processors.plan.planner import Ground, Planned, ground_of, planned
from processors.plan.remaking import StoredDay, stored_day
from processors.routing.problem import Problem
from processors.routing.problem_file import problem_from_json
from processors.routing.replan import Breakdown, Event, NewRoads, Replanned, Urgent, replan
from processors.routing.roads import RoadProfile, Roads
from processors.routing.solution import Solution
from processors.routing.solve import Stopping

REPLAN_SECONDS = 3.0
"""How long a re-plan searches: somebody waits for it."""


@dataclass(frozen=True, eq=False)
class Renewed:
    """The plan for the rest of the day, how it was made, and what of the inputs belongs to it alone."""

    planned: Planned
    made: dict[str, Any]
    before: dict[str, Any]


def concerns(plan: CollectionPlan, event: DayEvent) -> bool:
    """Whether an event can change a plan at all."""
    if event.kind is DayEventKind.TRUCK_OUT:
        return any(route.truck_id == event.subject for route in plan.routes)
    if event.kind is DayEventKind.URGENT:
        return any(item.container_id == event.subject for item in plan.decisions)
    return bool(plan.routes)


def renewed_plan(kept: Mapping[str, Any], event: DayEvent, roads: Roads, iterations: int | None = None) -> Renewed:
    """The rest of the day of a stored plan, from an event on. Raises `UserError` for an event about what has been done already."""
    stored = stored_day(kept)
    ground = _ground_after(stored, event, roads)
    stopping = Stopping(iterations, None if iterations else REPLAN_SECONDS)
    before = {f"before_{name}": kept[name] for name in ("problem", "travel", "solution")}
    after = _replanned(ground, before, event, stopping)
    verdict = _sentence(event, after, stored.zone)
    made = {"how": "replan", "event": event.model_dump(mode="json"), "verdict": verdict}
    return Renewed(planned(replace(ground, problem=after.problem), after.solution, verdict), made, before)


def renewed_again(kept: Mapping[str, Any], stored: StoredDay) -> Planned:
    """A stored re-plan once more, on the roads that it was made on."""
    event = DayEvent.model_validate(kept["made"]["event"])
    ground = stored.ground()
    after = _replanned(ground, kept, event, Stopping(parts=tuple(kept["search"]["parts"])))
    return planned(replace(ground, problem=after.problem), after.solution, kept["made"]["verdict"])


def _ground_after(stored: StoredDay, event: DayEvent, roads: Roads) -> Ground:
    """The day as it is known after the event, on its stored roads, or on new ones where a road is blocked."""
    day = stored.day
    if event.kind is DayEventKind.URGENT:
        others = [wish for wish in day.wishes if wish.container_id != event.subject]
        pin = Wish(plan_date=event.plan_date, kind=WishKind.PIN, container_id=event.subject, role=event.role, at=event.at)
        return stored.ground([*others, pin], drawn_on=roads)
    if event.kind is not DayEventKind.ROAD_BLOCKED:
        return stored.ground(drawn_on=roads)
    rest = without_street(roads, event.subject)
    if rest is None:
        day = replace(day, closed_bridges=tuple(sorted({*day.closed_bridges, event.subject})))
    return ground_of(day, rest or roads, RoadProfile(), stored.settings, stored.zone, stored.made_at)


def _replanned(ground: Ground, before: Mapping[str, Any], event: DayEvent, stopping: Stopping) -> Replanned:
    problem = _stored_problem(before)
    solution = Solution.model_validate(before["before_solution"])
    happened: Event
    if event.kind is DayEventKind.TRUCK_OUT:
        happened = Breakdown(event.subject)
    elif event.kind is DayEventKind.URGENT:
        happened = Urgent(event.subject)
    else:
        happened = NewRoads(ground.matrix.metres, ground.matrix.seconds, ground.matrix.source)
    now_s = _seconds_of_day(event.at, ground.zone)
    return replan(problem, solution, now_s=now_s, events=[happened], stopping=stopping, seed=ground.settings.plan_seed)


def _stored_problem(before: Mapping[str, Any]) -> Problem:
    return problem_from_json({**before["before_problem"], "travel": before["before_travel"]})


def _seconds_of_day(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.hour * 3600 + local.minute * 60 + local.second


def _sentence(event: DayEvent, after: Replanned, zone: ZoneInfo) -> str:
    """What happened and what became of the plan."""
    what = {
        DayEventKind.TRUCK_OUT: f"{event.subject} is out",
        DayEventKind.ROAD_BLOCKED: f"{event.subject} is blocked",
        DayEventKind.URGENT: f"{event.subject} is urgent",
    }[event.kind]
    note = f" ({event.note})" if event.note else ""
    left = f" Left out: {', '.join(f'{node} ({why})' for node, why in after.left_out.items())}." if after.left_out else ""
    return (
        f"Planned anew at {event.at.astimezone(zone):%H:%M}: {what}{note}. Of what was to come {after.change.trucks_kept * 100:.0f} % stays with "
        f"its truck and {after.change.arcs_kept * 100:.0f} % in its order.{left}"
    )


def refuse_unknown(event: DayEvent, plans: int) -> None:
    """Raises `UserError` when no plan of the day has anything to do with an event."""
    if not plans:
        what = {"truck_out": "no tour has that truck", "urgent": "no plan decides on that container"}.get(
            event.kind.value, "nothing drives"
        )
        raise UserError(f"{event.subject} on {event.plan_date.isoformat()}: {what}, so that there is nothing to plan anew")

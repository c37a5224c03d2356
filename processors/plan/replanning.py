"""The rest of a day planned anew after something happened: a truck is out, a road is blocked, a container is urgent. Pure.

What is driven stays as it is, by the crews' words where there are any; what is still to come stays where it can.
The planner releases the result again: until then crews keep what they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.domain import verdict
from models.domain.failures import UserError
from models.domain.plan import CollectionPlan
from models.domain.plan_day import DayEvent, DayEventKind, Wish, WishKind
from processors.plan.city_roads import without_street
from processors.plan.crew_words import DrivenSoFar, TruckWord, driven_so_far
from processors.plan.planner import Ground, Planned, ground_of, planned
from processors.plan.remaking import StoredDay, stored_day, verdict_of
from processors.routing.problem import Problem
from processors.routing.problem_file import problem_from_json
from processors.routing.replan import NO_ROOM, BlockedStops, Breakdown, Event, NewRoads, Replanned, Urgent, replan
from processors.routing.roads import RoadProfile, Roads
from processors.routing.solution import Solution
from processors.routing.solve import Stopping

LEFT_BY_CREW = "its crew left it"
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


def renewed_plan(
    kept: Mapping[str, Any], event: DayEvent, roads: Roads, iterations: int | None = None, words: Sequence[TruckWord] = ()
) -> Renewed:
    """The rest of the day of a stored plan, from an event on. Where crews said something, their words say what is driven. Raises
    `UserError` for an event about what has been done already."""
    stored = stored_day(kept)
    ground = _ground_after(stored, event, roads)
    stopping = Stopping(iterations, None if iterations else REPLAN_SECONDS)
    before = {f"before_{name}": kept[name] for name in ("problem", "travel", "solution")}
    known = [item for item in words if item.said_at <= event.at]
    driven, after = _replanned(ground, before, event, stopping, known)
    about = _about(event, after, driven)
    made = {
        "how": "replan",
        "event": event.model_dump(mode="json"),
        "words": [item.model_dump(mode="json") for item in known],
        "about": about.model_dump(mode="json"),
    }
    changed = replace(ground, problem=after.problem, left_by_crews=driven.left)
    return Renewed(planned(changed, after.solution, about), made, before)


def renewed_again(kept: Mapping[str, Any], stored: StoredDay) -> Planned:
    """A stored re-plan once more, on the roads that it was made on."""
    event = DayEvent.model_validate(kept["made"]["event"])
    ground = stored.ground()
    words = [TruckWord.model_validate(item) for item in kept["made"].get("words", ())]
    driven, after = _replanned(ground, kept, event, Stopping(parts=tuple(kept["search"]["parts"])), words)
    changed = replace(ground, problem=after.problem, left_by_crews=driven.left)
    return planned(changed, after.solution, verdict_of(kept["made"]))


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


def _replanned(
    ground: Ground, before: Mapping[str, Any], event: DayEvent, stopping: Stopping, words: Sequence[TruckWord]
) -> tuple[DrivenSoFar, Replanned]:
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
    driven = driven_so_far(
        problem,
        solution,
        words,
        now_s,
        ground.zone,
        broken_down=[event.subject] if event.kind is DayEventKind.TRUCK_OUT else [],
        asked_again=[event.subject] if event.kind is DayEventKind.URGENT else [],
    )
    events = [happened, *(BlockedStops((node,), LEFT_BY_CREW) for node in driven.left)]
    after = replan(
        problem, solution, now_s=now_s, events=events, executed=driven.executed, stopping=stopping, seed=ground.settings.plan_seed
    )
    return driven, after


def _stored_problem(before: Mapping[str, Any]) -> Problem:
    return problem_from_json({**before["before_problem"], "travel": before["before_travel"]})


def _seconds_of_day(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.hour * 3600 + local.minute * 60 + local.second


def _about(event: DayEvent, after: Replanned, driven: DrivenSoFar) -> verdict.Replanned:
    """What happened and what became of the plan."""
    return verdict.Replanned(
        event=event,
        trucks_kept=round(after.change.trucks_kept, 6),
        arcs_kept=round(after.change.arcs_kept, 6),
        left_out=tuple(
            verdict.LeftOut(container_id=node, why=_left_out_for(reason), detail=driven.left.get(node, reason))
            for node, reason in after.left_out.items()
        ),
        by_words=driven.by_words,
        by_times=driven.by_times,
        changed_by_words=driven.changed,
    )


def _left_out_for(reason: str) -> verdict.LeftOutFor:
    if reason in (NO_ROOM, LEFT_BY_CREW):
        return verdict.LeftOutFor.NO_ROOM if reason == NO_ROOM else verdict.LeftOutFor.CREW
    unreachable = reason.startswith(("no road leads", "it cannot be reached"))
    return verdict.LeftOutFor.UNREACHABLE if unreachable else verdict.LeftOutFor.NO_TRUCK


def refuse_unknown(event: DayEvent, plans: int) -> None:
    """Raises `UserError` when no plan of the day has anything to do with an event."""
    if not plans:
        what = {"truck_out": "no tour has that truck", "urgent": "no plan decides on that container"}.get(
            event.kind.value, "nothing drives"
        )
        raise UserError(f"{event.subject} on {event.plan_date.isoformat()}: {what}, so that there is nothing to plan anew")

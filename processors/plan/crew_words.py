"""What is driven of a day by the crews' own words: for each truck whose crew said something the executed part of its tour, for the others
the plan's times. Pure.

A crew says done, skipped or blocked at a container, nothing about tipping, breaks or the way: a disposal trip counts as made once a container
that the plan has after it is done, and the container that comes next counts as being driven to. What was skipped or blocked is out of the day,
unless it is asked for again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from models.domain.plan import VisitKind
from models.domain.plan_day import CrewWord
from models.domain.reading import UtcDatetime
from models.domain.registry import DomainType
from processors.routing.problem import Executed, Problem, Truck
from processors.routing.replan import executed_part
from processors.routing.solution import PlannedRoute, PlannedVisit, Solution

FINAL = frozenset({CrewWord.DONE, CrewWord.SKIPPED, CrewWord.BLOCKED})


class TruckWord(DomainType):
    """A crew's word as a re-plan takes it, and as it is kept with the plan that came of it."""

    truck_id: str
    word: CrewWord
    container_id: str | None = None
    said_at: UtcDatetime
    reason: str = ""
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DrivenSoFar:
    """`executed` per truck that has left; `left` are containers that crews left standing, with their reason; `changed` are per truck those on
    which words and plan's times differ."""

    executed: dict[str, Executed]
    left: dict[str, str] = field(default_factory=dict)
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    by_words: tuple[str, ...] = ()
    by_times: tuple[str, ...] = ()


def driven_so_far(
    problem: Problem,
    plan: Solution,
    words: Sequence[TruckWord],
    now_s: int,
    zone: ZoneInfo,
    *,
    broken_down: Collection[str] = (),
    turn_back_from: frozenset[str] = frozenset(),
    asked_again: Collection[str] = (),
) -> DrivenSoFar:
    """At a moment of the day, in seconds. `broken_down` trucks do not go on; `turn_back_from` are containers that trucks on their way to them
    give up; `asked_again` are in the day though a crew left them."""
    by_plan = executed_part(problem, plan, now_s, broken_down, turn_back_from)
    last = {str(item.container_id): item for item in words if item.word in FINAL and item.container_id in problem.stop_by_node}
    done = {name: item for name, item in last.items() if item.word is CrewWord.DONE}
    left = {
        name: item.reason or item.word.value
        for name, item in last.items()
        if item.word is not CrewWord.DONE and name not in asked_again
    }
    speaking = {item.truck_id for item in words} & set(problem.truck_by_id)
    settled = frozenset({*left, *done, *turn_back_from, *asked_again})
    executed: dict[str, Executed] = {}
    for route in (*plan.routes, *_unplanned(problem, plan, done, now_s)):
        if route.truck_id in speaking:
            drive = _Drive(problem, route, [item for item in done.values() if item.truck_id == route.truck_id], now_s, zone)
            order = next((item.order for item in reversed(words) if item.truck_id == route.truck_id and item.order), ())
            stays = route.truck_id in broken_down
            executed[route.truck_id] = drive.so_far(order, settled, stays=stays)
        elif route.truck_id in by_plan:
            executed[route.truck_id] = _without(problem, by_plan[route.truck_id], frozenset(done) | frozenset(left))
    return DrivenSoFar(
        executed=executed,
        left=left,
        changed=_changed(speaking, by_plan, done, left, last),
        by_words=tuple(sorted(speaking & set(executed))),
        by_times=tuple(sorted(set(executed) - speaking)),
    )


def _unplanned(problem: Problem, plan: Solution, done: Mapping[str, TruckWord], now_s: int) -> list[PlannedRoute]:
    """Tours that begin at the depot, of trucks that did containers and have no tour on the plan."""
    planned = {route.truck_id for route in plan.routes}
    trucks = {item.truck_id for item in done.values()} & set(problem.truck_by_id) - planned
    routes = []
    for name in sorted(trucks):
        truck = problem.truck_by_id[name]
        at = min(now_s, truck.shift_start_s)
        depot = PlannedVisit(node=truck.depot, kind=VisitKind.DEPOT, arrival_s=at, start_s=at, departure_s=at, load_l=0)
        routes.append(PlannedRoute(truck_id=name, visits=(depot,), distance_m=0, duration_s=0))
    return routes


def _changed(
    speaking: Collection[str],
    by_plan: Mapping[str, Executed],
    done: Mapping[str, TruckWord],
    left: Mapping[str, str],
    last: Mapping[str, TruckWord],
) -> dict[str, tuple[str, ...]]:
    """Per truck that spoke: done and not by the plan's times, or by the plan's times and not done, or left standing."""
    found = {}
    for truck in sorted(speaking):
        said = {name for name, item in done.items() if item.truck_id == truck}
        planned = by_plan[truck].stops if truck in by_plan else frozenset()
        standing = {name for name in left if last[name].truck_id == truck}
        differing = (said ^ planned) | standing
        if differing:
            found[truck] = tuple(sorted(differing))
    return found


class _Drive:
    """One truck's tour, put together from its crew's words."""

    def __init__(self, problem: Problem, route: PlannedRoute, done: Sequence[TruckWord], now_s: int, zone: ZoneInfo) -> None:
        self._problem = problem
        self._truck: Truck = problem.truck_by_id[route.truck_id]
        self._route = route
        self._done = sorted(done, key=lambda item: item.said_at)
        self._now_s = now_s
        self._zone = zone
        start = route.visits[0]
        leaves = min(start.departure_s, now_s)
        self._visits = [start.model_copy(update={"departure_s": leaves, "start_s": min(start.start_s, leaves)})]
        self._kg = 0

    def so_far(self, order: Sequence[str], settled: frozenset[str], *, stays: bool) -> Executed:
        """With the container that it drives to now, unless the truck stays where it is."""
        trips = _trips_before(self._route)
        tipped = 0
        for item in self._done:
            node = str(item.container_id)
            while tipped < trips.get(node, 0):
                self._tip()
                tipped += 1
            if not self._has_room(node):
                self._tip()
            self._serve(node, _seconds(item.said_at, self._zone))
        coming = None if stays else self._coming(order, settled)
        if coming is not None:
            self._drive_to(coming)
        elif self._visits[-1].departure_s < self._now_s:
            self._visits[-1] = self._visits[-1].model_copy(update={"departure_s": self._now_s})
        return Executed(visits=tuple(self._visits))

    def _coming(self, order: Sequence[str], settled: frozenset[str]) -> str | None:
        """The next container of the tour, in the order that the crew said last."""
        rank = {name: number for number, name in enumerate(order)}
        stops = [node for node in self._route.stops if node not in settled]
        return min(stops, key=lambda node: rank.get(node, -1), default=None) if set(stops) <= set(rank) else next(iter(stops), None)

    def _drive_to(self, node: str) -> None:
        if not self._has_room(node):
            return
        last = self._visits[-1]
        stop = self._problem.stop_by_node[node]
        arrival = max(self._now_s, last.departure_s + int(self._problem.seconds[self._problem.place_of[last.node], stop.place]))
        start = max(arrival, min((opens for opens, closes in stop.windows if closes >= arrival), default=arrival))
        self._add(VisitKind.STOP, node, arrival, start, start + stop.service_duration_s, last.load_l + stop.load_l)

    def _serve(self, node: str, said_s: int) -> None:
        last, stop = self._visits[-1], self._problem.stop_by_node[node]
        departure = max(last.departure_s, min(said_s, self._now_s))
        start = max(last.departure_s, departure - stop.service_duration_s)
        self._add(VisitKind.STOP, node, start, start, departure, last.load_l + stop.load_l)
        self._kg += stop.load_kg

    def _tip(self) -> None:
        """At the tour's own site where it has one. When exactly nobody said: on the way, so that it takes no time of its own."""
        last = self._visits[-1]
        own = [visit.node for visit in self._route.visits if visit.kind is VisitKind.DISPOSAL]
        site = own[0] if own else self._problem.sites_of(self._truck)[0].node
        self._add(VisitKind.DISPOSAL, site, last.departure_s, last.departure_s, last.departure_s, 0)
        self._kg = 0

    def _has_room(self, node: str) -> bool:
        stop = self._problem.stop_by_node[node]
        heavy = self._truck.max_load_kg is not None and self._kg + stop.load_kg > self._truck.max_load_kg
        return self._visits[-1].load_l + stop.load_l <= self._truck.capacity_l and not heavy

    def _add(self, kind: VisitKind, node: str, arrival_s: int, start_s: int, departure_s: int, load_l: int) -> None:
        visit = PlannedVisit(node=node, kind=kind, arrival_s=arrival_s, start_s=start_s, departure_s=departure_s, load_l=load_l)
        self._visits.append(visit)


def _trips_before(route: PlannedRoute) -> dict[str, int]:
    """Each stop of a tour → how many disposal trips the plan has before it."""
    trips, found = 0, {}
    for visit in route.visits:
        if visit.kind is VisitKind.DISPOSAL:
            trips += 1
        elif visit.kind is VisitKind.STOP:
            found[visit.node] = trips
    return found


def _without(problem: Problem, executed: Executed, nodes: frozenset[str]) -> Executed:
    """The executed part by the plan's times without containers that another crew did or left, its loads added up again."""
    load, visits = 0, []
    for visit in executed.visits:
        if visit.kind is VisitKind.STOP and visit.node in nodes:
            continue
        if visit.kind is VisitKind.STOP:
            load += problem.stop_by_node[visit.node].load_l
        elif visit.kind is VisitKind.DISPOSAL:
            load = 0
        visits.append(visit.model_copy(update={"load_l": load}))
    return executed.model_copy(update={"visits": tuple(visits)})


def _seconds(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.hour * 3600 + local.minute * 60 + local.second

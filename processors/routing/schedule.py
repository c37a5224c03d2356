"""Times of a given tour: when a truck is where, break included, leaving the depot as late as its return allows.

Used by `solve` on what the search found and by the planner to cost the fixed schedule; the independent checker does not use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.domain.plan import VisitKind
from processors.routing.problem import DisposalSite, Problem, Stop, Truck, Window
from processors.routing.solution import PlannedRoute, PlannedVisit


@dataclass(frozen=True, slots=True)
class _Halt:
    kind: VisitKind
    node: str
    place: int
    windows: tuple[Window, ...]
    service_s: int
    load_l: int


def timed_route(
    problem: Problem, truck: Truck, tour: Sequence[Stop | DisposalSite], *, overtime: bool = False
) -> PlannedRoute | None:
    """The tour with times, back at the depot as early as possible; None when no timing keeps windows, shift and break.

    `tour` is what lies between leaving and reaching the depot. With `overtime` windows, shift end and break are kept where they
    can be and otherwise overrun: for costing a schedule that somebody else made.
    """
    halts = _halts(problem, truck, tour, overtime)
    seconds = [int(problem.seconds[a.place, b.place]) for a, b in pairwise(halts)]
    plain = _tight_starts(halts, seconds)
    if plain is None:
        return None
    rule = truck.break_due
    left = plain[0] if truck.executed is None else truck.executed.left_s
    best: tuple[list[_Halt], list[int]] | None = (halts, plain)
    if rule is not None and plain[-1] - left >= rule.required_from_s:
        best = _with_break(truck, halts, seconds)
        if best is None and overtime:
            best = (halts, plain)
    if best is None:
        return None
    halts, starts = best
    duration = starts[-1] - (starts[0] if truck.executed is None else left)
    if truck.max_shift_s is not None and duration > truck.max_shift_s and not overtime:
        return None
    visits = _visits(problem, halts, starts)
    metres = sum(int(problem.metres[a.place, b.place]) for a, b in pairwise(halts))
    if truck.executed is not None:
        visits = (*truck.executed.visits, *visits[1:])
        metres += stranded_route(problem, truck).distance_m
    return PlannedRoute(truck_id=truck.truck_id, visits=visits, distance_m=metres, duration_s=duration)


def stranded_route(problem: Problem, truck: Truck) -> PlannedRoute:
    """The route of a truck that does not go on: what it has driven, and nothing more."""
    assert truck.executed is not None
    visits = truck.executed.visits
    places = [problem.place_of[visit.node] for visit in visits]
    return PlannedRoute(
        truck_id=truck.truck_id,
        visits=visits,
        distance_m=sum(int(problem.metres[a, b]) for a, b in pairwise(places)),
        duration_s=truck.executed.ready_s - truck.executed.left_s,
    )


def _halts(problem: Problem, truck: Truck, tour: Sequence[Stop | DisposalSite], overtime: bool) -> list[_Halt]:
    depot = problem.depot_by_node[truck.depot]
    opens = max(truck.shift_start_s, depot.opens_s)
    closes = 10**9 if overtime else min(truck.shift_end_s, depot.closes_s)
    if truck.executed is None:
        halts = [_Halt(VisitKind.DEPOT, depot.node, depot.place, ((opens, closes),), 0, 0)]
    else:
        last = truck.executed.visits[-1]
        now = truck.executed.ready_s
        halts = [_Halt(last.kind, last.node, problem.place_of[last.node], ((now, now),), 0, last.load_l)]
    load = halts[0].load_l
    for item in tour:
        if isinstance(item, Stop):
            load += item.load_l
            windows = (*item.windows, (item.windows[-1][1], 10**9)) if overtime else item.windows
            halts.append(_Halt(VisitKind.STOP, item.node, item.place, windows, item.service_duration_s, load))
        else:
            load = 0
            hours = (item.opens_s, 10**9 if overtime else item.closes_s)
            halts.append(_Halt(VisitKind.DISPOSAL, item.node, item.place, (hours,), item.service_duration_s, 0))
    halts.append(_Halt(VisitKind.DEPOT, depot.node, depot.place, ((opens, closes),), 0, load))
    return halts


def _tight_starts(halts: Sequence[_Halt], seconds: Sequence[int]) -> list[int] | None:
    """Starts of service with the earliest possible end and, for that end, the latest possible departure; None if there are none."""
    starts: list[int] = []
    chosen: list[int] = []
    ready = 0
    for index, halt in enumerate(halts):
        window = next((item for item in halt.windows if ready <= item[1]), None)
        if window is None:
            return None
        starts.append(max(ready, window[0]))
        chosen.append(window[1])
        if index < len(seconds):
            ready = starts[-1] + halt.service_s + seconds[index]
    latest = starts[-1]
    for index in range(len(halts) - 2, -1, -1):
        latest = min(chosen[index], latest - seconds[index] - halts[index].service_s)
        starts[index] = latest
    # forward once more from the late departure, at the earliest time each
    for index in range(1, len(halts)):
        ready = starts[index - 1] + halts[index - 1].service_s + seconds[index - 1]
        opens = next(item[0] for item in halts[index].windows if item[1] == chosen[index])
        starts[index] = max(ready, opens)
    return starts


def _with_break(truck: Truck, halts: list[_Halt], seconds: list[int]) -> tuple[list[_Halt], list[int]] | None:
    """The break at the position that brings the truck home first, then with the shortest day."""
    rule = truck.break_due
    assert rule is not None
    best: tuple[tuple[int, int], list[_Halt], list[int]] | None = None
    for position in range(1 if truck.executed is None else 0, len(halts) - 1):
        before = halts[position]
        window = (rule.earliest_start_s, rule.latest_start_s)
        pause = _Halt(VisitKind.BREAK, before.node, before.place, (window,), rule.duration_s, before.load_l)
        tried = [*halts[: position + 1], pause, *halts[position + 1 :]]
        starts = _tight_starts(tried, [*seconds[:position], 0, *seconds[position:]])
        if starts is None:
            continue
        key = (starts[-1], starts[-1] - starts[0])
        if best is None or key < best[0]:
            best = (key, tried, starts)
    return (best[1], best[2]) if best else None


def _visits(problem: Problem, halts: Sequence[_Halt], starts: Sequence[int]) -> tuple[PlannedVisit, ...]:
    visits: list[PlannedVisit] = []
    for index, (halt, start) in enumerate(zip(halts, starts, strict=True)):
        arrival = start
        if index:
            before = halts[index - 1]
            arrival = starts[index - 1] + before.service_s + int(problem.seconds[before.place, halt.place])
        if halt.kind is VisitKind.BREAK:
            arrival = start  # the truck stands there already: waiting for the break's time is not part of it
        visits.append(
            PlannedVisit(
                node=halt.node,
                kind=halt.kind,
                arrival_s=arrival,
                start_s=start,
                departure_s=start + halt.service_s,
                load_l=halt.load_l,
            )
        )
    return tuple(visits)

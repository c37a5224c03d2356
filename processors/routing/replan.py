"""`replan(problem, plan, now_s, events)`: the rest of a day after something happened, near to what was planned.

Called by the planner's day when a truck breaks down, a road is blocked, a container becomes urgent, or a person pins or forbids a
stop. Pure; every result passes `check` against the problem that comes back with it:

    after = replan(problem, solution, now_s=10 * 3600, events=[Breakdown("truck-2")])
    after.problem, after.solution        # store both: together they can be checked and made again
    after.change, after.left_out         # what stayed; required stops that no longer fit, with the reason

`problem` and `plan` may themselves come from a `replan`. What is executed at `now_s` (`executed_part`, or the crews' own reports
given as `executed`) is frozen: visits that began, and the one that a truck is on its way to, unless that one is what the event is
about. A required stop that no longer fits is never a reason to have no plan: it becomes optional at a price above everything else
and is named in `left_out`. With seconds as the limit it takes about as long; the same iterations and seed give the same plan.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from models.domain.failures import UserError
from models.domain.plan import VisitKind
from processors.routing.contradictions import why_no_truck
from processors.routing.keeping import USUAL_SHARE, Change, change, keep
from processors.routing.problem import Executed, IntMatrix, Problem, Stop, Truck
from processors.routing.solution import PlannedRoute, Solution
from processors.routing.solve import Stopping, solve

MOST_PRIZE = 1e7
NO_ROOM = "no truck has room or time left for it"
USUAL_STOPPING = Stopping(seconds=3.0)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A truck cannot go on: it stays where it is, and what it has on board is not tipped."""

    truck_id: str


@dataclass(frozen=True, eq=False)
class NewRoads:
    """Other travel between the same places, as after a blocked road or a bridge out of service; `nodes` cannot be reached at all."""

    metres: IntMatrix
    seconds: IntMatrix
    source: str
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockedStops:
    """Stops that cannot be reached today."""

    nodes: tuple[str, ...]
    reason: str = "it cannot be reached"


@dataclass(frozen=True, eq=False)
class Urgent:
    """A stop of the problem that must be served today; `load_l` when more lies there than was thought."""

    node: str
    load_l: int | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """A person wants the stop served, by one truck or by any."""

    node: str
    truck_id: str | None = None


@dataclass(frozen=True, slots=True)
class Forbid:
    """A person wants the stop left out."""

    node: str


Event = Breakdown | NewRoads | BlockedStops | Urgent | Pin | Forbid


@dataclass(frozen=True, eq=False)
class Replanned:
    """`left_out`: nodes of stops that had to be served and no longer fit, each with the reason; `change` compares the stops that
    were still open."""

    problem: Problem
    solution: Solution
    change: Change
    left_out: Mapping[str, str]


def replan(
    problem: Problem,
    plan: Solution,
    *,
    now_s: int,
    events: Sequence[Event],
    executed: Mapping[str, Executed] | None = None,
    stopping: Stopping = USUAL_STOPPING,
    seed: int = 1,
    share: float = USUAL_SHARE,
) -> Replanned:
    """The plan for the rest of the day. `executed` are the crews' own reports per truck; without them the plan up to `now_s` is
    taken as driven. `share` is what staying with the plan is worth (`keeping.keep`). Raises `UserError` for an event about a stop or
    a truck that is not in the problem, or about what has been done already."""
    _refuse_unknown(problem, events)
    gone = {event.truck_id for event in events if isinstance(event, Breakdown)}
    unreachable = _unreachable(events)
    done = dict(executed) if executed is not None else executed_part(problem, plan, now_s, gone, frozenset(unreachable))
    trucks = tuple(_truck(truck, done.get(truck.truck_id), gone) for truck in problem.trucks if _drives(truck, done, gone))
    driving = {truck.truck_id for truck in trucks}
    served = {node for part in done.values() for node in part.stops}
    stops = [_changed(stop, events, driving) for stop in problem.stops]
    for stop in stops:
        if stop.node in served and any(_node_of(event) == stop.node for event in events):
            raise UserError(f"stop {stop.node} has been served already; nothing about it can change today")
    due = {stop.node for stop in stops if stop.must_be_served and stop.node not in served}
    price = left_out_price(problem)
    relaxed = _with(problem, trucks, [relaxed_stop(stop, price) if stop.node in due else stop for stop in stops], events)
    solution = solve(relaxed, stopping, seed, keep(relaxed, plan.routes, share))
    missed = set(solution.unserved) & due
    left = {node: unreachable.get(node) or why_no_truck(relaxed, relaxed.stop_by_node[node]) or NO_ROOM for node in sorted(missed)}
    final = _with(problem, trucks, [_optional(stop) if stop.node in left else stop for stop in stops], events)
    prizes = sum(final.stop_by_node[node].prize for node in solution.unserved if not final.stop_by_node[node].forbidden)
    return Replanned(
        problem=final,
        solution=solution.model_copy(update={"missed_prize": round(prizes, 4)}),
        change=change(_open_part(plan.routes, done, gone), _open_part(solution.routes, done, gone)),
        left_out=left,
    )


def executed_part(
    problem: Problem,
    plan: Solution,
    now_s: int,
    broken_down: Collection[str] = (),
    turn_back_from: frozenset[str] = frozenset(),
) -> dict[str, Executed]:
    """What each truck has done at a moment if it drives to plan: visits that began, and the one that it is on its way to.

    A truck that is on its way home, to a stop in `turn_back_from`, or breaks down, counts as free now at the place that it left last.
    Trucks that have not left yet are not named; one that is home again does not go on.
    """
    done: dict[str, Executed] = {}
    for route in plan.routes:
        known = problem.truck_by_id[route.truck_id].executed
        if known is not None and known.ends_here:
            done[route.truck_id] = known
        elif route.visits[0].departure_s <= now_s:
            least = 1 if known is None else len(known.visits)
            away = turn_back_from if route.truck_id not in broken_down else None
            done[route.truck_id] = _done(route, now_s, least, away)
    return done


def _done(route: PlannedRoute, now_s: int, least: int, turn_back_from: frozenset[str] | None) -> Executed:
    begun = list(route.visits[: max(least, sum(1 for visit in route.visits if visit.start_s <= now_s))])
    if len(begun) == len(route.visits):
        return Executed(visits=tuple(begun), ends_here=True)
    if begun[-1].departure_s < now_s:
        coming = route.visits[len(begun)]
        goes_on = turn_back_from is not None and coming.node not in turn_back_from and coming.kind is not VisitKind.DEPOT
        if goes_on:
            begun.append(coming)
        else:
            begun[-1] = begun[-1].model_copy(update={"departure_s": now_s})
    return Executed(visits=tuple(begun))


def _refuse_unknown(problem: Problem, events: Sequence[Event]) -> None:
    for event in events:
        truck = event.truck_id if isinstance(event, Breakdown | Pin) else None
        if truck is not None and truck not in problem.truck_by_id:
            raise UserError(f"truck {truck} is not in the plan's problem; its trucks are {', '.join(sorted(problem.truck_by_id))}")
        nodes = event.nodes if isinstance(event, BlockedStops | NewRoads) else (_node_of(event),)
        for node in nodes:
            if node is not None and node not in problem.stop_by_node:
                raise UserError(f"{node} is not a stop of the plan's problem")


def _node_of(event: Event) -> str | None:
    return event.node if isinstance(event, Urgent | Pin | Forbid) else None


def _unreachable(events: Sequence[Event]) -> dict[str, str]:
    """Stops that cannot be reached, with the reason."""
    found: dict[str, str] = {}
    for event in events:
        if isinstance(event, BlockedStops):
            found |= dict.fromkeys(event.nodes, event.reason)
        elif isinstance(event, NewRoads):
            found |= dict.fromkeys(event.nodes, f"no road leads there ({event.source})")
    return found


def _drives(truck: Truck, done: Mapping[str, Executed], gone: Collection[str]) -> bool:
    """A truck that breaks down before it leaves is not part of the day."""
    return truck.truck_id not in gone or truck.truck_id in done


def _truck(truck: Truck, done: Executed | None, gone: Collection[str]) -> Truck:
    if done is not None and truck.truck_id in gone:
        done = done.model_copy(update={"ends_here": True})
    return truck.model_copy(update={"executed": done})


def _changed(stop: Stop, events: Sequence[Event], driving: Collection[str]) -> Stop:
    """The stop after what happened to it. One that nobody can reach is for no truck."""
    for event in events:
        if isinstance(event, BlockedStops | NewRoads) and stop.node in event.nodes:
            stop = stop.model_copy(update={"trucks": ()})
        elif _node_of(event) != stop.node:
            continue
        elif isinstance(event, Urgent):
            load = stop.load_l if event.load_l is None else event.load_l
            stop = stop.model_copy(update={"required": True, "forbidden": False, "load_l": load})
        elif isinstance(event, Pin):
            trucks = stop.trucks if event.truck_id is None else (event.truck_id,)
            stop = stop.model_copy(update={"pinned": True, "forbidden": False, "trucks": trucks})
        elif isinstance(event, Forbid):
            stop = stop.model_copy(update={"forbidden": True, "pinned": False})
    if stop.trucks is not None and not set(stop.trucks) <= set(driving):
        stop = stop.model_copy(update={"trucks": tuple(name for name in stop.trucks if name in driving)})
    return stop


def _optional(stop: Stop) -> Stop:
    return stop.model_copy(update={"required": False, "pinned": False, "max_interval_days": None})


def left_out_price(problem: Problem) -> float:
    """What leaving a required stop out costs: more than any stop's own way there and back, and than any optional stop is worth. Not
    more than that by far: a search that would rather be hours late than leave one out finds nothing in short time."""
    worst = 0.0
    for truck in problem.trucks:
        home = problem.depot_by_node[truck.depot].place
        places = [home, *(stop.place for stop in problem.stops), *(site.place for site in problem.disposal_sites)]
        metres = int((problem.metres[home, places] + problem.metres[places, home]).max())
        seconds = int((problem.seconds[home, places] + problem.seconds[places, home]).max())
        cost = truck.fixed_cost + metres / 1000 * truck.cost_per_km + seconds / 3600 * truck.cost_per_h
        worst = max(worst, cost)
    return 10 + 3 * worst + max((stop.prize for stop in problem.stops), default=0.0)


def relaxed_stop(stop: Stop, price: float) -> Stop:
    """A required stop as an optional one that only lack of room or time leaves out."""
    return _optional(stop).model_copy(update={"prize": min(MOST_PRIZE, stop.prize + price)})


def _with(problem: Problem, trucks: tuple[Truck, ...], stops: Sequence[Stop], events: Sequence[Event]) -> Problem:
    roads = next((event for event in reversed(events) if isinstance(event, NewRoads)), problem)
    return replace(problem, trucks=trucks, stops=tuple(stops), metres=roads.metres, seconds=roads.seconds, source=roads.source)


def _open_part(routes: Sequence[PlannedRoute], done: Mapping[str, Executed], gone: Collection[str]) -> list[PlannedRoute]:
    """Routes of trucks that go on, without what they have done: from the last visit that is."""
    return [
        route.model_copy(update={"visits": route.visits[len(done[name].visits) - 1 if name in done else 0 :]})
        for route in routes
        if (name := route.truck_id) not in gone
    ]

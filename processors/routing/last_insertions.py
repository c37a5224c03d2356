"""Optional stops that the search left out although they pay and fit, put in afterwards: "no room" is then really true.

Called by `solve` on its result. Each stop is tried at its cheapest places first; a place counts when the whole route with exact
times still holds and what the plan costs falls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from models.domain.plan import VisitKind
from processors.routing.problem import DisposalSite, Problem, Stop, Truck
from processors.routing.schedule import timed_route
from processors.routing.solution import PlannedRoute

PLACES_TRIED = 12
STOPS_TRIED = 50

Cost = Callable[[Problem, PlannedRoute], float]


def with_last_insertions(problem: Problem, routes: Sequence[PlannedRoute], cost: Cost) -> list[PlannedRoute]:
    """The routes with every optional stop that fits and pays. Bounded: the dearest prizes first, a few places each."""
    kept = list(routes)
    visited = problem.executed_stops | {node for route in kept for node in route.stops}
    left = [stop for stop in problem.stops if stop.node not in visited and not stop.forbidden and stop.prize > 0]
    for stop in sorted(left, key=lambda stop: (-stop.prize, stop.node))[:STOPS_TRIED]:
        for index, position in _places(problem, kept, stop):
            tried = _inserted(problem, kept[index], stop, position)
            if tried is not None and cost(problem, tried) - cost(problem, kept[index]) < stop.prize:
                kept[index] = tried
                break
    return kept


def _places(problem: Problem, routes: Sequence[PlannedRoute], stop: Stop) -> list[tuple[int, int]]:
    """(route, position in its tour) by added metres, only where the trip has room for the load."""
    found = []
    for index, route in enumerate(routes):
        truck = problem.truck_by_id[route.truck_id]
        if not truck.goes_on or stop.why_barred(truck) is not None:
            continue
        if truck.shift_stops is not None and len(route.stops) >= truck.shift_stops:
            continue
        tour = tour_of(problem, route)
        done = [] if truck.executed is None else list(truck.executed.stops)
        shift_l = sum(item.load_l for item in tour if isinstance(item, Stop)) + sum(problem.stop_by_node[n].load_l for n in done)
        if truck.shift_load_l is not None and shift_l + stop.load_l > truck.shift_load_l:
            continue
        home = problem.depot_by_node[truck.depot].place
        begin = home if truck.executed is None else problem.place_of[truck.executed.visits[-1].node]
        places = [begin, *(item.place for item in tour), home]
        room = _room(tour, truck.capacity_l, truck.max_load_kg, on_board(problem, truck))
        for position in range(len(tour)):
            litres, kilograms = room[position]
            if stop.load_l <= litres and stop.load_kg <= kilograms:
                before, after = places[position], places[position + 1]
                added = problem.metres[before, stop.place] + problem.metres[stop.place, after] - problem.metres[before, after]
                found.append((int(added), index, position))
    return [(index, position) for _, index, position in sorted(found)[:PLACES_TRIED]]


def _room(
    tour: Sequence[Stop | DisposalSite], capacity_l: int, max_load_kg: int | None, aboard: list[Stop]
) -> list[tuple[int, float]]:
    """Litres and kilograms left in the trip that each item of the tour belongs to."""
    room: list[tuple[int, float]] = []
    trip, items = list(aboard), 0
    for item in tour:
        if isinstance(item, Stop):
            trip.append(item)
            items += 1
            continue
        litres = capacity_l - sum(stop.load_l for stop in trip)
        kilograms = float("inf") if max_load_kg is None else max_load_kg - sum(stop.load_kg for stop in trip)
        room.extend([(litres, kilograms)] * (items + 1))
        trip, items = [], 0
    return room


def _inserted(problem: Problem, route: PlannedRoute, stop: Stop, position: int) -> PlannedRoute | None:
    tour = tour_of(problem, route)
    return timed_route(problem, problem.truck_by_id[route.truck_id], [*tour[:position], stop, *tour[position:]])


def tour_of(problem: Problem, route: PlannedRoute) -> list[Stop | DisposalSite]:
    """Stops and disposal sites of a route in order, without those that its truck has visited already."""
    done = problem.truck_by_id[route.truck_id].executed
    sites = {item.node: item for item in problem.disposal_sites}
    tour: list[Stop | DisposalSite] = []
    for visit in route.visits[0 if done is None else len(done.visits) :]:
        if visit.kind is VisitKind.STOP:
            tour.append(problem.stop_by_node[visit.node])
        elif visit.kind is VisitKind.DISPOSAL:
            tour.append(sites[visit.node])
    return tour


def on_board(problem: Problem, truck: Truck) -> list[Stop]:
    """The stops whose load a truck carries after the executed part of its day."""
    aboard: list[Stop] = []
    for visit in truck.executed.visits if truck.executed else ():
        if visit.kind is VisitKind.DISPOSAL:
            aboard = []
        elif visit.kind is VisitKind.STOP:
            aboard.append(problem.stop_by_node[visit.node])
    return aboard

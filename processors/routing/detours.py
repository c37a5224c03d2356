"""What one stop costs on a plan: the metres and the money that its route would be shorter by without it, or longer by with it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from models.domain.plan import VisitKind
from processors.routing.problem import Problem, Stop, Truck
from processors.routing.solution import PlannedRoute, PlannedVisit, Solution


@dataclass(frozen=True, slots=True)
class Detour:
    """`on_route`: the stop is on that truck's route; else this is the cheapest place to put it in."""

    truck_id: str
    metres: int
    cost: float
    on_route: bool


def detour_of(problem: Problem, solution: Solution, node: str) -> Detour | None:
    """The detour of a stop. Without any route that could take it: the way for it alone. None when there is no truck for it."""
    stop = problem.stop_by_node[node]
    for route in solution.routes:
        if node in route.stops:
            places = _places(problem, route)
            index = next(i for i, visit in enumerate(_halts(route)) if visit.node == node and visit.kind is VisitKind.STOP)
            # A truck that broke down goes nowhere from its last stop: its way there is what the stop cost.
            after = places[index + 1] if index + 1 < len(places) else stop.place
            return _detour(problem, route.truck_id, places[index - 1], stop, after, on_route=True)
    options = [
        _detour(problem, route.truck_id, before, stop, after, on_route=False)
        for route in solution.routes
        if _may_take(problem.truck_by_id[route.truck_id], stop)
        for before, after in pairwise(_places(problem, route)[_frozen(problem, route) :])
    ]
    driving = {route.truck_id for route in solution.routes}
    for truck in problem.trucks:
        if truck.truck_id not in driving and _may_take(truck, stop):
            options.append(_alone(problem, truck, stop))
    return min(options, key=lambda option: (option.cost, option.metres, option.truck_id), default=None)


def _may_take(truck: Truck, stop: Stop) -> bool:
    return truck.goes_on and stop.why_barred(truck) is None


def _frozen(problem: Problem, route: PlannedRoute) -> int:
    """How many legs of a route have been driven already."""
    done = problem.truck_by_id[route.truck_id].executed
    return 0 if done is None else sum(1 for visit in done.visits if visit.kind is not VisitKind.BREAK) - 1


def _halts(route: PlannedRoute) -> list[PlannedVisit]:
    return [visit for visit in route.visits if visit.kind is not VisitKind.BREAK]


def _places(problem: Problem, route: PlannedRoute) -> list[int]:
    return [problem.place_of[visit.node] for visit in _halts(route)]


def _detour(problem: Problem, truck_id: str, before: int, stop: Stop, after: int, *, on_route: bool) -> Detour:
    truck = problem.truck_by_id[truck_id]
    metres = problem.metres[before, stop.place] + problem.metres[stop.place, after] - problem.metres[before, after]
    seconds = problem.seconds[before, stop.place] + problem.seconds[stop.place, after] - problem.seconds[before, after]
    return Detour(truck_id, max(0, int(metres)), _cost(truck, int(metres), int(seconds) + stop.service_duration_s), on_route)


def _alone(problem: Problem, truck: Truck, stop: Stop) -> Detour:
    home = problem.depot_by_node[truck.depot].place
    ways = []
    for site in problem.sites_of(truck):
        metres = problem.metres[home, stop.place] + problem.metres[stop.place, site.place] + problem.metres[site.place, home]
        seconds = problem.seconds[home, stop.place] + problem.seconds[stop.place, site.place] + problem.seconds[site.place, home]
        spent = int(seconds) + stop.service_duration_s + site.service_duration_s
        ways.append(Detour(truck.truck_id, int(metres), truck.fixed_cost + _cost(truck, int(metres), spent), on_route=False))
    return min(ways, key=lambda way: way.cost)


def _cost(truck: Truck, metres: int, seconds: int) -> float:
    return metres / 1000 * truck.cost_per_km + seconds / 3600 * truck.cost_per_h

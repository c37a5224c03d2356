"""A plan made stop by stop, for problems in which a search finds nothing that holds: far too many stops for the trucks there are.

Only where every stop may be left out and no truck is on its way yet. Truck after truck and trip after trip, the stop comes next that brings most for
the seconds it takes, until none fits. Called by `solve`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from processors.routing.last_insertions import Cost
from processors.routing.problem import DisposalSite, Problem, Stop, Truck
from processors.routing.schedule import timed_route
from processors.routing.solution import PlannedRoute

TRIES = 30
"""Stops that do not fit, one after the other, before a trip counts as full."""


def with_first_insertions(problem: Problem, cost: Cost) -> list[PlannedRoute]:
    """Routes that hold every rule; none for trucks that nothing pays for. Deterministic."""
    left = [stop for stop in problem.stops if not stop.forbidden and stop.prize > 0]
    routes: list[PlannedRoute] = []
    for truck in problem.trucks:
        if not truck.goes_on:
            continue
        route = _route(problem, truck, [stop for stop in left if stop.why_barred(truck) is None])
        if route is None:
            continue
        served = set(route.stops)
        if cost(problem, route) < sum(stop.prize for stop in left if stop.node in served):
            routes.append(route)
            left = [stop for stop in left if stop.node not in served]
    return routes


def _route(problem: Problem, truck: Truck, left: list[Stop]) -> PlannedRoute | None:
    """Trips until another one holds no stop."""
    tour: list[Stop | DisposalSite] = []
    made: PlannedRoute | None = None
    while True:
        longer = None
        for site in _sites(problem, truck):
            longer = _with_trip(problem, truck, tour, left, site)
            if longer is not None:
                break
        if longer is None:
            return made
        tour, made = longer
        left = [stop for stop in left if stop not in tour]


def _with_trip(
    problem: Problem, truck: Truck, tour: Sequence[Stop | DisposalSite], left: Sequence[Stop], site: DisposalSite
) -> tuple[list[Stop | DisposalSite], PlannedRoute] | None:
    """(the tour with one more trip that ends at `site`, the route); None where no stop fits."""
    open_ = list(left)
    trip: list[Stop] = []
    made: PlannedRoute | None = None
    begin = tour[-1].place if tour else problem.depot_by_node[truck.depot].place
    missed = 0
    while open_ and missed < TRIES:
        chosen, position = _most_for_its_time(problem, [begin, *(stop.place for stop in trip), site.place], open_)
        open_.remove(chosen)
        tried = [*trip[:position], chosen, *trip[position:]]
        longer = [*tour, *tried, site]
        route = timed_route(problem, truck, longer) if _fits(truck, tried, longer) else None
        missed = 0 if route is not None else missed + 1
        if route is not None:
            trip, made = tried, route
    return None if made is None else ([*tour, *trip, site], made)


def _most_for_its_time(problem: Problem, places: Sequence[int], stops: Sequence[Stop]) -> tuple[Stop, int]:
    """(stop, place in the trip) with the highest prize for the seconds that it adds."""
    before, after = np.array(places[:-1]), np.array(places[1:])
    at = np.array([stop.place for stop in stops])
    seconds = problem.seconds
    added = seconds[before][:, at] + seconds[at][:, after].T - seconds[before, after][:, None]
    taken = added.min(axis=0) + np.array([stop.service_duration_s for stop in stops])
    best = int(np.argmax(np.array([stop.prize for stop in stops]) / np.maximum(taken, 1)))
    return stops[best], int(added[:, best].argmin())


def _fits(truck: Truck, trip: Sequence[Stop], tour: Sequence[Stop | DisposalSite]) -> bool:
    """Whether the truck and the caps of its shift hold the loads."""
    stops = [item for item in tour if isinstance(item, Stop)]
    return (
        sum(stop.load_l for stop in trip) <= truck.capacity_l
        and (truck.max_load_kg is None or sum(stop.load_kg for stop in trip) <= truck.max_load_kg)
        and (truck.shift_stops is None or len(stops) <= truck.shift_stops)
        and (truck.shift_load_l is None or sum(stop.load_l for stop in stops) <= truck.shift_load_l)
    )


def _sites(problem: Problem, truck: Truck) -> list[DisposalSite]:
    """Disposal sites of a truck, the one nearest to its depot first."""
    home = problem.depot_by_node[truck.depot].place
    return sorted(problem.sites_of(truck), key=lambda site: (int(problem.metres[site.place, home]), site.node))

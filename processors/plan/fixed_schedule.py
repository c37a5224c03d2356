"""The city's fixed schedule of a day, driven on the same roads by the same rules: tours in their own order, tipping when the next
container does not fit any more and at the end. What a plan is compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from models.domain.plan import CostedSchedule
from models.domain.registry import FixedCollection
from processors.plan.calendar import is_due
from processors.routing.problem import DisposalSite, Problem, Stop, Truck
from processors.routing.schedule import timed_route
from processors.routing.solution import PlannedRoute


def fixed_tours(lines: Sequence[FixedCollection], day: date, containers: frozenset[str]) -> dict[str, list[str]]:
    """Truck → the containers that the fixed schedule collects on a day, in its order. Only the given containers."""
    tours: dict[str, list[FixedCollection]] = defaultdict(list)
    for line in lines:
        if line.container_id in containers and is_due(line, day):
            tours[line.truck_id].append(line)
    return {
        truck: [line.container_id for line in sorted(tour, key=lambda line: (line.tour_position, line.container_id))]
        for truck, tour in sorted(tours.items())
    }


def drive_fixed_tours(problem: Problem, tours: Mapping[str, Sequence[str]], stops: Mapping[str, Stop]) -> list[PlannedRoute]:
    """The tours with times and lengths, overrunning the shift where they do. Trucks that the problem does not know are left out."""
    routes = []
    for truck_id, containers in tours.items():
        truck = problem.truck_by_id.get(truck_id)
        if truck is None or not problem.sites_of(truck):
            continue
        tour = _with_disposal(problem, truck, [stops[container] for container in containers])
        route = timed_route(problem, truck, tour, overtime=True)
        if route is not None:
            routes.append(route)
    return routes


def costed(routes: Sequence[PlannedRoute]) -> CostedSchedule:
    """Trucks, stops, metres and seconds of driven tours."""
    return CostedSchedule(
        trucks=len(routes),
        stops=sum(len(route.stops) for route in routes),
        distance_m=sum(route.distance_m for route in routes),
        duration_s=sum(route.duration_s for route in routes),
    )


def _with_disposal(problem: Problem, truck: Truck, stops: Sequence[Stop]) -> list[Stop | DisposalSite]:
    """The tour with a disposal trip before each stop that would not fit, and one at the end."""
    tour: list[Stop | DisposalSite] = []
    load_l = load_kg = 0
    for stop in stops:
        heavy = truck.max_load_kg is not None and load_kg + stop.load_kg > truck.max_load_kg
        if tour and (load_l + stop.load_l > truck.capacity_l or heavy):
            tour.append(_best_site(problem, truck, tour[-1].place, stop.place))
            load_l = load_kg = 0
        tour.append(stop)
        load_l, load_kg = load_l + stop.load_l, load_kg + stop.load_kg
    if tour:
        tour.append(_best_site(problem, truck, tour[-1].place, problem.depot_by_node[truck.depot].place))
    return tour


def _best_site(problem: Problem, truck: Truck, before: int, after: int) -> DisposalSite:
    sites = problem.sites_of(truck)
    return min(sites, key=lambda site: int(problem.metres[before, site.place] + problem.metres[site.place, after]))

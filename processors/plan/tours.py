"""Tours without their times: what a stored plan says of who goes where in which order, driven again on a problem's roads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.domain.plan import CollectionPlan, VisitKind
from processors.routing.problem import DisposalSite, Problem, Stop
from processors.routing.schedule import timed_route
from processors.routing.solution import PlannedRoute

Tour = tuple[str, tuple[str, ...]]
"""A truck and the nodes of its stops and disposal sites, in order."""


KNOWN_DAYS = 14
"""A plan that is older than this is not stayed near to."""


def tours_of(plan: CollectionPlan) -> list[Tour]:
    """The tours of a stored plan."""
    return [
        (route.truck_id, tuple(v.place_id for v in route.visits if v.kind in (VisitKind.STOP, VisitKind.DISPOSAL)))
        for route in plan.routes
    ]


def tours_json(tours: Sequence[Tour]) -> list[list[object]]:
    """Tours as they are kept with a plan."""
    return [[truck, list(nodes)] for truck, nodes in tours]


def tours_from_json(content: Sequence[Sequence[Any]]) -> tuple[Tour, ...]:
    return tuple((str(truck), tuple(str(node) for node in nodes)) for truck, nodes in content)


def driven_routes(problem: Problem, tours: Sequence[Tour]) -> list[PlannedRoute]:
    """Tours driven on a problem's roads, overrunning windows and shifts where they do, as a kept fixed schedule may. Trucks and places
    that the problem does not have are passed over: a plan of another day may name some."""
    places: dict[str, Stop | DisposalSite] = {site.node: site for site in problem.disposal_sites}
    places |= {stop.node: stop for stop in problem.stops}
    routes = []
    for truck_id, nodes in tours:
        truck = problem.truck_by_id.get(truck_id)
        tour = [places[node] for node in nodes if node in places]
        if truck is None or not tour:
            continue
        route = timed_route(problem, truck, tour) or timed_route(problem, truck, tour, overtime=True)
        if route is not None:
            routes.append(route)
    return routes

"""Planned routes as the domain's routes: with what is collected at each stop, and the way along the roads for maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from models.domain.plan import Route, Visit, VisitKind
from processors.routing.roads import Place, RoadProfile, Roads
from processors.routing.solution import PlannedRoute

DEGREE_DIGITS = 6


def drawn_routes(
    routes: Sequence[PlannedRoute], places: Mapping[str, Place], roads: Roads, profile: RoadProfile
) -> tuple[Route, ...]:
    """The routes in the same order; a stop's node is its container."""
    return tuple(
        Route(
            truck_id=route.truck_id,
            visits=tuple(
                Visit(
                    kind=visit.kind,
                    place_id=visit.node,
                    container_ids=(visit.node,) if visit.kind is VisitKind.STOP else (),
                    arrival_s=visit.arrival_s,
                    departure_s=visit.departure_s,
                    load_l=visit.load_l,
                )
                for visit in route.visits
            ),
            distance_m=route.distance_m,
            duration_s=route.duration_s,
            path=_path([places[visit.node] for visit in route.visits], roads, profile),
        )
        for route in routes
    )


def _path(places: Sequence[Place], roads: Roads, profile: RoadProfile) -> tuple[Place, ...]:
    points: list[Place] = []
    for start, end in pairwise(places):
        for latitude, longitude in roads.path(start, end, profile) if start != end else [start]:
            point = (round(latitude, DEGREE_DIGITS), round(longitude, DEGREE_DIGITS))
            if not points or points[-1] != point:
                points.append(point)
    return tuple(points)

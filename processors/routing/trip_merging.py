"""Two trucks' tours made one truck's, with a disposal trip in between: a move that PyVRP's local search lacks.

Moving stops one by one from the second truck to the first makes the plan dearer until the last one has moved, so a truck that is
not needed stays on the road. The search calls this on its new best solutions.
"""

from __future__ import annotations

from itertools import permutations

import pyvrp

from processors.routing.engine import EngineModel

MOST_ROUTES = 30


def with_merged_trips(model: EngineModel, solution: pyvrp.Solution, cost: pyvrp.CostEvaluator) -> pyvrp.Solution:
    """The solution after the best merge of two routes, as often as one makes it cheaper; the same one when none does."""
    while True:
        merged = _best_merge(model, solution, cost)
        if merged is None:
            return solution
        solution = merged


def _best_merge(model: EngineModel, solution: pyvrp.Solution, cost: pyvrp.CostEvaluator) -> pyvrp.Solution | None:
    routes = solution.routes()
    if not 2 <= len(routes) <= MOST_ROUTES:
        return None
    best: tuple[int, pyvrp.Solution] | None = None
    usual = [_own_cost(route) for route in routes]
    for first, second in permutations(range(len(routes)), 2):
        if not _may_fit(model, routes[first], routes[second]):
            continue
        for site in model.sites:
            joined = _joined(model, routes[first], routes[second], site)
            if joined is None or not joined.is_feasible() or _own_cost(joined) >= usual[first] + usual[second]:
                continue
            others = [route for index, route in enumerate(routes) if index not in (first, second)]
            made = pyvrp.Solution(model.data, [*others, joined])
            value = cost.penalised_cost(made)
            if value < cost.penalised_cost(solution) and (best is None or value < best[0]):
                best = (value, made)
    return best[1] if best else None


def _may_fit(model: EngineModel, first: pyvrp.Route, second: pyvrp.Route) -> bool:
    """Whether the first truck has the hours and, over its shift, the capacity for both: cheap, and rules most pairs out."""
    truck = model.trucks[first.vehicle_type()][0]
    kind = model.data.vehicle_type(first.vehicle_type())
    if truck.shift_load_l is not None and first.pickup()[0] + second.pickup()[0] > truck.shift_load_l:
        return False
    work = sum(route.travel_duration() + route.service_duration() for route in (first, second))
    return int(work) <= 1.2 * kind.shift_duration


def _joined(model: EngineModel, first: pyvrp.Route, second: pyvrp.Route, site: int) -> pyvrp.Route | None:
    """The first truck drives its own tour, tips at the site, and drives the second's."""
    kind = model.data.vehicle_type(first.vehicle_type())
    if site not in kind.reload_depots or first.num_trips() + second.num_trips() > kind.max_trips:
        return None
    inner = [pyvrp.Activity(item.type, item.idx) for item in first.schedule()][1:-1]
    rest = [pyvrp.Activity(item.type, item.idx) for item in second.schedule()][1:-1]
    if not inner or not rest:
        return None
    between = pyvrp.Activity(pyvrp.ActivityType.DEPOT, site)
    return pyvrp.Route(model.data, [*inner, between, *rest], first.vehicle_type())


def _own_cost(route: pyvrp.Route) -> int:
    return int(route.fixed_vehicle_cost() + route.distance_cost() + route.duration_cost())

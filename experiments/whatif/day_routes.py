"""The day's routes of one fraction: which of the wished-for stops, by which truck, in which order. The same for every policy.

PyVRP's local search, started from nothing and shaken a few hundred times: `processors.routing.solve` finds a few per cent better
days but takes seconds for each, and a comparison drives thousands. Distance is what is minimised; a wish is worth so many
metres. Ends always within the rules (loads as expected, windows, shifts): what does not fit stays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvrp
from pyvrp.search import OPERATORS, LocalSearch, NeighbourhoodParams, compute_neighbours

from experiments.whatif.city import City, Floats, Ints

MUST_M = 1_000_000
"""What a stop that must be served is worth, in metres."""
NEIGHBOURS = 20
"""Stops that must be driven to, among the nearest ones beside which the search tries to place a stop. Where many wishes are optional
most of the nearest are not driven to: among the nearest 20 a stop is then hardly moved at all, and days of 500 wishes come out 5 to 9 % dearer."""
DROPPED_SHARE = 0.05
"""Of the steps: a whole route is taken out, instead of stops here and there."""
_DEPOT, _DISPOSAL, _HOME = 0, 1, 2
"""Depots of the model: the depot, the disposal site as a place to tip, and the depot reached through the disposal site."""


@dataclass(frozen=True, eq=False)
class Yard:
    """The trucks of a fraction on a day, each with a number that breakdowns are drawn for. `capacity_l` None: never binding."""

    trucks: int
    shifts: tuple[tuple[int, int], ...]
    capacity_l: int | None
    disposal_service_s: int
    most_neighbours: int = 100


@dataclass(frozen=True, eq=False)
class Tour:
    """What one truck does between leaving the depot and being back. `stops` in order, `arrival_s` when service of each starts,
    `disposal_before[i]`: the truck tips before stop i."""

    truck: int
    stops: Ints
    arrival_s: Floats
    disposal_before: tuple[bool, ...]
    distance_m: int
    start_s: int
    end_s: int


def routed(
    city: City,
    stops: Ints,
    worth_m: Floats,
    load_l: Floats,
    yard: Yard,
    iterations: int,
    seed: int,
    before_s: Ints | None = None,
) -> list[Tour]:
    """Tours over some of `stops` (indexes of the city). `worth_m`, `load_l` and `before_s` (last second of the day at which service may
    start, beside the stop's own window) are in the same order; loads are expected ones."""
    if not len(stops) or not yard.trucks:
        return []
    data = _data(city, stops, worth_m, load_l, yard, before_s)
    rng = pyvrp.RandomNumberGenerator(seed=seed)
    local = LocalSearch(
        data, rng, compute_neighbours(data, NeighbourhoodParams(num_neighbours=_neighbours(worth_m, yard.most_neighbours)))
    )
    for operator in OPERATORS:
        if operator.supports(data):
            local.add_operator(operator(data))
    mean_load = max(1.0, float(np.mean(load_l)))
    easy = pyvrp.CostEvaluator([2000 / mean_load], 4, 0)
    strict = pyvrp.CostEvaluator([200_000 / mean_load], 2000, 0)
    shake = np.random.default_rng(seed)
    current = local(pyvrp.Solution(data, []), easy, exhaustive=True)
    best = _within_rules(data, local, current, strict)
    for step in range(iterations):
        if shake.random() < DROPPED_SHARE:
            candidate = local(_without_a_route(data, current, shake), easy, exhaustive=True)
        else:
            candidate = local(current, easy, exhaustive=False)
        if easy.penalised_cost(candidate) <= easy.penalised_cost(current) * (1 + 0.004 * (1 - step / iterations)):
            current = candidate
        if candidate.is_feasible() and easy.cost(candidate) < easy.cost(best):
            best = candidate
        elif step % 50 == 49:
            repaired = _within_rules(data, local, current, strict)
            best = min(best, repaired, key=easy.cost)
    best = _within_rules(data, local, best, strict)
    return _tours(city, stops, best, yard)


def _neighbours(worth_m: Floats, most: int) -> int:
    must = int((worth_m >= MUST_M).sum())
    return min(most, round(NEIGHBOURS * len(worth_m) / max(1, must)))


def _data(city: City, stops: Ints, worth_m: Floats, load_l: Floats, yard: Yard, before_s: Ints | None) -> pyvrp.ProblemData:
    places = np.concatenate([[0, 1, 0], stops + 2])
    metres = city.metres[np.ix_(places, places)].copy()
    seconds = city.seconds[np.ix_(places, places)].copy()
    # Home is entered through the disposal site, tipping included.
    metres[:, _HOME] = metres[:, _DISPOSAL] + metres[_DISPOSAL, _DEPOT]
    seconds[:, _HOME] = seconds[:, _DISPOSAL] + yard.disposal_service_s + seconds[_DISPOSAL, _DEPOT]
    metres[_DEPOT, _HOME] = seconds[_DEPOT, _HOME] = 0
    np.fill_diagonal(metres, 0)
    np.fill_diagonal(seconds, 0)
    latest = city.window[stops, 1]
    if before_s is not None:
        latest = np.maximum(city.window[stops, 0], np.minimum(latest, before_s))
    loads = np.rint(load_l).astype(np.int64)
    clients = [
        pyvrp.Client(
            location=3 + index,
            pickup=[int(loads[index])],
            service_duration=int(city.service_s[stop]),
            tw_early=int(city.window[stop, 0]),
            tw_late=int(latest[index]),
            prize=int(worth_m[index]),
            required=False,
        )
        for index, stop in enumerate(stops)
    ]
    capacity = yard.capacity_l if yard.capacity_l is not None else int(loads.sum()) + 1
    kinds = [
        pyvrp.VehicleType(
            num_available=yard.trucks,
            capacity=[capacity],
            start_depot=0,
            end_depot=2,
            tw_early=start,
            tw_late=end,
            reload_depots=[1] if yard.capacity_l is not None else [],
        )
        for start, end in yard.shifts
    ]
    depots = [pyvrp.Depot(_DEPOT), pyvrp.Depot(_DISPOSAL, service_duration=yard.disposal_service_s), pyvrp.Depot(_HOME)]
    return pyvrp.ProblemData([pyvrp.Location(0, 0)] * len(places), clients, depots, kinds, [metres], [seconds])


def _without_a_route(data: pyvrp.ProblemData, solution: pyvrp.Solution, shake: np.random.Generator) -> pyvrp.Solution:
    """The solution less one whole route, rather a short one. Moving stops singly seldom empties a trip, and a trip is kilometres to and
    from the depot: shaken like this as well, 150 steps find days 6 % better."""
    routes = solution.routes()
    if len(routes) < 2:
        return solution
    shares = np.array([1 / max(1, route.num_clients()) for route in routes])
    dropped = shake.choice(len(routes), p=shares / shares.sum())
    return pyvrp.Solution(data, [route for index, route in enumerate(routes) if index != dropped])


def _within_rules(
    data: pyvrp.ProblemData, local: LocalSearch, solution: pyvrp.Solution, strict: pyvrp.CostEvaluator
) -> pyvrp.Solution:
    """The solution, mended by search where it breaks rules, and by leaving out the least worthy stops where that is not enough."""
    if solution.is_feasible():
        return solution
    solution = local(solution, strict, exhaustive=True)
    routes = [kept for route in solution.routes() if (kept := _shortened(data, route)) is not None]
    return pyvrp.Solution(data, routes)


def _shortened(data: pyvrp.ProblemData, route: pyvrp.Route) -> pyvrp.Route | None:
    clients = data.clients()
    while not route.is_feasible():
        inner = list(route.schedule())[1:-1]
        prizes = [clients[item.idx].prize if item.is_client() else np.inf for item in inner]
        if not any(item.is_client() for item in inner) or len(inner) == 1:
            return None
        worst = int(np.argmin(prizes))
        left = [pyvrp.Activity(item.type, item.idx) for index, item in enumerate(inner) if index != worst]
        route = pyvrp.Route(data, left, route.vehicle_type())
    return route


def _tours(city: City, stops: Ints, solution: pyvrp.Solution, yard: Yard) -> list[Tour]:
    """Tours with trucks numbered within each shift by the bearing of their first stop, so that trucks keep to their parts of the city."""
    made = []
    for shift in range(len(yard.shifts)):
        routes = [route for route in solution.routes() if route.vehicle_type() == shift and route.num_clients()]
        tours = [
            _tour(stops, route, number) for number, route in enumerate(sorted(routes, key=lambda item: _bearing(city, stops, item)))
        ]
        made.extend(tours)
    return made


def _bearing(city: City, stops: Ints, route: pyvrp.Route) -> float:
    middle = city.east_north_km[[stops[item.idx] for item in route.schedule() if item.is_client()]].mean(axis=0)
    return float(np.arctan2(middle[1], middle[0]))


def _tour(stops: Ints, route: pyvrp.Route, truck: int) -> Tour:
    served: list[int] = []
    starts: list[float] = []
    tips: list[bool] = []
    tipped = False
    for item in list(route.schedule())[1:-1]:
        if item.is_client():
            served.append(int(stops[item.idx]))
            starts.append(float(item.start_time))
            tips.append(tipped)
            tipped = False
        else:
            tipped = True
    return Tour(
        truck,
        np.array(served),
        np.array(starts),
        tuple(tips),
        int(route.distance()),
        int(route.start_time()),
        int(route.end_time()),
    )

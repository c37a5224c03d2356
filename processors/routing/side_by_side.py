"""Problems solved side by side: the fractions of a day, or its depots.

A city of 10,000 containers is never one problem. `split` takes one apart where no truck could serve both sides, `split_by_depot` a large one
where trucks of several depots could; `solve_side_by_side` gives each part to a process of its own. The plans are the same as those of
solving one after the other with the same iterations and seed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import TypeVar, TypeVarTuple

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from models.domain.failures import UserError
from processors.routing.bundles import is_wanted
from processors.routing.last_insertions import with_last_insertions
from processors.routing.problem import Depot, IntMatrix, Problem, Stop
from processors.routing.solution import Solution
from processors.routing.solve import Stopping, route_cost, solution_of, solve

Given = TypeVarTuple("Given")
Found = TypeVar("Found")


def solve_side_by_side(problems: Sequence[Problem], stopping: Stopping, seed: int, workers: int) -> list[Solution]:
    """A plan for each problem, in order, in at most `workers` processes. A limit in seconds holds for each problem. What one raises,
    this raises."""
    return side_by_side(solve, [(problem, stopping, seed) for problem in problems], workers)


def side_by_side(call: Callable[[*Given], Found], given: Sequence[tuple[*Given]], workers: int) -> list[Found]:
    """What a function of a module finds for each of the given arguments, in order, in at most `workers` processes."""
    if workers < 1:
        raise UserError(f"planning side by side needs at least one process, not {workers}")
    if workers == 1 or len(given) <= 1:
        return [call(*item) for item in given]
    # Started anew instead of forked: a forked copy of a service's threads and connections is not safe to use.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(given)), mp_context=context) as pool:
        waiting = [pool.submit(call, *item) for item in given]
        return [item.result() for item in waiting]


def split(problem: Problem) -> list[Problem]:
    """The problem in parts that share no truck: trucks hang together when some stop may be served by either. Stops that no truck may
    serve go with the first part. A single part is the problem itself."""
    trucks, stops = problem.trucks, problem.stops
    if not trucks:
        return [problem]
    may = np.array([[stop.why_barred(truck) is None for truck in trucks] for stop in stops], dtype=bool).reshape(
        len(stops), len(trucks)
    )
    links = csr_matrix(may.T.astype(np.int64) @ may.astype(np.int64))
    count, part_of_truck = connected_components(links, directed=False)
    if count == 1:
        return [problem]
    part_of_stop = np.where(may.any(axis=1), part_of_truck[may.argmax(axis=1)], 0)
    return [
        replace(
            problem,
            trucks=tuple(truck for truck, of in zip(trucks, part_of_truck, strict=True) if of == part),
            stops=tuple(stop for stop, of in zip(stops, part_of_stop, strict=True) if of == part),
        )
        for part in range(count)
    ]


def split_by_depot(problem: Problem, most_stops: int) -> list[Problem]:
    """A problem that the search would see with more than so many stops, in one part per depot: each stop with the depot whose trucks have
    the shortest way there and, through a disposal site, home. The problem itself where it is smaller or has one depot. What a
    depot's trucks then have no room for, others may have: see `joined`."""
    depots = [depot for depot in problem.depots if any(truck.depot == depot.node for truck in problem.trucks)]
    if len(depots) < 2 or sum(1 for stop in problem.stops if is_wanted(stop)) <= most_stops:
        return [problem]
    stops: dict[str, list[Stop]] = {depot.node: [] for depot in depots}
    done = {node: truck.depot for truck in problem.trucks if truck.executed is not None for node in truck.executed.stops}
    ways = {depot.node: _ways_m(problem, depot) for depot in depots}
    for stop in problem.stops:
        able = {truck.depot for truck in problem.trucks if stop.why_barred(truck) is None} or set(stops)
        home = done.get(stop.node) or min(sorted(able), key=lambda node: int(ways[node][stop.place]))
        stops[home].append(stop)
    return [_part(problem, depot, stops[depot.node]) for depot in depots]


def joined(problem: Problem, parts: Sequence[Solution]) -> Solution:
    """The plan of a problem from those of its parts; what pays and fits where another part has room left comes on."""
    if len(parts) == 1:
        return parts[0]
    routes = with_last_insertions(problem, [route for part in parts for route in part.routes], route_cost)
    spent = [number for part in parts for number in part.parts]
    first = [part.first_feasible_s for part in parts if part.first_feasible_s is not None]
    whole = solution_of(problem, routes, parts[0].seed, spent)
    return whole.model_copy(update={"first_feasible_s": max(first, default=None)})


def _ways_m(problem: Problem, depot: Depot) -> IntMatrix:
    """Metres from a depot to each place and, through the best disposal site, home."""
    sites = [site.place for site in problem.disposal_sites]
    back = (problem.metres[:, sites] + problem.metres[sites, depot.place]).min(axis=1)
    ways: IntMatrix = problem.metres[depot.place] + back
    return ways


def _part(problem: Problem, depot: Depot, stops: Sequence[Stop]) -> Problem:
    trucks = tuple(truck for truck in problem.trucks if truck.depot == depot.node)
    names = {truck.truck_id for truck in trucks}
    return replace(problem, trucks=trucks, stops=tuple(_for_some_of(stop, names) for stop in stops))


def _for_some_of(stop: Stop, names: set[str]) -> Stop:
    """The stop, without trucks of other depots among those that may serve it."""
    if stop.trucks is None:
        return stop
    return stop.model_copy(update={"trucks": tuple(name for name in stop.trucks if name in names)})

"""`solve(problem, stop, seed)`: the one entry to the search. Pure; the same result for the same problem, iterations and seed.

Called by the planner and by `stadspuls solve`. What it returns has exact times with the break put in; it is for the independent
`check` to say whether it is valid.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyvrp

from models.domain.failures import UserError
from models.domain.number_words import clock
from processors.routing.bundles import is_wanted
from processors.routing.engine import EngineModel, build
from processors.routing.first_insertions import with_first_insertions
from processors.routing.keeping import Kept, truck_of_stop, usual_trucks
from processors.routing.last_insertions import with_last_insertions
from processors.routing.problem import DisposalSite, Problem, Stop, Truck
from processors.routing.schedule import stranded_route, timed_route
from processors.routing.search import Budget, Searched, search
from processors.routing.solution import PlannedRoute, Solution
from processors.routing.warm_start import warm_start

BOLD_SHARE = 0.35
"""Share of the search that starts from a plan with every optional stop on it: trucks that a single optional stop does not pay for
never open one stop at a time."""

FIRST_ATTEMPT_SHARE = 0.6
"""Share of the search after which an attempt without any feasible plan gives way to the next."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """When to stop searching: after so many iterations (the result repeats), after so many seconds, or whichever is first.

    `parts` are the iterations of each search of an earlier solution: with them the same searches are made again, however long the
    first ones took.
    """

    iterations: int | None = None
    seconds: float | None = None
    parts: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.iterations is None and self.seconds is None and self.parts is None:
            raise UserError("a search needs a limit: give iterations or seconds")
        if (self.iterations is not None and self.iterations < 1) or (self.seconds is not None and self.seconds <= 0):
            raise UserError("a search limit must be positive")


class Infeasible(UserError):
    """No plan was found that serves every required stop. `stops` are those that stayed out of the best attempt."""

    def __init__(self, sentence: str, stops: tuple[str, ...]) -> None:
        super().__init__(sentence)
        self.stops = stops


def solve(problem: Problem, stopping: Stopping, seed: int = 0, kept: Kept | None = None) -> Solution:
    """The best plan found, near to `kept` where that costs hardly more. Raises `Infeasible` naming stops when the required ones do
    not all fit."""
    return solve_within(problem, Budgets.of(stopping), seed, kept)


def solve_within(problem: Problem, budgets: Budgets, seed: int, kept: Kept | None) -> Solution:
    """`solve` as one of several searches that share what `budgets` holds."""
    driving = [truck for truck in problem.trucks if truck.goes_on]
    wanted = any(is_wanted(stop) and stop.node not in problem.executed_stops for stop in problem.stops)
    if not driving or not (wanted or any(truck.executed is not None for truck in driving)):
        return solution_of(problem, _stranded(problem), seed, [])
    # The clock without the break is safe for every place of the break, which can be too careful: then the breaks are left to chance.
    breaks = any(truck.break_due is not None for truck in driving)
    all_optional = not any(stop.must_be_served for stop in problem.stops) and all(truck.executed is None for truck in driving)
    attempts = [build(problem, kept=kept)]
    if breaks:
        attempts.append(build(problem, keep_breaks_free=False, kept=kept))
    for model in attempts:
        start = None if kept is None else warm_start(model, kept.begin or kept.routes)
        searched = _searched(model, budgets, seed, start, patient=model is attempts[-1] and not all_optional)
        for found in searched.bests:
            routes = _routes(problem, model, found, kept)
            if routes is not None:
                routes = with_last_insertions(problem, routes, route_cost)
                solution = solution_of(problem, [*routes, *_stranded(problem)], seed, budgets.parts)
                return solution.model_copy(update={"first_feasible_s": budgets.first_feasible_s})
    if all_optional:
        return _from_insertions(problem, model, budgets, seed)
    raise _infeasible(problem, searched, model)


def _from_insertions(problem: Problem, model: EngineModel, budgets: Budgets, seed: int) -> Solution:
    """A plan made stop by stop, which holds already, or what a search makes of it."""
    first = with_first_insertions(problem, route_cost)
    start = warm_start(model, first)
    searched = budgets.spend(budgets.left(), None, lambda budget, _: search(model, budget, seed + 3, start=start))
    found = [first, *(routes for item in searched.bests if (routes := _routes(problem, model, item, None)) is not None)]
    filled = [[*with_last_insertions(problem, routes, route_cost), *_stranded(problem)] for routes in found]
    return min((solution_of(problem, routes, seed, budgets.parts) for routes in filled), key=lambda made: made.objective)


def _stranded(problem: Problem) -> list[PlannedRoute]:
    return [stranded_route(problem, truck) for truck in problem.trucks if not truck.goes_on]


class Budgets:
    """Hands out the budget of each search in turn and notes how many iterations each took: `parts`. Given earlier parts, it hands out
    exactly those."""

    def __init__(self, whole: Budget, again: list[int] | None, above: Budgets | None = None) -> None:
        self._whole = whole
        self._again = again
        self._above = above
        self._began = time.monotonic()
        self.parts: list[int] = []
        self.first_feasible_s: float | None = None

    @classmethod
    def of(cls, stopping: Stopping) -> Budgets:
        """All that a limit allows, from now on."""
        deadline = None if stopping.seconds is None else time.monotonic() + stopping.seconds
        return cls(Budget(stopping.iterations, deadline), None if stopping.parts is None else list(stopping.parts))

    def share(self, fraction: float) -> Budgets:
        """The first part of what is left, as budgets of their own; what is spent there is spent here too."""
        return Budgets(self.left().share(fraction), self._again, self)

    def left(self) -> Budget:
        """What is left of the whole."""
        return self._whole.less(sum(self.parts))

    def spend(self, budget: Budget, patience: Budget | None, run: Callable[[Budget, Budget | None], Searched]) -> Searched:
        """Makes one search within a budget, or with the iterations that it took before."""
        if self._again is not None:
            budget, patience = Budget(self._again.pop(0) if self._again else 0), None
        searched = run(budget, patience)
        self._note(searched)
        return searched

    def _note(self, searched: Searched) -> None:
        self.parts.append(searched.iterations)
        if self.first_feasible_s is None and searched.first_at is not None:
            self.first_feasible_s = round(searched.first_at - self._began, 3)
        if self._above is not None:
            self._above._note(searched)


def _searched(model: EngineModel, budgets: Budgets, seed: int, start: pyvrp.Solution | None, *, patient: bool) -> Searched:
    """One search from a known plan, or where all stops are required; where some are optional also one from a plan that has them all.
    An attempt that is not `patient` gives up when there is nothing feasible in time."""
    whole = budgets.left()
    patience = None if patient else whole.share(FIRST_ATTEMPT_SHARE)

    def from_nothing(budget: Budget, patience: Budget | None) -> Searched:
        return search(model, budget, seed, start=start, feasible_within=patience)

    if start is not None or all(client.required for client in model.data.clients()):
        return budgets.spend(whole, patience, from_nothing)
    cold = budgets.spend(whole.share(1 - BOLD_SHARE), patience, from_nothing)
    if not cold.bests:
        return cold
    wanted = _all_wanted(model)
    rest = whole.less(cold.iterations)
    filled = budgets.spend(rest.share(0.3), None, lambda budget, _: search(model, budget, seed + 1, data=wanted))
    full = None
    if filled.last is not None:
        full = pyvrp.Solution(model.data, [_same_route(model, route) for route in filled.last.routes()])
    bold = budgets.spend(rest.less(filled.iterations), None, lambda budget, _: search(model, budget, seed + 2, start=full))
    cost = pyvrp.CostEvaluator([0.0] * model.data.num_load_dimensions, 0, 0)
    return Searched(
        sorted([*cold.bests, *bold.bests], key=cost.cost), cold.iterations + filled.iterations + bold.iterations, bold.last
    )


def _all_wanted(model: EngineModel) -> pyvrp.ProblemData:
    """The data with prizes so high that every optional stop is wanted."""
    clients = [
        client
        if client.required
        else pyvrp.Client(
            location=client.location,
            pickup=client.pickup,
            service_duration=client.service_duration,
            tw_early=client.tw_early,
            tw_late=client.tw_late,
            prize=client.prize * 10 + 1_000_000,
            required=False,
            group=client.group,
        )
        for client in model.data.clients()
    ]
    return model.data.replace(clients=clients)


def _same_route(model: EngineModel, route: pyvrp.Route) -> pyvrp.Route:
    activities = [pyvrp.Activity(item.type, item.idx) for item in route.schedule()][1:-1]
    return pyvrp.Route(model.data, activities, route.vehicle_type())


def _routes(problem: Problem, model: EngineModel, found: pyvrp.Solution, kept: Kept | None) -> list[PlannedRoute] | None:
    """The engine's routes with exact times; None when a truck's break or a rule that the engine cannot see does not fit."""
    tours: dict[int, list[list[Stop | DisposalSite]]] = defaultdict(list)
    for route in found.routes():
        tour = _tour(model, route)
        if any(isinstance(item, Stop) for item in tour) or model.start_client(route.vehicle_type()) is not None:
            tours[route.vehicle_type()].append(tour)
    usual = truck_of_stop(kept.routes) if kept is not None else {}
    routes: list[PlannedRoute] = []
    for kind, same in tours.items():
        names = [truck.truck_id for truck in model.trucks[kind]]
        chosen = usual_trucks([_nodes(tour) for tour in same], names, usual) if kept is not None else names
        for tour, name in zip(same, chosen, strict=False):
            timed = _timed(problem, problem.truck_by_id[name], tour)
            if timed is None:
                return None
            routes.append(timed)
    return routes


def _nodes(tour: Sequence[Stop | DisposalSite]) -> list[str]:
    return [item.node for item in tour if isinstance(item, Stop)]


def _timed(problem: Problem, truck: Truck, tour: Sequence[Stop | DisposalSite]) -> PlannedRoute | None:
    """A tour with times; None where it breaks a rule that the engine cannot see."""
    stops = [item for item in tour if isinstance(item, Stop)]
    done = 0 if truck.executed is None else len(truck.executed.stops)
    if any(stop.why_barred(truck) is not None for stop in stops):
        return None
    if truck.shift_stops is not None and done + len(stops) > truck.shift_stops:
        return None
    return timed_route(problem, truck, tour)


def _tour(model: EngineModel, route: pyvrp.Route) -> list[Stop | DisposalSite]:
    """Stops and disposal sites in order, the last disposal written out, no truck tipping nothing."""
    tour: list[Stop | DisposalSite] = []
    loaded, place = False, 0
    for item in route.schedule():
        if item.is_client():
            start = model.start_of(item.idx)
            if start is not None:
                loaded, place = start.is_loaded, start.place
            else:
                tour.extend(model.stops_of(item.idx))
                loaded, place = True, model.stops_of(item.idx)[-1].place
        elif item.idx in model.sites and loaded:
            tour.append(model.sites[item.idx])
            loaded = False
    if loaded:
        tour.append(model.last_sites[route.vehicle_type()][place])
    return tour


def solution_of(
    problem: Problem, routes: Sequence[PlannedRoute], seed: int, parts: Sequence[int], stops: Sequence[Stop] | None = None
) -> Solution:
    """Routes added up into a solution of a problem, or of a selection of stops on its roads with its trucks."""
    stops = problem.stops if stops is None else stops
    visited = {node for route in routes for node in route.stops}
    unserved = [stop for stop in stops if stop.node not in visited]
    return Solution(
        routes=tuple(sorted(routes, key=lambda route: route.truck_id)),
        unserved=tuple(stop.node for stop in unserved),
        distance_m=sum(route.distance_m for route in routes),
        duration_s=sum(route.duration_s for route in routes),
        cost=round(sum(route_cost(problem, route) for route in routes), 4),
        missed_prize=round(sum(stop.prize for stop in unserved if not stop.required and not stop.forbidden), 4),
        seed=seed,
        iterations=sum(parts),
        source=problem.source,
        parts=tuple(parts),
    )


def route_cost(problem: Problem, route: PlannedRoute) -> float:
    """What a route costs in the problem's money."""
    truck = problem.truck_by_id[route.truck_id]
    return truck.fixed_cost + route.distance_m / 1000 * truck.cost_per_km + route.duration_s / 3600 * truck.cost_per_h


def _infeasible(problem: Problem, searched: Searched, model: EngineModel) -> Infeasible:
    """The sentence for a problem without a plan: what overruns in the best attempt, and what would help."""
    last = searched.last
    if last is None:
        return Infeasible("no plan was found: the search had no time to begin; give it more seconds", ())
    missing = tuple(
        stop.node for item in last.unplanned() if item.is_client() for stop in model.stops_of(item.idx) if stop.must_be_served
    )
    over = [problem_route for problem_route in last.routes() if not problem_route.is_feasible()]
    late = sum(route.time_warp() for route in over)
    excess = sum(route.excess_load()[0] for route in over)
    stops = missing + tuple(
        stop.node for route in over for item in route.schedule() if item.is_client() for stop in model.stops_of(item.idx)
    )
    needed = sum(1 for stop in problem.stops if stop.must_be_served)
    shown = ", ".join(stops[:10]) + (f" and {len(stops) - 10} more" if len(stops) > 10 else "")
    shifts = {f"{clock(truck.shift_start_s)}–{clock(truck.shift_end_s)}" for truck in problem.trucks}
    return Infeasible(
        f"no plan was found that serves all {needed} required stops with {len(problem.trucks)} trucks on shift {', '.join(sorted(shifts))}: "
        f"in the best attempt {late} s too late and {excess} l too much, on routes with {shown or 'no stop'}. "
        "Add a truck, lengthen the shift, or make some of these stops optional",
        stops,
    )

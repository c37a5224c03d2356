"""The plan of a day that stays near to a known one: searches with falling rewards for what is kept, and the cheapest that keeps enough.

Called by the planner wherever a plan is known already: the draft of the day, or the plan of the day before. A search from nothing says
what the day costs without regard to it. Of the plans that keep `ENOUGH` the cheapest is taken, where it is at most `MOST_DEARER`
dearer than the cheapest of all; else the one that keeps most among those that are not. Pure; the same iterations and seed give the
same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.domain.plan import VisitKind
from processors.routing.bundles import is_wanted
from processors.routing.keeping import Change, change, keep
from processors.routing.problem import Problem
from processors.routing.solution import PlannedRoute, Solution
from processors.routing.solve import Budgets, Infeasible, Stopping, solve_within

LADDER = (2.0, 1.0, 0.5, 0.25)
"""Rewards of the searches, as shares of a usual leg's cost: each goes on from the plan of the one before."""
FROM_NOTHING_SHARE = 0.3
"""Share of all searching that goes from nothing."""
ENOUGH = Change(arcs_kept=0.87, trucks_kept=0.96)
"""What a plan must keep to count as near: of the pairs of stops in order, and of the stops with their truck."""
MOST_DEARER = 0.015


@dataclass(frozen=True, eq=False)
class Stayed:
    """A plan near to a known one, and what of that stayed; None where nothing was known."""

    solution: Solution
    change: Change | None


def solve_near(problem: Problem, known: Sequence[PlannedRoute], stopping: Stopping, seed: int = 0) -> Stayed:
    """A plan near to `known` routes, which may name stops and trucks that the problem does not have. Raises `Infeasible` as `solve`
    does."""
    return near_within(problem, known, Budgets.of(stopping), seed)


def near_within(problem: Problem, known: Sequence[PlannedRoute], budgets: Budgets, seed: int) -> Stayed:
    """`solve_near` as one of several that share what `budgets` holds."""
    routes = still_asked_for(problem, known)
    found: list[Solution] = []
    failed: Infeasible | None = None
    try:
        found.append(solve_within(problem, budgets.share(FROM_NOTHING_SHARE), seed, None))
    except Infeasible as error:
        failed = error
    begin = routes
    for number, reward in enumerate(LADDER):
        kept = replace(keep(problem, routes, reward), begin=begin)
        try:
            found.append(solve_within(problem, budgets.share(1 / (len(LADDER) - number)), seed, kept))
        except Infeasible as error:
            failed = error
        else:
            begin = found[-1].routes
    near = _nearest(routes, found)
    if near is None:
        raise failed or AssertionError("a search gives a plan or says why not")
    told = near.model_copy(update={"parts": tuple(budgets.parts), "iterations": sum(budgets.parts)})
    return Stayed(told, change(routes, near.routes))


def still_asked_for(problem: Problem, known: Sequence[PlannedRoute]) -> tuple[PlannedRoute, ...]:
    """The routes with the trucks and stops that the problem still asks for: what could stay."""
    routes = []
    for route in known:
        truck = problem.truck_by_id.get(route.truck_id)
        if truck is None:
            continue
        visits = tuple(
            visit
            for visit in route.visits
            if visit.kind is not VisitKind.STOP or ((stop := problem.stop_by_node.get(visit.node)) is not None and is_wanted(stop))
        )
        routes.append(route.model_copy(update={"visits": visits}))
    return tuple(routes)


def _nearest(known: Sequence[PlannedRoute], found: Sequence[Solution]) -> Solution | None:
    """The cheapest that keeps enough and is not too dear; else what keeps most of those that are not."""
    if not found:
        return None
    limit = (1 + MOST_DEARER) * min(solution.objective for solution in found)
    kept = [(solution, change(known, solution.routes)) for solution in found if solution.objective <= limit]
    enough = [solution for solution, of in kept if of.arcs_kept >= ENOUGH.arcs_kept and of.trucks_kept >= ENOUGH.trucks_kept]
    if enough:
        return min(enough, key=lambda solution: solution.objective)
    return max(kept, key=lambda item: item[1].arcs_kept + item[1].trucks_kept)[0]

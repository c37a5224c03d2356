"""Keeping a plan that is known: what it is worth, how much of it stayed, and which truck takes which tour.

Crews learn their rounds, and a plan that jumps from day to day is not driven. `solve` is given the plan to keep: each pair of stops that
stays in its order saves `reward`, which decides between plans of nearly the same cost and nothing more; the cost that is told is
always the real one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from processors.routing.problem import Problem
from processors.routing.solution import PlannedRoute

Arc = tuple[str, str]

USUAL_SHARE = 1.0
"""What keeping one pair of stops in order is worth, as a share of the plan's usual cost between two stops."""
TOGETHER_SHARE = 0.25
"""What it is worth of that when two stops only follow each other with the truck that had both."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A plan to stay near to. In the problem's money: `reward` per pair of stops kept in order, and beside it `together` per pair that
    one truck served and serves one after the other, in order or not. The search begins from `begin`, or from the plan itself."""

    routes: tuple[PlannedRoute, ...]
    reward: float
    together: float = 0.0
    begin: tuple[PlannedRoute, ...] | None = None

    @property
    def arcs(self) -> frozenset[Arc]:
        return arcs_of(self.routes)


def keep(problem: Problem, routes: Sequence[PlannedRoute], share: float = USUAL_SHARE) -> Kept:
    """The plan to keep, rewarded by a share of what its legs between stops cost on average in this problem."""
    known = [(a, b) for a, b in sorted(arcs_of(routes)) if a in problem.place_of and b in problem.place_of]
    if not known or not problem.trucks:
        return Kept(tuple(routes), 0.0)
    pairs = [(problem.place_of[a], problem.place_of[b]) for a, b in known]
    truck = problem.trucks[0]
    metres = float(np.mean([problem.metres[pair] for pair in pairs]))
    seconds = float(np.mean([problem.seconds[pair] for pair in pairs]))
    reward = share * (metres / 1000 * truck.cost_per_km + seconds / 3600 * truck.cost_per_h)
    return Kept(tuple(routes), reward, TOGETHER_SHARE * reward)


def arcs_of(routes: Iterable[PlannedRoute]) -> frozenset[Arc]:
    """Pairs of stops that one truck serves one after the other, whatever lies between them."""
    return frozenset(pair for route in routes for pair in pairwise(route.stops))


@dataclass(frozen=True, slots=True)
class Change:
    """How much of a plan stayed: shares of its pairs of stops, and of the stops of both plans that kept their truck."""

    arcs_kept: float
    trucks_kept: float


def change(before: Sequence[PlannedRoute], after: Sequence[PlannedRoute]) -> Change:
    """What stayed from one plan to another. 1.0 where there is nothing to compare."""
    old, new = arcs_of(before), arcs_of(after)
    was, now = truck_of_stop(before), truck_of_stop(after)
    both = was.keys() & now.keys()
    same = sum(1 for node in both if was[node] == now[node])
    return Change(len(old & new) / len(old) if old else 1.0, same / len(both) if both else 1.0)


def truck_of_stop(routes: Iterable[PlannedRoute]) -> dict[str, str]:
    return {node: route.truck_id for route in routes for node in route.stops}


def usual_trucks(tours: Sequence[Iterable[str]], trucks: Sequence[str], usual: Mapping[str, str]) -> list[str]:
    """For tours (their stops) and interchangeable trucks: the truck of each, so that most stops keep theirs."""
    common = np.zeros((len(tours), len(trucks)))
    column = {truck: number for number, truck in enumerate(trucks)}
    for row, tour in enumerate(tours):
        for node in tour:
            if (truck := usual.get(node)) in column:
                common[row, column[truck]] += 1
    rows, columns = linear_sum_assignment(common, maximize=True)
    chosen = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return [trucks[chosen[row]] for row in range(len(tours))]

"""PyVRP's iterated local search on an engine model, with starting penalties from the problem's own scale.

PyVRP's own `solve` begins with penalties of 50,000 and lowers them by a tenth per 500 iterations: in the few thousand iterations
of a short search it never gets down to where walking through a slightly overloaded truck pays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pyvrp
from pyvrp import IteratedLocalSearch, IteratedLocalSearchParams, PenaltyManager, PenaltyParams
from pyvrp.IteratedLocalSearch import IteratedLocalSearchCallbacks
from pyvrp.search import OPERATORS, LocalSearch, compute_neighbours

from processors.routing.engine import FORBIDDEN_EDGE, EngineModel

KEPT_BESTS = 20


@dataclass(frozen=True, slots=True)
class Budget:
    """When the search ends: after so many iterations (repeats exactly) and not later than a moment of `time.monotonic`."""

    iterations: int | None = None
    deadline: float | None = None

    def share(self, fraction: float) -> Budget:
        """The first part of this budget."""
        iterations = None if self.iterations is None else max(1, round(self.iterations * fraction))
        if self.deadline is None:
            return Budget(iterations, None)
        now = time.monotonic()
        return Budget(iterations, now + (self.deadline - now) * fraction)


class _Stop:
    """PyVRP's stopping criterion for a budget."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.done = 0

    def __call__(self, best_cost: float) -> bool:
        if self.budget.iterations is not None and self.done >= self.budget.iterations:
            return True
        if self.budget.deadline is not None and time.monotonic() >= self.budget.deadline:
            return True
        self.done += 1
        return False


class _Bests(IteratedLocalSearchCallbacks):
    """Remembers the last feasible bests, newest last: the newest may fail where the engine is blind."""

    def __init__(self) -> None:
        self.found: list[pyvrp.Solution] = []

    def on_best(self, best: pyvrp.Solution) -> None:
        if best.is_feasible():
            self.found = [*self.found[1 - KEPT_BESTS :], best]


@dataclass
class Searched:
    """Feasible solutions found, best first, and iterations done."""

    bests: list[pyvrp.Solution] = field(default_factory=list)
    iterations: int = 0
    last: pyvrp.Solution | None = None


def search(
    model: EngineModel,
    budget: Budget,
    seed: int,
    start: pyvrp.Solution | None = None,
    data: pyvrp.ProblemData | None = None,
) -> Searched:
    """Searches from `start`, or from a random solution. `data` may differ from the model's in prizes only."""
    data = data or model.data
    rng = pyvrp.RandomNumberGenerator(seed=seed)
    local = LocalSearch(data, rng, compute_neighbours(model.plain))
    for operator in OPERATORS:
        if operator.supports(data):
            local.add_operator(operator(data))
    params = PenaltyParams(min_penalty=1e-6, max_penalty=1e7, solutions_between_updates=100)
    manager = PenaltyManager(_starting_penalties(model), params)
    if start is None:
        start = local(pyvrp.Solution.make_random(data, rng), manager.cost_evaluator(), exhaustive=True)
    bests = _Bests()
    algorithm = IteratedLocalSearch(data, manager, local, start, IteratedLocalSearchParams(callbacks=bests))
    stop = _Stop(budget)
    result = algorithm.run(stop, collect_stats=False, display=False)
    if start.is_feasible():
        bests.found = [start, *bests.found]
    if result.best.is_feasible() and (not bests.found or result.best != bests.found[-1]):
        bests.found.append(result.best)
    return Searched(bests.found[::-1], stop.done, result.best)


def _starting_penalties(model: EngineModel) -> tuple[list[float], float, float]:
    """A usual leg's cost for a tenth of a usual load too much, or for a tenth of a usual leg's time too late."""
    data = model.plain
    cost = np.asarray(data.distance_matrix(0), dtype=np.int64)
    clients = data.clients()
    near = np.sort(np.where(cost < FORBIDDEN_EDGE, cost, cost.max()), axis=1)[:, 1 : min(20, len(cost))]
    unit_duration = data.vehicle_type(0).unit_duration_cost
    seconds = data.duration_matrix(0)
    typical_s = float(np.median(np.sort(seconds, axis=1)[:, 1 : min(20, len(cost))])) + 1
    typical = float(near.mean()) + unit_duration * typical_s + 1
    loads = []
    for dimension in range(data.num_load_dimensions):
        mean = sum(client.pickup[dimension] for client in clients) / max(1, len(clients))
        loads.append(10 * typical / max(1.0, mean))
    over = typical / max(1, model.shift_weight)
    return loads, 10 * typical / typical_s, 10 * over if model.shift_weight else 1.0

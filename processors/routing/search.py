"""PyVRP's iterated local search on an engine model, with starting penalties from the problem's own scale.

PyVRP's own `solve` begins with penalties of 50,000 and lowers them by a tenth per 500 iterations: in the few thousand iterations
of a short search it never gets down to where walking through a slightly overloaded truck pays.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pyvrp
from pyvrp import PenaltyManager, PenaltyParams
from pyvrp.exceptions import PenaltyBoundWarning
from pyvrp.search import OPERATORS, LocalSearch, compute_neighbours

from processors.routing.engine import FORBIDDEN_EDGE, EngineModel
from processors.routing.trip_merging import with_merged_trips

KEPT_BESTS = 20
NEAR = 20
MEMORY = 300
"""Steps that late acceptance looks back."""
REPAIR_FIRST, REPAIR_EVERY = 5, 50
"""Every so many iterations an infeasible candidate is repaired: more often until there is a feasible solution at all."""
STRICTNESS = 100
"""By how much repairing raises the penalties."""
PATIENCE = 20_000
"""Iterations without a new best after which the search goes back to the best."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When the search ends: after so many iterations (repeats exactly) and not later than a moment of `time.monotonic`."""

    iterations: int | None = None
    deadline: float | None = None

    def lasts(self, iterations: int) -> bool:
        """Whether another iteration may begin after so many."""
        if self.iterations is not None and iterations >= self.iterations:
            return False
        return self.deadline is None or time.monotonic() < self.deadline

    def less(self, iterations: int) -> Budget:
        """What is left of it after so many iterations; at least one."""
        return Budget(None if self.iterations is None else max(1, self.iterations - iterations), self.deadline)

    def share(self, fraction: float) -> Budget:
        """The first part of this budget."""
        iterations = None if self.iterations is None else max(1, round(self.iterations * fraction))
        if self.deadline is None:
            return Budget(iterations, None)
        now = time.monotonic()
        return Budget(iterations, now + (self.deadline - now) * fraction)


@dataclass
class Searched:
    """Feasible solutions found, best first, iterations done, the last best whether feasible or not, and the moment of
    `time.monotonic` at which the first feasible one was there."""

    bests: list[pyvrp.Solution] = field(default_factory=list)
    iterations: int = 0
    last: pyvrp.Solution | None = None
    first_at: float | None = None


def search(
    model: EngineModel,
    budget: Budget,
    seed: int,
    start: pyvrp.Solution | None = None,
    data: pyvrp.ProblemData | None = None,
    feasible_within: Budget | None = None,
) -> Searched:
    """Searches from `start`, or from a random solution. `data` may differ from the model's in prizes only. Gives up when there is
    no feasible solution within a smaller budget, if one is given."""
    data = data or model.data
    rng = pyvrp.RandomNumberGenerator(seed=seed)
    local = LocalSearch(data, rng, compute_neighbours(model.plain))
    for operator in OPERATORS:
        if operator.supports(data):
            local.add_operator(operator(data))
    params = PenaltyParams(min_penalty=1e-6, max_penalty=1e7, solutions_between_updates=100)
    penalties = PenaltyManager(_starting_penalties(model), params)
    if start is None:
        start = local(pyvrp.Solution.make_random(data, rng), penalties.cost_evaluator(), exhaustive=True)
    with warnings.catch_warnings():
        # PyVRP's word for a problem without a plan; `solve` says it with the stops.
        warnings.simplefilter("ignore", PenaltyBoundWarning)
        return _climb(model if data is model.data else None, local, penalties, start, budget, feasible_within or budget)


def _climb(
    model: EngineModel | None,
    local: LocalSearch,
    penalties: PenaltyManager,
    start: pyvrp.Solution,
    budget: Budget,
    feasible_within: Budget,
) -> Searched:
    """Late acceptance hill climbing (Burke and Bykov 2017): a candidate is kept when it beats the current solution or the one of
    `MEMORY` steps ago. A new best is searched exhaustively, and its trips are merged where a `model` is given."""
    memory: deque[pyvrp.Solution] = deque(maxlen=MEMORY)
    current = start
    found: list[pyvrp.Solution] = []
    best_cost = float("inf")
    first_at: float | None = None
    iterations = since_best = 0
    candidate = start
    while True:
        cost = penalties.cost_evaluator()
        feasible = candidate if candidate.is_feasible() else None
        if feasible is None and iterations % (REPAIR_EVERY if found else REPAIR_FIRST) == 0:
            feasible = _repaired(local, candidate, penalties)
        if feasible is not None and first_at is None:
            first_at = time.monotonic()
        if feasible is not None and cost.cost(feasible) < best_cost:
            best = _polished(model, local, feasible, cost)
            best_cost = cost.cost(best)
            found = [*found[1 - KEPT_BESTS :], best]
            candidate, since_best = best, 0
        if not budget.lasts(iterations) or not (found or feasible_within.lasts(iterations)):
            return Searched(found[::-1], iterations, found[-1] if found else current, first_at)
        if since_best > PATIENCE:
            current, since_best = found[-1] if found else start, 0
            memory.clear()
        late = memory[0] if len(memory) == MEMORY else start
        bar, value = cost.penalised_cost(late), cost.penalised_cost(candidate)
        if value < bar or value < cost.penalised_cost(current):
            current = candidate
        memory.append(current if cost.penalised_cost(current) < bar or len(memory) < MEMORY else late)
        candidate = local(current, cost, exhaustive=False)
        penalties.register(candidate)
        iterations += 1
        since_best += 1


def _repaired(local: LocalSearch, solution: pyvrp.Solution, penalties: PenaltyManager) -> pyvrp.Solution | None:
    """The solution after an exhaustive search in which breaking rules costs a hundredfold; None when it still breaks some."""
    loads, late, far = penalties.penalties()
    strict = pyvrp.CostEvaluator([load * STRICTNESS for load in loads], late * STRICTNESS, far * STRICTNESS)
    tried = local(solution, strict, exhaustive=True)
    return tried if tried.is_feasible() else None


def _polished(
    model: EngineModel | None, local: LocalSearch, candidate: pyvrp.Solution, cost: pyvrp.CostEvaluator
) -> pyvrp.Solution:
    """The candidate after an exhaustive search and merged trips; itself where these lead out of what is feasible."""
    tried = local(candidate, cost, exhaustive=True)
    if tried.is_feasible() and cost.cost(tried) < cost.cost(candidate):
        candidate = tried
    return candidate if model is None else with_merged_trips(model, candidate, cost)


def _starting_penalties(model: EngineModel) -> tuple[list[float], float, float]:
    """A usual leg's cost for a tenth of a usual load too much, or for a tenth of a usual leg's time too late."""
    data = model.plain
    count = data.num_clients
    legs, seconds = (
        np.sort(
            np.asarray(matrix, dtype=np.int64)[-count - model.ghosts : -model.ghosts, -count - model.ghosts : -model.ghosts], axis=1
        )
        for matrix in (data.distance_matrix(0), data.duration_matrix(0))
    )
    near = slice(1, min(NEAR, count)) if count > 1 else slice(0, 1)
    legs = legs[legs[:, -1] < FORBIDDEN_EDGE] if (legs[:, -1] < FORBIDDEN_EDGE).any() else legs
    typical_s = float(seconds[:, near].mean()) + 1
    typical = float(np.minimum(legs[:, near], FORBIDDEN_EDGE // 1000).mean()) + 1
    typical += data.vehicle_type(0).unit_duration_cost * typical_s
    loads = []
    for dimension in range(data.num_load_dimensions):
        mean = sum(client.pickup[dimension] for client in data.clients()) / max(1, count)
        loads.append(10 * typical / max(1.0, mean))
    # A stop too many must not be cheaper than the dearest prize, or the search takes hundreds of iterations to see that a cap binds.
    beyond = max(10 * typical, *(float(client.prize) for client in data.clients()), 0.0)
    over = beyond / max(1.0, model.shift_mean) / model.shift_weight if model.shift_weight else 1.0
    return loads, 10 * typical / typical_s, over

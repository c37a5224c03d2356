"""Problems that have nothing to do with each other, solved side by side: the fractions of a day, or its depots.

A city of 10,000 containers is never one problem. `split` takes one apart by fraction and depot where no truck could serve both sides;
`solve_side_by_side` gives each part to a process of its own. The plans are the same as those of solving one after the other with the
same iterations and seed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from models.domain.failures import UserError
from processors.routing.problem import Problem
from processors.routing.solution import Solution
from processors.routing.solve import Stopping, solve


def solve_side_by_side(problems: Sequence[Problem], stopping: Stopping, seed: int, workers: int) -> list[Solution]:
    """A plan for each problem, in order, in at most `workers` processes. A limit in seconds holds for each problem. What one raises,
    this raises."""
    if workers < 1:
        raise UserError(f"planning side by side needs at least one process, not {workers}")
    if workers == 1 or len(problems) <= 1:
        return [solve(problem, stopping, seed) for problem in problems]
    # Started anew instead of forked: a forked copy of a service's threads and connections is not safe to use.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(problems)), mp_context=context) as pool:
        waiting = [pool.submit(solve, problem, stopping, seed) for problem in problems]
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

"""What would make an infeasible problem feasible, each way tried and not guessed: one more truck, a longer shift, or fewer stops.

Called by `stadspuls solve` when `solve` raises `Infeasible`. Bounded: each way gets a short search.
"""

from __future__ import annotations

from dataclasses import replace

from models.domain.failures import UserError
from models.domain.number_words import clock
from processors.routing.problem import END_OF_TIME_S, Problem, Truck
from processors.routing.replan import left_out_price, relaxed_stop
from processors.routing.solve import Infeasible, Stopping, solve

SHORT = Stopping(iterations=300, seconds=5.0)
LONGER_S = 3600
SHOWN = 10


def advice(problem: Problem, seed: int, stopping: Stopping = SHORT) -> list[str]:
    """Sentences on what was found to help; empty when none of it does in a short search."""
    ways = []
    idle = [truck for truck in problem.trucks if truck.executed is None]
    if idle:
        largest = max(idle, key=lambda truck: (truck.capacity_l, truck.truck_id))
        if _fits(replace(problem, trucks=(*problem.trucks, _another(problem, largest))), seed, stopping):
            ways.append(f"with one more truck like {largest.truck_id} it fits")
    if _fits(_with_longer_shifts(problem), seed, stopping):
        ends = sorted({clock(truck.shift_end_s + LONGER_S) for truck in problem.trucks})
        ways.append(f"with shifts an hour longer (until {', '.join(ends)}) it fits")
    left = _left_out(problem, seed, stopping)
    if left:
        shown = ", ".join(left[:SHOWN]) + (f" and {len(left) - SHOWN} more" if len(left) > SHOWN else "")
        ways.append(f"without {len(left)} of the required stops it fits: {shown}")
    return ways


def _another(problem: Problem, truck: Truck) -> Truck:
    names = {item.truck_id for item in problem.trucks}
    number = next(number for number in range(2, len(names) + 3) if f"{truck.truck_id}-{number}" not in names)
    return truck.model_copy(update={"truck_id": f"{truck.truck_id}-{number}"})


def _with_longer_shifts(problem: Problem) -> Problem:
    trucks = []
    for truck in problem.trucks:
        longest = truck.max_shift_s + LONGER_S if truck.max_shift_s is not None else None
        ends = min(END_OF_TIME_S, truck.shift_end_s + LONGER_S)
        trucks.append(truck.model_copy(update={"shift_end_s": ends, "max_shift_s": longest}))
    depots = tuple(depot.model_copy(update={"closes_s": min(END_OF_TIME_S, depot.closes_s + LONGER_S)}) for depot in problem.depots)
    return replace(problem, trucks=tuple(trucks), depots=depots)


def _fits(problem: Problem, seed: int, stopping: Stopping) -> bool:
    try:
        solve(problem, stopping, seed)
    except Infeasible:
        return False
    return True


def _left_out(problem: Problem, seed: int, stopping: Stopping) -> list[str]:
    """Required stops that a plan of the others leaves out."""
    due = {stop.node for stop in problem.stops if stop.must_be_served and stop.node not in problem.executed_stops}
    price = left_out_price(problem)
    relaxed = tuple(relaxed_stop(stop, price) if stop.node in due else stop for stop in problem.stops)
    try:
        found = solve(replace(problem, stops=relaxed), stopping, seed)
    except UserError:
        return []
    return [node for node in found.unserved if node in due]

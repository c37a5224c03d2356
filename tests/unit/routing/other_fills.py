"""Made-up towns, and the same ones after some of the fills changed: what a plan has to stay near to."""

from __future__ import annotations

import random
from dataclasses import replace

from processors.routing.problem import Problem
from tests.unit.routing.small_town import make_problem, make_truck


def town(seed: int = 3, stops: int = 60, optional: float = 0.0) -> Problem:
    """Stops in a round town of some 8 km, and four trucks that tip about four times each. A share of the stops is optional."""
    chance = random.Random(seed)
    at = [(chance.gauss(0, 4), chance.gauss(0, 4)) for _ in range(stops)]
    trucks = [make_truck(f"t{number}", capacity_l=max(1500, stops * 25), cost_per_h=30.0) for number in range(4)]
    loads = [chance.randint(50, 100) for _ in at]
    changes = {
        index: {"required": False, "prize": chance.uniform(0, 6)} for index in chance.sample(range(stops), round(stops * optional))
    }
    return make_problem(at, loads, trucks=trucks, stop_changes=changes)


def with_other_fills(problem: Problem, share: float = 0.05, seed: int = 11) -> Problem:
    """The town after that share of its stops got another load, and the optional ones of them another prize."""
    chance = random.Random(seed)
    stops = list(problem.stops)
    for index in chance.sample(range(len(stops)), round(len(stops) * share)):
        stop = stops[index].model_copy(update={"load_l": chance.randint(50, 100)})
        stops[index] = stop if stop.required else stop.model_copy(update={"prize": chance.uniform(0, 6)})
    return replace(problem, stops=tuple(stops))

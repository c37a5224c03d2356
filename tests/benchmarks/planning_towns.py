"""Towns of any size for planning benchmarks: containers in clusters, a fifth of them required, the others at a prize."""

from __future__ import annotations

import random

import numpy as np

from processors.routing.problem import Depot, DisposalSite, Problem, Stop, Truck

HOUR = 3600
METRES_PER_S = 7.0


def town(containers: int, trucks: int, seed: int, fraction: str = "residual") -> Problem:
    """A round city of 14 km; every container is a stop of its own, trucks hold 45,000 l and drive eight hours."""
    chance = random.Random(f"{seed} {fraction}")
    at = [(0.0, 0.0), (9_000.0, 2_000.0)]
    at += [(chance.gauss(0, 3_500), chance.gauss(0, 3_500)) for _ in range(containers)]
    places = np.array(at)
    metres = np.rint(np.abs(places[:, np.newaxis, :] - places[np.newaxis, :, :]).sum(axis=2)).astype(np.int64)
    stops = tuple(
        Stop(
            node=f"{fraction}-{index}",
            place=2 + index,
            load_l=chance.randint(500, 4000),
            service_duration_s=120,
            required=chance.random() < 0.2,
            prize=chance.uniform(0, 6),
        )
        for index in range(containers)
    )
    return Problem(
        depots=(Depot(node="depot", place=0),),
        disposal_sites=(DisposalSite(node="tip", place=1, service_duration_s=900),),
        trucks=tuple(
            Truck(
                truck_id=f"{fraction}-truck-{number}",
                depot="depot",
                capacity_l=45_000,
                shift_start_s=7 * HOUR,
                shift_end_s=15 * HOUR,
                cost_per_h=40.0,
            )
            for number in range(trucks)
        ),
        stops=stops,
        metres=metres,
        seconds=np.ceil(metres / METRES_PER_S).astype(np.int64),
        source="grid of a benchmark",
    )

"""A small town on a grid for routing tests: kilometres between places are their distance along the streets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from processors.routing.problem import Depot, DisposalSite, Problem, Stop, Truck

HOUR = 3600
METRES_PER_S = 10


def make_problem(
    at: Sequence[tuple[float, float]],
    loads: list[int],
    *,
    depot: tuple[float, float] = (0, 0),
    sites: list[tuple[float, float]] | None = None,
    trucks: list[Truck] | None = None,
    stop_changes: Mapping[int, Mapping[str, Any]] | None = None,
    site_changes: dict[str, Any] | None = None,
) -> Problem:
    """Stops "s0", "s1", … at places in kilometres, a depot "home", disposal sites "tip0", …; one truck of 1,000 l by default."""
    sites = sites or [(0, 1)]
    places = np.array([depot, *sites, *at], dtype=float)
    metres = np.rint(1000 * np.abs(places[:, None, :] - places[None, :, :]).sum(axis=2)).astype(np.int64)
    stops = []
    for index, load in enumerate(loads):
        fields: dict[str, Any] = {"node": f"s{index}", "place": 1 + len(sites) + index, "load_l": load, "service_duration_s": 60}
        stops.append(Stop(**(fields | dict((stop_changes or {}).get(index, {})))))
    return Problem(
        depots=(Depot(node="home", place=0),),
        disposal_sites=tuple(
            DisposalSite(**({"node": f"tip{i}", "place": 1 + i, "service_duration_s": 600} | (site_changes or {})))
            for i in range(len(sites))
        ),
        trucks=tuple(trucks or [make_truck()]),
        stops=tuple(stops),
        metres=metres,
        seconds=metres // METRES_PER_S,
        source="test grid",
    )


def make_truck(truck_id: str = "t1", **changes: Any) -> Truck:
    fields: dict[str, Any] = {
        "truck_id": truck_id, "depot": "home", "capacity_l": 1000, "shift_start_s": 7 * HOUR, "shift_end_s": 15 * HOUR,
    }  # fmt: skip
    return Truck(**(fields | changes))

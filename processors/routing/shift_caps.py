"""What a truck may take in over its whole shift, as one whole number per stop: its litres, or 1 where the number of stops binds sooner.

The engine keeps one such cap exactly (see `engine`). A cap on both is kept by the tighter one; the other is looked at when the plan is
timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from processors.routing.bundles import Bundle
from processors.routing.problem import Problem, Truck


@dataclass(frozen=True, slots=True)
class ShiftCap:
    """The cap that the search keeps. `amounts` are those of the bundles, in units of `unit`."""

    counts_stops: bool
    unit: int
    amounts: tuple[int, ...]

    def of_truck(self, truck: Truck) -> int | None:
        """The truck's cap in units; None where it has none."""
        cap = truck.shift_stops if self.counts_stops else truck.shift_load_l
        return None if cap is None else cap // self.unit

    def done_by(self, problem: Problem, truck: Truck) -> int:
        """What the truck has taken in already, in units."""
        done = [] if truck.executed is None else [problem.stop_by_node[node] for node in truck.executed.stops]
        return len(done) if self.counts_stops else sum(stop.load_l for stop in done) // self.unit


def shift_cap(problem: Problem, bundles: Sequence[Bundle]) -> ShiftCap | None:
    """The cap over the shift that binds the search; None where no truck has one that could."""
    by_stops = _tightness([len(bundle.stops) for bundle in bundles], [truck.shift_stops for truck in problem.trucks])
    by_litres = _tightness([bundle.load_l for bundle in bundles], [truck.shift_load_l for truck in problem.trucks])
    if by_stops > by_litres:
        return ShiftCap(True, 1, tuple(len(bundle.stops) for bundle in bundles))
    if all(truck.shift_load_l is None for truck in problem.trucks):
        return None
    unit = gcd(*(stop.load_l for stop in problem.stops)) or 1
    return ShiftCap(False, unit, tuple(bundle.load_l // unit for bundle in bundles))


def _tightness(amounts: Sequence[int], caps: Sequence[int | None]) -> float:
    """How much of all caps the bundles would take; 0 where no truck could come to its cap."""
    known = [cap for cap in caps if cap is not None]
    if not known or sum(amounts) <= min(known):
        return 0.0
    return sum(amounts) / sum(known)

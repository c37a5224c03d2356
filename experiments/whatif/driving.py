"""Driving a planned tour in the real city: containers hold what they hold, trucks get full earlier than planned, and break down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.whatif.arrivals import Arrivals
from experiments.whatif.city import City, Floats, Ints
from experiments.whatif.day_routes import Tour, Yard

MIDNIGHT_S = 86_400.0


@dataclass(frozen=True, eq=False)
class Driven:
    """What a truck did: `stops` emptied at `at_s` (seconds from the simulation's first midnight) with `content_l` each."""

    stops: Ints
    at_s: Floats
    content_l: Floats
    distance_m: float
    duration_s: float


def drive(city: City, arrivals: Arrivals, mark_l: Floats, tour: Tour, yard: Yard, day: int, breaks_after: float | None) -> Driven:
    """The tour on a day. `mark_l[stop]` is the cumulative inflow at its last emptying. A truck that breaks down does so after that
    share of its stops and is towed home; what it has on board got emptied."""
    count = len(tour.stops) if breaks_after is None else int(breaks_after * len(tour.stops))
    at_s = np.empty(count)
    content = np.empty(count)
    load = delay = extra_m = 0.0
    for index in range(count):
        stop = int(tour.stops[index])
        when = day * MIDNIGHT_S + tour.arrival_s[index] + delay
        litres = _inflow(arrivals, stop, when) - mark_l[stop]
        if tour.disposal_before[index]:
            load = 0.0
        if yard.capacity_l is not None and load > 0 and load + litres > yard.capacity_l:
            before = tour.stops[index - 1] + 2
            extra_m += float(city.metres[before, 1] + city.metres[1, stop + 2] - city.metres[before, stop + 2])
            longer = city.seconds[before, 1] + yard.disposal_service_s + city.seconds[1, stop + 2] - city.seconds[before, stop + 2]
            delay += float(longer)
            when += float(longer)
            litres = _inflow(arrivals, stop, when) - mark_l[stop]
            load = 0.0
        load += litres
        at_s[index], content[index] = when, litres
    if count == len(tour.stops):
        return Driven(tour.stops, at_s, content, tour.distance_m + extra_m, tour.end_s - tour.start_s + delay)
    if count == 0:
        return Driven(tour.stops[:0], at_s, content, 0.0, 0.0)
    return Driven(
        tour.stops[:count], at_s, content, _metres_until(city, tour, count) + extra_m, at_s[-1] - day * MIDNIGHT_S - tour.start_s
    )


def _metres_until(city: City, tour: Tour, count: int) -> float:
    """The way to the stop where the truck broke down, and home."""
    metres, here = 0, 0
    for index in range(count):
        place = int(tour.stops[index]) + 2
        if tour.disposal_before[index]:
            metres += int(city.metres[here, 1])
            here = 1
        metres += int(city.metres[here, place])
        here = place
    return float(metres + city.metres[here, 0])


def _inflow(arrivals: Arrivals, stop: int, at_s: float) -> float:
    hours = at_s / 3600
    low = min(int(hours), len(arrivals.litres) - 2)
    start, end = arrivals.litres[low, stop], arrivals.litres[low + 1, stop]
    return float(start + (hours - low) * (end - start))

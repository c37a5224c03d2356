"""What of a day's tours belongs to each district: tours cross districts, and figures per district must add up to the whole. Pure.

The way to a container, and the time at it, belong to its district. What else a truck drives and does (tipping, the way home, breaks) is
shared out by the containers that it collected. A tour's metres are shared out as its hours are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.domain.plan import Route, VisitKind


@dataclass(frozen=True, slots=True)
class Driven:
    """A district's part of a day's tours."""

    distance_m: float
    duration_s: float


def driven_by_district(routes: Sequence[Route], district_of: Mapping[str, str]) -> dict[str, Driven]:
    """District → its part; tours without a container belong to nobody."""
    metres: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for route in routes:
        for district, share in _shares(route, district_of).items():
            metres[district] += share * route.distance_m
            seconds[district] += share * route.duration_s
    return {district: Driven(metres[district], seconds[district]) for district in seconds}


def _shares(route: Route, district_of: Mapping[str, str]) -> dict[str, float]:
    """District → share of a tour; they add up to one."""
    own: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    rest = 0
    for before, visit in pairwise(route.visits):
        seconds = visit.departure_s - before.departure_s
        if visit.kind is VisitKind.STOP:
            district = district_of.get(visit.container_ids[0], "")
            own[district] += seconds
            stops[district] += 1
        else:
            rest += seconds
    count, total = sum(stops.values()), sum(own.values()) + rest
    if not count:
        return {}
    if total <= 0:
        return {district: number / count for district, number in stops.items()}
    return {district: (own[district] + rest * number / count) / total for district, number in stops.items()}

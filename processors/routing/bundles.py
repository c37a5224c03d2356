"""Stops that are served in one go: same place, same windows, same trucks, all required.

The search sees a bundle as one client, which makes problems with many containers at one place several times smaller. Bundles are
opened again before anything is timed, checked or shown.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from processors.routing.problem import Problem, Stop, Window

MAX_SHARE_OF_TRUCK = 0.1
"""A bundle never takes more than this share of the smallest truck or cap, so that loads still pack well."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One or several stops in the order of serving."""

    stops: tuple[Stop, ...]

    @property
    def first(self) -> Stop:
        return self.stops[0]

    @property
    def load_l(self) -> int:
        return sum(stop.load_l for stop in self.stops)

    @property
    def load_kg(self) -> int:
        return sum(stop.load_kg for stop in self.stops)

    @property
    def service_duration_s(self) -> int:
        return sum(stop.service_duration_s for stop in self.stops)

    @property
    def windows(self) -> tuple[Window, ...]:
        """When service of the first may start so that each of the others starts within the common windows too."""
        last_starts_after = self.service_duration_s - self.stops[-1].service_duration_s
        kept = [(opens, closes - last_starts_after) for opens, closes in self.first.windows]
        return tuple(item for item in kept if item[0] <= item[1])


def is_wanted(stop: Stop) -> bool:
    """Whether the search needs to see a stop: it must be served, or serving it may pay."""
    return stop.must_be_served or (not stop.forbidden and stop.prize > 0)


def bundled(problem: Problem) -> list[Bundle]:
    """All wanted stops, each in exactly one bundle."""
    limit = _limit(problem)
    open_stops = [stop for stop in problem.stops if stop.node not in problem.executed_stops]
    alone = [Bundle((stop,)) for stop in open_stops if is_wanted(stop) and not stop.must_be_served]
    by_place: dict[tuple[object, ...], list[Stop]] = defaultdict(list)
    for stop in open_stops:
        if stop.must_be_served:
            by_place[(stop.place, stop.windows, *_access(stop))].append(stop)
    bundles = [bundle for stops in by_place.values() for bundle in _packed(stops, limit)]
    return [*bundles, *alone]


def _access(stop: Stop) -> tuple[object, ...]:
    return stop.trucks, stop.fraction, stop.max_width_mm, stop.max_weight_kg


def _limit(problem: Problem) -> tuple[float, float]:
    litres = [truck.capacity_l for truck in problem.trucks]
    kilograms = [truck.max_load_kg for truck in problem.trucks if truck.max_load_kg is not None]
    return MAX_SHARE_OF_TRUCK * min(litres, default=0), MAX_SHARE_OF_TRUCK * min(kilograms, default=10**9)


def _packed(stops: list[Stop], limit: tuple[float, float]) -> list[Bundle]:
    bundles: list[Bundle] = []
    current: list[Stop] = []
    for stop in stops:
        tried = Bundle((*current, stop))
        fits = tried.load_l <= limit[0] and tried.load_kg <= limit[1]
        if current and not (fits and len(tried.windows) == len(stop.windows)):
            bundles.append(Bundle(tuple(current)))
            current = []
        current.append(stop)
    if current:
        bundles.append(Bundle(tuple(current)))
    return bundles

"""The made-up city's trucks, depot and disposal sites, and the fixed collection schedule of its old-fashioned planner.

The planner gives every district and fraction its weekdays, adds a day where people complained of full containers, and
drives the same tour each time. Nobody looks at levels: that is what the forecasts are measured against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from models.domain.registry import Depot, DisposalSite, FixedCollection, Fraction, Truck
from simulators.city_map import degrees
from simulators.city_shape import DEPOT_AT, DISPOSAL_SITES_AT
from simulators.containers import SimulatedContainer

_SCHEDULE_WEEK_ONE = date(2024, 1, 1)
_COMPLAINTS_ABOVE = 0.80
"""Mean fill at the longest usual interval from which people complain often enough for another day."""

_STAD_WEST_OF_KM = -0.7


@dataclass(frozen=True, slots=True)
class Fleet:
    depot: Depot
    disposal_sites: tuple[DisposalSite, ...]
    trucks: tuple[Truck, ...]


def make_fleet() -> Fleet:
    """One depot, two disposal sites, seven trucks with a tour and one in reserve. The seventh is narrow enough for the lanes; crews have half
    an hour off on tours of five and a half hours and more."""
    latitude, longitude = degrees(DEPOT_AT)
    depot = Depot(depot_id="depot-1", name="Depot De Vaart", latitude=latitude, longitude=longitude)
    sites = []
    for number, (name, at) in enumerate(DISPOSAL_SITES_AT, start=1):
        latitude, longitude = degrees(at)
        sites.append(
            DisposalSite(
                disposal_site_id=f"tip-{number}", name=name, latitude=latitude, longitude=longitude,
                opens_s=23_400, closes_s=61_200, service_duration_s=900,
            )
        )  # fmt: skip
    return Fleet(
        depot,
        tuple(sites),
        (
            *(_truck(number, ("residual", "organic"), 80_000, 9_500) for number in (1, 2, 3)),
            *(_truck(number, ("paper", "plastic"), 80_000, 9_000) for number in (4, 5)),
            _truck(6, ("glass",), 28_000, 11_500),
            _truck(7, ("organic", "residual"), 60_000, 9_500, width_mm=2_300, gross_weight_kg=19_000),
            _truck(8, ("residual", "paper", "plastic", "organic"), 70_000, 9_000),
        ),
    )


def _truck(
    number: int,
    fractions: tuple[Fraction, ...],
    capacity_l: int,
    max_load_kg: int,
    width_mm: int = 2_550,
    gross_weight_kg: int = 26_000,
) -> Truck:
    return Truck(
        truck_id=f"truck-{number}", depot_id="depot-1", fractions=fractions, capacity_l=capacity_l, max_load_kg=max_load_kg,
        shift_start_s=25_200, shift_end_s=55_800, cost_per_km=1.6, cost_per_h=62.0, width_mm=width_mm, gross_weight_kg=gross_weight_kg,
        break_earliest_s=41_400, break_latest_s=46_800, break_duration_s=1_800, break_required_from_s=19_800,
    )  # fmt: skip


# (fraction, area) → truck, weekdays (0 = Monday), every how many weeks, week offset
_TOURS: dict[tuple[str, str], tuple[int, tuple[int, ...], int, int]] = {
    ("residual", "Stad-Oost"): (1, (0, 3), 1, 0),
    ("residual", "Stad-West"): (1, (1, 4), 1, 0),
    ("residual", "Buiten"): (2, (0, 3), 1, 0),
    ("residual", "Haven"): (2, (1, 4), 1, 0),
    ("residual", "Poort"): (3, (0, 3), 1, 0),
    ("residual", "Hout"): (3, (1, 4), 1, 0),
    ("paper", "Stad-West"): (4, (0,), 1, 0),
    ("paper", "Stad-Oost"): (4, (1,), 1, 0),
    ("paper", "Buiten"): (4, (2,), 1, 0),
    ("paper", "Haven"): (4, (3,), 1, 0),
    ("paper", "Poort"): (4, (4,), 1, 0),
    ("paper", "Hout"): (4, (4,), 1, 0),
    ("plastic", "Buiten"): (5, (0,), 1, 0),
    ("plastic", "Stad-West"): (5, (1,), 1, 0),
    ("plastic", "Stad-Oost"): (5, (2,), 1, 0),
    ("plastic", "Poort"): (5, (3,), 1, 0),
    ("plastic", "Hout"): (5, (3,), 1, 0),
    ("plastic", "Haven"): (5, (4,), 1, 0),
    ("glass", "Stad-West"): (6, (0,), 2, 0),
    ("glass", "Stad-Oost"): (6, (0,), 2, 1),
    ("glass", "Buiten"): (6, (1,), 2, 0),
    ("glass", "Haven"): (6, (2,), 2, 1),
    ("glass", "Poort"): (6, (3,), 2, 0),
    ("glass", "Hout"): (6, (3,), 2, 1),
    ("organic", "Haven"): (7, (0,), 1, 0),
    ("organic", "Poort"): (7, (1,), 1, 0),
    ("organic", "Stad-West"): (7, (2,), 1, 0),
    ("organic", "Stad-Oost"): (7, (3,), 1, 0),
    ("organic", "Buiten"): (7, (4,), 1, 0),
    ("organic", "Hout"): (7, (1,), 1, 0),
}


def make_fixed_schedule(containers: Sequence[SimulatedContainer]) -> tuple[FixedCollection, ...]:
    """One line per container. Positions count per truck, so that the containers due on a day, sorted by position, are its tour."""
    lines = []
    position = {truck: 0 for truck, *_ in _TOURS.values()}
    for (fraction, area), (truck, weekdays, every_weeks, week_offset) in _TOURS.items():
        group = [container for container in containers if container.fraction == fraction and _area(container) == area]
        for container in _nearest_first(group):
            days, weeks, offset = _after_complaints(container, weekdays, every_weeks, week_offset)
            lines.append(
                FixedCollection(
                    container_id=container.thing.thing_id, truck_id=f"truck-{truck}", weekdays=days, every_weeks=weeks,
                    week_offset=offset, tour_position=position[truck],
                )
            )  # fmt: skip
            position[truck] += 1
    return tuple(sorted(lines, key=lambda line: line.container_id))


def is_due(line: FixedCollection, day: date) -> bool:
    """Whether the fixed schedule empties this line's container on a local day."""
    week = (day - _SCHEDULE_WEEK_ONE).days // 7
    return day.weekday() in line.weekdays and (week - line.week_offset) % line.every_weeks == 0


def _area(container: SimulatedContainer) -> str:
    district = container.thing.district
    if district != "Stad":
        return district
    return "Stad-West" if container.site.at[0] < _STAD_WEST_OF_KM else "Stad-Oost"


def _after_complaints(
    container: SimulatedContainer, weekdays: tuple[int, ...], every_weeks: int, week_offset: int
) -> tuple[tuple[int, ...], int, int]:
    """The usual days, or more of them where the container was often full."""

    def fill_after(days: float) -> float:
        return container.litres_per_day * days / container.capacity_l

    if len(weekdays) == 2:
        return ((0, 2, 4), 1, 0) if fill_after(4) > _COMPLAINTS_ABOVE else (weekdays, every_weeks, week_offset)
    if fill_after(7 * every_weeks) <= _COMPLAINTS_ABOVE:
        return weekdays, every_weeks, week_offset
    if every_weeks == 2:
        return weekdays, 1, 0
    second = (weekdays[0] + 3) % 5
    return tuple(sorted((weekdays[0], second))), 1, 0


def _nearest_first(group: list[SimulatedContainer]) -> list[SimulatedContainer]:
    """A tour as drawn by hand: from the depot always to the nearest container left."""
    left = list(group)
    here = np.array(DEPOT_AT)
    tour = []
    while left:
        nearest = min(left, key=lambda container: (float(np.hypot(*(container.site.at - here))), container.thing.thing_id))
        left.remove(nearest)
        tour.append(nearest)
        here = nearest.site.at
    return tour

"""From the registry's limits of collections to those of the routing problem: windows, streets, breaks, caps, hours of depots. Pure.

Both count seconds of the local day on the wall clock, so that 07:00 is 07:00 on the days of the changes to and from summer time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from models.domain import registry
from processors.routing.problem import END_OF_TIME_S, BreakRule, Depot, Truck, Window

DAY_S = 86_400
ANY_TIME: tuple[Window, ...] = ((0, END_OF_TIME_S),)


def vehicle(truck: registry.Truck, sites: Collection[str]) -> Truck:
    """A truck of the fleet on a day; `sites` are the disposal sites that take the day's fraction."""
    return Truck(
        truck_id=truck.truck_id,
        depot=truck.depot_id,
        capacity_l=truck.capacity_l,
        max_load_kg=truck.max_load_kg,
        shift_start_s=truck.shift_start_s,
        shift_end_s=truck.shift_end_s,
        max_shift_s=truck.max_shift_s,
        shift_load_l=truck.max_load_l_per_shift,
        shift_stops=truck.max_stops_per_shift,
        break_rule=break_rule(truck),
        disposal_sites=None if truck.disposal_sites is None else tuple(name for name in truck.disposal_sites if name in sites),
        fixed_cost=truck.cost_per_day or 0.0,
        cost_per_km=truck.cost_per_km,
        cost_per_h=truck.cost_per_h,
        width_mm=truck.width_mm,
        weight_kg=truck.gross_weight_kg,
    )


def break_rule(truck: registry.Truck) -> BreakRule | None:
    """The crew's break; None without one."""
    if truck.break_earliest_s is None or truck.break_latest_s is None or truck.break_duration_s is None:
        return None
    return BreakRule(
        earliest_start_s=truck.break_earliest_s,
        latest_start_s=truck.break_latest_s,
        duration_s=truck.break_duration_s,
        required_from_s=truck.break_required_from_s or 0,
    )


def starting_place(depot: registry.Depot, place: int) -> Depot:
    """A depot at its row of the matrices."""
    return Depot(
        node=depot.depot_id,
        place=place,
        opens_s=depot.opens_s or 0,
        closes_s=END_OF_TIME_S if depot.closes_s is None else depot.closes_s,
    )


def windows_of(container: registry.Thing, fleet: Sequence[registry.Truck]) -> tuple[Window, ...]:
    """When service of a container may start on a planned day. Windows are times of every day: where a shift reaches past midnight, those of
    the next day count too."""
    if container.windows is None:
        return ANY_TIME
    if all(truck.shift_end_s <= DAY_S for truck in fleet):
        return container.windows
    return _touching_joined([*container.windows, *((opens + DAY_S, closes + DAY_S) for opens, closes in container.windows)])


def _touching_joined(windows: Sequence[Window]) -> tuple[Window, ...]:
    """22:00-24:00 and 24:00-26:00 are one window."""
    joined: list[Window] = []
    for opens, closes in windows:
        if joined and joined[-1][1] == opens:
            joined[-1] = (joined[-1][0], closes)
        else:
            joined.append((opens, closes))
    return tuple(joined)

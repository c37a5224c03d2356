"""The collection problem of one day: immutable, validated, in whole metres, seconds, litres and kilograms.

Built by `processors.plan` from forecasts and registry, or read from a PROBLEM.json; given to `solve` and to `check`.
Contradictory input raises `UserError` here, with the stops and the reason, before any search begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from models.domain.failures import UserError
from models.domain.plan import VisitKind
from models.domain.registry import DomainType
from processors.routing.contradictions import contradictions
from processors.routing.solution import PlannedVisit

IntMatrix = npt.NDArray[np.int64]

END_OF_TIME_S = 172_800
"""Two days: no window, shift or opening hour reaches beyond."""

Metres = Annotated[int, Field(ge=0)]
Seconds = Annotated[int, Field(ge=0, le=END_OF_TIME_S)]
Litres = Annotated[int, Field(ge=0, le=100_000_000)]
Kilograms = Annotated[int, Field(ge=0, le=100_000_000)]
Window = tuple[Seconds, Seconds]


class Depot(DomainType):
    """Where trucks start and end. `place` is the row of the matrices; `node` is what people call it."""

    node: str
    place: Annotated[int, Field(ge=0)]
    opens_s: Seconds = 0
    closes_s: Seconds = END_OF_TIME_S


class DisposalSite(DomainType):
    """Where trucks tip. Tipping starts between `opens_s` and `closes_s`."""

    node: str
    place: Annotated[int, Field(ge=0)]
    opens_s: Seconds = 0
    closes_s: Seconds = END_OF_TIME_S
    service_duration_s: Seconds = 0


class BreakRule(DomainType):
    """A break that starts between two times of day, on any route that lasts at least `required_from_s` (0: every route)."""

    earliest_start_s: Seconds
    latest_start_s: Seconds
    duration_s: Seconds
    required_from_s: Seconds = 0


class Executed(DomainType):
    """The part of a truck's day that nobody can change any more: its visits so far, the depot first.

    The truck goes on from the last of them, not before its `departure_s`. With `ends_here` it does not go on at all (it is home
    again, or broke down): it serves nothing more, and what is on board is no longer the plan's.
    """

    visits: Annotated[tuple[PlannedVisit, ...], Field(min_length=1)]
    ends_here: bool = False

    @property
    def ready_s(self) -> int:
        return self.visits[-1].departure_s

    @property
    def left_s(self) -> int:
        """When the truck left its depot."""
        return self.visits[0].departure_s

    @property
    def stops(self) -> frozenset[str]:
        return frozenset(visit.node for visit in self.visits if visit.kind is VisitKind.STOP)

    @property
    def had_break(self) -> bool:
        return any(visit.kind is VisitKind.BREAK for visit in self.visits)


class Truck(DomainType):
    """One truck on one day. It starts and ends empty at its depot and tips before it is full.

    `shift_load_l` and `shift_stops` cap the whole shift over all trips. `max_shift_s` bounds the time from leaving the
    depot to being back, break included. `width_mm` and `weight_kg` (as registered) decide where it may go, `fractions` what it
    may load (None: anything).
    """

    truck_id: str
    depot: str
    capacity_l: Litres
    max_load_kg: Kilograms | None = None
    shift_start_s: Seconds = 0
    shift_end_s: Seconds = END_OF_TIME_S
    max_shift_s: Seconds | None = None
    shift_load_l: Litres | None = None
    shift_stops: Annotated[int | None, Field(ge=1)] = None
    break_rule: BreakRule | None = None
    disposal_sites: tuple[str, ...] | None = None
    fixed_cost: Annotated[float, Field(ge=0)] = 0.0
    cost_per_km: Annotated[float, Field(ge=0)] = 1.0
    cost_per_h: Annotated[float, Field(ge=0)] = 0.0
    width_mm: Annotated[int | None, Field(ge=1)] = None
    weight_kg: Annotated[int | None, Field(ge=1)] = None
    fractions: tuple[str, ...] | None = None
    executed: Executed | None = None

    @property
    def break_due(self) -> BreakRule | None:
        """The break rule, unless the break has been taken already."""
        return None if self.executed is not None and self.executed.had_break else self.break_rule

    @property
    def goes_on(self) -> bool:
        """Whether the truck can still serve anything."""
        return self.executed is None or not self.executed.ends_here


class Stop(DomainType):
    """A place to collect at, with one or several containers. Service starts within one of `windows`.

    A required stop is served or the plan is infeasible; an optional one is served when its prize (same money as the trucks'
    costs) pays the way. `pinned` was asked for by a person, which makes it required; `forbidden` was excluded by one.

    `max_interval_days` is the legal maximum between two collections: a stop last collected `days_since_collection` ago is
    required when waiting `next_chance_days` more would break it. `max_width_mm` and `max_weight_kg` are those of the street.
    """

    node: str
    place: Annotated[int, Field(ge=0)]
    container_ids: tuple[str, ...] = ()
    load_l: Litres
    load_kg: Kilograms = 0
    service_duration_s: Seconds = 0
    windows: tuple[Window, ...] = ((0, END_OF_TIME_S),)
    required: bool = True
    prize: Annotated[float, Field(ge=0, le=1e7)] = 0.0
    pinned: bool = False
    forbidden: bool = False
    trucks: tuple[str, ...] | None = None
    """The trucks that may serve it, such as a pinned one; None: any."""
    fraction: str | None = None
    max_width_mm: Annotated[int | None, Field(ge=1)] = None
    max_weight_kg: Annotated[int | None, Field(ge=1)] = None
    max_interval_days: Annotated[int | None, Field(ge=1)] = None
    days_since_collection: Annotated[int | None, Field(ge=0)] = None
    next_chance_days: Annotated[int, Field(ge=1)] = 1

    @property
    def legally_due(self) -> bool:
        """Whether the legal interval ends before the next chance."""
        if self.max_interval_days is None or self.days_since_collection is None:
            return False
        return self.days_since_collection + self.next_chance_days > self.max_interval_days

    @property
    def must_be_served(self) -> bool:
        return (self.required or self.pinned or self.legally_due) and not self.forbidden

    def why_barred(self, truck: Truck) -> str | None:
        """Why a truck may never serve this stop; None when it may."""
        if self.trucks is not None and truck.truck_id not in self.trucks:
            return f"it is not for truck {truck.truck_id}"
        if self.fraction is not None and truck.fractions is not None and self.fraction not in truck.fractions:
            return f"truck {truck.truck_id} does not load {self.fraction}"
        if self.max_width_mm is not None and truck.width_mm is not None and truck.width_mm > self.max_width_mm:
            return f"truck {truck.truck_id} is {truck.width_mm} mm wide; the street takes {self.max_width_mm} mm"
        if self.max_weight_kg is not None and truck.weight_kg is not None and truck.weight_kg > self.max_weight_kg:
            return f"truck {truck.truck_id} weighs {truck.weight_kg} kg; the street takes {self.max_weight_kg} kg"
        return None


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that `solve` may know. `metres` and `seconds` are square matrices over places; `source` names the roads they
    are from. Raises `UserError` on contradictions."""

    depots: tuple[Depot, ...]
    disposal_sites: tuple[DisposalSite, ...]
    trucks: tuple[Truck, ...]
    stops: tuple[Stop, ...]
    metres: IntMatrix
    seconds: IntMatrix
    source: str

    def __post_init__(self) -> None:
        for name in ("metres", "seconds"):
            matrix = np.ascontiguousarray(getattr(self, name), dtype=np.int64)
            if matrix is getattr(self, name):
                matrix = matrix.copy()
            matrix.setflags(write=False)
            object.__setattr__(self, name, matrix)
        found = contradictions(self)
        if found:
            raise UserError("the problem contradicts itself: " + "; ".join(found))

    @cached_property
    def depot_by_node(self) -> dict[str, Depot]:
        return {item.node: item for item in self.depots}

    @cached_property
    def truck_by_id(self) -> dict[str, Truck]:
        return {item.truck_id: item for item in self.trucks}

    @cached_property
    def place_of(self) -> dict[str, int]:
        """The place of each node."""
        places = {item.node: item.place for item in self.depots} | {item.node: item.place for item in self.disposal_sites}
        return places | {item.node: item.place for item in self.stops}

    @cached_property
    def stop_by_node(self) -> dict[str, Stop]:
        return {item.node: item for item in self.stops}

    @cached_property
    def executed_stops(self) -> frozenset[str]:
        """Nodes that trucks have served already."""
        return frozenset(node for truck in self.trucks if truck.executed is not None for node in truck.executed.stops)

    def sites_of(self, truck: Truck) -> tuple[DisposalSite, ...]:
        """The disposal sites that a truck may use."""
        if truck.disposal_sites is None:
            return self.disposal_sites
        return tuple(site for site in self.disposal_sites if site.node in truck.disposal_sites)

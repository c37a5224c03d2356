"""A past day scored per district: as it was driven, and as it would have been had the shadow plan been driven. Pure; see `shadow_world`
for how the level of the other world is estimated.

A container that was not read all day long counts in neither world's overflow and fill. Its emptying is taken from the tours in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.plan import Route
from models.domain.shadow import DayFigures, DistrictDay, DrivenBy, ShadowVisit
from models.fill_forecast.history import History
from processors.plan.district_share import Driven, driven_by_district
from processors.plan.shadow_world import TwoWorlds, day_span, full_hours, grid, two_worlds


@dataclass(frozen=True, eq=False)
class PastDay:
    """What was driven on a day, and what would have been. `driven` are the tours handed out, None where they are not known; `shadow` the
    shadow plans', None without them. `driven_by` is by district; `visits` are per container its days in shadow mode up to this one."""

    day: date
    zone: ZoneInfo
    district_of: Mapping[str, str]
    driven: Sequence[Route] | None
    driven_by: Mapping[str, DrivenBy]
    shadow: Sequence[Route] | None
    shadow_districts: frozenset[str]
    visits: Mapping[str, Sequence[ShadowVisit]]


@dataclass(slots=True)
class _Tally:
    emptyings: int = 0
    fills: list[float] = field(default_factory=list)
    overflow_hours: float = 0.0

    def figures(self, driven: Driven | None) -> DayFigures:
        return DayFigures(
            emptyings=self.emptyings,
            levels_known=len(self.fills),
            fill_at_emptying=float(np.mean(self.fills)) if self.fills else None,
            overflow_hours=round(self.overflow_hours, 4),
            distance_m=None if driven is None else round(driven.distance_m),
            duration_s=None if driven is None else round(driven.duration_s),
        )


def score_district(past: PastDay, district: str, histories: Mapping[str, History], scored_at: datetime) -> DistrictDay:
    """One district's day; `histories` are those of its containers that have readings, up to some hours after the day."""
    begin, end = day_span(past.day, past.zone)
    compared = past.shadow is not None and district in past.shadow_districts
    containers = [name for name, own in past.district_of.items() if own == district]
    real, shadow, counted = _Tally(), _Tally(), 0
    on_tours, on_plan = _collected(past.driven or ()), _collected(past.shadow or ())
    for container in containers:
        history = histories.get(container)
        worlds = two_worlds(history, past.visits.get(container, ()), past.zone) if history is not None else None
        if worlds is None or not worlds.is_read(begin, end):
            real.emptyings += container in on_tours
            shadow.emptyings += container in on_plan
            continue
        counted += 1
        _add_real(real, worlds, begin, end)
        _add_shadow(shadow, worlds, begin, end)
    return DistrictDay(
        plan_date=past.day,
        district=district,
        driven_by=past.driven_by.get(district, "fixed_schedule"),
        containers=len(containers),
        counted=counted,
        driven=real.figures(_part(past.driven, past.district_of, district)),
        shadow=shadow.figures(_part(past.shadow, past.district_of, district)) if compared else None,
        scored_at=scored_at,
    )


def _part(routes: Sequence[Route] | None, district_of: Mapping[str, str], district: str) -> Driven | None:
    if routes is None:
        return None
    return driven_by_district(routes, district_of).get(district, Driven(0.0, 0.0))


def _collected(routes: Sequence[Route]) -> frozenset[str]:
    return frozenset(name for route in routes for visit in route.visits for name in visit.container_ids)


def _add_real(tally: _Tally, worlds: TwoWorlds, begin: float, end: float) -> None:
    """With observed levels."""
    here = (worlds.emptied >= begin) & (worlds.emptied < end)
    tally.emptyings += int(here.sum())
    tally.fills += worlds.curve.emptyings.level_before[here].tolist()
    tally.overflow_hours += full_hours(worlds.real(grid(begin, end)), end - begin)


def _add_shadow(tally: _Tally, worlds: TwoWorlds, begin: float, end: float) -> None:
    """With levels estimated from the observed inflow."""
    here = worlds.shadow_emptied[(worlds.shadow_emptied >= begin) & (worlds.shadow_emptied < end)]
    tally.emptyings += len(here)
    tally.fills += np.clip(worlds.shadow(here - 1.0), 0.0, 1.0).tolist()
    tally.overflow_hours += full_hours(worlds.shadow(grid(begin, end)), end - begin)

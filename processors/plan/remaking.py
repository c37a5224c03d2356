"""The day that a stored plan was made for, as it was known then, from its stored inputs alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import TypeAdapter

from models.domain.district_standing import Standing
from models.domain.failures import UserError
from models.domain.forecast import InflowForecast
from models.domain.legal_interval import LastCollection
from models.domain.plan_day import Wish
from models.domain.registry import Depot, DisposalSite, FixedCollection, Thing, Truck
from models.domain.verdict import About, Told
from processors.plan.calendar import chances, collection_weekdays
from processors.plan.disruption import Disruption, without_law
from processors.plan.fallback import held_districts, held_to_schedule
from processors.plan.judgement import judge
from processors.plan.planner import FractionDay, Ground, ground_of
from processors.plan.tours import tours_from_json
from processors.plan.week import levelled
from processors.routing.roads import Place, RoadMatrix, RoadProfile, Roads
from runtime.settings import PlanSettings

_ABOUT: TypeAdapter[About] = TypeAdapter(About)


class NotReproducible(UserError):
    """The plan cannot be made again here; says why. Never a different plan instead."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not reproducible here: {why}")


@dataclass(frozen=True, eq=False)
class StoredRoads:
    """The matrices that a plan was made on; `open_matrix` with every bridge passable. Draws on the roads of today, if given."""

    closed: RoadMatrix
    open_matrix: RoadMatrix | None = None
    drawn_on: Roads | None = None

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        if self.open_matrix is not None and not profile.closed_bridges:
            return self.open_matrix
        return self.closed

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        return [start, end] if self.drawn_on is None else self.drawn_on.path(start, end, profile)


@dataclass(frozen=True, eq=False)
class StoredDay:
    """The day that a plan was made for, as it was known then."""

    day: FractionDay
    roads: StoredRoads
    settings: PlanSettings
    zone: ZoneInfo
    made_at: datetime

    def ground(
        self, wishes: Sequence[Wish] | None = None, made_at: datetime | None = None, drawn_on: Roads | None = None
    ) -> Ground:
        """The ground of that day; with other wishes, made at another moment or drawn on roads where given."""
        day = self.day if wishes is None else replace(self.day, wishes=tuple(wishes))
        roads = replace(self.roads, drawn_on=drawn_on)
        return ground_of(day, roads, RoadProfile(), self.settings, self.zone, made_at or self.made_at)


def stored_day(kept: Mapping[str, Any]) -> StoredDay:
    """The day behind stored inputs. Raises `NotReproducible` for those of a release that kept less, or that are gone."""
    if not kept:
        raise NotReproducible("the plan's inputs are not kept any more")
    if "day" not in kept:
        raise NotReproducible("the plan was made by an earlier release, which kept less")
    told = kept["day"]
    settings = PlanSettings(**{"plan_level_days": 0, **kept["settings"]})  # a release before this one did not level the week
    fleet = tuple(Truck.model_validate(item) for item in kept["fleet"])
    zone, made_at = ZoneInfo(told["zone"]), datetime.fromisoformat(told["made_at"])
    when = chances(date.fromisoformat(told["plan_date"]), fleet, collection_weekdays(settings.plan_weekdays), zone)
    forecasts = {item["container_id"]: InflowForecast.model_validate(item) for item in kept["forecasts"]}
    containers = [Thing.model_validate(item) for item in kept["containers"]]
    disrupted = told["disruption"]
    disruption = None if disrupted is None else Disruption(**{**disrupted, "fractions": tuple(disrupted["fractions"])})
    standings = tuple(Standing.model_validate(item) for item in told.get("standings", ()))
    held = held_districts(standings, when.plan_date, settings)
    last = {item["container_id"]: LastCollection.model_validate(item) for item in told.get("last_collected", ())}
    judged = [judge(item, forecasts.get(item.thing_id), when, settings, made_at, last.get(item.thing_id)) for item in containers]
    day = FractionDay(
        fraction=told["fraction"],
        when=when,
        judgements=tuple(held_to_schedule(without_law(disruption, item), held) for item in judged),
        trucks=tuple(truck for name in told["trucks"] for truck in fleet if truck.truck_id == name),
        fleet=fleet,
        depots=tuple(Depot.model_validate(item) for item in kept["depots"]),
        disposal_sites=tuple(DisposalSite.model_validate(item) for item in kept["disposal_sites"]),
        fixed_lines=tuple(FixedCollection.model_validate(item) for item in kept["fixed_schedule"]),
        wishes=tuple(Wish.model_validate(item) for item in told["wishes"]),
        closed_bridges=tuple(told["closed_bridges"]),
        known=tours_from_json(told.get("known", ())),
        disruption=disruption,
        standings=standings,
    )
    opened = _matrix(kept["travel_open"]) if "travel_open" in kept else None
    day = levelled(day, forecasts, settings, zone)
    return StoredDay(day, StoredRoads(_matrix(kept["travel"]), opened), settings, zone, made_at)


def verdict_of(made: Mapping[str, Any]) -> About:
    """What a stored plan's verdict is about; of one of an earlier release its sentence as it is."""
    if "about" not in made:
        return Told(text=str(made["verdict"]))
    return _ABOUT.validate_python(made["about"])


def _matrix(content: Mapping[str, Any]) -> RoadMatrix:
    metres, seconds = (np.array(content[name], dtype=np.int64) for name in ("metres", "seconds"))
    return RoadMatrix(metres, seconds, str(content["source"]))

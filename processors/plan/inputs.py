"""What a plan is made from, read from the database in one snapshot; and how it is kept with the plan, so that it can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from models.domain.district_standing import Standing
from models.domain.legal_interval import LastCollection
from models.domain.plan_day import DayEvent, DayEventKind
from models.domain.registry import DomainType, Thing
from processors.plan.city_roads import roads_as_set
from processors.plan.day import CityInputs
from processors.plan.lock_file import installed_versions
from processors.plan.planner import Planned
from processors.plan.tours import tours_json
from processors.routing.problem_file import problem_to_json
from processors.routing.roads import RoadMatrix, Roads
from runtime.settings import PlanSettings
from storage import registry
from storage.bridge_closures import closed_bridges
from storage.district_standings import OverflowWindow, standings
from storage.forecasts import current_forecasts
from storage.last_collections import last_collections
from storage.plan_days import events_of, wishes_of


@dataclass(frozen=True, eq=False)
class City:
    """The inputs of a plan and the roads of the same registry version."""

    inputs: CityInputs
    roads: Roads
    registry_version: int


class CityReader:
    """Reads the city; roads are built once per registry version."""

    def __init__(self, settings: PlanSettings, zone: ZoneInfo) -> None:
        self._roads: tuple[int, Roads] | None = None
        self._settings = settings
        self._zone = zone

    async def read(self, connection: asyncpg.Connection, day: date | None = None, now: datetime | None = None) -> City:
        """Registry and current forecasts as of one moment; for a `day` also what planners asked of it, which trucks are out and
        how districts stand, and with `now` the bridges that are out of service and the last collections that the law counts from."""
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            number = await registry.registry_version(connection)
            events = await events_of(connection, day) if day else []
            containers = await registry.things(connection, "container")
            by_law = [item.thing_id for item in containers if item.max_interval_days is not None]
            inputs = CityInputs(
                containers=tuple(containers),
                forecasts={item.container_id: item for item in await current_forecasts(connection)},
                depots=tuple(await registry.depots(connection)),
                disposal_sites=tuple(await registry.disposal_sites(connection)),
                trucks=tuple(await registry.trucks(connection)),
                fixed_lines=tuple(await registry.fixed_collections(connection)),
                wishes=tuple(await wishes_of(connection, day)) if day else (),
                trucks_out=trucks_out(events),
                closed_bridges=await closed_bridges(connection, now, self._settings.plan_bridge_closed_minutes) if now else {},
                standings=await self._standings(connection, day, containers) if day else (),
                last_collected=await last_collections(connection, by_law, now, self._zone) if now else {},
            )
            if self._roads is None or self._roads[0] != number:
                self._roads = (number, roads_as_set(await registry.map_features(connection, "street"), self._settings))
        return City(inputs, self._roads[1], number)

    async def _standings(self, connection: asyncpg.Connection, day: date, containers: Sequence[Thing]) -> tuple[Standing, ...]:
        settings = self._settings
        districts = sorted({item.district for item in containers if item.district})
        window = OverflowWindow(settings.plan_fallback_overflow_days, settings.plan_fallback_baseline_days)
        return await standings(connection, day, districts, settings.shadow_districts, window)


def trucks_out(events: list[DayEvent]) -> frozenset[str]:
    """Trucks that broke down."""
    return frozenset(event.subject for event in events if event.kind is DayEventKind.TRUCK_OUT)


def kept_inputs(planned: Planned, registry_version: int, forecasts: list[dict[str, Any]], made: dict[str, Any]) -> dict[str, Any]:
    """Everything that decided a plan, by name. What seldom changes stands alone, as inputs are stored once per content. `made` says
    how: what `processors.plan.reproduction` does again."""
    ground, day = planned.ground, planned.ground.day
    problem = problem_to_json(planned.problem)
    kept = {
        "travel": problem.pop("travel"),
        "problem": problem,
        "solution": planned.solution.to_json(),
        "forecasts": forecasts,
        "containers": _without_unset([judged.container for judged in day.judgements]),
        "fixed_schedule": [line.model_dump(mode="json") for line in day.fixed_lines],
        "fleet": _without_unset(day.fleet),
        "depots": _without_unset(day.depots),
        "disposal_sites": [item.model_dump(mode="json") for item in day.disposal_sites],
        "settings": ground.settings.model_dump(mode="json"),
        "day": {
            "plan_date": day.when.plan_date.isoformat(),
            "fraction": day.fraction,
            "trucks": [truck.truck_id for truck in day.trucks],
            "wishes": [wish.model_dump(mode="json") for wish in day.wishes],
            "closed_bridges": list(day.closed_bridges),
            "last_collected": [
                LastCollection(
                    container_id=judged.container.thing_id, on=judged.legal.on, known_from=judged.legal.known_from
                ).model_dump(mode="json")
                for judged in day.judgements
                if judged.legal is not None and judged.legal.on is not None
            ],
            "standings": [standing.model_dump(mode="json") for standing in day.standings],
            "known": tours_json(day.known),
            "disruption": None if day.disruption is None else vars_of(day.disruption),
            "zone": str(ground.zone),
            "made_at": ground.made_at.isoformat(),
        },
        "made": made,
        "search": {
            "seed": planned.plan.seed,
            "iterations": planned.solution.iterations,
            "parts": list(planned.solution.parts),
            "registry_version": registry_version,
        },
        "versions": installed_versions(),
    }
    if ground.open_matrix is not None:
        kept["travel_open"] = matrix_json(ground.open_matrix)
    return kept


def _without_unset(items: Sequence[DomainType]) -> list[dict[str, Any]]:
    """Without what the registry does not say: the release before reads a city's inputs for as long as it uses nothing new."""
    return [item.model_dump(mode="json", exclude_none=True) for item in items]


def vars_of(disruption: Any) -> dict[str, Any]:
    """A disruption as JSON."""
    return {
        "trucks": disruption.trucks,
        "fractions": list(disruption.fractions),
        "district_by_district": disruption.district_by_district,
        "reason": disruption.reason,
    }


def matrix_json(matrix: RoadMatrix) -> dict[str, Any]:
    """A matrix as a problem file holds it."""
    return {"metric": "matrix", "source": matrix.source, "metres": matrix.metres.tolist(), "seconds": matrix.seconds.tolist()}

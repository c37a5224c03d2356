"""What a plan is made from, read from the database in one snapshot; and how it is kept with the plan, so that it can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from models.domain.plan_day import DayEvent, DayEventKind
from processors.plan.city_roads import roads_from_features
from processors.plan.day import CityInputs
from processors.plan.lock_file import installed_versions
from processors.plan.planner import Planned
from processors.routing.problem_file import problem_to_json
from processors.routing.roads import RoadMatrix, Roads
from storage import registry
from storage.bridge_closures import closed_bridges
from storage.forecasts import current_forecasts
from storage.plan_days import events_of, wishes_of


@dataclass(frozen=True, eq=False)
class City:
    """The inputs of a plan and the roads of the same registry version."""

    inputs: CityInputs
    roads: Roads
    registry_version: int


class CityReader:
    """Reads the city; roads are built once per registry version."""

    def __init__(self, bridge_closed_minutes: float = 30.0) -> None:
        self._roads: tuple[int, Roads] | None = None
        self._bridge_closed_minutes = bridge_closed_minutes

    async def read(self, connection: asyncpg.Connection, day: date | None = None, now: datetime | None = None) -> City:
        """Registry and current forecasts as of one moment; for a `day` also what planners asked of it and which trucks are out, and
        with `now` the bridges that are out of service."""
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            number = await registry.registry_version(connection)
            events = await events_of(connection, day) if day else []
            inputs = CityInputs(
                containers=tuple(await registry.things(connection, "container")),
                forecasts={item.container_id: item for item in await current_forecasts(connection)},
                depots=tuple(await registry.depots(connection)),
                disposal_sites=tuple(await registry.disposal_sites(connection)),
                trucks=tuple(await registry.trucks(connection)),
                fixed_lines=tuple(await registry.fixed_collections(connection)),
                wishes=tuple(await wishes_of(connection, day)) if day else (),
                trucks_out=trucks_out(events),
                closed_bridges=await closed_bridges(connection, now, self._bridge_closed_minutes) if now else {},
            )
            if self._roads is None or self._roads[0] != number:
                self._roads = (number, roads_from_features(await registry.map_features(connection, "street")))
        return City(inputs, self._roads[1], number)


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
        "containers": [judged.container.model_dump(mode="json") for judged in day.judgements],
        "fixed_schedule": [line.model_dump(mode="json") for line in day.fixed_lines],
        "fleet": [truck.model_dump(mode="json") for truck in day.fleet],
        "depots": [item.model_dump(mode="json") for item in day.depots],
        "disposal_sites": [item.model_dump(mode="json") for item in day.disposal_sites],
        "settings": ground.settings.model_dump(mode="json"),
        "day": {
            "plan_date": day.when.plan_date.isoformat(),
            "fraction": day.fraction,
            "trucks": [truck.truck_id for truck in day.trucks],
            "wishes": [wish.model_dump(mode="json") for wish in day.wishes],
            "closed_bridges": list(day.closed_bridges),
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

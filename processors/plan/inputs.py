"""What a plan is made from, read from the database in one snapshot; and how it is kept with the plan, so that it can be made again."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import asyncpg

from processors.plan.city_roads import roads_from_features
from processors.plan.day import CityInputs
from processors.plan.planner import FractionDay, Planned
from processors.routing.problem_file import problem_to_json
from processors.routing.roads import Roads
from runtime.settings import PlanSettings
from storage import registry
from storage.forecasts import current_forecasts

PACKAGES = ("pyvrp", "numpy", "scipy")


@dataclass(frozen=True, eq=False)
class City:
    """The inputs of a plan and the roads of the same registry version."""

    inputs: CityInputs
    roads: Roads
    registry_version: int


class CityReader:
    """Reads the city; roads are built once per registry version."""

    def __init__(self) -> None:
        self._roads: tuple[int, Roads] | None = None

    async def read(self, connection: asyncpg.Connection) -> City:
        """Registry and current forecasts as of one moment."""
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            number = await registry.registry_version(connection)
            inputs = CityInputs(
                containers=tuple(await registry.things(connection, "container")),
                forecasts={item.container_id: item for item in await current_forecasts(connection)},
                depots=tuple(await registry.depots(connection)),
                disposal_sites=tuple(await registry.disposal_sites(connection)),
                trucks=tuple(await registry.trucks(connection)),
                fixed_lines=tuple(await registry.fixed_collections(connection)),
            )
            if self._roads is None or self._roads[0] != number:
                self._roads = (number, roads_from_features(await registry.map_features(connection, "street")))
        return City(inputs, self._roads[1], number)


def kept_inputs(planned: Planned, day: FractionDay, city: City, settings: PlanSettings) -> dict[str, Any]:
    """Everything that decided a plan, by name. What seldom changes stands alone, as inputs are stored once per content."""
    problem = problem_to_json(planned.problem)
    containers = {judged.container.thing_id for judged in day.judgements}
    return {
        "travel": problem.pop("travel"),
        "problem": problem,
        "forecasts": [item.model_dump(mode="json") for key, item in city.inputs.forecasts.items() if key in containers],
        "containers": [judged.container.model_dump(mode="json") for judged in day.judgements],
        "fixed_schedule": [line.model_dump(mode="json") for line in day.fixed_lines],
        "fleet": [truck.model_dump(mode="json") for truck in day.fleet],
        "settings": settings.model_dump(mode="json"),
        "search": {"seed": planned.plan.seed, "iterations": planned.plan.iterations, "registry_version": city.registry_version},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }

"""After a corrected height: forecasts follow it, and the decision made before can still be made again from what it was made from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from models.domain.reading import TimeSource
from models.sensor_kinds.container_fill import CONTAINER_FILL, ContainerFill, derive_fill_ratio
from processors.forecast.worker import ForecastWorker
from processors.routing.problem_file import problem_from_json
from processors.routing.solve import Stopping, solve
from storage.forecasts import current_forecasts
from storage.plans import plan_inputs, plan_of
from storage.readings import SourceRef, StoredReading, append_readings
from storage.registry import import_registry, sensor_contexts
from storage.registry_correction import correct_readings
from tests.contract import registry_of_containers as files
from tests.integration.test_plan_service import MONDAY, NOW, city_files, pool, service_at

__all__ = ["city_files", "pool"]

pytestmark = [pytest.mark.servers, pytest.mark.slow]

DAYS = 10
FRACTION = "glass"


async def _append_history(connection: asyncpg.Connection) -> None:
    """Readings every six hours: each container fills by a tenth of its depth a day, and is emptied when full."""
    readings: list[StoredReading] = []
    for place, context in enumerate((await sensor_contexts(connection)).values()):
        if context.sensor.kind != CONTAINER_FILL.name:
            continue
        (assignment, *_), (geometry, *_) = context.assignments, context.geometries
        depth = geometry.empty_distance_mm - geometry.full_distance_mm
        for number in range(DAYS * 4):
            level = (place * 0.13 + number * 0.025) % 1
            measured = {"distance_mm": geometry.empty_distance_mm - level * depth}
            observed_at = NOW - timedelta(hours=6 * (DAYS * 4 - number))
            reading = ContainerFill(
                thing_id=assignment.thing_id,
                datastream_id=assignment.datastream_id,
                observed_at=observed_at,
                time_source=TimeSource.DEVICE,
                **measured,
                **derive_fill_ratio(measured, geometry),
            )
            readings.append(StoredReading(reading, observed_at, SourceRef(0, len(readings), 0), 1, context.registry_version))
    await append_readings(connection, CONTAINER_FILL, readings)


async def _forecast(pool: asyncpg.Pool, worker: ForecastWorker) -> dict[str, float]:
    """Container → level at the cutoff, of forecasts made now."""
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT DISTINCT thing_id FROM container_fill_latest ORDER BY thing_id")
    containers = [row["thing_id"] for row in rows]
    if not worker.is_fitted:
        await worker.fit(containers, NOW, NOW)
    await worker.forecast(containers, NOW, NOW)
    async with pool.acquire() as connection:
        return {item.container_id: item.level_at_cutoff for item in await current_forecasts(connection)}


async def test_forecasts_follow_a_corrected_height_and_the_old_decision_is_made_again(pool: asyncpg.Pool, tmp_path: Path) -> None:
    async with pool.acquire() as connection:
        await _append_history(connection)
    worker = ForecastWorker(pool, history_days=DAYS)
    before = await _forecast(pool, worker)
    await service_at(pool, NOW).make_missing()
    async with pool.acquire() as connection:
        plan = await plan_of(connection, MONDAY, "*", FRACTION)
        kept = await plan_inputs(connection, MONDAY, "*", FRACTION, 1)
        assert plan is not None
        wrong = plan.decisions[0].container_id
        row = await connection.fetchrow("SELECT * FROM container_geometry WHERE thing_id = $1", wrong)
        since = row["valid_from"].isoformat()
        higher = row["empty_distance_mm"] + 700
        await import_registry(connection, [files.geometry(tmp_path, f"{wrong},{since},,{higher},{row['full_distance_mm']}")])
        (diff,) = await correct_readings(connection, NOW - timedelta(days=DAYS), now=NOW)
    assert (diff.changed, list(diff.things)) == (DAYS * 4, [wrong])

    after = await _forecast(pool, worker)
    assert {name for name in after if after[name] != before[name]} == {wrong}
    await service_at(pool, NOW).answer_requests()
    async with pool.acquire() as connection:
        assert await plan_of(connection, MONDAY, "*", FRACTION, 1) == plan
        assert await plan_inputs(connection, MONDAY, "*", FRACTION, 1) == kept

    problem = problem_from_json({**kept["problem"], "travel": kept["travel"]})
    again = solve(problem, Stopping(kept["settings"]["plan_iterations"]), kept["search"]["seed"])
    assert plan.distance_m == again.distance_m > 0
    assert [route.truck_id for route in plan.routes] == [route.truck_id for route in again.routes]
    assert sum(len(route.stops) for route in again.routes) == plan.stop_count

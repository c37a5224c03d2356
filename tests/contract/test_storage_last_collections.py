"""When a container was last collected, by its sensor, its crew, or not at all: what legal intervals are counted from."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from models.domain.forecast import Emptying
from models.domain.legal_interval import KnownFrom
from models.domain.plan_day import CrewReport, CrewWord
from models.sensor_kinds.container_fill import CONTAINER_FILL
from processors.plan.inputs import CityReader
from runtime.settings import PlanSettings
from storage.crew_reports import append_reports
from storage.forecasts import replace_emptyings
from storage.last_collections import last_collections
from storage.readings import append_readings
from storage.registry import import_registry
from tests.contract import registry_of_containers as files
from tests.contract.sample_readings import stored

pytestmark = pytest.mark.servers

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 3, 20, 4, tzinfo=UTC)
NAMES = ("c-1", "c-2", "c-3", "c-4")


def _emptied(name: str, after: datetime) -> Emptying:
    return Emptying(container_id=name, after=after, before=after + timedelta(hours=3), level_before=0.8, level_after=0.0)


async def _city(connection: asyncpg.Connection, folder: Path) -> None:
    """c-1 to c-3 have had a sensor since the first of March and were read; c-4 has none."""
    sensors = [f"dev-{name},{name},2026-03-01T00:00:00Z," for name in NAMES[:3]]
    await import_registry(connection, [files.containers(folder, NAMES, max_interval_days=14), files.sensors(folder, *sensors)])
    readings = [stored(0, thing_id=name, offset=number, fill_ratio=0.4) for number, name in enumerate(NAMES[:3])]
    await append_readings(connection, CONTAINER_FILL, readings)


async def test_newest_of_what_sensor_and_crew_say_counts_and_else_the_day_of_the_sensor(
    storage: asyncpg.Connection, tmp_path: Path
) -> None:
    await _city(storage, tmp_path)
    start = datetime(2026, 3, 1, tzinfo=UTC)
    midnight = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)
    await replace_emptyings(storage, "c-1", start, [_emptied("c-1", midnight - timedelta(days=4)), _emptied("c-1", midnight)])
    await replace_emptyings(storage, "c-2", start, [_emptied("c-2", midnight)])
    done = CrewReport(report_id=uuid4(), word=CrewWord.DONE, container_id="c-2", said_at=datetime(2026, 3, 16, 9, tzinfo=UTC))
    skipped = CrewReport(
        report_id=uuid4(), word=CrewWord.SKIPPED, container_id="c-1", said_at=datetime(2026, 3, 17, 9, tzinfo=UTC), reason="locked"
    )
    await append_reports(storage, date(2026, 3, 16), "t-1", [done, skipped], NOW)
    found = await last_collections(storage, NAMES, NOW, ZONE)
    assert {name: (item.on, item.known_from) for name, item in found.items()} == {
        "c-1": (date(2026, 3, 12), KnownFrom.EMPTYING),
        "c-2": (date(2026, 3, 16), KnownFrom.CREW),
        "c-3": (date(2026, 3, 1), KnownFrom.READ),
    }
    earlier = await last_collections(storage, ["c-2"], datetime(2026, 3, 15, tzinfo=UTC), ZONE)
    assert earlier["c-2"].on == date(2026, 3, 12), "as of a moment"
    assert await last_collections(storage, [], NOW, ZONE) == {}


async def test_planner_reads_the_last_collections_of_containers_with_a_legal_interval_only(
    storage: asyncpg.Connection, tmp_path: Path
) -> None:
    await _city(storage, tmp_path)
    await import_registry(storage, [files.containers(tmp_path, ["c-1"])])
    city = await CityReader(PlanSettings(), ZONE).read(storage, date(2026, 3, 20), NOW)
    assert sorted(city.inputs.last_collected) == ["c-2", "c-3"]

"""Limits of collections in the registry: kept, exported, and safe beside the release that does not know them."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest

from storage.registry import depots, import_registry, registry_content, things, trucks
from storage.registry_content import RegistryMistakes
from storage.registry_files import write_registry_files

pytestmark = pytest.mark.servers

TRUCK = (
    "truck_id;depot_id;fractions;capacity_l;cost_per_day;width_mm;gross_weight_kg;break_earliest;break_latest;break_duration_min;"
    "break_required_from_h;max_shift_h;max_load_l_per_shift;max_stops_per_shift;disposal_sites\n"
    "t-1;d-1;glass;40000;85.5;2250;7500;11:30;12:30;45;5.5;8.25;90000;120;x-1\n"
)
LIMITS = {"windows": "07:00-11:00|13:00-16:00", "max_interval_days": 14, "max_truck_width_mm": 2300, "max_truck_weight_kg": 7500}


def _city(folder: Path, limits: dict[str, object]) -> Path:
    folder.mkdir(exist_ok=True)
    properties: list[dict[str, object]] = [
        {"type": "container", "id": "c-1", "fraction": "glass", "capacity_l": 5000, **limits},
        {"type": "container", "id": "c-2", "fraction": "glass", "capacity_l": 5000},
        {"type": "depot", "id": "d-1", "opens_s": 21_600, "closes_s": 64_800},
        {"type": "disposal_site", "id": "x-1"},
    ]
    lines = [
        json.dumps({"type": "Feature", "geometry": {"type": "Point", "coordinates": [5.2, 52.3]}, "properties": item})
        for item in properties
    ]
    (folder / "city.geojson").write_text('{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}")
    (folder / "trucks.csv").write_text(TRUCK)
    (folder / "schedule.csv").write_text("container_id,truck_id,weekdays,every_weeks\nc-1,t-1,mon,4\n")
    return folder


async def test_limits_are_kept_and_importing_them_again_changes_nothing(storage: asyncpg.Connection, tmp_path: Path) -> None:
    city = _city(tmp_path / "city", LIMITS)
    first = await import_registry(storage, [city])
    assert first.notes == ["fixed schedule of c-1: up to 28 days between its collections, by law at most 14"]
    limited, free = await things(storage, "container")
    assert limited.windows == ((25_200, 39_600), (46_800, 57_600))
    assert (limited.max_interval_days, limited.max_truck_width_mm, limited.max_truck_weight_kg) == (14, 2300, 7500)
    assert (free.windows, free.max_interval_days, free.max_truck_width_mm) == (None, None, None)
    (truck,) = await trucks(storage)
    assert (truck.break_earliest_s, truck.break_latest_s, truck.break_duration_s) == (41_400, 45_000, 2700)
    assert (truck.cost_per_day, truck.gross_weight_kg, truck.max_shift_s, truck.disposal_sites) == (85.5, 7500, 29_700, ("x-1",))
    assert [(depot.opens_s, depot.closes_s) for depot in await depots(storage)] == [(21_600, 64_800)]
    again = await import_registry(storage, [city])
    assert (again.moved, again.version) == (False, 1)


async def test_exported_limits_import_without_a_change(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await import_registry(storage, [_city(tmp_path / "city", LIMITS)])
    before = await registry_content(storage)
    written = write_registry_files(before, tmp_path / "exported")
    assert not (await import_registry(storage, written)).moved
    await storage.execute("TRUNCATE thing, sensor, depot, disposal_site, map_feature CASCADE")
    await import_registry(storage, [tmp_path / "exported"])
    assert await registry_content(storage) == before


async def test_a_limit_that_is_taken_back_is_a_new_version(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await import_registry(storage, [_city(tmp_path / "city", LIMITS)])
    report = await import_registry(storage, [_city(tmp_path / "city", {"windows": "07:00-11:00"})])
    assert (report.version, report.changed) == (2, {"things": 1})
    limited = (await things(storage, "container"))[0]
    assert (limited.windows, limited.max_interval_days) == (((25_200, 39_600),), None)
    before = await storage.fetchval("SELECT before FROM registry_history WHERE section = 'things' AND version = 2")
    assert json.loads(before)["max_interval_days"] == 14, "what it was stays in the registry's history"


async def test_contradiction_with_what_is_registered_is_refused(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await import_registry(storage, [_city(tmp_path / "city", LIMITS)])
    wide = tmp_path / "wide.csv"
    wide.write_text("truck_id,depot_id,fractions,capacity_l,width_mm,gross_weight_kg\nt-1,d-1,glass,40000,2550,7000\n")
    with pytest.raises(RegistryMistakes, match=r"wide.csv:2: container c-1: no truck for glass may go there"):
        await import_registry(storage, [wide])
    assert (await trucks(storage))[0].width_mm == 2250


async def test_release_before_writes_beside_limits_and_leaves_them(storage: asyncpg.Connection, tmp_path: Path) -> None:
    """While a city takes this release the one before imports by the columns that it knows."""
    await import_registry(storage, [_city(tmp_path / "city", LIMITS)])
    await storage.execute(
        """
        INSERT INTO depot (depot_id, name, latitude, longitude) VALUES ('d-1', 'De Vaart', 52.4, 5.2)
        ON CONFLICT (depot_id) DO UPDATE SET name = excluded.name, latitude = excluded.latitude, longitude = excluded.longitude
        """
    )
    await storage.execute("INSERT INTO depot (depot_id, name, latitude, longitude) VALUES ('d-2', 'Noord', 52.5, 5.2)")
    assert [(item.name, item.opens_s) for item in await depots(storage)] == [("De Vaart", 21_600), ("Noord", None)]

"""The registry: imported all or nothing, once, and exported to the same files."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from storage.registry import (
    depots,
    disposal_sites,
    fixed_collections,
    import_registry,
    map_features,
    registry_content,
    registry_version,
    sensor_contexts,
    things,
    trucks,
)
from storage.registry_content import RegistryMistakes
from storage.registry_files import write_registry_files

pytestmark = pytest.mark.servers

FROM = "2026-01-01T00:00:00Z"


def _city(folder: Path, containers: int = 3) -> Path:
    """A small city in files; nothing of it comes from the simulator."""
    folder.mkdir(exist_ok=True)
    ids = [f"c-{number:04d}" for number in range(containers)]
    points = [
        f'{{"type":"Feature","geometry":{{"type":"Point","coordinates":[5.2,52.3]}},"properties":{{"type":"container","id":"{name}",'
        f'"name":"Plein {name}","fraction":"glass","capacity_l":5000,"district":"Stad","note":"naast de \\"Markt\\" é"}}}}'
        for name in ids
    ]
    points += [
        '{"type":"Feature","geometry":{"type":"Point","coordinates":[5.21,52.31]},"properties":{"type":"bridge","id":"b-1"}}',
        '{"type":"Feature","geometry":{"type":"Point","coordinates":[5.22,52.32]},"properties":{"type":"depot","id":"d-1"}}',
        '{"type":"Feature","geometry":{"type":"Point","coordinates":[5.23,52.33]},"properties":'
        '{"type":"disposal_site","id":"x-1","opens_s":21600,"fractions":["glass","paper"]}}',
        '{"type":"Feature","geometry":{"type":"LineString","coordinates":[[5.1,52.1],[5.2,52.25]]},"properties":'
        '{"type":"street","id":"s-1","speed_km_h":30,"bridge_id":"b-1","made_up":true}}',
    ]
    lines = ",\n".join(points)
    (folder / "city.geojson").write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}')
    (folder / "sensors.csv").write_text(
        "sensor_id,device_model,kind,thing_id,datastream,channel,valid_from,valid_to,accepts_history_from\n"
        + "".join(f"dev-{name},stadspuls_json,container_fill,{name},fill,,{FROM},,2020-01-01T00:00:00Z\n" for name in ids)
    )
    (folder / "geometry.csv").write_text(
        "thing_id,valid_from,valid_to,empty_distance_mm,full_distance_mm\n"
        + "".join(f"{name},{FROM},,2000.5,100\n" for name in ids)
    )
    (folder / "trucks.csv").write_text(
        "truck_id,depot_id,fractions,capacity_l,max_load_kg,shift_start,shift_end,cost_per_km,cost_per_h\nt-1,d-1,glass|paper,40000,9000,06:30,26:00,1.5,50\n"
    )
    (folder / "schedule.csv").write_text(
        "container_id,truck_id,weekdays,every_weeks,week_offset,tour_position\n"
        + "".join(f"{name},t-1,mon|thu,2,1,{place}\n" for place, name in enumerate(ids))
    )
    return folder


async def test_importing_again_changes_nothing_and_says_so(storage: asyncpg.Connection, tmp_path: Path) -> None:
    city = _city(tmp_path / "city")
    first = await import_registry(storage, [city], device_models={"stadspuls_json"})
    assert (first.version, first.moved, first.added["things"], first.added["assignments"]) == (1, True, 4, 3)
    before = await registry_content(storage)
    second = await import_registry(storage, [city])
    assert (second.version, second.moved, second.unchanged) == (1, False, 20)
    assert str(second).startswith("nothing changed")
    assert await registry_content(storage) == before


async def test_what_was_imported_is_read_back(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await import_registry(storage, [_city(tmp_path / "city")])
    found = await things(storage, "container")
    assert [thing.thing_id for thing in found] == ["c-0000", "c-0001", "c-0002"]
    assert (found[0].capacity_l, found[0].district, found[0].properties) == (5000, "Stad", {"note": 'naast de "Markt" é'})
    assert len(await things(storage)) == 4
    assert [depot.depot_id for depot in await depots(storage)] == ["d-1"]
    assert [(site.opens_s, site.fractions) for site in await disposal_sites(storage)] == [(21_600, ("glass", "paper"))]
    assert [(truck.shift_start_s, truck.shift_end_s, truck.max_load_kg) for truck in await trucks(storage)] == [
        (23_400, 93_600, 9000)
    ]
    assert [line.weekdays for line in await fixed_collections(storage)] == [(0, 3)] * 3
    (street,) = await map_features(storage, "street")
    assert (street.geometry_type, street.coordinates, street.properties["made_up"]) == (
        "LineString",
        [[5.1, 52.1], [5.2, 52.25]],
        True,
    )
    assert await map_features(storage, "canal") == []

    contexts = await sensor_contexts(storage)
    assert list(contexts) == ["dev-c-0000", "dev-c-0001", "dev-c-0002"]
    context = contexts["dev-c-0001"]
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    assignment = context.assignment_at(moment)
    geometry = context.geometry_at(moment, "c-0001")
    assert assignment is not None
    assert geometry is not None
    assert (assignment.datastream_id, geometry.empty_distance_mm, context.registry_version) == ("c-0001/fill", 2000.5, 1)
    assert context.assignment_at(datetime(2025, 5, 1, tzinfo=UTC)) is None


async def test_an_import_with_one_mistake_changes_nothing_and_names_every_mistake(
    storage: asyncpg.Connection, tmp_path: Path
) -> None:
    city = _city(tmp_path / "city")
    with (city / "sensors.csv").open("a") as file:
        file.write(
            f"dev-9,stadspuls_json,container_fill,c-9999,fill,,{FROM},,\ndev-8,nobody_s,container_fill,c-0001,second,,{FROM},,\n"
        )
    with (city / "geometry.csv").open("a") as file:
        file.write(f"c-0001,{FROM},,5,100\n")
    with pytest.raises(RegistryMistakes) as caught:
        await import_registry(storage, [city], device_models={"stadspuls_json"})
    places = [str(mistake.place) for mistake in caught.value.mistakes]
    assert places == [f"{city}/geometry.csv:5", f"{city}/sensors.csv:5", f"{city}/sensors.csv:6"]
    assert str(caught.value).startswith("nothing was imported, the files have 3 mistakes:\n")
    assert await registry_version(storage) == 0
    assert await things(storage) == []


async def test_an_export_imports_without_a_change_and_fills_an_empty_registry(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await import_registry(storage, [_city(tmp_path / "city")])
    before = await registry_content(storage)
    written = write_registry_files(before, tmp_path / "exported")
    assert not (await import_registry(storage, written)).moved
    await storage.execute("TRUNCATE thing, sensor, depot, disposal_site, map_feature CASCADE")
    assert (await import_registry(storage, [tmp_path / "exported"])).moved
    assert await registry_content(storage) == before
    again = write_registry_files(await registry_content(storage), tmp_path / "again")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


async def test_the_version_moves_once_with_each_import_that_changes_something(storage: asyncpg.Connection, tmp_path: Path) -> None:
    city = _city(tmp_path / "city")
    await import_registry(storage, [city])
    geometry = city / "geometry.csv"
    moved = f"{FROM},2026-03-01T00:00:00Z,2000.5,100\nc-0001,2026-03-01T00:00:00Z,,1800,100\n"
    geometry.write_text(geometry.read_text().replace(f"c-0001,{FROM},,2000.5,100\n", f"c-0001,{moved}"))
    report = await import_registry(storage, [geometry])
    assert (report.version, report.added, report.changed) == (2, {"geometries": 1}, {"geometries": 1})
    assert len((await sensor_contexts(storage))["dev-c-0001"].geometries) == 2


async def test_a_new_file_is_checked_against_what_is_registered(storage: asyncpg.Connection, tmp_path: Path) -> None:
    await import_registry(storage, [_city(tmp_path / "city")])
    later = tmp_path / "later.csv"
    header = "sensor_id,device_model,kind,thing_id,datastream,channel,valid_from,valid_to,accepts_history_from\n"
    later.write_text(header + "dev-c-0001,stadspuls_json,container_fill,c-0002,other,,2026-06-01T00:00:00Z,,2020-01-01T00:00:00Z\n")
    with pytest.raises(RegistryMistakes, match=r"later.csv:2: sensor dev-c-0001: two assignments at one time"):
        await import_registry(storage, [later])
    closed = f"dev-c-0001,stadspuls_json,container_fill,c-0001,fill,,{FROM},2026-06-01T00:00:00Z,2020-01-01T00:00:00Z\n"
    later.write_text(later.read_text() + closed)
    assert (await import_registry(storage, [later])).version == 2


async def test_seven_hundred_things_are_imported_within_five_seconds(storage: asyncpg.Connection, tmp_path: Path) -> None:
    city = _city(tmp_path / "city", containers=700)
    started = time.process_time()
    report = await import_registry(storage, [city])
    assert report.added["things"] == 701
    assert time.process_time() - started < 5, "seconds of our own work; the machine may be busy with others'"

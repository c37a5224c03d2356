"""Limits of collections in registry files: what is read, written back, refused and noted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.domain.registry import Depot, Thing, Truck
from storage.registry_checks import check_registry
from storage.registry_content import RegistryContent
from storage.registry_csv import parse_csv
from storage.registry_files import read_registry_files, write_registry_files
from storage.registry_geojson import parse_geojson
from storage.registry_limits import limit_notes

CONTAINER: dict[str, Any] = {"type": "container", "id": "c-1", "fraction": "glass", "capacity_l": 5000}
LIMITS: dict[str, Any] = {
    "windows": "07:00-11:00|13:00-16:00",
    "max_interval_days": 14,
    "max_truck_width_mm": 2300,
    "max_truck_weight_kg": 7500,
}
NEEDED = "truck_id,depot_id,fractions,capacity_l"
ALL = (
    f"{NEEDED},cost_per_day,width_mm,gross_weight_kg,break_earliest,break_latest,break_duration_min,break_required_from_h,max_shift_h,"
    "max_load_l_per_shift,max_stops_per_shift,disposal_sites\nt-1,d-1,glass,40000,85.5,2250,7500,11:30,12:30,45,5.5,8.25,90000,120,x-1|x-2\n"
)


def _features(*properties: dict[str, Any]) -> str:
    lines = [
        json.dumps({"type": "Feature", "geometry": {"type": "Point", "coordinates": [5.2, 52.3]}, "properties": item})
        for item in properties
    ]
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(lines) + "\n]}"


def _content(folder: Path, trucks: str, *places: dict[str, Any], schedule: str = "") -> RegistryContent:
    """A registry of one depot, a site for glass, trucks and what is given."""
    depot: dict[str, Any] = {"type": "depot", "id": "d-1"}
    site: dict[str, Any] = {"type": "disposal_site", "id": "x-1", "fractions": ["glass"]}
    known = {str(item["id"]): item for item in (depot, site, *places)}
    (folder / "places.geojson").write_text(_features(*known.values()))
    (folder / "trucks.csv").write_text(trucks)
    if schedule:
        (folder / "schedule.csv").write_text(schedule)
    content, mistakes, _ = read_registry_files([folder])
    assert mistakes == []
    return content


def _refusals(content: RegistryContent) -> list[str]:
    return [str(item) for item in check_registry(content, device_models=None)]


def test_limits_of_a_container_are_read() -> None:
    ((_, thing),), mistakes = parse_geojson(_features({**CONTAINER, **LIMITS}), "f")
    assert mistakes == []
    assert isinstance(thing, Thing)
    assert thing.windows == ((25_200, 39_600), (46_800, 57_600))
    assert (thing.max_interval_days, thing.max_truck_width_mm, thing.max_truck_weight_kg) == (14, 2300, 7500)
    assert thing.properties == {}


def test_windows_may_be_a_list_in_any_order() -> None:
    ((_, thing),), _ = parse_geojson(_features({**CONTAINER, "windows": ["13:00-16:00", "07:00 – 11:00"]}), "f")
    assert isinstance(thing, Thing)
    assert thing.windows == ((25_200, 39_600), (46_800, 57_600))


def test_other_things_keep_properties_of_these_names_as_they_are() -> None:
    ((_, thing),), mistakes = parse_geojson(_features({"type": "bridge", "id": "b-1", "windows": 12}), "f")
    assert mistakes == []
    assert isinstance(thing, Thing)
    assert (thing.windows, thing.properties) == (None, {"windows": 12})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"windows": "morning"}, "windows 'morning' must be local times of day such as 07:00-11:00|13:00-16:00"),
        ({"windows": "07:00-11:00|"}, "windows '07:00-11:00|' must be local times"),
        ({"windows": []}, "windows [] must be local times"),
        ({"windows": "22:00-02:00"}, "write one over midnight as two: 22:00-24:00|00:00-02:00"),
        ({"windows": "07:00-11:00|10:00-12:00"}, "windows overlap: join those that do"),
        ({"windows": "07:00-25:00"}, "windows 90000 should be less than or equal to 86400"),
        ({"max_interval_days": 0}, "max_interval_days 0 should be greater than or equal to 1"),
        ({"max_truck_width_mm": 2.3}, "max_truck_width_mm 2.3 should be a valid integer"),
        ({"max_truck_weight_kg": 7}, "max_truck_weight_kg 7 should be greater than or equal to 500"),
    ],
)
def test_wrong_limits_of_a_container_are_refused_with_line_and_reason(changes: dict[str, Any], sentence: str) -> None:
    _, (mistake,) = parse_geojson(_features({**CONTAINER, "id": "c-0"}, {**CONTAINER, **changes}), "things.geojson")
    assert str(mistake).startswith("things.geojson:3: container c-1: ")
    assert sentence in str(mistake)


@pytest.mark.parametrize("separator", [",", ";"])
def test_limits_of_a_truck_are_read(separator: str) -> None:
    ((_, truck),), mistakes = parse_csv(ALL.replace(",", separator), "f")
    assert mistakes == []
    assert truck == Truck(
        truck_id="t-1", depot_id="d-1", fractions=("glass",), capacity_l=40_000, cost_per_day=85.5, width_mm=2250, gross_weight_kg=7500,
        break_earliest_s=41_400, break_latest_s=45_000, break_duration_s=2700, break_required_from_s=19_800, max_shift_s=29_700,
        max_load_l_per_shift=90_000, max_stops_per_shift=120, disposal_sites=("x-1", "x-2"),
    )  # fmt: skip


def test_fleet_of_an_older_file_has_no_limits() -> None:
    ((_, truck),), mistakes = parse_csv(f"{NEEDED}\nt-1,d-1,glass,40000\n", "f")
    assert mistakes == []
    assert truck == Truck(truck_id="t-1", depot_id="d-1", fractions=("glass",), capacity_l=40_000)


@pytest.mark.parametrize(
    ("columns", "cells", "sentence"),
    [
        ("break_earliest,break_latest", "11:00,12:00", "a break needs break_earliest, break_latest and break_duration_min, all three"),
        ("break_required_from_h", "5", "a break needs break_earliest"),
        ("break_earliest,break_latest,break_duration_min", "12:00,11:00,30", "break_latest must not be before break_earliest"),
        ("break_earliest,break_latest,break_duration_min", "16:00,17:00,30", "the break does not fit into the shift from 07:00 to 15:00"),
        ("break_earliest,break_latest,break_duration_min", "noon,13:00,30", "break_earliest 'noon' must be a time of day such as 07:00"),
        ("break_earliest,break_latest,break_duration_min", "11:00,13:00,long", "break_duration_min 'long' must be a number such as 45"),
        ("max_shift_h", "nan", "max_shift_h 'nan' must be a number such as 8.5"),
        ("max_shift_h", "0.1", "max_shift_h (in seconds) 360 should be greater than or equal to 600"),
        ("width_mm", "2.55", "width_mm '2.55' should be a valid integer"),
        ("disposal_sites", "x-1|", "disposal_sites '' should"),
    ],
)  # fmt: skip
def test_wrong_limits_of_a_truck_are_refused_with_line_and_reason(columns: str, cells: str, sentence: str) -> None:
    _, (mistake,) = parse_csv(f"{NEEDED},{columns}\nt-1,d-1,glass,40000,{cells}\n", "trucks.csv")
    assert str(mistake).startswith("trucks.csv:2: ")
    assert sentence in str(mistake)


def test_hours_of_a_depot_are_read_and_must_follow_each_other() -> None:
    ((_, depot),), _ = parse_geojson(_features({"type": "depot", "id": "d-1", "opens_s": 21_600, "closes_s": 64_800}), "f")
    assert depot == Depot(depot_id="d-1", name="d-1", latitude=52.3, longitude=5.2, opens_s=21_600, closes_s=64_800)
    _, (mistake,) = parse_geojson(_features({"type": "depot", "id": "d-1", "opens_s": 64_800, "closes_s": 21_600}), "f")
    assert "closes_s must be after opens_s" in str(mistake)


def test_limits_are_written_back_as_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    depot = {"type": "depot", "id": "d-1", "opens_s": 21_600, "closes_s": 64_800}
    sites = [{"type": "disposal_site", "id": name} for name in ("x-1", "x-2")]
    content = _content(tmp_path / "in", ALL, {**CONTAINER, **LIMITS}, depot, *sites)
    written = write_registry_files(content, tmp_path / "out")
    again, mistakes, _ = read_registry_files([tmp_path / "out"])
    assert mistakes == []
    assert again.items == content.items
    assert '"windows": "07:00-11:00|13:00-16:00"' in (tmp_path / "out" / "things.geojson").read_text()
    before = {path.name: path.read_bytes() for path in written}
    write_registry_files(again, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in written} == before


def test_window_outside_every_shift_is_refused(tmp_path: Path) -> None:
    content = _content(tmp_path, f"{NEEDED}\nt-1,d-1,glass,40000\n", {**CONTAINER, "windows": "17:00-20:00"})
    (refusal,) = _refusals(content)
    assert "places.geojson:4: container c-1: windows 17:00-20:00 lie outside the shift of every truck that may come" in refusal


def test_window_of_the_early_morning_fits_a_shift_over_midnight(tmp_path: Path) -> None:
    trucks = f"{NEEDED},shift_start,shift_end\nt-1,d-1,glass,40000,20:00,28:00\n"
    assert _refusals(_content(tmp_path, trucks, {**CONTAINER, "windows": "00:00-05:00"})) == []


def test_container_that_no_truck_of_its_fraction_may_reach_is_refused(tmp_path: Path) -> None:
    trucks = f"{NEEDED},width_mm,gross_weight_kg\nwide,d-1,glass,40000,2550,5000\nheavy,d-1,glass,40000,2200,19000\n"
    content = _content(tmp_path, trucks, {**CONTAINER, "max_truck_width_mm": 2300, "max_truck_weight_kg": 7500})
    (refusal,) = _refusals(content)
    assert "container c-1: no truck for glass may go there (truck wide is 2550 mm wide, its street takes 2300 mm)" in refusal


def test_truck_of_unknown_size_is_not_sent_into_a_narrow_street(tmp_path: Path) -> None:
    content = _content(tmp_path, f"{NEEDED}\nt-1,d-1,glass,40000\n", {**CONTAINER, "max_truck_width_mm": 2300})
    (refusal,) = _refusals(content)
    assert "trucks.csv:2: truck t-1 takes glass and has no width_mm, but container c-1 has max_truck_width_mm 2300" in refusal


def test_limits_of_a_fraction_without_trucks_wait_for_them(tmp_path: Path) -> None:
    limited = {**CONTAINER, **LIMITS, "fraction": "paper"}
    assert _refusals(_content(tmp_path, f"{NEEDED}\nt-1,d-1,glass,40000\n", limited)) == []


@pytest.mark.parametrize(
    ("truck", "sentence"),
    [
        ("t-1,d-1,glass,40000,x-9", "truck t-1: disposal site x-9 is not registered"),
        ("t-1,d-1,glass|paper,40000,x-1", "truck t-1 takes paper, but none of its disposal_sites (x-1) does"),
    ],
)
def test_disposal_sites_of_a_truck_are_there_and_take_its_fractions(tmp_path: Path, truck: str, sentence: str) -> None:
    (refusal,) = _refusals(_content(tmp_path, f"{NEEDED},disposal_sites\n{truck}\n"))
    assert "trucks.csv:2: " in refusal
    assert sentence in refusal


def test_depot_that_is_closed_all_shift_is_refused(tmp_path: Path) -> None:
    depot = {"type": "depot", "id": "d-1", "opens_s": 57_600}
    (refusal,) = _refusals(_content(tmp_path, f"{NEEDED}\nt-1,d-1,glass,40000\n", depot))
    assert "its depot d-1 is closed during the whole shift from 07:00 to 15:00" in refusal


def test_what_the_fixed_schedule_does_against_limits_is_noted_and_not_refused(tmp_path: Path) -> None:
    trucks = (
        f"{NEEDED},shift_start,shift_end,width_mm\nwide,d-1,glass,40000,12:00,18:00,2550\nnarrow,d-1,glass,9000,07:00,15:00,2000\n"
    )
    limited = {**CONTAINER, "windows": "07:00-11:00", "max_truck_width_mm": 2300, "max_interval_days": 7}
    schedule = "container_id,truck_id,weekdays,every_weeks\nc-1,wide,mon|thu,2\n"
    content = _content(tmp_path, trucks, limited, schedule=schedule)
    assert _refusals(content) == []
    assert limit_notes(content) == [
        "fixed schedule of c-1: truck wide is 2550 mm wide, its street takes 2300 mm",
        "fixed schedule of c-1: windows 07:00-11:00 lie outside the shift of truck wide",
        "fixed schedule of c-1: up to 11 days between its collections, by law at most 7",
    ]

"""Registry files: what is read from them, and what is said about what is wrong in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.domain.failures import UserError
from models.domain.registry import Assignment, Depot, FixedCollection, MapFeature, Sensor, Thing, Truck
from storage.registry_checks import check_registry
from storage.registry_content import RegistryContent
from storage.registry_csv import parse_csv
from storage.registry_files import read_registry_files
from storage.registry_geojson import parse_geojson

SENSORS = "sensor_id,device_model,kind,thing_id,datastream,channel,valid_from,valid_to,accepts_history_from\n"
GEOMETRY = "thing_id,valid_from,valid_to,empty_distance_mm,full_distance_mm\n"
TRUCKS = "truck_id,depot_id,fractions,capacity_l,max_load_kg,shift_start,shift_end,cost_per_km,cost_per_h\n"
SCHEDULE = "container_id,truck_id,weekdays,every_weeks,week_offset,tour_position\n"


def _feature(properties: dict[str, Any], coordinates: Any = (5.2, 52.3), geometry: str = "Point") -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": geometry, "coordinates": coordinates}, "properties": properties}


def _collection(*features: Any) -> str:
    """A file with each feature on a line of its own, the first on line 2."""
    lines = ",\n".join(json.dumps(feature) for feature in features)
    return f'{{"type": "FeatureCollection", "name": "x", "features": [\n{lines}\n]}}'


CONTAINER = {
    "type": "container",
    "id": "c-1",
    "name": "Markt",
    "fraction": "glass",
    "capacity_l": 5000,
    "colour": "green",
    "lid": None,
}


def test_a_point_becomes_a_thing_with_what_is_not_known_among_its_properties() -> None:
    ((place, thing),), mistakes = parse_geojson(_collection(_feature(CONTAINER)), "things.geojson")
    assert mistakes == []
    assert str(place) == "things.geojson:2"
    assert thing == Thing(
        thing_id="c-1", thing_type="container", name="Markt", latitude=52.3, longitude=5.2, fraction="glass", capacity_l=5000,
        properties={"colour": "green"},
    )  # fmt: skip


def test_an_id_may_be_a_number_and_stands_in_for_a_missing_name() -> None:
    ((_, depot),), mistakes = parse_geojson(_collection(_feature({"type": "depot", "id": 17})), "f")
    assert mistakes == []
    assert depot == Depot(depot_id="17", name="17", latitude=52.3, longitude=5.2)


def test_lines_and_areas_become_map_features() -> None:
    street = _feature({"type": "street", "id": "s-1", "speed_km_h": 30, "made_up": True}, [[5.1, 52.1], [5.2, 52.2]], "LineString")
    park = _feature({"type": "park", "id": "p-1"}, [[[5, 52], [6, 52], [6, 53], [5, 52]]], "Polygon")
    items, mistakes = parse_geojson(_collection(street, park), "f")
    assert mistakes == []
    assert items[0][1] == MapFeature(
        feature_id="s-1", feature_type="street", geometry_type="LineString", coordinates=[[5.1, 52.1], [5.2, 52.2]],
        properties={"speed_km_h": 30, "made_up": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("feature", "sentence"),
    [
        ({**_feature(CONTAINER), "type": "Thing"}, "container c-1: not a GeoJSON Feature with properties"),
        (17, "not a GeoJSON Feature with properties"),
        (_feature({"type": "container"}), "properties.id is missing"),
        (_feature({"type": "contanier", "id": "c-1"}), "contanier c-1: properties.type 'contanier' is none of container, "),
        (_feature({"id": "c-1"}), "properties.type None is none of"),
        (_feature({**CONTAINER, "capacity_l": -5}), "container c-1: capacity_l -5 should be greater than 0"),
        (_feature({**CONTAINER, "capacity_l": "big"}), "capacity_l 'big' should be a valid integer"),
        (_feature({**CONTAINER, "fraction": "gold"}), "fraction 'gold' should be 'residual', 'paper'"),
        (_feature({**CONTAINER, "fraction": None}), "a container needs fraction and capacity_l"),
        (_feature({**CONTAINER, "id": "-x y"}), "id '-x y' must start with a letter or digit"),
        (_feature({**CONTAINER, "tags": ["a"]}), "tags must be a text, number or flag"),
        (_feature(CONTAINER, (141000, 481000)), "latitude (WGS84; not RD) 481000 should be"),
        (_feature(CONTAINER, "here"), "geometry must be a Point with coordinates"),
        (_feature(CONTAINER, (True, False)), "geometry must be a Point with coordinates"),
        (
            _feature({"type": "street", "id": "s"}, [[5, 52], [5, 53]], "LineString"),
            "a street must be a LineString with speed_km_h",
        ),
        (_feature({"type": "canal", "id": "s"}, [[5, 52]], "LineString"), "a LineString needs 2 or more positions"),
        (_feature({"type": "canal", "id": "s"}, [[141000, 481000]] * 2, "LineString"), "coordinates must be WGS84"),
        (_feature({"type": "canal", "id": "s"}), "geometry must be a LineString or a Polygon"),
    ],
)
def test_a_wrong_feature_is_named_with_its_line_and_reason_and_the_others_are_read(feature: Any, sentence: str) -> None:
    items, (mistake,) = parse_geojson(_collection(_feature(CONTAINER), feature), "f.geojson")
    assert len(items) == 1
    assert str(mistake).startswith("f.geojson:3: ")
    assert sentence in str(mistake)
    assert "Input should" not in str(mistake)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "f:1: not JSON: a GeoJSON file starts with {"),
        ('{"type": "FeatureCollection", "features": [\n{"a": 1},\n', "f:3: not JSON"),
        ('{"type": "FeatureCollection", "features": [{}]} trailing', "not JSON: something follows the end"),
        ('{"type": "FeatureCollection", "features": [1,]}', "not JSON: an element is missing"),
        ('{"type": "Feature", "features": []}', "must be a GeoJSON FeatureCollection"),
        ('{"type": "FeatureCollection"}', "must be a GeoJSON FeatureCollection"),
        ('{"type": "FeatureCollection", "x": NaN, "features": []}', "NaN is not a number of JSON"),
        (
            '{"type": "FeatureCollection", "crs": {"properties": {"name": "EPSG:28992"}}, "features": []}',
            "coordinates must be WGS84",
        ),
        ('{"type": "FeatureCollection", "features": [' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_feature_collection_gets_one_sentence(text: str, sentence: str) -> None:
    _, mistakes = parse_geojson(text, "f")
    assert any(sentence in str(mistake) for mistake in mistakes), mistakes


def test_a_line_of_sensors_is_a_sensor_and_its_assignment() -> None:
    text = SENSORS + "24e1,milesight_em310_udl,container_fill,c-1,fill,,2026-01-01T00:00:00+01:00,,2020-01-01T00:00:00Z\n\n"
    ((_, sensor), (_, assignment)), mistakes = parse_csv(text, "f")
    assert mistakes == []
    assert sensor == Sensor(
        sensor_id="24e1",
        device_model="milesight_em310_udl",
        kind="container_fill",
        accepts_history_from=datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert assignment == Assignment(
        sensor_id="24e1", thing_id="c-1", datastream_id="c-1/fill", valid_from=datetime(2025, 12, 31, 23, tzinfo=UTC)
    )


def test_semicolons_a_byte_order_mark_and_columns_in_another_order_are_read() -> None:
    text = "\ufeffdepot_id;truck_id;capacity_l;fractions\r\nd-1;t-1;20000;glass|paper\r\n"
    ((_, truck),), mistakes = parse_csv(text, "f")
    assert mistakes == []
    assert truck == Truck(truck_id="t-1", depot_id="d-1", capacity_l=20_000, fractions=("glass", "paper"))


def test_a_line_of_the_schedule_has_its_days_by_name() -> None:
    ((_, line),), mistakes = parse_csv(SCHEDULE + "c-1,t-1,Thu|mon,2,1,40\n", "f")
    assert mistakes == []
    assert line == FixedCollection(
        container_id="c-1", truck_id="t-1", weekdays=(0, 3), every_weeks=2, week_offset=1, tour_position=40
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "f:1: the header 'a,b' is none of the registry's: sensor_id,device_model"),
        ("", "f:1: the header '' is none"),
        (SENSORS + "s,m,k,c-1,fill\n", "f:2: 5 fields where the header has 9"),
        (SENSORS + ",m,k,c-1,fill,,2026-01-01T00:00:00Z,,\n", "f:2: sensor_id is missing"),
        (SENSORS + "s,m,k,c-1,fi/ll,,2026-01-01T00:00:00Z,,\n", "f:2: datastream 'fi/ll' must be a short name"),
        (SENSORS + "s,m,k,c-1,fill,,2026-01-01T00:00:00,,\n", "f:2: valid_from '2026-01-01T00:00:00' needs a time zone"),
        (SENSORS + "s,m,k,c-1,fill,,1767225600,,\n", "f:2: valid_from '1767225600' must be a time such as"),
        (SENSORS + "s,m,k,c-1,fill,,,,\n", "f:2: valid_from is missing"),
        (SENSORS + "s,m,k,c-1,fill,,2026-02-01T00:00:00Z,2026-01-01T00:00:00Z,\n", "f:2: valid_to must be after valid_from"),
        (GEOMETRY + "c-1,2026-01-01T00:00:00Z,,100,200\n", "f:2: empty_distance_mm must be larger than full_distance_mm"),
        (GEOMETRY + "c-1,2026-01-01T00:00:00Z,,nan,200\n", "f:2: empty_distance_mm 'nan' should be"),
        (GEOMETRY + "c-1,2026-01-01T00:00:00Z,,,200\n", "f:2: empty_distance_mm is missing"),
        (TRUCKS + "t,d,glass,1000,,7:00,25:99,1,1\n", "f:2: shift_end '25:99' must be a time of day"),
        (TRUCKS + "t,d,glass,1000,,07:00,06:00,1,1\n", "f:2: shift_end must be after shift_start"),
        (TRUCKS + "t,d,gold,1000,,07:00,16:00,1,1\n", "f:2: fractions 'gold' should be"),
        (SCHEDULE + "c,t,mon|maandag,1,0,1\n", "f:2: weekdays 'mon|maandag' must be different days of mon|tue"),
        (SCHEDULE + "c,t,mon|mon,1,0,1\n", "must be different days"),
        (SCHEDULE + "c,t,mon,2,2,1\n", "f:2: week_offset 2 must be below every_weeks 2"),
        (SCHEDULE + 'c,"t,mon,2,2,1\n', "not CSV"),
    ],
)
def test_a_wrong_line_is_named_with_its_reason(text: str, sentence: str) -> None:
    _, mistakes = parse_csv(text, "f")
    assert [sentence in str(mistake) for mistake in mistakes] == [True], mistakes


def _content(tmp_path: Path, **files: str) -> RegistryContent:
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
    content, mistakes, _ = read_registry_files([tmp_path])
    assert mistakes == []
    return content


THINGS = _collection(
    _feature(CONTAINER),
    _feature({**CONTAINER, "id": "c-2"}),
    _feature({"type": "bridge", "id": "b-1"}),
    _feature({"type": "depot", "id": "d-1"}),
)
LINE = "{},stadspuls_json,container_fill,{},fill,{},{},{},\n"
FROM, TO = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"s_csv": SENSORS + LINE.format("s-1", "c-9", "", FROM, "")}, "s.csv:2: sensor s-1: thing c-9 is not registered"),
        ({"s_csv": SENSORS + LINE.format("s-1", "b-1", "", FROM, "")}, "container_fill belongs on a container, but b-1 is a bridge"),
        ({"s_csv": SENSORS + f"s-1,stadspuls_json,smell,c-1,fill,,{FROM},,\n"}, "s.csv:2: sensor s-1: kind 'smell' is none of"),
        ({"s_csv": SENSORS + f"s-1,acme,container_fill,c-1,fill,,{FROM},,\n"}, "s.csv:2: sensor s-1: device_model 'acme' is none of"),
        (
            {"s_csv": SENSORS + LINE.format("s-1", "c-1", "", FROM, "") + LINE.format("s-1", "c-2", "", TO, "")},
            "s.csv:3: sensor s-1: two assignments at one time: the one from 2026-01-01T00:00:00Z is still valid on 2026-02-01",
        ),
        (
            {"s_csv": SENSORS + LINE.format("s-1", "c-1", "", FROM, "") + LINE.format("s-2", "c-1", "", TO, "")},
            "s.csv:3: datastream c-1/fill: two sensors at one time",
        ),
        (
            {"g_csv": GEOMETRY + f"c-1,{FROM},,2000,100\nc-1,{TO},,2100,100\n"},
            "g.csv:3: container c-1: two geometries at one time",
        ),
        ({"g_csv": GEOMETRY + f"c-9,{FROM},,2000,100\n"}, "g.csv:2: geometry: thing c-9 is not registered"),
        ({"g_csv": GEOMETRY + f"b-1,{FROM},,2000,100\n"}, "g.csv:2: geometry: b-1 is a bridge, not a container"),
        ({"t_csv": TRUCKS + "t-1,d-9,glass,1000,,,,,\n"}, "t.csv:2: truck t-1: depot d-9 is not registered"),
        ({"p_csv": SCHEDULE + "c-9,t-1,mon,1,0,1\n"}, "p.csv:2: schedule of c-9: there is no container of this id"),
        ({"p_csv": SCHEDULE + "c-1,t-1,mon,1,0,1\n"}, "p.csv:2: schedule of c-1: truck t-1 is not registered"),
        (
            {"t_csv": TRUCKS + "t-1,d-1,paper,1000,,,,,\n", "p_csv": SCHEDULE + "c-1,t-1,mon,1,0,1\n"},
            "p.csv:2: schedule of c-1: truck t-1 does not take glass",
        ),
        (
            {"m_geojson": _collection(
                _feature({"type": "street", "id": "s", "speed_km_h": 30, "bridge_id": "b-9"}, [[5, 52], [5, 53]], "LineString")
            )},
            "m.geojson:2: street s: there is no bridge b-9",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_named(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    content = _content(tmp_path, a_geojson=THINGS, **files)
    assert any(sentence in str(mistake) for mistake in check_registry(content, device_models={"stadspuls_json"}))


def test_a_moved_sensor_and_a_changed_geometry_fit_together(tmp_path: Path) -> None:
    content = _content(
        tmp_path,
        a_geojson=THINGS,
        s_csv=SENSORS + LINE.format("s-1", "c-2", "", TO, "") + LINE.format("s-1", "c-1", "", FROM, TO) + LINE.format("s-2", "c-1", "", TO, "")
        + LINE.format("s-3", "b-1", "deck", FROM, "").replace("container_fill", "bridge_state")
        + LINE.format("s-3", "b-1", "pier", FROM, "").replace("container_fill", "bridge_state").replace(",fill,", ",pier,"),
        g_csv=GEOMETRY + f"c-1,{FROM},{TO},2000,100\nc-1,{TO},,2100,100\n",
    )  # fmt: skip
    assert check_registry(content, device_models={"stadspuls_json"}) == []
    assert check_registry(content, device_models=None) == []


def test_the_same_entry_twice_is_a_mistake_that_names_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text(_collection(_feature(CONTAINER)))
    (tmp_path / "b.geojson").write_text(_collection(_feature({**CONTAINER, "name": "Other"})))
    _, (mistake,), _ = read_registry_files([tmp_path])
    assert str(mistake) == f"{tmp_path}/b.geojson:2: c-1 stands in {tmp_path}/a.geojson:2 already"


def test_a_sensor_must_say_the_same_on_each_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(
        SENSORS + LINE.format("s", "c", "a", FROM, "") + LINE.format("s", "c", "b", FROM, "").replace("_json", "_x")
    )
    _, (mistake,), _ = read_registry_files([tmp_path / "s.csv"])
    assert "sensor s has another device_model, kind or accepts_history_from in" in str(mistake)


def test_what_is_no_registry_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(TRUCKS.encode() + b"\xff\xfe\n")
    _, (mistake,), _ = read_registry_files([tmp_path / "x.csv"])
    assert str(mistake).endswith("x.csv:2: not UTF-8 text: save it as UTF-8")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    for wrong in ("notes.txt", "missing.csv", "empty"):
        with pytest.raises(UserError, match=wrong):
            read_registry_files([tmp_path / wrong])

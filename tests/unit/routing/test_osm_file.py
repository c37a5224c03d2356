"""Streets of an OpenStreetMap extract: a tiny file is written here by the format's description and read back."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from models.domain.failures import UserError
from models.domain.registry import MapFeature
from processors.routing.osm_file import read_osm_streets, street_features
from processors.routing.roads import RoadProfile
from processors.routing.street_graph import StreetGraph
from stadspuls.command import app
from storage.registry_geojson import parse_geojson


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def chunk(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def differences(values: list[int]) -> bytes:
    return b"".join(varint(zigzag(b - a)) for a, b in zip([0, *values], values, strict=False))


def extract(nodes: dict[int, tuple[float, float]], ways: dict[int, tuple[list[int], dict[str, str]]]) -> bytes:
    """An `.osm.pbf` with one block of dense nodes and ways."""
    strings = [b"", *sorted({text.encode() for _, tags in ways.values() for pair in tags.items() for text in pair})]
    dense = chunk(1, differences(list(nodes)))
    for field, axis in ((8, 0), (9, 1)):
        dense += chunk(field, differences([round(place[axis] * 1e7) for place in nodes.values()]))
    group = chunk(2, dense)
    for way_id, (refs, tags) in ways.items():
        keys = b"".join(varint(strings.index(key.encode())) for key in tags)
        values = b"".join(varint(strings.index(value.encode())) for value in tags.values())
        group += chunk(3, number(1, way_id) + chunk(2, keys) + chunk(3, values) + chunk(8, differences(refs)))
    block = chunk(1, b"".join(chunk(1, text) for text in strings)) + chunk(2, group)
    parts = []
    for kind, content in ((b"OSMHeader", b""), (b"OSMData", block)):
        blob = number(2, len(content)) + chunk(3, zlib.compress(content))
        header = chunk(1, kind) + number(3, len(blob))
        parts.append(struct.pack(">I", len(header)) + header + blob)
    return b"".join(parts)


NODES = {1: (60.17, 24.93), 2: (60.17, 24.94), 3: (60.17, 24.95), 4: (60.18, 24.94), 5: (60.18, 24.93)}
WAYS = {
    10: ([1, 2, 3], {"highway": "residential", "maxspeed": "20"}),
    11: ([2, 4], {"highway": "primary", "oneway": "yes", "bridge": "yes"}),
    12: ([4, 5, 1], {"highway": "tertiary"}),
    13: ([3, 4], {"highway": "footway"}),
    14: ([3, 5], {"highway": "service", "access": "private"}),
}


@pytest.fixture
def town(tmp_path: Path) -> Path:
    path = tmp_path / "town.osm.pbf"
    path.write_bytes(extract(NODES, WAYS))
    return path


def test_ways_are_cut_where_they_meet_and_only_what_a_truck_may_drive_is_kept(town: Path) -> None:
    streets = {street.street_id: street for street in read_osm_streets(town)}
    assert sorted(streets) == ["10-0", "10-1", "11-0", "12-0"]
    assert streets["10-0"].line == ((60.17, 24.93), (60.17, 24.94))
    assert streets["12-0"].line == ((60.18, 24.94), (60.18, 24.93), (60.17, 24.93))
    assert (streets["10-0"].speed_km_h, streets["11-0"].one_way, streets["11-0"].bridge_id) == (20.0, True, "osm-11")


def test_streets_make_a_graph_that_keeps_to_one_way_streets(town: Path) -> None:
    graph = StreetGraph(read_osm_streets(town), "OpenStreetMap")
    roads = graph.matrix([(60.1705, 24.94), (60.1795, 24.94)], RoadProfile())
    assert 900 < roads.metres[0, 1] < 1100
    assert roads.metres[1, 0] > 1500, "the way back may not use the one-way street"
    assert roads.source == "OpenStreetMap"


def test_file_that_is_no_extract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "town.osm.pbf"
    with pytest.raises(UserError, match="cannot be read"):
        read_osm_streets(path)
    path.write_bytes(b"\x00\x00\x00\x05hello world")
    with pytest.raises(UserError, match=r"is not an \.osm\.pbf"):
        read_osm_streets(path)
    path.write_bytes(extract(NODES, {13: WAYS[13]}))
    with pytest.raises(UserError, match="no street that a truck may drive"):
        read_osm_streets(path)


def test_streets_become_geojson_that_the_registry_reads(town: Path) -> None:
    content = street_features(read_osm_streets(town))
    items, mistakes = parse_geojson(orjson.dumps(content).decode(), "streets.geojson")
    assert mistakes == []
    assert [feature.feature_id for _, feature in items if isinstance(feature, MapFeature)] == [
        "osm-10-0",
        "osm-10-1",
        "osm-11-0",
        "osm-12-0",
    ]


@pytest.mark.lengthy
def test_command_plans_on_the_streets_and_draws_them(town: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = CliRunner().invoke(app, ["plan-on-osm", str(town), "--output", str(output), "--containers", "4", "--iterations", "20"])
    assert result.exit_code == 0, result.output
    assert "OpenStreetMap (town)" in result.output
    assert sorted(path.name for path in output.iterdir()) == ["map.png", "plan.json", "problem.json", "routes.geojson"]

"""The map is a city: connected, its canals crossed by bridges only, its streets joined where they meet."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from simulators.city_map import CityMap, build_city_map
from simulators.city_shape import CANALS, DISTRICTS, WATERS
from simulators.plane import crossings, inside
from tests.unit.simulators.small_city import small_city

pytestmark = pytest.mark.lengthy


@pytest.fixture(scope="module", params=[1, 2])
def city_map(request: pytest.FixtureRequest) -> CityMap:
    found: CityMap = build_city_map(request.param)
    return found


def test_the_street_graph_is_connected_and_of_a_citys_size(city_map: CityMap) -> None:
    neighbours: dict[int, set[int]] = defaultdict(set)
    for item in city_map.streets:
        neighbours[item.street.start].add(item.street.end)
        neighbours[item.street.end].add(item.street.start)
    reached, to_visit = set(), [next(iter(neighbours))]
    while to_visit:
        junction = to_visit.pop()
        if junction not in reached:
            reached.add(junction)
            to_visit += neighbours[junction]
    assert len(reached) == len(neighbours)
    assert 800 <= len(city_map.streets) <= 1500


def test_streets_share_their_end_points_exactly(city_map: CityMap) -> None:
    places: dict[int, set[tuple[float, float]]] = defaultdict(set)
    for item in city_map.streets:
        places[item.street.start].add(tuple(item.street.points[0].tolist()))
        places[item.street.end].add(tuple(item.street.points[-1].tolist()))
    assert all(len(found) == 1 for found in places.values())


def test_only_the_bridges_cross_a_canal_and_each_crosses_one(city_map: CityMap) -> None:
    assert len(city_map.bridges) == 25
    crossed = {
        item.street_id: [canal.name for canal in CANALS for _ in crossings(item.street.points, canal.points)]
        for item in city_map.streets
    }
    bridges = {bridge.street_id: bridge for bridge in city_map.bridges}
    assert {street_id for street_id, canals in crossed.items() if canals} == set(bridges)
    assert all(crossed[street_id] == [bridge.canal] for street_id, bridge in bridges.items())
    marked = {item.street_id: item.bridge_id for item in city_map.streets if item.bridge_id is not None}
    assert marked == {street_id: bridge.bridge_id for street_id, bridge in bridges.items()}


def test_no_street_runs_into_a_lake(city_map: CityMap) -> None:
    points = np.vstack([item.street.points for item in city_map.streets])
    for water in WATERS:
        assert not inside(water.points, points).any(), water.name


def test_every_district_has_streets_and_containers() -> None:
    districts = {district.name for district in DISTRICTS}
    city = small_city()
    assert {item.street.district for item in city.map.streets} >= districts
    assert {container.thing.district for container in city.waste.containers} == districts


def test_another_seed_gives_another_city() -> None:
    assert build_city_map(1).streets[0].street.points.tolist() != build_city_map(2).streets[0].street.points.tolist()


def test_the_registry_files_mark_everything_as_made_up_and_simulated(tmp_path: Path) -> None:
    paths = {path.name: path for path in small_city().write_registry(tmp_path / "a")}
    features = json.loads(paths["map.geojson"].read_text(encoding="utf-8"))["features"]
    assert all(feature["properties"]["made_up"] for feature in features)
    things = json.loads(paths["things.geojson"].read_text(encoding="utf-8"))["features"]
    assert all(feature["properties"]["simulated"] for feature in things)
    ids = [feature["properties"]["id"] for feature in features]
    assert len(set(ids)) == len(ids)


def test_the_same_city_gives_the_same_registry_bytes(tmp_path: Path) -> None:
    first, second = small_city().write_registry(tmp_path / "a"), small_city().write_registry(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]

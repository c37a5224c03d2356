"""Roads: fastest ways along streets that share end points, estimates marked as such."""

from __future__ import annotations

from itertools import pairwise

import pytest

from models.domain.failures import UserError
from processors.routing.roads import RoadProfile, StraightLine, great_circle_m
from processors.routing.street_graph import Street, StreetGraph

SOUTH, NORTH, WEST, EAST = 52.350, 52.360, 5.200, 5.220
PROFILE = RoadProfile(speed_km_h=36)  # 10 m/s
CORNERS = {"sw": (SOUTH, WEST), "se": (SOUTH, EAST), "nw": (NORTH, WEST), "ne": (NORTH, EAST)}


def square(**changes: dict[str, object]) -> list[Street]:
    """Four streets around a block; `changes` by street name."""
    lines = {"south": ("sw", "se"), "east": ("se", "ne"), "north": ("ne", "nw"), "west": ("nw", "sw")}
    return [
        Street(street_id=name, line=(CORNERS[a], CORNERS[b]), **changes.get(name, {}))  # type: ignore[arg-type]  # test's fields
        for name, (a, b) in lines.items()
    ]


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(great_circle_m([a], [b])[0, 0])


def test_way_between_opposite_corners_goes_along_two_streets() -> None:
    matrix = StreetGraph(square()).matrix([CORNERS["sw"], CORNERS["ne"]], PROFILE)
    along = metres(CORNERS["sw"], CORNERS["se"]) + metres(CORNERS["se"], CORNERS["ne"])
    assert matrix.metres[0, 1] == pytest.approx(along, rel=0.001)
    assert matrix.seconds[0, 1] == pytest.approx(along / 10, abs=2)
    assert not matrix.estimated


def test_places_beside_streets_are_put_on_the_nearest_point() -> None:
    first, second = (SOUTH - 0.0001, WEST + 0.005), (SOUTH + 0.0001, WEST + 0.015)
    matrix = StreetGraph(square()).matrix([first, second], PROFILE)
    assert matrix.metres[0, 1] == matrix.metres[1, 0]
    assert matrix.metres[0, 1] == pytest.approx(metres((SOUTH, WEST + 0.005), (SOUTH, WEST + 0.015)), rel=0.001)


def test_one_way_street_is_driven_in_its_direction_only() -> None:
    graph = StreetGraph(square(south={"one_way": True}))
    first, second = (SOUTH, WEST + 0.005), (SOUTH, WEST + 0.015)
    matrix = graph.matrix([first, second], PROFILE)
    around = 2 * metres(CORNERS["sw"], CORNERS["se"]) + 2 * metres(CORNERS["se"], CORNERS["ne"])
    assert matrix.metres[0, 1] == pytest.approx(metres(first, second), rel=0.001)
    assert matrix.metres[1, 0] == pytest.approx(around - metres(first, second), rel=0.001)
    way = graph.path(second, first, PROFILE)
    assert CORNERS["nw"] in way
    assert sum(metres(a, b) for a, b in pairwise(way)) == pytest.approx(int(matrix.metres[1, 0]), rel=0.001)


def test_faster_way_is_taken_though_it_is_longer_and_its_own_metres_count() -> None:
    graph = StreetGraph(square(south={"speed_km_h": 5}))
    matrix = graph.matrix([CORNERS["sw"], CORNERS["se"]], PROFILE)
    assert matrix.metres[0, 1] == pytest.approx(
        metres(CORNERS["nw"], CORNERS["ne"]) + 2 * metres(CORNERS["se"], CORNERS["ne"]), rel=0.001
    )


def test_closed_bridge_is_avoided_and_named_in_the_source() -> None:
    graph = StreetGraph(square(south={"bridge_id": "b-0001"}))
    places = [CORNERS["sw"], CORNERS["se"]]
    usual = graph.matrix(places, PROFILE)
    closed = graph.matrix(places, RoadProfile(speed_km_h=36, closed_bridges=frozenset({"b-0001"})))
    assert closed.metres[0, 1] > usual.metres[0, 1]
    assert "closed bridges" in closed.source


def test_islands_are_not_driven_to() -> None:
    island = Street("island", ((SOUTH - 0.01, WEST), (SOUTH - 0.01, WEST + 0.001)))
    matrix = StreetGraph([*square(), island]).matrix([(SOUTH - 0.0099, WEST), CORNERS["se"]], PROFILE)
    assert matrix.metres[0, 1] == pytest.approx(metres(CORNERS["sw"], CORNERS["se"]), rel=0.001)


def test_path_follows_the_bends_of_a_street() -> None:
    bend = (SOUTH - 0.002, WEST + 0.01)
    graph = StreetGraph([Street("bent", (CORNERS["sw"], bend, CORNERS["se"])), *square()[1:]])
    assert bend in graph.path(CORNERS["sw"], CORNERS["se"], RoadProfile())


def test_straight_line_is_marked_as_an_estimate() -> None:
    matrix = StraightLine().matrix([CORNERS["sw"], CORNERS["se"]], PROFILE)
    assert matrix.metres[0, 1] == pytest.approx(1.3 * metres(CORNERS["sw"], CORNERS["se"]), abs=1)
    assert matrix.estimated
    assert "estimate" in matrix.source


def test_no_street_is_a_sentence() -> None:
    with pytest.raises(UserError, match="no street in the map features"):
        StreetGraph([])

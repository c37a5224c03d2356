"""The made-up city as a map: named streets, bridges on them, waters, parks and districts. Everything else stands on it.

`build_city_map(seed, bridges)` is pure; the same arguments give the same map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulators.city_shape import CANALS, DISTRICTS, PLANE
from simulators.names import Namer
from simulators.plane import Points, inside
from simulators.road_lines import LOCAL, MAIN, road_lines
from simulators.street_graph import Street, build_streets


@dataclass(frozen=True, slots=True)
class MapStreet:
    """A street of the map. `bridge_id` is set on the edges that cross a canal, and only there."""

    street_id: str
    name: str
    street: Street
    neighbourhood: str
    bridge_id: str | None = None


@dataclass(frozen=True, slots=True)
class BridgeSite:
    """Where a bridge stands, on which street, over which canal."""

    bridge_id: str
    name: str
    street_id: str
    canal: str
    at: tuple[float, float]
    district: str
    on_main_road: bool


@dataclass(frozen=True, slots=True)
class CityMap:
    """Streets in order of their id, and the bridges on them."""

    streets: tuple[MapStreet, ...]
    bridges: tuple[BridgeSite, ...]


def build_city_map(seed: int, bridges: int = 25) -> CityMap:
    """The map of the city with this seed. Building takes a second or two, so the last few are kept."""
    return _built(seed, bridges)


@lru_cache(maxsize=4)
def _built(seed: int, bridges: int) -> CityMap:
    rng = np.random.default_rng([seed, 101])
    edges = build_streets(road_lines(rng), [(canal.name, canal.points) for canal in CANALS], bridges)
    edges.sort(key=lambda edge: (edge.points[0].tolist(), edge.points[-1].tolist()))
    namer = Namer(rng)
    street_names: dict[str, str] = {}
    neighbourhoods: dict[tuple[str, int], str] = {}
    streets: list[MapStreet] = []
    sites: list[BridgeSite] = []
    for number, edge in enumerate(edges, start=1):
        if edge.name_key not in street_names:
            named = edge.road_class == MAIN
            street_names[edge.name_key] = edge.name_key if named else namer.street(edge.district, local=edge.road_class == LOCAL)
        quarter = (edge.district, edge.neighbourhood)
        if edge.neighbourhood >= 0 and quarter not in neighbourhoods:
            neighbourhoods[quarter] = namer.neighbourhood(edge.district)
        name, street_id = street_names[edge.name_key], f"s-{number:04d}"
        bridge_id = None
        if edge.canal is not None and edge.bridge_at is not None:
            bridge_id = f"b-{len(sites) + 1:04d}"
            sites.append(
                BridgeSite(
                    bridge_id, f"{name} bridge, {edge.canal}", street_id, edge.canal, edge.bridge_at,
                    edge.district or nearest_district(np.array(edge.bridge_at)), edge.road_class == MAIN,
                )
            )  # fmt: skip
        streets.append(MapStreet(street_id, name, edge, neighbourhoods.get(quarter, ""), bridge_id))
    return CityMap(tuple(streets), tuple(sites))


def nearest_district(point: Points) -> str:
    """The district that a point lies in, else the one whose centre is nearest."""
    for district in DISTRICTS:
        if inside(district.outline, point[None])[0]:
            return district.name
    return min(DISTRICTS, key=lambda district: float(np.hypot(*(district.outline.mean(axis=0) - point)))).name


def degrees(point: tuple[float, float] | Points) -> tuple[float, float]:
    """(latitude, longitude) of a point of the plane."""
    longitude, latitude = PLANE.to_degrees(np.asarray(point, dtype=np.float64)[None])[0]
    return float(latitude), float(longitude)

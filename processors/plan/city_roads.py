"""The roads of a city from its registered map: the street graph when there are streets, else the straight line as an estimate."""

from __future__ import annotations

from collections.abc import Sequence

from models.domain.registry import MapFeature
from processors.routing.roads import Roads, StraightLine
from processors.routing.street_graph import Street, StreetGraph


def roads_from_features(features: Sequence[MapFeature]) -> Roads:
    """Roads of the features of type street; others are passed over."""
    lines = [item for item in features if item.feature_type == "street" and item.geometry_type == "LineString"]
    if not lines:
        return StraightLine()
    made_up = any(item.properties.get("made_up") for item in lines)
    return StreetGraph([_street(item) for item in lines], "the city's street graph" + (" (made up)" if made_up else ""))


def without_street(roads: Roads, street_id: str) -> Roads | None:
    """The roads without one street; None where they have no street of that id, so that it may be a bridge."""
    if not isinstance(roads, StreetGraph) or all(street.street_id != street_id for street in roads.streets):
        return None
    return StreetGraph([street for street in roads.streets if street.street_id != street_id], f"{roads.name}, without {street_id}")


def _street(feature: MapFeature) -> Street:
    speed = feature.properties.get("speed_km_h")
    bridge = feature.properties.get("bridge_id")
    return Street(
        street_id=feature.feature_id,
        line=tuple((float(point[1]), float(point[0])) for point in feature.coordinates),
        speed_km_h=float(speed) if speed else None,
        one_way=bool(feature.properties.get("one_way", False)),
        bridge_id=str(bridge) if bridge else None,
    )

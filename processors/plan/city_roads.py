"""The roads of a city from its registered map: the street graph when there are streets, else the straight line as an estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from processors.routing.roads import Roads, StraightLine
from processors.routing.street_graph import Street, StreetGraph


def roads_from_features(features: Sequence[Mapping[str, Any]]) -> Roads:
    """`features` are GeoJSON features of type street; others are passed over."""
    streets = [street for feature in features if (street := _street(feature)) is not None]
    if not streets:
        return StraightLine()
    made_up = any(feature.get("properties", {}).get("made_up") for feature in features)
    return StreetGraph(streets, "the city's street graph" + (" (made up)" if made_up else ""))


def _street(feature: Mapping[str, Any]) -> Street | None:
    properties, geometry = feature.get("properties", {}), feature.get("geometry", {})
    if properties.get("type") != "street" or geometry.get("type") != "LineString":
        return None
    speed = properties.get("speed_km_h")
    return Street(
        street_id=str(properties.get("id", "")),
        line=tuple((float(point[1]), float(point[0])) for point in geometry["coordinates"]),
        speed_km_h=float(speed) if speed else None,
        one_way=bool(properties.get("one_way", False)),
        bridge_id=properties.get("bridge_id"),
    )

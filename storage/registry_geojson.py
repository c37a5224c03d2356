"""Registry items from GeoJSON (RFC 7946, WGS84): things, depots and disposal sites as points, streets and the like as lines and
areas. Pure: takes text, gives items and mistakes with the line on which each feature starts."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from models.domain.registry import Depot, DisposalSite, DomainType, MapFeature, Thing
from models.sensor_kinds import SENSOR_KINDS
from storage.registry_content import Mistake, Place
from storage.registry_sentences import sentences
from storage.registry_times import window_seconds

THING_TYPES = tuple(dict.fromkeys(kind.thing_type for kind in SENSOR_KINDS))
MAP_FEATURE_TYPES = ("street", "canal", "district", "neighbourhood", "park", "water")
_THING_FIELDS = ("name", "district", "fraction", "capacity_l", "service_duration_s", "simulated", "decommissioned_at")
_CONTAINER_FIELDS = ("windows", "max_interval_days", "max_truck_width_mm", "max_truck_weight_kg")
"""Limits of a container's collection; on other things these are properties like any other."""
_DEPOT_FIELDS = ("name", "opens_s", "closes_s")
_SITE_FIELDS = ("name", "opens_s", "closes_s", "service_duration_s", "fractions")
_WGS84_NAMES = ("4326", "CRS84")

Item = tuple[Place, DomainType]


def parse_geojson(text: str, file: str) -> tuple[list[Item], list[Mistake]]:
    """Items and mistakes of one file."""
    line_starts = [0, *(index + 1 for index, letter in enumerate(text) if letter == "\n")]

    def place(offset: int) -> Place:
        return Place(file, bisect_right(line_starts, offset))

    items: list[Item] = []
    mistakes: list[Mistake] = []
    try:
        for offset, feature in _features(text):
            try:
                items.append((place(offset), _item(feature)))
            except ValidationError as error:
                mistakes.append(Mistake(place(offset), _identified(feature) + sentences(error, _NAMED)))
            except _WrongFeatureError as error:
                mistakes.append(Mistake(place(offset), _identified(feature) + str(error)))
    except json.JSONDecodeError as error:
        mistakes.append(Mistake(Place(file, error.lineno), f"not JSON: {error.msg}"))
    except _WrongFeatureError as error:
        mistakes.append(Mistake(Place(file, 1), str(error)))
    except RecursionError:
        mistakes.append(Mistake(Place(file, 1), "nested too deeply to be GeoJSON"))
    return items, mistakes


class _WrongFeatureError(Exception):
    """What is wrong with a feature or the file, as a sentence."""


_NAMED = {
    "thing_id": "id", "depot_id": "id", "disposal_site_id": "id", "feature_id": "id", "geometry_type": "geometry.type",
    "latitude": "latitude (WGS84; not RD)", "longitude": "longitude (WGS84; not RD)",
}  # fmt: skip


def _no_constant(name: str) -> float:
    raise _WrongFeatureError(f"{name} is not a number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _features(text: str) -> Iterator[tuple[int, Any]]:
    """(offset, feature) of each element of the top-level `features`, read one by one so that their lines are known."""
    position = _skip_space(text, 1 if text.startswith("\ufeff") else 0)
    if text[position : position + 1] != "{":
        raise json.JSONDecodeError("a GeoJSON file starts with {", text, position)
    position = _skip_space(text, position + 1)
    seen: dict[str, Any] = {}
    while text[position : position + 1] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _expect(text, _skip_space(text, position), ":")
        if key == "features" and text[position : position + 1] == "[":
            seen["features"] = True
            position = _skip_space(text, position + 1)
            while text[position : position + 1] != "]":
                feature, end = _DECODER.raw_decode(text, position)
                yield position, feature
                position = _next_element(text, end, "]")
            position += 1
        else:
            seen[key], position = _DECODER.raw_decode(text, position)
        position = _next_element(text, position, "}")
    if _skip_space(text, position + 1) != len(text):
        raise json.JSONDecodeError("something follows the end", text, position + 1)
    if seen.get("type") != "FeatureCollection" or "features" not in seen:
        raise _WrongFeatureError("a registry file must be a GeoJSON FeatureCollection with features")
    system = json.dumps(seen.get("crs") or "")
    if "crs" in seen and not any(name in system for name in _WGS84_NAMES):
        raise _WrongFeatureError(
            "coordinates must be WGS84 (EPSG:4326), longitude first; the file names another system: save it anew"
        )


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _expect(text: str, position: int, letter: str) -> int:
    if text[position : position + 1] != letter:
        raise json.JSONDecodeError(f"{letter!r} expected", text, position)
    return _skip_space(text, position + 1)


def _next_element(text: str, position: int, closing: str) -> int:
    position = _skip_space(text, position)
    if text[position : position + 1] == closing:
        return position
    position = _expect(text, position, ",")
    if text[position : position + 1] == closing:
        raise json.JSONDecodeError("an element is missing after ','", text, position)
    return position


def _identified(feature: Any) -> str:
    """ "container c-17: " where it can be told."""
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or "id" not in properties:
        return ""
    return f"{properties.get('type', 'feature')} {properties['id']}: "


def _item(feature: Any) -> DomainType:
    if not isinstance(feature, dict) or feature.get("type") != "Feature" or not isinstance(feature.get("properties"), dict):
        raise _WrongFeatureError("not a GeoJSON Feature with properties")
    properties = {name: value for name, value in feature["properties"].items() if value is not None}
    sort, identifier = properties.pop("type", None), properties.pop("id", None)
    if identifier is None:
        raise _WrongFeatureError("properties.id is missing")
    identifier = str(identifier) if isinstance(identifier, int) else identifier
    geometry = feature.get("geometry") if isinstance(feature.get("geometry"), dict) else {}
    if sort in MAP_FEATURE_TYPES:
        return _map_feature(sort, identifier, geometry, properties)
    if sort not in (*THING_TYPES, "depot", "disposal_site"):
        known = ", ".join((*THING_TYPES, "depot", "disposal_site", *MAP_FEATURE_TYPES))
        raise _WrongFeatureError(f"properties.type {sort!r} is none of {known}")
    longitude, latitude = _point(geometry)
    at = {"longitude": longitude, "latitude": latitude, "name": identifier}
    if sort == "depot":
        return _depot({"depot_id": identifier, **at, **_only(properties, _DEPOT_FIELDS)})
    if sort == "disposal_site":
        if isinstance(properties.get("fractions"), str):
            properties["fractions"] = properties["fractions"].split("|")
        return DisposalSite.model_validate({"disposal_site_id": identifier, **at, **_only(properties, _SITE_FIELDS)})
    fields = (*_THING_FIELDS, *_CONTAINER_FIELDS) if sort == "container" else _THING_FIELDS
    own, others = _only(properties, fields), {}
    if "windows" in own:
        own["windows"] = _windows(own["windows"])
    for name, value in properties.items():
        if name not in fields:
            others[name] = _plain(name, value)
    return Thing.model_validate({"thing_id": identifier, "thing_type": sort, **at, **own, "properties": others})


def _depot(fields: dict[str, Any]) -> Depot:
    depot = Depot.model_validate(fields)
    if depot.opens_s is not None and depot.closes_s is not None and depot.closes_s <= depot.opens_s:
        raise _WrongFeatureError("closes_s must be after opens_s; after midnight add 86400")
    return depot


def _windows(value: Any) -> list[tuple[int, int]]:
    """Written as one text, or as a list of texts."""
    texts = value if isinstance(value, list) else [value]
    found = window_seconds("|".join(texts)) if texts and all(isinstance(text, str) for text in texts) else None
    if found is None:
        raise _WrongFeatureError(f"windows {value!r} must be local times of day such as 07:00-11:00|13:00-16:00")
    return found


def _only(properties: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: properties[name] for name in names if name in properties}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list | dict):
        raise _WrongFeatureError(f"{name} must be a text, number or flag")
    return value


def _point(geometry: Any) -> tuple[float, float]:
    coordinates = geometry.get("coordinates")
    if geometry.get("type") != "Point" or not _is_position(coordinates):
        raise _WrongFeatureError("geometry must be a Point with coordinates [longitude, latitude]")
    return coordinates[0], coordinates[1]


def _is_position(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in value)
    )


def _map_feature(sort: str, identifier: Any, geometry: Any, properties: dict[str, Any]) -> MapFeature:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "LineString":
        rings, least = [coordinates], 2
    elif kind == "Polygon" and isinstance(coordinates, list):
        rings, least = coordinates, 4
    else:
        raise _WrongFeatureError("geometry must be a LineString or a Polygon")
    for ring in rings:
        if not isinstance(ring, list) or len(ring) < least or not all(_is_position(position) for position in ring):
            raise _WrongFeatureError(f"a {kind} needs {least} or more positions [longitude, latitude]")
        if not all(-180 <= position[0] <= 180 and -90 <= position[1] <= 90 for position in ring):
            raise _WrongFeatureError("coordinates must be WGS84, longitude first; these look like RD or another system")
    if sort == "street":
        speed = properties.get("speed_km_h")
        if kind != "LineString" or not isinstance(speed, int | float) or isinstance(speed, bool) or not 0 < speed <= 150:
            raise _WrongFeatureError("a street must be a LineString with speed_km_h above 0, up to 150")
    return MapFeature(
        feature_id=identifier,
        feature_type=sort,
        geometry_type=kind,
        coordinates=coordinates,
        properties={name: _plain(name, value) for name, value in properties.items()},
    )

"""Writes a simulated city as the registry files that a municipality would make: GeoJSON and CSV, ready for
`stadspuls registry import FOLDER`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.domain.number_words import clock
from models.domain.registry import FixedCollection, Thing, Truck
from simulators.batch import Device
from simulators.city_map import CityMap
from simulators.city_shape import CANALS, DISTRICTS, PARKS, PLANE, WATERS
from simulators.faults.swaps import Swap
from simulators.fleet import Fleet
from simulators.plane import Points
from simulators.sensor_simulator import HOUR_S, SensorSimulator, as_utc_text

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SENSOR_COLUMNS = (
    "sensor_id", "device_model", "kind", "thing_id", "datastream", "channel", "valid_from", "valid_to", "accepts_history_from",
)  # fmt: skip
GEOMETRY_COLUMNS = ("thing_id", "valid_from", "valid_to", "empty_distance_mm", "full_distance_mm")
TRUCK_COLUMNS = (
    "truck_id", "depot_id", "fractions", "capacity_l", "max_load_kg", "shift_start", "shift_end", "cost_per_km", "cost_per_h",
    "width_mm", "gross_weight_kg", "break_earliest", "break_latest", "break_duration_min", "break_required_from_h",
)  # fmt: skip
SCHEDULE_COLUMNS = ("container_id", "truck_id", "weekdays", "every_weeks", "week_offset", "tour_position")


def write_registry(
    folder: Path,
    city_map: CityMap,
    simulators: Sequence[SensorSimulator],
    fleet: Fleet,
    schedule: Iterable[FixedCollection],
    swaps: Mapping[str, Sequence[Swap]],
) -> list[Path]:
    """Writes all files into `folder` (made if missing) and returns their paths. The same city gives the same bytes. Of `swaps` (by
    kind) those that are registered are in it, past and future."""
    folder.mkdir(parents=True, exist_ok=True)
    things = [thing for simulator in simulators for thing in simulator.things]
    return [
        write_geojson(folder / "map.geojson", map_features(city_map)),
        write_geojson(folder / "things.geojson", [thing_feature(thing) for thing in things]),
        write_geojson(folder / "places.geojson", _place_features(fleet)),
        write_csv(folder / "sensors.csv", SENSOR_COLUMNS, _sensor_rows(simulators, swaps)),
        write_csv(folder / "geometry.csv", GEOMETRY_COLUMNS, _geometry_rows(simulators)),
        write_csv(folder / "trucks.csv", TRUCK_COLUMNS, _truck_rows(fleet)),
        write_csv(folder / "fixed_schedule.csv", SCHEDULE_COLUMNS, _schedule_rows(schedule)),
    ]


def write_geojson(path: Path, features: list[dict[str, Any]]) -> Path:
    """One feature per line: files that differ in little compare well."""
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    path.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")
    return path


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def map_features(city_map: CityMap) -> list[dict[str, Any]]:
    """Districts, waters, parks, canals and streets, all marked as made up; areas come first, so that lines lie on top."""
    features = [_area("district", f"district-{item.name.lower()}", item.name, item.outline) for item in DISTRICTS]
    features += [_area("park", f"park-{item.name.lower()}", item.name, item.points) for item in PARKS]
    features += [_area("water", f"water-{item.name.lower()}", item.name, item.points) for item in WATERS]
    features += [
        _line(item.points, type="canal", id=f"canal-{item.name.lower().replace(' ', '-')}", name=item.name, made_up=True)
        for item in CANALS
    ]
    for item in city_map.streets:
        properties: dict[str, Any] = {
            "type": "street",
            "id": item.street_id,
            "name": item.name,
            "speed_km_h": item.street.speed_km_h,
            "road_class": item.street.road_class,
            "district": item.street.district,
            "neighbourhood": item.neighbourhood,
            "made_up": True,
        }
        if item.bridge_id is not None:
            properties["bridge_id"] = item.bridge_id
        features.append(_line(item.street.points, **properties))
    return features


def thing_feature(thing: Thing) -> dict[str, Any]:
    fields = {"name": thing.name, "district": thing.district, "simulated": thing.simulated}
    windows = "|".join(f"{clock(opens)}-{clock(closes)}" for opens, closes in thing.windows or ())
    own = {
        "fraction": thing.fraction, "capacity_l": thing.capacity_l, "service_duration_s": thing.service_duration_s,
        "windows": windows or None, "max_interval_days": thing.max_interval_days, "max_truck_width_mm": thing.max_truck_width_mm,
        "max_truck_weight_kg": thing.max_truck_weight_kg,
    }  # fmt: skip
    fields |= {name: value for name, value in own.items() if value is not None}
    return _point(thing.longitude, thing.latitude, {"type": thing.thing_type, "id": thing.thing_id, **fields, **thing.properties})


def _place_features(fleet: Fleet) -> list[dict[str, Any]]:
    depot = fleet.depot
    features = [_point(depot.longitude, depot.latitude, {"type": "depot", "id": depot.depot_id, "name": depot.name})]
    for site in fleet.disposal_sites:
        properties = {
            "type": "disposal_site", "id": site.disposal_site_id, "name": site.name, "opens_s": site.opens_s, "closes_s": site.closes_s,
            "service_duration_s": site.service_duration_s, "fractions": list(site.fractions),
        }  # fmt: skip
        features.append(_point(site.longitude, site.latitude, properties))
    return features


def _point(longitude: float, latitude: float, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [longitude, latitude]}, "properties": properties}


def _line(points: Points, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "LineString", "coordinates": PLANE.to_degrees(points).tolist()}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _area(area_type: str, area_id: str, name: str, outline: Points) -> dict[str, Any]:
    ring = PLANE.to_degrees(np.vstack((outline, outline[:1]))).tolist()
    properties = {"type": area_type, "id": area_id, "name": name, "made_up": True}
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}


def _sensor_rows(simulators: Sequence[SensorSimulator], swaps: Mapping[str, Sequence[Swap]]) -> Iterable[Sequence[object]]:
    for simulator in simulators:
        valid_from, history_from = as_utc_text(simulator.warm_up_from_s), as_utc_text(simulator.history_from_s)
        registered = {swap.old: swap for swap in swaps.get(simulator.kind, ()) if swap.registered}
        for number, device in enumerate(simulator.devices):
            swap = registered.get(number)
            swapped_at = as_utc_text(swap.at_s) if swap else ""
            yield _sensor_row(device, valid_from, swapped_at, history_from)
            if swap:
                yield _sensor_row(swap.new, swapped_at, "", history_from)


def _sensor_row(device: Device, valid_from: str, valid_to: str, history_from: str) -> Sequence[object]:
    return (
        device.sensor_id, device.device_model, device.kind, device.thing_id, device.datastream, "", valid_from, valid_to, history_from,
    )  # fmt: skip


def _geometry_rows(simulators: Sequence[SensorSimulator]) -> Iterable[Sequence[object]]:
    for simulator in simulators:
        for item in simulator.geometries:
            valid_from = as_utc_text(round(item.valid_from.timestamp()))
            yield item.thing_id, valid_from, "", item.empty_distance_mm, item.full_distance_mm


def _truck_rows(fleet: Fleet) -> Iterable[Sequence[object]]:
    for truck in fleet.trucks:
        yield (
            truck.truck_id, truck.depot_id, "|".join(truck.fractions), truck.capacity_l, truck.max_load_kg,
            clock(truck.shift_start_s), clock(truck.shift_end_s), truck.cost_per_km, truck.cost_per_h, truck.width_mm,
            truck.gross_weight_kg, *_break_cells(truck),
        )  # fmt: skip


def _break_cells(truck: Truck) -> Sequence[object]:
    if truck.break_earliest_s is None or truck.break_latest_s is None or truck.break_duration_s is None:
        return ("", "", "", "")
    hours = "" if truck.break_required_from_s is None else f"{truck.break_required_from_s / HOUR_S:g}"
    return clock(truck.break_earliest_s), clock(truck.break_latest_s), f"{truck.break_duration_s / 60:g}", hours


def _schedule_rows(schedule: Iterable[FixedCollection]) -> Iterable[Sequence[object]]:
    for line in schedule:
        days = "|".join(WEEKDAYS[day] for day in line.weekdays)
        yield line.container_id, line.truck_id, days, line.every_weeks, line.week_offset, line.tour_position

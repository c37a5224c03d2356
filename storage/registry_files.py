"""Reads and writes registry files: several at once, and folders of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from models.domain.failures import UserError
from models.domain.number_words import clock
from models.domain.registry import Assignment, Depot, DisposalSite, MapFeature, Sensor, Thing, Truck
from storage.registry_content import Mistake, Place, RegistryContent
from storage.registry_csv import (
    GEOMETRY_COLUMNS,
    SCHEDULE_COLUMNS,
    SENSOR_COLUMNS,
    TRUCK_CLOCKS,
    TRUCK_COLUMNS,
    TRUCK_SPANS,
    WEEKDAYS,
    parse_csv,
)
from storage.registry_geojson import parse_geojson
from storage.registry_times import window_text

_PARSERS = {".geojson": parse_geojson, ".json": parse_geojson, ".csv": parse_csv}


def read_registry_files(files: Sequence[Path]) -> tuple[RegistryContent, list[Mistake], list[Path]]:
    """What the files say together, their mistakes, and the paths read."""
    content, mistakes, paths = RegistryContent(), list[Mistake](), _expand(files)
    for path in paths:
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            mistakes.append(
                Mistake(Place(str(path), error.object.count(b"\n", 0, error.start) + 1), "not UTF-8 text: save it as UTF-8")
            )
            continue
        items, wrong = _PARSERS[path.suffix.lower()](text, str(path))
        mistakes += wrong
        for place, item in items:
            mistake = content.add(item, place)
            if mistake is not None:
                mistakes.append(mistake)
    return content, mistakes, paths


def _expand(files: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in files:
        if path.is_dir():
            inside = sorted(item for item in path.iterdir() if item.is_file() and item.suffix.lower() in _PARSERS)
            if not inside:
                raise UserError(f"the folder {path} holds no registry file (*.geojson, *.csv)")
            found += inside
        elif not path.is_file():
            raise UserError(f"there is no file {path}")
        elif path.suffix.lower() not in _PARSERS:
            raise UserError(f"{path} is neither GeoJSON (.geojson, .json) nor CSV (.csv)")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def write_registry_files(content: RegistryContent, folder: Path) -> list[Path]:
    """Writes the registry into `folder`, made if missing; importing the files again changes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    sensors: dict[str, Sensor] = {sensor.sensor_id: sensor for sensor in content.each("sensors")}
    places = [*map(_depot, content.each("depots")), *map(_site, content.each("disposal_sites"))]
    written = [
        _write_geojson(folder / "map.geojson", map(_map_feature, content.each("map_features"))),
        _write_geojson(folder / "things.geojson", map(_thing, content.each("things"))),
        _write_geojson(folder / "places.geojson", places),
        _write_csv(folder / "sensors.csv", SENSOR_COLUMNS, (_sensor(sensors[a.sensor_id], a) for a in content.each("assignments"))),
        _write_csv(
            folder / "geometry.csv",
            GEOMETRY_COLUMNS,
            (
                (g.thing_id, _moment(g.valid_from), _moment(g.valid_to), g.empty_distance_mm, g.full_distance_mm)
                for g in content.each("geometries")
            ),
        ),
        _write_csv(
            folder / "trucks.csv",
            TRUCK_COLUMNS,
            map(_truck, content.each("trucks")),
        ),
        _write_csv(
            folder / "fixed_schedule.csv",
            SCHEDULE_COLUMNS,
            (
                (
                    line.container_id, line.truck_id, "|".join(WEEKDAYS[day] for day in line.weekdays), line.every_weeks,
                    line.week_offset, line.tour_position,
                )
                for line in content.each("fixed_collections")
            ),
        ),
    ]  # fmt: skip
    return [path for path in written if path is not None]


def _write_geojson(path: Path, features: Iterable[dict[str, Any]]) -> Path | None:
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    if not lines:
        path.unlink(missing_ok=True)
        return None
    path.write_text(f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n', encoding="utf-8")
    return path


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> Path | None:
    found = list(rows)
    if not found:
        path.unlink(missing_ok=True)
        return None
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(found)
    return path


def _thing(thing: Thing) -> dict[str, Any]:
    own = {"name": thing.name, "district": thing.district, "simulated": thing.simulated}
    optional: dict[str, Any] = {
        "fraction": thing.fraction,
        "capacity_l": thing.capacity_l,
        "service_duration_s": thing.service_duration_s,
        "windows": window_text(thing.windows) if thing.windows else None,
        "max_interval_days": thing.max_interval_days,
        "max_truck_width_mm": thing.max_truck_width_mm,
        "max_truck_weight_kg": thing.max_truck_weight_kg,
    }
    optional["decommissioned_at"] = _moment(thing.decommissioned_at) or None
    own |= {name: value for name, value in optional.items() if value is not None}
    return _point(thing, {"type": thing.thing_type, "id": thing.thing_id, **own, **thing.properties})


def _depot(depot: Depot) -> dict[str, Any]:
    hours = {name: value for name, value in (("opens_s", depot.opens_s), ("closes_s", depot.closes_s)) if value is not None}
    return _point(depot, {"type": "depot", "id": depot.depot_id, "name": depot.name, **hours})


def _truck(truck: Truck) -> tuple[object, ...]:
    return tuple(_cell(truck, column) for column in TRUCK_COLUMNS)


def _cell(truck: Truck, column: str) -> object:
    """A truck's column as it is read."""
    if column in TRUCK_CLOCKS:
        second = getattr(truck, TRUCK_CLOCKS[column])
        return None if second is None else clock(second)
    if column in TRUCK_SPANS:
        field, unit_s = TRUCK_SPANS[column]
        seconds = getattr(truck, field)
        return None if seconds is None else f"{seconds / unit_s:g}"
    value = getattr(truck, column)
    return "|".join(value) if isinstance(value, tuple) else value


def _site(site: DisposalSite) -> dict[str, Any]:
    own = site.model_dump(exclude={"disposal_site_id", "latitude", "longitude"}, mode="json")
    return _point(site, {"type": "disposal_site", "id": site.disposal_site_id, **own})


def _point(item: Thing | Depot | DisposalSite, properties: dict[str, Any]) -> dict[str, Any]:
    geometry = {"type": "Point", "coordinates": [item.longitude, item.latitude]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _map_feature(feature: MapFeature) -> dict[str, Any]:
    geometry = {"type": feature.geometry_type, "coordinates": feature.coordinates}
    properties = {"type": feature.feature_type, "id": feature.feature_id, **feature.properties}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _sensor(sensor: Sensor, item: Assignment) -> tuple[object, ...]:
    datastream = item.datastream_id.removeprefix(f"{item.thing_id}/")
    period = (_moment(item.valid_from), _moment(item.valid_to), _moment(sensor.accepts_history_from))
    return (item.sensor_id, sensor.device_model, sensor.kind, item.thing_id, datastream, item.channel, *period)


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat().replace("+00:00", "Z")

"""Registry files for tests of corrections: containers with one sensor each, and lines that say otherwise later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from models.domain.message import RawMessage

SENSOR_HEADER = "sensor_id,device_model,kind,thing_id,datastream,channel,valid_from,valid_to,accepts_history_from"
GEOMETRY_HEADER = "thing_id,valid_from,valid_to,empty_distance_mm,full_distance_mm"
LONG_AGO = "2020-01-01T00:00:00Z"


def containers(folder: Path, names: Sequence[str], **properties: object) -> Path:
    """A file with these containers."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [5.2, 52.3]},
            "properties": {"type": "container", "id": name, "fraction": "glass", "capacity_l": 5000, **properties},
        }
        for name in names
    ]
    return _write(folder / "containers.geojson", orjson.dumps({"type": "FeatureCollection", "features": features}).decode())


def sensors(folder: Path, *lines: str) -> Path:
    """A file with lines "sensor,thing,from,to"."""
    found = [line.split(",") for line in lines]
    rows = [f"{name},stadspuls_json,container_fill,{thing},fill,,{start},{end}," for name, thing, start, end in found]
    return _write(folder / "sensors.csv", "\n".join([SENSOR_HEADER, *rows]))


def geometry(folder: Path, *lines: str) -> Path:
    """A file with lines "thing,from,to,empty,full"."""
    return _write(folder / "geometry.csv", "\n".join([GEOMETRY_HEADER, *lines]))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    return path


def own_message(sensor_id: str, observed_at: str, received_at: object, **quantities: object) -> RawMessage:
    """A message of our own JSON."""
    payload = orjson.dumps({"v": 1, "kind": "container_fill", "observed_at": observed_at, **quantities})
    return RawMessage(f"stadspuls/v1/{sensor_id}/readings", payload, received_at)  # type: ignore[arg-type]  # a datetime

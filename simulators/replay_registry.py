"""Writes the registry files of a recorded file's things and sensors, so that its readings have somewhere to belong."""

from __future__ import annotations

from pathlib import Path

from models.domain.failures import UserError
from simulators.registry_files import SENSOR_COLUMNS, write_csv, write_geojson
from simulators.replay import Recording, ReplayScan

_OWN_JSON = "stadspuls_json"


def write_replay_registry(recording: Recording, scan: ReplayScan, folder: Path) -> list[Path]:
    """Things and sensors of a scanned recording as registry files in `folder`. Their assignments and histories begin with the first
    reading. Raises `UserError` for a file without any reading."""
    if scan.first is None:
        raise UserError(f"{recording.settings.file} has no reading that can be sent")
    folder.mkdir(parents=True, exist_ok=True)
    settings = recording.settings
    begin = scan.first.isoformat().replace("+00:00", "Z")
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [thing.longitude, thing.latitude]},
            "properties": {
                "type": settings.kind.thing_type,
                "id": thing.thing_id,
                "name": thing.name,
                "district": settings.district,
                "simulated": False,
                **settings.thing_fields,
                "recorded": True,
            },
        }
        for thing in scan.things.values()
    ]
    sensors = [
        (recording.sensor_id(thing_id), _OWN_JSON, settings.kind.name, thing_id, settings.datastream, "", begin, "", begin)
        for thing_id in scan.things
    ]
    return [
        write_geojson(folder / "things.geojson", features),
        write_csv(folder / "sensors.csv", SENSOR_COLUMNS, sensors),
    ]

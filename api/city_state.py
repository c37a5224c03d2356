"""The city as it is now: every thing with its newest values and state. Shared by the endpoints that list things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.state import ThingState, thing_state
from models.domain.registry import Thing
from models.sensor_kinds import SENSOR_KINDS, SensorKind
from storage.readings import latest_readings
from storage.registry import things

_KIND_OF_THING: dict[str, SensorKind] = {kind.thing_type: kind for kind in SENSOR_KINDS}
HIDDEN_THING_TYPES = frozenset({"canary"})


@dataclass(frozen=True)
class ThingNow:
    """One thing with the newest value of each of its quantities."""

    thing: Thing
    state: ThingState
    observed_at: datetime | None
    values: dict[str, Any]


@dataclass(frozen=True)
class CityNow:
    """All things; `city_time` is the newest `observed_at` of them, None before the first reading."""

    city_time: datetime | None
    simulated: bool
    things: list[ThingNow]


async def city_now(connection: Any, now: datetime) -> CityNow:
    """Reads registry and newest readings, and derives each thing's state against the city's own time."""
    newest: dict[str, dict[str, Any]] = {}
    for kind in SENSOR_KINDS:
        if kind.thing_type not in HIDDEN_THING_TYPES:
            for row in await latest_readings(connection, kind):
                _merge(newest.setdefault(row["thing_id"], {}), row, kind)
    registered = [thing for thing in await things(connection) if thing.thing_type not in HIDDEN_THING_TYPES]
    simulated = any(thing.simulated for thing in registered)
    city_time = max((row["observed_at"] for row in newest.values()), default=None)
    reference = (city_time if simulated else now) or now
    return CityNow(city_time, simulated, [_thing_now(thing, newest.get(thing.thing_id), reference) for thing in registered])


def _merge(into: dict[str, Any], row: Mapping[str, Any], kind: SensorKind) -> None:
    """Takes over a datastream's values; a thing with several datastreams shows the newest value of each quantity."""
    newer = "observed_at" not in into or row["observed_at"] >= into["observed_at"]
    for column in kind.columns():
        value = row.get(column.name)
        if value is not None and (newer or into.get(column.name) is None):
            into[column.name] = value
    if newer:
        into["observed_at"] = row["observed_at"]


def _thing_now(thing: Thing, reading: dict[str, Any] | None, reference: datetime) -> ThingNow:
    kind = _KIND_OF_THING.get(thing.thing_type)
    values = {name: value for name, value in (reading or {}).items() if name != "observed_at"}
    return ThingNow(thing, thing_state(kind, reading, reference), reading["observed_at"] if reading else None, values)

"""What must hold between the items of a registry, whichever file they came from. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from models.domain.registry import Assignment, Truck
from models.sensor_kinds import SENSOR_KINDS, SensorKind
from storage.registry_content import Mistake, RegistryContent
from storage.registry_limits import limit_mistakes


def check_registry(
    content: RegistryContent, *, device_models: Collection[str] | None, kinds: Sequence[SensorKind] = SENSOR_KINDS
) -> list[Mistake]:
    """All mistakes of the whole registry as it would be. `device_models` None: any is accepted."""
    return [
        *_sensors(content, device_models, {kind.name for kind in kinds}),
        *_assignments(content, {kind.name: kind for kind in kinds}),
        *_geometries(content),
        *_fleet(content),
        *_streets(content),
        *limit_mistakes(content),
    ]


def check_reuse(given: RegistryContent, before: RegistryContent) -> Iterator[Mistake]:
    """Ids are never used again: a thing that is registered keeps its type, and one that was decommissioned stays what it was."""
    known = before.things()
    for thing in given.each("things"):
        old = known.get(thing.thing_id)
        if old is None:
            continue
        if old.thing_type != thing.thing_type:
            yield Mistake(
                given.place_of(thing),
                f"{thing.thing_id} is registered as a {old.thing_type}: an id is never used again for something else; give the "
                f"{thing.thing_type} an id of its own",
            )
        elif old.decommissioned_at and old != thing.model_copy(update={"decommissioned_at": old.decommissioned_at}):
            yield Mistake(
                given.place_of(thing),
                f"{thing.thing_id} was decommissioned on {_shown(old.decommissioned_at)}: an id is never used again; give the new "
                f"{thing.thing_type} an id of its own",
            )


def _sensors(content: RegistryContent, device_models: Collection[str] | None, kinds: Collection[str]) -> Iterator[Mistake]:
    for sensor in content.each("sensors"):
        place = content.place_of(sensor)
        if sensor.kind not in kinds:
            yield Mistake(place, f"sensor {sensor.sensor_id}: kind {sensor.kind!r} is none of {', '.join(sorted(kinds))}")
        # What was registered before was accepted by a release that knew it.
        if device_models is not None and place is not None and sensor.device_model not in device_models:
            known = ", ".join(sorted(device_models))
            yield Mistake(place, f"sensor {sensor.sensor_id}: device_model {sensor.device_model!r} is none of {known}")


def _assignments(content: RegistryContent, kinds: dict[str, SensorKind]) -> Iterator[Mistake]:
    things = content.things()
    sensors = {sensor.sensor_id: sensor for sensor in content.each("sensors")}
    by_channel: dict[Any, list[Assignment]] = defaultdict(list)
    by_datastream: dict[Any, list[Assignment]] = defaultdict(list)
    for item in content.each("assignments"):
        by_channel[item.sensor_id, item.channel].append(item)
        by_datastream[item.datastream_id].append(item)
        thing, kind = things.get(item.thing_id), kinds.get(sensors[item.sensor_id].kind)
        if thing is None:
            yield Mistake(content.place_of(item), f"sensor {item.sensor_id}: thing {item.thing_id} is not registered")
        elif thing.decommissioned_at and (item.valid_to is None or item.valid_to > thing.decommissioned_at):
            yield Mistake(
                content.place_of(item) or content.place_of(thing),
                f"sensor {item.sensor_id} is assigned to {item.thing_id} beyond {_shown(thing.decommissioned_at)}, when that is "
                f"decommissioned: give its line a valid_to",
            )
        elif kind is not None and kind.thing_type != thing.thing_type:
            yield Mistake(
                content.place_of(item),
                f"sensor {item.sensor_id}: {kind.name} belongs on a {kind.thing_type}, but {item.thing_id} is a {thing.thing_type}",
            )
    for (sensor_id, channel), items in by_channel.items():
        what = f"sensor {sensor_id}" + (f", channel {channel}" if channel else "")
        yield from _overlaps(content, items, f"{what}: two assignments at one time")
    for datastream_id, items in by_datastream.items():
        if len({item.sensor_id for item in items}) > 1:
            yield from _overlaps(content, items, f"datastream {datastream_id}: two sensors at one time")


def _geometries(content: RegistryContent) -> Iterator[Mistake]:
    things = content.things()
    by_thing: dict[str, list[Any]] = defaultdict(list)
    for item in content.each("geometries"):
        by_thing[item.thing_id].append(item)
        thing = things.get(item.thing_id)
        if thing is None:
            yield Mistake(content.place_of(item), f"geometry: thing {item.thing_id} is not registered")
        elif thing.thing_type != "container":
            yield Mistake(content.place_of(item), f"geometry: {item.thing_id} is a {thing.thing_type}, not a container")
    for thing_id, items in by_thing.items():
        yield from _overlaps(content, items, f"container {thing_id}: two geometries at one time")


def _overlaps(content: RegistryContent, items: list[Any], sentence: str) -> Iterator[Mistake]:
    """Items whose validity starts before an earlier one has ended."""
    items = sorted(items, key=lambda item: item.valid_from)
    for earlier, later in pairwise(items):
        if earlier.valid_to is None or earlier.valid_to > later.valid_from:
            place = content.place_of(later) or content.place_of(earlier)
            until = f"valid to {_shown(earlier.valid_to)}" if earlier.valid_to else "still valid"
            started = _shown(earlier.valid_from)
            yield Mistake(place, f"{sentence}: the one from {started} is {until} on {_shown(later.valid_from)}; give it a valid_to")


def _shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _fleet(content: RegistryContent) -> Iterator[Mistake]:
    things = content.things()
    depots = {item.depot_id for item in content.each("depots")}
    trucks: dict[str, Truck] = {item.truck_id: item for item in content.each("trucks")}
    for truck in trucks.values():
        if truck.depot_id not in depots:
            yield Mistake(content.place_of(truck), f"truck {truck.truck_id}: depot {truck.depot_id} is not registered")
    for line in content.each("fixed_collections"):
        thing, served_by = things.get(line.container_id), trucks.get(line.truck_id)
        place, what = content.place_of(line), f"schedule of {line.container_id}"
        if thing is None or thing.thing_type != "container":
            yield Mistake(place, f"{what}: there is no container of this id")
        if served_by is None:
            yield Mistake(place, f"{what}: truck {line.truck_id} is not registered")
        elif thing is not None and thing.fraction is not None and thing.fraction not in served_by.fractions:
            yield Mistake(place, f"{what}: truck {line.truck_id} does not take {thing.fraction}")


def _streets(content: RegistryContent) -> Iterator[Mistake]:
    things = content.things()
    for feature in content.each("map_features"):
        bridge_id = feature.properties.get("bridge_id")
        if feature.feature_type == "street" and bridge_id is not None:
            bridge = things.get(str(bridge_id))
            if bridge is None or bridge.thing_type != "bridge":
                yield Mistake(content.place_of(feature), f"street {feature.feature_id}: there is no bridge {bridge_id}")

"""The registry: what the city has. Imported from files all or nothing, exported to the same files, read by every service.

`registry_version` moves only when something changes, so that a service knows when to read its contexts again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import orjson

from models.domain.registry import (
    Assignment,
    ContainerGeometry,
    Depot,
    DisposalSite,
    DomainType,
    FixedCollection,
    MapFeature,
    Sensor,
    SensorContext,
    Thing,
    Truck,
)
from storage.registry_checks import check_registry, check_reuse
from storage.registry_content import SECTIONS, RegistryContent, RegistryMistakes, Section
from storage.registry_files import read_registry_files
from storage.registry_history import record_changes
from storage.registry_limits import limit_notes

_JSON_COLUMNS = frozenset(("properties", "coordinates"))
_SomeItem = TypeVar("_SomeItem", bound=DomainType)


@dataclass
class ImportReport:
    """What an import did. `added` and `changed` count per section title; both empty: nothing changed. `notes` are what the fixed schedule
    does against limits of collections."""

    version: int
    files: int
    added: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def moved(self) -> bool:
        """Whether the registry changed."""
        return bool(self.added or self.changed)

    def __str__(self) -> str:
        if not self.moved:
            return f"nothing changed: all {self.unchanged} entries are registered so already (registry version {self.version})"
        parts = [f"{count} {title} added" for title, count in self.added.items()]
        parts += [f"{count} {title} changed" for title, count in self.changed.items()]
        return f"{', '.join(parts)}; {self.unchanged} as before (registry version {self.version})"


async def import_registry(
    connection: asyncpg.Connection, files: Sequence[Path], *, device_models: Collection[str] | None = None
) -> ImportReport:
    """Imports files and folders (their *.geojson, *.json and *.csv) in one transaction. What the files do not mention stays.

    Raises `RegistryMistakes` with every mistake, having changed nothing. Importing the same again changes nothing. `device_models`
    are those that a sensor may name; None accepts any.
    """
    content, mistakes, paths = read_registry_files(files)
    async with connection.transaction():
        await connection.fetchval("SELECT version FROM registry_state FOR UPDATE")
        before = await _read_all(connection)
        merged = content.merged_over(before)
        mistakes += check_registry(merged, device_models=device_models)
        mistakes += check_reuse(content, before)
        if mistakes:
            raise RegistryMistakes(mistakes)
        report = await _write(connection, content, before, len(paths))
        report.notes = limit_notes(merged)
        return report


async def _write(connection: asyncpg.Connection, content: RegistryContent, before: RegistryContent, files: int) -> ImportReport:
    report = ImportReport(0, files)
    changes: list[tuple[Section, list[tuple[DomainType, DomainType | None]]]] = []
    for section in SECTIONS:
        known = before.items[section.name]
        given = content.items[section.name]
        added = [item for key, item in given.items() if key not in known]
        changed = [item for key, item in given.items() if key in known and known[key] != item]
        report.unchanged += len(given) - len(added) - len(changed)
        if added:
            report.added[section.title] = len(added)
        if changed:
            report.changed[section.title] = len(changed)
        if added or changed:
            await connection.executemany(_upsert(section), [_row(item) for item in (*added, *changed)])
            changes.append((section, [(item, known.get(section.key(item))) for item in (*added, *changed)]))
    if report.moved:
        await connection.execute("UPDATE registry_state SET version = version + 1, changed_at = now()")
    report.version = await registry_version(connection)
    for section, items in changes:
        await record_changes(connection, section, report.version, items)
    return report


def _upsert(section: Section) -> str:
    names = list(section.domain_type.model_fields)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in section.key_fields)
    return (
        f"INSERT INTO {section.table} ({', '.join(names)}) VALUES ({', '.join(f'${number}' for number in range(1, len(names) + 1))}) "
        f"ON CONFLICT ({', '.join(section.key_fields)}) DO UPDATE SET {changes}"
    )


def _row(item: DomainType) -> list[Any]:
    row: list[Any] = []
    for name in type(item).model_fields:
        value = getattr(item, name)
        if name in _JSON_COLUMNS:
            value = orjson.dumps(value).decode()
        row.append(_list(value))
    return row


def _list(value: Any) -> Any:
    """What the database takes for an array, of pairs too."""
    return [_list(part) for part in value] if isinstance(value, tuple) else value


async def _read(connection: asyncpg.Connection, item_type: type[_SomeItem], where: str = "", *arguments: Any) -> list[_SomeItem]:
    section = next(section for section in SECTIONS if section.domain_type is item_type)
    records = await connection.fetch(
        f"SELECT {', '.join(item_type.model_fields)} FROM {section.table} {where} ORDER BY {', '.join(section.key_fields)}",
        *arguments,
    )
    found = []
    for record in records:
        values = dict(record)
        for name in _JSON_COLUMNS & values.keys():
            values[name] = orjson.loads(values[name])
        found.append(item_type.model_validate(values))
    return found


async def _read_all(connection: asyncpg.Connection) -> RegistryContent:
    content = RegistryContent()
    for section in SECTIONS:
        content.items[section.name] = {section.key(item): item for item in await _read(connection, section.domain_type)}
    return content


async def registry_content(connection: asyncpg.Connection) -> RegistryContent:
    """The whole registry, as of one moment; for export."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _read_all(connection)


async def registry_version(connection: asyncpg.Connection) -> int:
    """Moves by one with each import that changes something; 0 for an empty registry."""
    version: int = await connection.fetchval("SELECT version FROM registry_state")
    return version


async def sensor_contexts(connection: asyncpg.Connection) -> dict[str, SensorContext]:
    """Sensor id → all that a decoder may know about it, of one registry version."""
    if not connection.is_in_transaction():
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await sensor_contexts(connection)
    version = await registry_version(connection)
    assignments: dict[str, list[Assignment]] = defaultdict(list)
    for assignment in await _read(connection, Assignment):
        assignments[assignment.sensor_id].append(assignment)
    geometries: dict[str, list[ContainerGeometry]] = defaultdict(list)
    for geometry in await _read(connection, ContainerGeometry):
        geometries[geometry.thing_id].append(geometry)
    simulated = {record[0] for record in await connection.fetch("SELECT thing_id FROM thing WHERE simulated")}
    contexts = {}
    for sensor in await _read(connection, Sensor):
        own = assignments[sensor.sensor_id]
        things_of = dict.fromkeys(item.thing_id for item in own)
        contexts[sensor.sensor_id] = SensorContext(
            sensor=sensor,
            assignments=tuple(own),
            geometries=tuple(item for thing_id in things_of for item in geometries[thing_id]),
            registry_version=version,
            simulated=bool(things_of) and simulated.issuperset(things_of),
        )
    return contexts


async def things(connection: asyncpg.Connection, thing_type: str | None = None) -> list[Thing]:
    """All things in service, or those of one type, by id: one that is decommissioned stays in the registry and its history alone."""
    in_service = "(decommissioned_at IS NULL OR decommissioned_at > now())"
    return await _read(connection, Thing, f"WHERE {in_service} AND ($1::text IS NULL OR thing_type = $1)", thing_type)


async def depots(connection: asyncpg.Connection) -> list[Depot]:
    """All depots, by id."""
    return await _read(connection, Depot)


async def disposal_sites(connection: asyncpg.Connection) -> list[DisposalSite]:
    """All disposal sites, by id."""
    return await _read(connection, DisposalSite)


async def trucks(connection: asyncpg.Connection) -> list[Truck]:
    """The fleet, by id."""
    return await _read(connection, Truck)


async def fixed_collections(connection: asyncpg.Connection) -> list[FixedCollection]:
    """The city's fixed collection schedule of the containers in service, by container."""
    gone = "SELECT thing_id FROM thing WHERE decommissioned_at <= now()"
    return await _read(connection, FixedCollection, f"WHERE container_id NOT IN ({gone})")


async def map_features(connection: asyncpg.Connection, feature_type: str | None = None) -> list[MapFeature]:
    """Streets, canals, districts and the like, all or of one type, by id."""
    return await _read(connection, MapFeature, "WHERE $1::text IS NULL OR feature_type = $1", feature_type)

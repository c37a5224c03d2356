"""What the registry was at each of its versions: recorded with every import, read by corrections.

Each stored reading carries the version under which it was attributed, so that with this history the sensor it came from is known,
whatever was imported since. Versions from before the history began count as its first known state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import orjson

from models.domain.registry import Assignment, DomainType
from storage.registry_content import SECTIONS, Section

RECORDED = frozenset(("things", "geometries", "sensors", "assignments"))
"""Sections that readings depend on; the fleet's and the map's past is nobody's question."""
HISTORY_FROM = "registry_history_from"


class Change(NamedTuple):
    """One item that a version of the registry changed; `before` None: it was new."""

    version: int
    key: tuple[str, ...]
    before: dict[str, Any] | None


def key_of(section: Section, item: DomainType) -> tuple[str, ...]:
    """The item's key as texts."""
    return tuple(part.isoformat() if isinstance(part, datetime) else str(part) for part in section.key(item))


async def record_changes(
    connection: asyncpg.Connection, section: Section, version: int, changes: Sequence[tuple[DomainType, DomainType | None]]
) -> None:
    """Notes (item as it is now, what stood there before), in the transaction that changes them."""
    if section.name not in RECORDED:
        return
    await connection.execute(
        """
        INSERT INTO registry_history (version, section, key, before)
        SELECT $1, $2, given.key, given.before FROM unnest($3::jsonb[], $4::jsonb[]) AS given (key, before)
        """,
        version,
        section.name,
        [orjson.dumps(key_of(section, item)).decode() for item, _ in changes],
        [before.model_dump_json() if before is not None else None for _, before in changes],
    )


async def recorded_changes(connection: asyncpg.Connection, section: Section) -> list[Change]:
    """All changes of a section, oldest first."""
    rows = await connection.fetch(
        "SELECT version, key, before FROM registry_history WHERE section = $1 ORDER BY version", section.name
    )
    return [
        Change(row["version"], tuple(orjson.loads(row["key"])), orjson.loads(row["before"]) if row["before"] else None)
        for row in rows
    ]


async def history_from(connection: asyncpg.Connection) -> int:
    """The version at which the history began."""
    return int(await connection.fetchval("SELECT value FROM schema_setting WHERE name = $1", HISTORY_FROM) or 0)


@dataclass(frozen=True, slots=True)
class AssignmentLife:
    """An assignment as it stood in the versions `first` ≤ version < `end`."""

    assignment: Assignment
    first: int
    end: float


class RegistryPast:
    """Which sensor fed a datastream at a moment, as a version of the registry had it; and which version last changed what."""

    def __init__(
        self,
        assignments: Iterable[tuple[tuple[str, ...], Assignment]],
        assignment_changes: Sequence[Change],
        geometry_changes: Sequence[Change],
        history_from: int = 0,
    ) -> None:
        self.history_from = history_from
        self._lives: dict[str, list[AssignmentLife]] = defaultdict(list)
        self._changed: dict[str, int] = {}
        of_key: dict[tuple[str, ...], list[Change]] = defaultdict(list)
        for change in assignment_changes:
            of_key[change.key].append(change)
        for key, now in assignments:
            first = 0
            for change in of_key.get(key, ()):
                if change.before is not None:
                    self._live(Assignment.model_validate(change.before), first, change.version)
                first = change.version
            self._live(now, first, float("inf"))
        things = {change.key[0]: change.version for change in geometry_changes}
        for datastream_id, lives in self._lives.items():
            versions = [life.first for life in lives] + [int(life.end) for life in lives if life.end != float("inf")]
            versions += [things[life.assignment.thing_id] for life in lives if life.assignment.thing_id in things]
            self._changed[datastream_id] = max(versions)

    def _live(self, assignment: Assignment, first: int, end: float) -> None:
        self._lives[assignment.datastream_id].append(AssignmentLife(assignment, first, end))

    def assignment(self, datastream_id: str, moment: datetime, version: int) -> Assignment | None:
        """The assignment that made a reading of this datastream at this moment, under this version of the registry; None for readings
        that no assignment explains."""
        for life in self._lives.get(datastream_id, ()):
            item = life.assignment
            if life.first <= version < life.end and item.valid_from <= moment and (item.valid_to is None or moment < item.valid_to):
                return item
        return None

    def changed_versions(self) -> dict[str, int]:
        """Datastream → the newest version that changed its assignments or its thing's geometry. Readings attributed under that version
        or a later one are as they should be."""
        return dict(self._changed)


async def registry_past(connection: asyncpg.Connection, assignments: Iterable[Assignment]) -> RegistryPast:
    """The past of the registry whose assignments are these now."""
    sections = {section.name: section for section in SECTIONS}
    return RegistryPast(
        [(key_of(sections["assignments"], item), item) for item in assignments],
        await recorded_changes(connection, sections["assignments"]),
        await recorded_changes(connection, sections["geometries"]),
        await history_from(connection),
    )

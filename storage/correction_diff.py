"""What a correction changes, as values: printed by commands, kept with the correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """How many readings have another value in a column; means of before and after over those, where they are numbers."""

    name: str
    readings: int
    mean_before: float | None = None
    mean_after: float | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A reading that cannot be stored because another content is stored under its identity; `source` finds its record."""

    datastream_id: str
    observed_at: datetime
    partition: int
    offset: int
    index: int


@dataclass(slots=True)
class KindDiff:
    """What a correction changes in one kind. `looked_at` = `unchanged` + `changed` + `removed`; of what was given, `duplicates` and
    `conflicts` meet another reading of their identity."""

    kind: str
    looked_at: int = 0
    unchanged: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    duplicates: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    columns: list[ColumnDiff] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None
    things: dict[str, datetime] = field(default_factory=dict)
    """Thing → its newest observation that changes."""

    @property
    def touches(self) -> int:
        """Readings that are not as they were."""
        return self.changed + self.added + self.removed


def joined_weeks(moves: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Week → the first of the weeks that it is joined with, by any chain of moves from one week to another."""
    first: dict[int, int] = {}

    def root(week: int) -> int:
        while first.setdefault(week, week) != week:
            week = first[week]
        return week

    for one, other in moves:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return {week: root(week) for week in list(first)}

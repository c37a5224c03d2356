"""What a migration is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """`version` counts from 1 without gaps; `sql` is one or more statements that run in one transaction.

    `works_with` is the oldest schema version whose services may go on, and be started, on a database that has this one: while a city
    changes from one release to the next, both run side by side. None: only services that know this version.
    """

    version: int
    name: str
    sql: str
    works_with: int | None = None

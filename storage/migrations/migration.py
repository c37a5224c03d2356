"""What a migration is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """`version` counts from 1 without gaps; `sql` is one or more statements that run in one transaction."""

    version: int
    name: str
    sql: str

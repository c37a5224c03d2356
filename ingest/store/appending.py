"""Appends one group of readings in the batch's transaction; readings that the database cannot hold are found by bisection.

Some values pass every check of ours and are refused by the database all the same (a text with NUL, a number beyond its type). Such a
reading must neither hold up the others nor vanish: the batch is halved in savepoints until it stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
from asyncpg.exceptions import _base as asyncpg_base

from models.sensor_kinds import SensorKind
from storage.readings import StoredReading, append_readings

REFUSED_BY_DATABASE: tuple[type[Exception], ...] = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg_base.DataError,  # raised before anything is sent: a value that cannot be encoded for its column
)


@dataclass(slots=True)
class Appended:
    """`stored` + `duplicates` + conflicts + refused is the number of readings given."""

    stored: int = 0
    duplicates: int = 0
    conflicts: list[StoredReading] = field(default_factory=list)
    refused: list[tuple[StoredReading, str]] = field(default_factory=list)
    """Readings that the database does not take, with its words."""


async def append(connection: asyncpg.Connection, kind: SensorKind, readings: Sequence[StoredReading], *, careful: bool) -> Appended:
    """Appends in the caller's transaction. Unless `careful`, a refused reading raises one of `REFUSED_BY_DATABASE` and spoils the
    transaction: the caller rolls back and does all again carefully."""
    if not careful:
        result = await append_readings(connection, kind, readings)
        return Appended(result.stored, result.duplicates, result.conflicts)
    try:
        async with connection.transaction():
            return await append(connection, kind, readings, careful=False)
    except REFUSED_BY_DATABASE as error:
        if len(readings) == 1:
            return Appended(refused=[(readings[0], str(error))])
    middle = len(readings) // 2
    first = await append(connection, kind, readings[:middle], careful=True)
    second = await append(connection, kind, readings[middle:], careful=True)
    return Appended(
        first.stored + second.stored,
        first.duplicates + second.duplicates,
        first.conflicts + second.conflicts,
        first.refused + second.refused,
    )

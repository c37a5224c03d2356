"""The ledger: what became of every message and reading, per hour of reception and source.

Two identities hold at every commit: messages received = decoded + without reading + dead-lettered, and readings decoded = stored +
duplicate + rejected. What is in flight is not in the database. Corrected and replayed are columns of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime

import asyncpg


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Counts to add for messages received in one hour from one source (a bounded set, e.g. the envelope; not a sensor).

    `hour` may be any moment of that hour. A replay adds to the replayed columns only, and to the outcomes of readings never.
    """

    hour: datetime
    source: str
    messages_received: int = 0
    messages_decoded: int = 0
    messages_without_reading: int = 0
    messages_dead_lettered: int = 0
    readings_decoded: int = 0
    readings_stored: int = 0
    readings_duplicate: int = 0
    readings_rejected: int = 0
    messages_replayed: int = 0
    readings_replayed: int = 0
    readings_corrected: int = 0


COUNTS = tuple(field.name for field in fields(LedgerEntry) if field.name not in ("hour", "source"))


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Sums over hours and sources."""

    messages_received: int
    messages_decoded: int
    messages_without_reading: int
    messages_dead_lettered: int
    readings_decoded: int
    readings_stored: int
    readings_duplicate: int
    readings_rejected: int
    messages_replayed: int
    readings_replayed: int
    readings_corrected: int

    @property
    def messages_imbalance(self) -> int:
        """Messages that the ledger cannot account for: must be 0."""
        return self.messages_received - self.messages_decoded - self.messages_without_reading - self.messages_dead_lettered

    @property
    def readings_imbalance(self) -> int:
        """Readings that the ledger cannot account for: must be 0."""
        return self.readings_decoded - self.readings_stored - self.readings_duplicate - self.readings_rejected


async def add_to_ledger(connection: asyncpg.Connection, entries: Iterable[LedgerEntry]) -> None:
    """Adds counts. Rows are shared by all consumers and locked until the commit: call it last in the transaction."""
    sums: dict[tuple[datetime, str], list[int]] = {}
    for entry in entries:
        hour, source, *counts = astuple(entry)
        key = (hour.astimezone(UTC).replace(minute=0, second=0, microsecond=0), source)
        kept = sums.setdefault(key, [0] * len(COUNTS))
        kept[:] = [old + new for old, new in zip(kept, counts, strict=True)]
    keys = sorted(sums)
    if not keys:
        return
    await connection.execute(
        _ADD,
        [hour for hour, _ in keys],
        [source for _, source in keys],
        *([sums[key][index] for key in keys] for index in range(len(COUNTS))),
    )


_ADD = f"""
    INSERT INTO ledger AS kept (hour, source, {", ".join(COUNTS)})
    SELECT * FROM unnest($1::timestamptz[], $2::text[], {", ".join(f"${number}::bigint[]" for number in range(3, 3 + len(COUNTS)))})
    ON CONFLICT (hour, source) DO UPDATE SET {", ".join(f"{name} = kept.{name} + excluded.{name}" for name in COUNTS)}
"""

_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in COUNTS)


async def ledger_totals(
    connection: asyncpg.Connection, *, since: datetime | None = None, source: str | None = None
) -> LedgerTotals:
    """Sums from `since` (default: ever) of one source (default: all)."""
    row = await connection.fetchrow(
        f"SELECT {_SUMS} FROM ledger WHERE ($1::timestamptz IS NULL OR hour >= $1) AND ($2::text IS NULL OR source = $2)",
        since,
        source,
    )
    return LedgerTotals(**dict(row))


async def ledger_by_source(connection: asyncpg.Connection, *, since: datetime | None = None) -> dict[str, LedgerTotals]:
    """Sums per source."""
    rows = await connection.fetch(
        f"SELECT source, {_SUMS} FROM ledger WHERE ($1::timestamptz IS NULL OR hour >= $1) GROUP BY source ORDER BY source", since
    )
    return {row["source"]: LedgerTotals(**{name: row[name] for name in COUNTS}) for row in rows}

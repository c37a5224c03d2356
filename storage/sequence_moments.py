"""The moments of readings that came without any time, each fixed when its reading was first accepted.

`store` asks in the transaction of the rows, `dead-letters replay` and `redecode` before they decode. Asked again for the same reading, it
answers with the same moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from models.domain.failures import TransientError
from models.domain.sequences import Accepted, Asked, SequenceKey, SequenceMark, Source, moments_by_record, settle

Moments = dict[tuple[int, int], dict[SequenceMark, datetime]]
"""(partition, offset) → the moments of that record's readings."""

_BESIDE = timedelta(minutes=1)
"""How far behind the times of reception moments are looked for that are given already."""
_COLUMNS = (
    "sensor_id, channel, session, number, place, occurrence, content, observed_at, "
    "source_incarnation, source_partition, source_offset, source_index"
)
_TYPES = ("text", "text", "text", "bigint", "integer", "integer", "bigint", "timestamptz", "uuid", "integer", "bigint", "integer")
_KNOWN = f"""
    SELECT {_COLUMNS} FROM sequence_moment
    JOIN unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::integer[]) AS asked (sensor_id, channel, session, number, place)
    USING (sensor_id, channel, session, number, place)
    UNION
    SELECT {_COLUMNS} FROM sequence_moment
    JOIN unnest($6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[]) AS beside (sensor_id, channel, first, last)
    USING (sensor_id, channel)
    WHERE observed_at BETWEEN beside.first AND beside.last
"""
_KEEP = (
    f"INSERT INTO sequence_moment ({_COLUMNS}) "
    f"SELECT * FROM unnest({', '.join(f'${number}::{name}[]' for number, name in enumerate(_TYPES, 1))}) ON CONFLICT DO NOTHING"
)


class SequenceMoments:
    """With `keep`, what is accepted now is written; without it, it is only remembered as long as this object lives."""

    def __init__(self, connection: asyncpg.Connection, *, keep: bool = True) -> None:
        self._connection = connection
        self._keep = keep
        self._remembered: list[Accepted] = []

    async def of(self, asked: Sequence[Asked]) -> Moments:
        """The moment of each reading asked for. Raises `TransientError` when somebody else accepted one of them at the same time."""
        if not asked:
            return {}
        known = await self._known(asked)
        found, new = settle(asked, [*known, *self._remembered])
        if not self._keep:
            self._remembered += new
        elif new:
            await self._write(new)
        return moments_by_record(asked, found)

    async def _known(self, asked: Sequence[Asked]) -> list[Accepted]:
        keys = {one.mark.key for one in asked}
        spans: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        for one in asked:
            channel = (one.mark.sensor_id, one.mark.channel)
            first, last = spans.get(channel, (one.received_at, one.received_at))
            spans[channel] = (min(first, one.received_at), max(last, one.received_at))
        rows = await self._connection.fetch(
            _KNOWN,
            *([key[place] for key in keys] for place in range(len(SequenceKey._fields))),
            [sensor_id for sensor_id, _ in spans],
            [channel for _, channel in spans],
            [first for first, _ in spans.values()],
            [last + _BESIDE for _, last in spans.values()],
        )
        return [_accepted(row) for row in rows]

    async def _write(self, new: Sequence[Accepted]) -> None:
        # Sorted, so that two writers do not wait for each other.
        rows = [(*item.key, item.occurrence, item.content, item.observed_at, *item.source) for item in sorted(new)]
        done = await self._connection.execute(_KEEP, *map(list, zip(*rows, strict=True)))
        if done != f"INSERT 0 {len(rows)}":
            raise TransientError("readings without a time were accepted by another process at the same moment")


def _accepted(row: asyncpg.Record) -> Accepted:
    life = UUID(int=row["source_incarnation"].int)
    return Accepted(SequenceKey(*row[:5]), row["occurrence"], row["content"], row["observed_at"], Source(life, *row[9:12]))

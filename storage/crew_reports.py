"""What crews say back: stored once per report however often a phone sends it, by truck, never by person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from models.domain.plan_day import CrewReport, CrewWord


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report with the truck that it came from and when it arrived."""

    truck_id: str
    plan_date: date
    received_at: datetime
    report: CrewReport


async def append_reports(
    connection: asyncpg.Connection, plan_date: date, truck_id: str, reports: Sequence[CrewReport], received_at: datetime
) -> int:
    """Appends reports; those that are there already are passed over. Says how many were new."""
    new = 0
    async with connection.transaction():
        for item in reports:
            done = await connection.execute(
                """
                INSERT INTO crew_report
                    (report_id, plan_date, truck_id, word, container_id, said_at, received_at, reason, fill_ratio, visit_order)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (report_id) DO NOTHING
                """,
                item.report_id,
                plan_date,
                truck_id,
                item.word.value,
                item.container_id,
                item.said_at,
                received_at,
                item.reason,
                item.fill_ratio,
                list(item.order),
            )
            new += int(done.removeprefix("INSERT 0 "))
    return new


async def reports_of(connection: asyncpg.Connection, plan_date: date, truck_id: str | None = None) -> list[StoredReport]:
    """Reports of a day, of one truck or of all, in the order in which they were said."""
    rows = await connection.fetch(
        """
        SELECT * FROM crew_report WHERE plan_date = $1 AND ($2::text IS NULL OR truck_id = $2)
        ORDER BY said_at, received_at, report_id
        """,
        plan_date,
        truck_id,
    )
    return [_stored(row) for row in rows]


async def collections_reported(
    connection: asyncpg.Connection, container_ids: Sequence[str], since: datetime, until: datetime
) -> dict[str, list[float]]:
    """When crews said that they emptied containers, as seconds since 1970, rising; for those of which they said it."""
    rows = await connection.fetch(
        """
        SELECT container_id, array_agg(DISTINCT extract(epoch FROM said_at)::double precision) AS said
        FROM crew_report WHERE container_id = ANY ($1::text[]) AND word = $2 AND said_at >= $3 AND said_at <= $4 GROUP BY container_id
        """,
        list(container_ids),
        CrewWord.DONE.value,
        since,
        until,
    )
    return {row["container_id"]: sorted(row["said"]) for row in rows}


def _stored(row: asyncpg.Record) -> StoredReport:
    report = CrewReport(
        report_id=row["report_id"],
        word=row["word"],
        container_id=row["container_id"],
        said_at=row["said_at"],
        reason=row["reason"],
        fill_ratio=row["fill_ratio"],
        order=tuple(row["visit_order"]),
    )
    return StoredReport(row["truck_id"], row["plan_date"], row["received_at"], report)

"""Shadow mode's books: when shadow plans would have collected containers, and what each district's days came to in both worlds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from models.domain.shadow import DayFigures, DistrictDay, ShadowVisit

_FIGURES = tuple(DayFigures.model_fields)


async def replace_shadow_visits(
    connection: asyncpg.Connection, plan_date: date, container_ids: Sequence[str], visits: Sequence[ShadowVisit], at: datetime
) -> None:
    """The given containers' visits of a day, instead of those that are there."""
    async with connection.transaction():
        await connection.execute(
            "DELETE FROM shadow_visit WHERE plan_date = $1 AND container_id = ANY ($2::text[])", plan_date, list(container_ids)
        )
        await connection.executemany(
            "INSERT INTO shadow_visit (container_id, plan_date, collected_at, made_at) VALUES ($1, $2, $3, $4)",
            [(item.container_id, item.plan_date, item.collected_at, at) for item in visits],
        )


async def shadow_visits(connection: asyncpg.Connection, since: date, until: date) -> dict[str, list[ShadowVisit]]:
    """Container → its days in shadow mode from one day to another, both included, in order."""
    rows = await connection.fetch(
        """
        SELECT container_id, plan_date, collected_at FROM shadow_visit WHERE plan_date BETWEEN $1 AND $2
        ORDER BY container_id, plan_date
        """,
        since,
        until,
    )
    found: dict[str, list[ShadowVisit]] = defaultdict(list)
    for row in rows:
        found[row["container_id"]].append(ShadowVisit(**dict(row)))
    return dict(found)


async def save_district_days(connection: asyncpg.Connection, days: Sequence[DistrictDay]) -> None:
    """Scores of days; a day that is scored again, with the readings that came late, is replaced."""
    columns = ["plan_date", "district", "driven_by", "containers", "counted", "scored_at", *_FIGURES]
    columns += [f"shadow_{name}" for name in _FIGURES]
    renewed = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns[2:])
    parameters = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await connection.executemany(
        f"INSERT INTO district_day ({', '.join(columns)}) VALUES ({parameters}) "
        f"ON CONFLICT (plan_date, district) DO UPDATE SET {renewed}",
        [_row(item) for item in days],
    )


async def district_days(connection: asyncpg.Connection, since: date, until: date) -> list[DistrictDay]:
    """Scores from one day to another, both included, by day and district."""
    rows = await connection.fetch(
        "SELECT * FROM district_day WHERE plan_date BETWEEN $1 AND $2 ORDER BY plan_date, district", since, until
    )
    return [_district_day(row) for row in rows]


async def newest_scoring(connection: asyncpg.Connection) -> datetime | None:
    """When a day was scored last, or None."""
    found: datetime | None = await connection.fetchval("SELECT max(scored_at) FROM district_day")
    return found


def _row(item: DistrictDay) -> tuple[object, ...]:
    shadow = [None] * len(_FIGURES) if item.shadow is None else [getattr(item.shadow, name) for name in _FIGURES]
    told = (item.plan_date, item.district, item.driven_by, item.containers, item.counted, item.scored_at)
    return (*told, *(getattr(item.driven, name) for name in _FIGURES), *shadow)


def _district_day(row: asyncpg.Record) -> DistrictDay:
    has_shadow = row["shadow_overflow_hours"] is not None
    return DistrictDay(
        plan_date=row["plan_date"],
        district=row["district"],
        driven_by=row["driven_by"],
        containers=row["containers"],
        counted=row["counted"],
        driven=DayFigures(**{name: row[name] for name in _FIGURES}),
        shadow=DayFigures(**{name: row[f"shadow_{name}"] for name in _FIGURES}) if has_shadow else None,
        scored_at=row["scored_at"],
    )

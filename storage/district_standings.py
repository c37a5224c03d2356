"""How districts stand when a day is planned: their overflow of the last days and under the fixed route, and whether they had fallen back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg
import orjson

from models.domain.district_standing import HeldBy, HeldDistrict, Standing

BASELINE_REACH_DAYS = 56
LEAST_DAYS_BY_PLAN = 3
"""Fewer days under plans than this say nothing about them."""


@dataclass(frozen=True, slots=True)
class OverflowWindow:
    """So many last days count, and so many days under the fixed route are needed to compare with."""

    last_days: int
    least_baseline_days: int


_OVERFLOW = """
SELECT district,
       count(*) FILTER (WHERE recent AND driven_by = 'plan') AS by_plan_days,
       sum(overflow_hours) FILTER (WHERE recent AND driven_by = 'plan') AS by_plan_h,
       sum(counted) FILTER (WHERE recent AND driven_by = 'plan') AS by_plan_counted,
       sum(overflow_hours) FILTER (WHERE recent) AS lately_h,
       sum(counted) FILTER (WHERE recent) AS lately_counted,
       count(*) FILTER (WHERE fixed) AS baseline_days,
       sum(overflow_hours) FILTER (WHERE fixed) AS baseline_h,
       sum(counted) FILTER (WHERE fixed) AS baseline_counted
FROM (
    SELECT scored.*, scored.plan_date >= $2 AS recent,
           driven_by = 'fixed_schedule' AND NOT EXISTS (
               SELECT FROM district_fallback AS back
               WHERE back.plan_date = scored.plan_date AND back.district = scored.district AND back.since IS NOT NULL
           ) AS fixed
    FROM district_day AS scored WHERE plan_date >= $1 AND plan_date < $3 AND counted > 0
) AS day
GROUP BY district
"""

_BEFORE = """
SELECT DISTINCT ON (district) district, since, cause FROM district_fallback WHERE plan_date <= $1
ORDER BY district, plan_date DESC
"""


async def standings(
    connection: asyncpg.Connection, day: date, districts: Sequence[str], shadow: Collection[str], window: OverflowWindow
) -> tuple[Standing, ...]:
    """One per district, by name; its containers are counted where they are judged."""
    first, recent = day - timedelta(days=BASELINE_REACH_DAYS), day - timedelta(days=window.last_days)
    overflow = {row["district"]: row for row in await connection.fetch(_OVERFLOW, first, recent, day)}
    before = {row["district"]: row for row in await connection.fetch(_BEFORE, day)}
    return tuple(
        _standing(name, name in shadow, overflow.get(name), before.get(name), window.least_baseline_days)
        for name in sorted(districts)
    )


def _standing(
    name: str, shadow: bool, overflow: asyncpg.Record | None, before: asyncpg.Record | None, least_baseline_days: int
) -> Standing:
    fallen_back = before is not None and before["since"] is not None
    return Standing(
        district=name,
        shadow=shadow,
        overflow_by_plan_h=_mean(overflow, "by_plan", LEAST_DAYS_BY_PLAN),
        overflow_lately_h=_mean(overflow, "lately", 0),
        overflow_baseline_h=_mean(overflow, "baseline", least_baseline_days),
        since=before["since"] if before is not None and fallen_back else None,
        cause=HeldBy(before["cause"]) if before is not None and fallen_back else None,
    )


def _mean(row: asyncpg.Record | None, name: str, least_days: int) -> float | None:
    """Container-hours per container and day."""
    if row is None or not row[f"{name}_counted"] or (least_days and row[f"{name}_days"] < least_days):
        return None
    return float(row[f"{name}_h"]) / float(row[f"{name}_counted"])


async def save_standings(
    connection: asyncpg.Connection, day: date, found: Sequence[Standing], held: Mapping[str, HeldDistrict], at: datetime
) -> None:
    """How districts stood when a day was planned last; `since` is set for those that fell back or stay so."""
    rows = []
    for standing in found:
        why = held.get(standing.district)
        since, cause = (why.since, why.by.value) if why is not None and why.since is not None else (None, "")
        rows.append((day, standing.district, since, cause, orjson.dumps(standing.model_dump(mode="json")).decode(), at))
    await connection.executemany(
        """
        INSERT INTO district_fallback (plan_date, district, since, cause, standing, at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (plan_date, district) DO UPDATE SET
            since = EXCLUDED.since, cause = EXCLUDED.cause, standing = EXCLUDED.standing, at = EXCLUDED.at
        """,
        rows,
    )

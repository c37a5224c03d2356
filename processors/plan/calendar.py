"""Days, shifts and chances in the city's time zone: when a truck could come, when the next one could, what the fixed schedule says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.domain.failures import UserError
from models.domain.registry import FixedCollection, Truck

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_SEARCH_DAYS = 70
CHANCES_AHEAD = 6
"""Chances after the next one that count: what going today is worth depends on how long a container could still wait."""


@dataclass(frozen=True, slots=True)
class Chances:
    """When trucks may come: on the planned day (its middle, for a typical stop) and, if a container is left, next time at the
    latest; `later` are the latest moments of the chances after that."""

    plan_date: date
    today: datetime
    next_date: date
    next_latest: datetime
    later: tuple[datetime, ...] = ()


def collection_weekdays(text: str) -> frozenset[int]:
    """Weekdays like "mon|thu" as numbers; `UserError` for anything else."""
    names = [part.strip().lower() for part in text.split("|") if part.strip()]
    unknown = [name for name in names if name not in WEEKDAYS]
    if unknown or not names:
        raise UserError(f"weekdays are written like mon|tue|fri, not {text!r}")
    return frozenset(WEEKDAYS.index(name) for name in names)


def next_collection_day(after: date, weekdays: frozenset[int]) -> date:
    """The first collection day later than a day."""
    day = after + timedelta(days=1)
    while day.weekday() not in weekdays:
        day += timedelta(days=1)
    return day


def moment(day: date, seconds: int, zone: ZoneInfo) -> datetime:
    """Seconds of a local day, counted on the wall clock, as UTC. Counts over midnight."""
    local = datetime.combine(day + timedelta(days=seconds // 86_400), time(), zone)
    wall = local.replace(hour=seconds % 86_400 // 3600, minute=seconds % 3600 // 60, second=seconds % 60)
    return wall.astimezone(UTC)


def chances(day: date, trucks: Sequence[Truck], weekdays: frozenset[int], zone: ZoneInfo) -> Chances:
    """The chance on a day and the next one, from the shifts of the trucks."""
    starts = min(truck.shift_start_s for truck in trucks)
    ends = max(truck.shift_end_s for truck in trucks)
    days = [next_collection_day(day, weekdays)]
    for _ in range(CHANCES_AHEAD):
        days.append(next_collection_day(days[-1], weekdays))
    following, *later = (moment(chance, ends, zone) for chance in days)
    return Chances(day, moment(day, (starts + ends) // 2, zone), days[0], following, tuple(later))


def is_due(line: FixedCollection, day: date) -> bool:
    """Whether the fixed schedule collects this line's container on a day."""
    return line.is_due(day)


def next_due(line: FixedCollection, after: date) -> date | None:
    """The first day later than a day on which the fixed schedule collects this container."""
    for ahead in range(1, LONGEST_SEARCH_DAYS):
        day = after + timedelta(days=ahead)
        if is_due(line, day):
            return day
    return None

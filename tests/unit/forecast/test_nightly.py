"""When the night's run and a refit are due, in the city's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from processors.forecast.nightly import nightly_since, refit_due

ZONE = ZoneInfo("Europe/Amsterdam")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "since"),
    [
        ("2026-01-10 03:00", "2026-01-10 03:00"),
        ("2026-01-10 02:59", "2026-01-09 03:00"),
        ("2026-01-10 23:00", "2026-01-10 03:00"),
        ("2026-03-29 12:00", "2026-03-29 03:00"),  # 23 hours long
        ("2026-10-25 12:00", "2026-10-25 03:00"),  # 25 hours long
        ("2026-10-25 01:30", "2026-10-24 03:00"),
    ],
)
def test_a_night_begins_at_the_local_hour(now: str, since: str) -> None:
    assert nightly_since(at(now), ZONE, 3) == at(since)


def due(now: datetime, newest_fit: datetime | None, *, tried: datetime | None = None, refit_days: float = 7.0) -> bool:
    return refit_due(now, newest_fit, tried=tried, zone=ZONE, hour=3, refit_days=refit_days)


def test_a_refit_is_due_at_night_when_the_newest_model_is_old_enough() -> None:
    night, day = at("2026-01-10 04:00"), at("2026-01-10 12:00")
    assert due(night, None)
    assert not due(day, None)
    assert due(night, night - timedelta(days=7))
    assert not due(night, night - timedelta(days=6))
    assert not due(night, None, refit_days=0.0)


def test_a_refit_is_tried_once_a_night() -> None:
    night = at("2026-01-10 04:00")
    assert not due(night, None, tried=at("2026-01-10 03:00"))
    assert due(night, None, tried=at("2026-01-10 02:59"))
    assert due(night + timedelta(days=1), None, tried=night)

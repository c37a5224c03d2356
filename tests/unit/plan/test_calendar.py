"""Days and chances are the city's own, 23 and 25 hours included."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from models.domain.failures import UserError
from processors.plan.calendar import chances, collection_weekdays, is_due, moment, next_collection_day, next_due
from tests.unit.plan.small_city import ZONE, line, truck

WEEKDAYS = collection_weekdays("mon|tue|wed|thu|fri")


def test_next_chance_after_friday_is_monday_evening() -> None:
    when = chances(date(2026, 11, 27), [truck(shift_start_s=25_200, shift_end_s=54_000)], WEEKDAYS, ZONE)
    assert when.today == datetime(2026, 11, 27, 10, tzinfo=UTC)
    assert when.next_date == date(2026, 11, 30)
    assert when.next_latest == datetime(2026, 11, 30, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hour"), [(date(2026, 3, 28), 6), (date(2026, 3, 29), 5), (date(2026, 10, 24), 5), (date(2026, 10, 25), 6)]
)
def test_seven_in_the_morning_is_on_the_wall_clock(day: date, hour: int) -> None:
    assert moment(day, 25_200, ZONE) == datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def test_second_week_of_a_fortnight() -> None:
    even, odd = line("c-0001", every_weeks=2), line("c-0001", every_weeks=2, week_offset=1)
    assert is_due(even, date(2024, 1, 1))
    assert not is_due(odd, date(2024, 1, 1))
    assert is_due(odd, date(2024, 1, 8))
    assert next_due(odd, date(2024, 1, 8)) == date(2024, 1, 22)


def test_weekdays_are_read_or_refused() -> None:
    assert collection_weekdays("mon|thu") == {0, 3}
    assert next_collection_day(date(2026, 11, 27), WEEKDAYS) == date(2026, 11, 30)
    with pytest.raises(UserError, match=r"written like mon\|tue\|fri"):
        collection_weekdays("monday")

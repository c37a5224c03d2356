"""Dutch local times without a zone, on the two days on which that is a question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.envelopes.local_time import local_moment, to_utc
from models.domain.failures import DeadLetterReason, InvalidMessage

LATER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("22-11-2026 10:00", "2026-11-22T09:00"),
        ("2026-07-22 10:00:05", "2026-07-22T08:00:05"),
        ("2026-07-22T10:00:05", "2026-07-22T08:00:05"),
        ("2026-07-22T10:00:05+00:00", "2026-07-22T10:00:05"),
        ("29-03-2026 01:59", "2026-03-29T00:59"),
        ("29-03-2026 03:00", "2026-03-29T01:00"),
        ("25-10-2026 01:59", "2026-10-24T23:59"),
        ("25-10-2026 03:00", "2026-10-25T02:00"),
    ],
)
def test_local_times_in_utc(text: str, utc: str) -> None:
    assert to_utc(local_moment(text, "RegMoment"), LATER) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_an_hour_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="does not exist") as caught:
        to_utc(local_moment("29-03-2026 02:30", "RegMoment"), LATER)
    assert caught.value.reason is DeadLetterReason.CLOCK


def test_of_an_hour_that_comes_twice_the_last_one_before_the_reception_is_taken() -> None:
    moment = local_moment("25-10-2026 02:30", "RegMoment")
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert to_utc(moment, first + timedelta(minutes=2)) == first
    assert to_utc(moment, second + timedelta(minutes=2)) == second
    assert to_utc(moment, LATER) == second


@pytest.mark.parametrize("text", ["", "yesterday", "31-02-2026 10:00", 5, None])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(InvalidMessage):
        local_moment(text, "RegMoment")

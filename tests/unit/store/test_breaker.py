"""The limit that stops the store: what it counts and what it does not."""

from __future__ import annotations

import pytest

from ingest.store.breaker import ReadabilityBreaker, TooManyUnreadable


def sensors(count: int, first: int = 0) -> list[str]:
    return [f"s-{number}" for number in range(first, first + count)]


def breaker_that_heard(count: int) -> ReadabilityBreaker:
    breaker = ReadabilityBreaker()
    breaker.check(sensors(count), [])
    breaker.note(sensors(count), [])
    return breaker


def fail(breaker: ReadabilityBreaker, failing: list[str], times: int = 1) -> None:
    for _ in range(times):
        breaker.check([], failing)
        breaker.note([], failing)


def test_ten_of_fifty_readable_sensors_that_fail_three_times_stop_the_store() -> None:
    breaker = breaker_that_heard(50)
    fail(breaker, sensors(10), times=2)
    with pytest.raises(TooManyUnreadable, match="10 of 50 sensors"):
        breaker.check([], sensors(10))


def test_nine_sensors_are_too_few() -> None:
    fail(breaker_that_heard(9), sensors(9), times=10)


def test_a_tenth_of_a_hundred_sensors_is_too_small_a_share() -> None:
    fail(breaker_that_heard(100), sensors(10), times=10)


def test_one_broken_device_never_stops_the_store() -> None:
    fail(breaker_that_heard(3), sensors(1), times=1000)


def test_sensors_that_were_never_readable_are_not_counted() -> None:
    breaker = breaker_that_heard(20)
    fail(breaker, sensors(500, first=100), times=5)


def test_a_garbled_message_now_and_then_is_not_a_failure() -> None:
    breaker = breaker_that_heard(50)
    for _ in range(20):
        fail(breaker, sensors(50), times=2)
        breaker.note(sensors(50), [])


def test_failures_in_one_batch_count_like_failures_in_several() -> None:
    breaker = breaker_that_heard(12)
    with pytest.raises(TooManyUnreadable):
        breaker.check([], sensors(12) * 3)


def test_checking_changes_nothing() -> None:
    breaker = breaker_that_heard(12)
    for _ in range(5):
        breaker.check([], sensors(12))
    breaker.check([], sensors(12) * 2)


def test_after_a_restart_under_the_same_bad_decoder_the_first_failures_stop_it_again() -> None:
    breaker = ReadabilityBreaker(dict.fromkeys(sensors(40), 2))
    with pytest.raises(TooManyUnreadable):
        breaker.check([], sensors(15))


def test_after_a_restart_with_a_repaired_decoder_earlier_failures_stop_nothing() -> None:
    breaker = ReadabilityBreaker(dict.fromkeys(sensors(40), 500))
    breaker.check(sensors(20), [])
    breaker.note(sensors(20), [])
    fail(breaker, sensors(3, first=20), times=5)


def test_with_zero_sensors_the_limit_is_off() -> None:
    breaker = ReadabilityBreaker(dict.fromkeys(sensors(40), 0), least_sensors=0)
    fail(breaker, sensors(40), times=10)

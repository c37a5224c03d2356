"""Hints are gathered so that a thing is forecast once per interval, and none of them is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.domain.failures import TransientError
from processors.forecast.coalescing import CoalescedHints

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_the_first_hint_is_due_at_once_and_further_ones_join_it() -> None:
    hints = CoalescedHints(600)
    assert hints.offer("c-1")
    assert not hints.offer("c-1")
    assert hints.take_due(NOW, 10) == ["c-1"]
    assert hints.take_due(NOW, 10) == []


def test_a_hint_inside_the_interval_is_due_when_the_interval_ends() -> None:
    hints = CoalescedHints(600)
    with hints.forecasting(["c-1"], NOW):
        pass
    hints.offer("c-1")
    assert hints.take_due(later(599), 10) == []
    assert hints.take_due(later(600), 10) == ["c-1"]


def test_what_the_sweep_forecast_waits_no_more() -> None:
    hints = CoalescedHints(600)
    hints.offer("c-1")
    with hints.forecasting(["c-1"], NOW):
        pass
    assert hints.take_due(later(3600), 10) == []


def test_a_hint_that_comes_while_its_thing_is_forecast_waits_until_the_interval_ends() -> None:
    hints = CoalescedHints(600)
    hints.offer("c-1")
    assert hints.take_due(NOW, 10) == ["c-1"]
    with hints.forecasting(["c-1"], NOW):
        hints.offer("c-1")
    assert hints.take_due(later(599), 10) == []
    assert hints.take_due(later(600), 10) == ["c-1"]


def test_what_waited_for_a_forecast_that_failed_waits_again() -> None:
    hints = CoalescedHints(600)
    hints.offer("c-1")
    with pytest.raises(TransientError), hints.forecasting(["c-1", "c-2"], NOW):
        raise TransientError("the database is out of reach")
    assert hints.take_due(NOW, 10) == ["c-1"]


def test_no_more_than_the_limit_is_taken_and_the_rest_stays() -> None:
    hints = CoalescedHints(600)
    for number in range(5):
        hints.offer(f"c-{number}")
    assert len(hints.take_due(NOW, 3)) == 3
    assert len(hints.take_due(NOW, 3)) == 2


def test_after_a_rebalance_nothing_waits() -> None:
    hints = CoalescedHints(600)
    hints.offer("c-1")
    hints.drop()
    assert hints.take_due(NOW, 10) == []

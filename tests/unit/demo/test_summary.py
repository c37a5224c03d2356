"""The demo ends with status 0 only when everything that it claims is true."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from stadspuls.demo.summary import DemoSummary, FillSummary, Ledger, PlanSummary, fill_summary, sentences


def summary(**changes: Any) -> DemoSummary:
    ledger: dict[str, Any] = {
        "sent": 110, "received": 110, "stored": 100, "duplicate": 6, "dead_lettered": 4, "without_reading": 0, "lost": 0, "imbalance": 0,
        "expected_stored": 100, "expected_dead_lettered": 4,
    }  # fmt: skip
    fill = {
        "containers": 10, "with_reading": 9, "with_forecast": 9, "under_60": 5, "from_60_to_80": 2, "from_80": 2, "silent": 1,
        "full_within_2_days": 3,
    }  # fmt: skip
    plan: dict[str, Any] = {
        "plan_date": date(2026, 3, 1), "trucks": 3,
        "stops": 40, "km": 50.0, "hours": 9.0, "fixed_trucks": 4, "fixed_stops": 60, "fixed_km": 80.0,
        "fixed_hours": 14.0, "left_required": 1, "left_overflows": 2.4, "fixed_left_required": 31, "fixed_left_overflows": 18.7, "check_passed": True,
    }  # fmt: skip
    for name, value in changes.items():
        part, _, key = name.partition("__")
        {"ledger": ledger, "fill": fill, "plan": plan}[part][key] = value
    return DemoSummary(
        city="Almere", engine="timescale", seconds_to_page=40, seconds_to_plan=300, step_seconds={}, store_killed_at=5, store_back_after_s=2,
        history_messages_per_s=5000, ledger=Ledger(**ledger), fill=FillSummary(**fill), plan=PlanSummary(**plan), page="http://127.0.0.1:1",
    )  # fmt: skip


def test_a_whole_run_passes() -> None:
    assert summary().passed


@pytest.mark.parametrize(
    "change",
    [
        {"ledger__lost": 1},
        {"ledger__imbalance": 1},
        {"ledger__stored": 99},
        {"ledger__dead_lettered": 5},
        {"fill__with_forecast": 8},
        {"fill__with_reading": 0},
        {"plan__check_passed": False},
    ],
)
def test_anything_amiss_fails_the_run(change: dict[str, Any]) -> None:
    assert not summary(**change).passed


def test_the_words_carry_the_figures_and_say_that_the_city_is_simulated() -> None:
    text = " ".join(sentences(summary()))
    assert "110 messages" in text
    assert "80.0 km" in text
    assert "the plan 1 containers that must go, the fixed schedule 31; expected to overflow by then: 2 and 19" in text
    assert "simulated" in text
    assert "DO NOT BALANCE" in " ".join(sentences(summary(ledger__lost=1)))


def test_levels_are_counted_by_band() -> None:
    things = [
        {"thing_type": "container", "state": state, "values": {"fill_ratio": level}}
        for state, level in (("ok", 0.1), ("half", 0.7), ("full", 0.99), ("silent", 0.2))
    ] + [{"thing_type": "container", "state": "no_data", "values": {}}, {"thing_type": "bridge", "state": "ok", "values": {}}]
    found = fill_summary(things, {"a": 12.0, "b": None, "c": 60.0})
    assert (found.containers, found.with_reading, found.under_60, found.from_60_to_80, found.from_80) == (5, 4, 2, 1, 1)
    assert (found.silent, found.with_forecast, found.full_within_2_days) == (1, 3, 1)

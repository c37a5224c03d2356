"""Services of a simulated city count from its time, and never past the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.domain.failures import UserError
from runtime.city_clock import CityClock, write_city_clock


def test_a_city_that_stands_still_keeps_its_time(tmp_path: Path) -> None:
    there = datetime(2026, 3, 1, 12, tzinfo=UTC)
    write_city_clock(tmp_path / "clock.json", there, datetime.now(UTC), 0)
    assert CityClock(tmp_path / "clock.json").now() == there


def test_a_city_that_lives_runs_at_its_speed(tmp_path: Path) -> None:
    wall = datetime.now(UTC)
    write_city_clock(tmp_path / "clock.json", wall - timedelta(days=2), wall - timedelta(minutes=1), 60)
    ahead = CityClock(tmp_path / "clock.json").now() - (wall - timedelta(days=2))
    assert timedelta(minutes=60) <= ahead < timedelta(minutes=70)


def test_a_city_never_overtakes_the_wall_clock(tmp_path: Path) -> None:
    wall = datetime.now(UTC)
    write_city_clock(tmp_path / "clock.json", wall - timedelta(minutes=5), wall - timedelta(hours=1), 60)
    assert abs(CityClock(tmp_path / "clock.json").now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_without_a_file_it_is_the_system_clock_and_a_wrong_file_is_said(tmp_path: Path) -> None:
    assert abs(CityClock(tmp_path / "none.json").now() - datetime.now(UTC)) < timedelta(seconds=5)
    (tmp_path / "wrong.json").write_text("{}")
    with pytest.raises(UserError, match="does not say"):
        CityClock(tmp_path / "wrong.json").now()

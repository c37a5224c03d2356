"""A truck reports to have emptied a container, and readings deny it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow import InflowCurve, inflow_curve
from tests.unit.fill_forecast.counted import CUTOFF
from tests.unit.fill_forecast.signals import sawtooth
from tests.unit.fill_forecast.test_doubts import history
from tests.unit.fill_forecast.test_fusion import sentence

TOLD = "reported emptied at 2026-03-05 15:30 UTC, but it reads 5"
REPORTED = CUTOFF - 12.5 * HOUR


def reported(sound: History, *at: float) -> History:
    return replace(sound, collections=np.array(at))


def curve_at(told: History, cutoff: float = CUTOFF) -> InflowCurve:
    return inflow_curve(told.seen(cutoff, cutoff))


def test_a_reported_emptying_that_no_reading_shows_is_doubted() -> None:
    """As read, and what an emptying leaves and half a day brings, both lie within the 80 % interval."""
    told, usual = reported(history(), REPORTED), curve_at(history())
    curve = curve_at(told)
    assert len(curve.doubts) == 1
    assert curve.doubts[0].startswith(TOLD)
    assert curve.doubts[0].endswith("since: not emptied, or the sensor is stuck or blocked")
    low, high = (curve.level_at_end() + 1.2816 * sign * curve.level_sd for sign in (-1, 1))
    assert low < 0.03 + 0.09
    assert high > usual.level_at_end()
    assert "data doubtful" in sentence(told)
    assert curve.emptied_at() is not None


def test_it_says_nothing_of_what_comes_in_or_of_what_emptyings_leave() -> None:
    usual, curve = curve_at(history()), curve_at(reported(history(), REPORTED))
    assert curve.cumulative[-1] == pytest.approx(usual.cumulative[-1], abs=0.03)
    assert curve.rate_per_day == pytest.approx(usual.rate_per_day, rel=0.01)
    assert curve.left.level == pytest.approx(usual.left.level, abs=0.005)


def test_the_first_readings_after_a_report_deny_nothing() -> None:
    assert curve_at(reported(history(), REPORTED), REPORTED + 1.9 * HOUR).doubts == ()
    assert curve_at(reported(history(), REPORTED), REPORTED + 3.1 * HOUR).doubts != ()


def test_two_reports_within_minutes_are_denied_like_one() -> None:
    twice = reported(history(), REPORTED - 0.9 * HOUR, REPORTED)
    assert curve_at(twice).doubts[0].startswith(TOLD)


def test_an_emptying_that_readings_show_ends_the_doubt_a_late_and_a_partial_one_raise_none() -> None:
    sound = history()
    emptied = np.where(sound.times > CUTOFF - 6 * HOUR, 0.03, sound.levels)
    half = np.where(sound.times > REPORTED, 0.6 * sound.levels, sound.levels)
    assert curve_at(reported(replace(sound, levels=emptied), REPORTED)).doubts == ()
    assert curve_at(reported(replace(sound, levels=emptied), REPORTED, CUTOFF - 6.5 * HOUR)).doubts == ()
    partly = curve_at(reported(replace(sound, levels=half), REPORTED))
    assert partly.doubts == ()
    assert partly.level_at_end() == pytest.approx(0.6 * 0.52, abs=0.03)


def test_a_report_of_a_container_that_was_emptied_within_the_day_before_or_is_nearly_empty_is_not_denied() -> None:
    sound = history()
    emptied_at = float(curve_at(sound).emptied_at() or 0.0)
    for hours in (2, 5, 9, 20):
        told = reported(sound, emptied_at + hours * HOUR)
        assert curve_at(told, emptied_at + (hours + 6) * HOUR).doubts == ()
    nearly_empty = replace(sound, levels=np.where(sound.times > CUTOFF - 3 * DAY, 0.3 * sound.levels, sound.levels))
    assert curve_at(reported(nearly_empty, REPORTED)).doubts == ()


@pytest.mark.parametrize("per_day", [0.03, 0.15, 0.44])
def test_reports_that_come_hours_late_are_not_denied_by_sound_sensors(per_day: float) -> None:
    rng = np.random.default_rng(1)
    for seed in range(3):
        made = sawtooth(seed, days=60, per_day=per_day, noise=0.012)
        told = reported(made.history, *np.sort(made.emptied + rng.uniform(0, 6, len(made.emptied)) * HOUR).tolist())
        for at in told.collections[-4:]:
            for hours in (2.5, 6, 12, 24):
                doubts = curve_at(told, float(at) + hours * HOUR).doubts
                assert not any("reported emptied" in item for item in doubts)


def test_a_container_read_once_a_day_raises_none() -> None:
    daily = sawtooth(2, days=60, interval_hours=24.0, per_day=0.03).history
    assert curve_at(reported(daily, CUTOFF - 3.5 * DAY)).doubts == ()


def test_a_jump_after_a_report_that_readings_deny_takes_nothing_from_its_doubt() -> None:
    """That the level jumped says nothing of whether the container was emptied before."""
    sound, since = history(), CUTOFF - 4 * HOUR
    for level in (0.9, 1.0):
        jumped = replace(sound, levels=np.where(sound.times > since, level, sound.levels))
        denied, alone = curve_at(reported(jumped, REPORTED)), curve_at(reported(sound, REPORTED))
        assert any("reported emptied" in item for item in denied.doubts)
        assert denied.level_sd >= 0.9 * alone.level_sd

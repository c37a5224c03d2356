"""A sensor that reads 0 for hours and comes back to where it was has not seen an emptying."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.emptyings import detect_emptyings
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.suspects import suspect_readings
from tests.unit.fill_forecast.counted import CUTOFF
from tests.unit.fill_forecast.signals import sawtooth
from tests.unit.fill_forecast.test_doubts import changed, history

LAST_BACK = 2.5 / 24
"""Days before the cutoff: two readings have come back."""


@pytest.mark.parametrize("hours", [3, 12, 40])
def test_what_read_nothing_between_two_equal_levels_is_left_out(hours: int) -> None:
    sound, failed = history().seen(CUTOFF, CUTOFF), changed(hours / 24 + LAST_BACK, 0.0, LAST_BACK).seen(CUTOFF, CUTOFF)
    usual, curve = inflow_curve(sound), inflow_curve(failed)
    assert list(np.flatnonzero(curve.suspects)) == list(np.flatnonzero(failed.levels != sound.levels))
    assert curve.emptied_at() == usual.emptied_at()
    assert curve.level_at_end() == pytest.approx(usual.level_at_end(), abs=0.02)
    assert curve.cumulative[-1] == pytest.approx(usual.cumulative[-1], abs=0.02)
    assert hours == 3 or curve.doubts == ("readings far off within the last day",)


def test_the_first_reading_that_is_back_tells_of_it() -> None:
    sound, failed = history().seen(CUTOFF, CUTOFF), changed(0.5, 0.0, 0.9 / 24).seen(CUTOFF, CUTOFF)
    assert failed.levels[-2] == 0 < failed.levels[-1]
    curve = inflow_curve(failed)
    assert list(np.flatnonzero(curve.suspects)) == list(np.flatnonzero(failed.levels != sound.levels))
    assert curve.level_at_end() == pytest.approx(inflow_curve(sound).level_at_end(), abs=0.02)
    assert curve.doubts == ("readings far off within the last day",)


def test_while_it_reads_nothing_and_after_a_spike_to_elsewhere_it_was_emptied() -> None:
    zero = changed(0.5, 0.0)
    spike = replace(zero, levels=np.where(zero.times > CUTOFF - 0.9 * HOUR, 0.95, zero.levels))
    for seen in (zero.seen(CUTOFF, CUTOFF), spike.seen(CUTOFF, CUTOFF)):
        assert not suspect_readings(seen.times, seen.levels).any()


def test_an_emptying_that_a_truck_reported_is_believed() -> None:
    failed = changed(0.5, 0.0, 0.2)
    for hours_before in (6.0, 9.0, 14.0):
        at = CUTOFF - hours_before * HOUR
        reported = replace(failed, collections=np.array([at])).seen(CUTOFF, CUTOFF)
        curve = inflow_curve(reported)
        assert abs(float(curve.emptied_at() or 0.0) - at) <= 7 * HOUR
        assert 0.0 in curve.levels[-12:]
    earlier = replace(failed, collections=np.array([CUTOFF - 3 * DAY])).seen(CUTOFF, CUTOFF)
    assert suspect_readings(earlier.times, earlier.levels, earlier.collections).any()


def test_an_emptied_container_that_gets_something_in_or_stands_elsewhere_after_a_jump_was_emptied() -> None:
    sound = history()
    filling = 0.01 * np.arange(len(sound.times)) - 0.01 * np.searchsorted(sound.times, CUTOFF - 0.5 * DAY)
    for lately in (changed(0.5, filling, LAST_BACK), elsewhere(-0.2), elsewhere(0.2)):
        seen = lately.seen(CUTOFF, CUTOFF)
        assert not suspect_readings(seen.times, seen.levels).any()
        assert CUTOFF - float(inflow_curve(seen).emptied_at() or 0.0) < DAY


def elsewhere(by: float) -> History:
    zero = changed(0.5, 0.0)
    return replace(zero, levels=np.where(zero.times > CUTOFF - LAST_BACK * DAY, history().levels + by, zero.levels))


@pytest.mark.parametrize("interval_hours", [1.0, 2.5])
@pytest.mark.parametrize("per_day", [0.15, 0.44])
def test_no_emptying_of_a_fast_container_is_lost(per_day: float, interval_hours: float) -> None:
    for seed in range(8):
        sound = sawtooth(seed, days=90, interval_hours=interval_hours, per_day=per_day, noise=0.012).history
        trusted = ~suspect_readings(sound.times, sound.levels)
        assert len(detect_emptyings(sound.times[trusted], sound.levels[trusted])) == len(
            detect_emptyings(sound.times, sound.levels)
        )

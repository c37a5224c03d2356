"""The container's own past as forecast: calibrated on signals it has not seen, weekday-aware, honest about what it rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.forecaster import HORIZON_HOURS, QUANTILES
from models.fill_forecast.history import DAY, HOUR, History
from tests.unit.fill_forecast.signals import START, sawtooth


@pytest.mark.lengthy
def test_eighty_per_cent_intervals_hold_about_eighty_per_cent_of_true_inflows() -> None:
    inside = total = 0
    low, high = QUANTILES.index(0.1), QUANTILES.index(0.9)
    for seed in range(12):
        signal = sawtooth(seed, days=100, per_day=0.2, interval_hours=2)
        times = signal.history.times
        for day in range(70, 92, 7):
            cutoff = START + day * DAY + 4 * HOUR
            fitted = EmpiricalInflow().fit([], cutoff=cutoff, known_at=cutoff)
            forecast = fitted.forecast(signal.history, cutoff=cutoff, known_at=cutoff)
            assert forecast is not None
            for hours in (24, 72, 168):
                column = HORIZON_HOURS.index(hours)
                truth = np.interp(cutoff + hours * HOUR, times, signal.inflow) - np.interp(cutoff, times, signal.inflow)
                inside += int(forecast.inflow_quantiles[low][column] <= truth <= forecast.inflow_quantiles[high][column])
                total += 1
    assert 0.7 <= inside / total <= 0.92


def test_a_container_that_fills_on_saturdays_is_forecast_to_fill_on_saturday() -> None:
    hours = np.arange(56 * 24)
    saturday = (hours // 24) % 7 == 5
    inflow = np.cumsum(np.where(saturday, 0.02, 0.001)) + 0.0005 * np.random.default_rng(1).random(len(hours))
    times = np.asarray(START + HOUR * hours, dtype=np.float64)
    history = History("c", "paper", times, np.asarray(inflow % 0.9, dtype=np.float64))
    cutoff = START + 53 * DAY + 4 * HOUR  # a Friday
    forecast = EmpiricalInflow().fit([], cutoff=cutoff, known_at=cutoff).forecast(history, cutoff=cutoff, known_at=cutoff)
    assert forecast is not None
    middle = np.array(forecast.inflow_quantiles[QUANTILES.index(0.5)])
    until_saturday_morning = middle[HORIZON_HOURS.index(24)]
    until_sunday_morning = middle[HORIZON_HOURS.index(48)]
    assert until_sunday_morning - until_saturday_morning > 3 * until_saturday_morning


@pytest.mark.parametrize("days", [2, 10])
def test_a_new_container_is_forecast_by_the_hours_in_which_its_fraction_is_used(days: int) -> None:
    """Deposits come by day: little in the six hours after midnight, as much as ever in a whole day."""
    older = [sawtooth(seed, days=60, per_day=0.2).history for seed in range(6)]
    cutoff = START + 50 * DAY
    new = sawtooth(9, days=60, per_day=0.2).history.since(cutoff - days * DAY)
    fitted = EmpiricalInflow().fit(older, cutoff=cutoff, known_at=cutoff)
    with_hours = fitted.forecast(new, cutoff=cutoff, known_at=cutoff)
    without = replace(fitted, weeks={}).forecast(new, cutoff=cutoff, known_at=cutoff)
    assert with_hours is not None
    assert without is not None
    assert sum(with_hours.day_profile[7:21]) > 0.85
    assert without.day_profile == ()
    for hours, least, most in ((6, 0.0, 0.018), (24, 0.16, 0.24)):
        middle = with_hours.inflow_quantiles[QUANTILES.index(0.5)][HORIZON_HOURS.index(hours)]
        assert least <= middle <= most, hours
    assert without.inflow_quantiles[QUANTILES.index(0.5)][HORIZON_HOURS.index(6)] > 0.025, "a quarter of a day, as at noon"
    high = np.array(with_hours.inflow_quantiles[QUANTILES.index(0.9)])
    assert high[HORIZON_HOURS.index(6)] < 0.6 * without.inflow_quantiles[QUANTILES.index(0.9)][HORIZON_HOURS.index(6)]


def test_a_forecast_knows_the_hours_in_which_its_container_is_used() -> None:
    signal = sawtooth(3, days=60, per_day=0.2)
    cutoff = START + 50 * DAY + 4 * HOUR
    fitted = EmpiricalInflow().fit([], cutoff=cutoff, known_at=cutoff)
    forecast = fitted.forecast(signal.history, cutoff=cutoff, known_at=cutoff)
    assert forecast is not None
    profile = np.array(forecast.day_profile)
    assert profile.sum() == pytest.approx(1.0)
    assert profile[7:21].sum() > 0.85, "14 of its hours get 96 %"

    once_a_day = History("c", "glass", signal.history.times[10::24], signal.history.levels[10::24])
    sparse = fitted.forecast(once_a_day, cutoff=cutoff, known_at=cutoff)
    assert sparse is not None
    assert sparse.day_profile == (), "one reading a day tells no hours"


def test_the_sentence_names_level_age_rate_and_emptying() -> None:
    signal = sawtooth(1, days=40)
    cutoff = float(signal.history.times[-1]) + 600
    forecast = EmpiricalInflow().fit([], cutoff=cutoff, known_at=cutoff).forecast(signal.history, cutoff=cutoff, known_at=cutoff)
    assert forecast is not None
    assert abs(forecast.level_at_cutoff - signal.history.levels[-1]) < 0.05
    for part in ("% full 10 min ago", "points a day over 40 days", "last emptied"):
        assert part in forecast.basis


def test_a_sensor_that_sinks_and_falls_silent_leaves_no_level_below_empty() -> None:
    cutoff = START + 40 * DAY
    times = cutoff - 40 * DAY + 3 * HOUR * np.arange(300.0)
    sinking = History("c-sinks", "glass", times, np.maximum(0.0, 0.6 - 0.02 * (times - times[0]) / DAY))
    made = EmpiricalInflow().fit([sinking], cutoff=cutoff, known_at=cutoff).forecast(sinking, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    assert 0.0 <= made.level_at_cutoff <= 1.0

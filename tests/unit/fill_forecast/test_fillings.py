"""How fast a container filled, filling by filling, on signals whose rate is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.fillings import FillingRates, filling_rates
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow import inflow_curve
from tests.unit.fill_forecast.signals import START, sawtooth


def rates_of(history: History) -> FillingRates:
    return filling_rates(inflow_curve(history), float(history.times[-1]))


def test_ended_fillings_tell_the_usual_rate_and_the_one_that_goes_on_its_own() -> None:
    times = START + np.arange(0.0, 45 * 24, 3.0) * HOUR
    day = (times - START) / DAY
    levels = (day % 10) * np.where(day < 40, 0.05, 0.1)
    found = rates_of(History("c-1", "glass", times, levels))
    assert found.middle == pytest.approx(0.05, abs=0.003)
    assert found.mean == pytest.approx(0.05, abs=0.003)
    assert found.now == pytest.approx(0.1, abs=0.003)
    assert found.days_now == pytest.approx(5, abs=0.3)


def test_falls_that_are_no_emptyings_do_not_raise_the_rate_as_they_raise_the_curve() -> None:
    """A sensor that for hours sees past the heap, several times a week."""
    clean = sawtooth(5, days=90, interval_hours=2, per_day=0.03, noise=0.004).history
    rng = np.random.default_rng(1)
    hidden = np.zeros(len(clean.times), dtype=bool)
    for begin in rng.choice(len(clean.times) - 8, 40, replace=False):
        hidden[begin : begin + 5] = True
    noisy = replace(clean, levels=np.where(hidden, 0.3 * clean.levels, clean.levels))
    curve = inflow_curve(noisy)
    by_curve = float(curve.cumulative[-1]) / (noisy.times[-1] - noisy.times[0]) * DAY
    found = filling_rates(curve, float(noisy.times[-1])).middle
    assert by_curve > 0.04
    assert abs(found - 0.03) < 0.5 * abs(by_curve - 0.03)


def test_old_fillings_fade() -> None:
    times = START + np.arange(0.0, 120 * 24, 3.0) * HOUR
    day = (times - START) / DAY
    rate = np.where(day < 60, 0.03, 0.09)
    levels = (day % 10) * rate
    found = rates_of(History("c-1", "glass", times, levels))
    assert found.middle == pytest.approx(0.09, abs=0.005)
    assert 0.06 < found.mean < 0.09


def test_without_a_filling_long_enough_there_is_no_rate() -> None:
    times = START + np.arange(0.0, 4.0) * HOUR
    found = rates_of(History("c-1", "glass", times, np.array([0.1, 0.1, 0.11, 0.12])))
    assert np.isnan(found.middle)
    assert np.isnan(found.mean)
    assert np.isnan(found.now)
    assert found.days == 0.0


def test_readings_at_full_tell_no_slope() -> None:
    times = START + np.arange(0.0, 20 * 24, 3.0) * HOUR
    day = (times - START) / DAY
    levels = np.minimum(1.0, (day % 10) * 0.2)
    found = rates_of(History("c-1", "paper", times, levels))
    assert found.middle == pytest.approx(0.2, abs=0.01)

"""A container that was not read for days: how much came in since is as unsure below what is expected as above it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.history import DAY, HOUR, FloatArray, History
from models.fill_forecast.overlay import level_quantiles, overflow_probability, time_to_level
from tests.unit.fill_forecast.signals import START, Signal, sawtooth

CITY = range(30)
CUTOFFS = tuple(START + day * DAY + 4 * HOUR for day in range(100, 150, 6))
AHEAD_HOURS = (3, 24, 72)


@cache
def signal(seed: int) -> Signal:
    """Two to four points a day, more on some days than on others; trucks report what they empty."""
    rate = float(np.random.default_rng(2000 + seed).uniform(0.02, 0.04))
    made = sawtooth(seed, days=154, per_day=rate, interval_hours=3.0, empty_at=0.6, container_id=f"c-{seed:04}")
    return replace(made, history=replace(made.history, collections=made.emptied))


@cache
def learnt() -> FittedEmpiricalInflow:
    return EmpiricalInflow().fit([signal(seed).history for seed in CITY], cutoff=CUTOFFS[0], known_at=CUTOFFS[0])


def silent(history: History, cutoff: float, days: float) -> History:
    """Neither read nor emptied for so many days."""
    return history.seen(cutoff - days * DAY, cutoff - days * DAY)


def forecast_of(history: History, cutoff: float) -> InflowForecast:
    made = learnt().forecast(history, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    return made


def levels_of(forecast: InflowForecast) -> FloatArray:
    return level_quantiles(forecast, (), [forecast.cutoff + timedelta(hours=hours) for hours in AHEAD_HOURS]).levels


def missed(days: float) -> tuple[FloatArray, FloatArray]:
    """Which shares of the levels that come about without emptyings lie below the tenth, and above the ninetieth percentile, by `AHEAD_HOURS`."""
    below, above = [], []
    for seed in CITY:
        made = signal(seed)
        for cutoff in CUTOFFS:
            history = silent(made.history, cutoff, days)
            if history.levels[-1] > 0.35:  # full before the last horizon
                continue
            forecast = forecast_of(history, cutoff)
            levels = levels_of(forecast)
            ends = cutoff + HOUR * np.array(AHEAD_HOURS)
            came_in = np.interp(ends, made.history.times, made.inflow) - np.interp(
                history.times[-1], made.history.times, made.inflow
            )
            below.append(history.levels[-1] + came_in < levels[1])
            above.append(history.levels[-1] + came_in > levels[-2])
    return np.mean(below, axis=0), np.mean(above, axis=0)


@pytest.mark.parametrize("days", [2.0, 5.0, 9.0])
def test_a_tenth_of_the_levels_lies_below_and_a_tenth_above_however_long_it_is_silent(days: float) -> None:
    below, above = missed(days)
    assert below == pytest.approx(0.1, abs=0.07)
    assert above == pytest.approx(0.1, abs=0.07)


def test_levels_of_a_silent_container_neither_cross_nor_fall_nor_leave_the_container() -> None:
    for seed in CITY:
        levels = level_quantiles(forecast_of(silent(signal(seed).history, CUTOFFS[-1], 9), CUTOFFS[-1])).levels
        assert (np.diff(levels, axis=0) >= -1e-12).all()
        assert (np.diff(levels, axis=1) >= -1e-12).all()
        assert levels.min() >= 0
        assert levels.max() <= 1


def never_emptied(until_level: float, days: float) -> InflowForecast:
    """Of a container that nobody empties, silent for so many days since it first stood at a level."""
    history = sawtooth(3, days=60, per_day=0.03, interval_hours=3.0, empty_at=9.0).history
    until = float(history.times[np.flatnonzero(history.levels >= until_level)[0]])
    return forecast_of(history.seen(until, until), until + days * DAY)


def test_one_that_is_full_by_what_is_expected_may_yet_not_be() -> None:
    expected = never_emptied(0.75, 10)
    assert expected.level_at_cutoff >= 0.98
    assert 0.5 < overflow_probability(expected, expected.cutoff, 0.98) < 0.95
    assert time_to_level(expected, 0.98).by(0.9) != expected.cutoff


def test_one_that_read_full_before_is_full() -> None:
    full = never_emptied(1.0, 9)
    assert full.data_grade == "stale"
    assert overflow_probability(full, full.cutoff) == 1.0
    assert time_to_level(full, 1.0).at == (full.cutoff,) * 3


def test_a_collection_ends_what_the_silence_leaves_open() -> None:
    def width_after(days: float) -> float:
        made = forecast_of(silent(signal(0).history, CUTOFFS[0], days), CUTOFFS[0])
        at = [made.cutoff + timedelta(hours=hours) for hours in (6, 30)]
        levels = level_quantiles(made, at[:1], at[1:]).levels
        return float(levels[-2, 0] - levels[1, 0])

    assert width_after(9) < 1.4 * width_after(0)

"""A silent container of which nobody reports emptyings may have been emptied since it was read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import level_quantiles, overflow_probability
from models.fill_forecast.unseen_emptying import unseen_emptying
from tests.unit.fill_forecast.signals import START, Signal, sawtooth

CUTOFF = START + 150 * DAY + 4 * HOUR
CITY = range(40)


@cache
def signal(seed: int) -> Signal:
    """Filled in ten days or so, each a bit differently."""
    rate = float(np.random.default_rng(1000 + seed).uniform(0.05, 0.1))
    return sawtooth(seed, days=151, per_day=rate, interval_hours=3.0, empty_at=0.6, container_id=f"c-{seed:04}")


def silent(seed: int, days: float, *, reported: bool = False) -> History:
    """Not read for so many days before the cutoff, nor a report from then on; before it trucks reported all, or nothing."""
    made = signal(seed)
    read = made.history.times <= CUTOFF - days * DAY
    collections = made.emptied[made.emptied <= CUTOFF - days * DAY] if reported else np.empty(0)
    return replace(made.history, times=made.history.times[read], levels=made.history.levels[read], collections=collections)


@cache
def learnt() -> FittedEmpiricalInflow:
    return EmpiricalInflow().fit([signal(seed).history for seed in CITY], cutoff=CUTOFF, known_at=CUTOFF)


def forecast_of(history: History) -> InflowForecast:
    made = learnt().forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
    assert made is not None
    return made


def true_level(seed: int) -> float:
    history = signal(seed).history
    return float(history.levels[history.times <= CUTOFF][-1])


@pytest.mark.parametrize("days", [4.0, 8.0, 60.0])
def test_the_level_now_is_covered_whether_it_was_emptied_or_not(days: float) -> None:
    inside, missed, untouched = [], [], []
    for seed in CITY:
        history = silent(seed, days)
        forecast = forecast_of(history)
        low, middle, high = level_quantiles(forecast, (), [forecast.cutoff]).levels[[1, 4, 7], 0]
        inside.append(low <= true_level(seed) <= high)
        missed.append(abs(middle - true_level(seed)))
        curve = inflow_curve(history)
        untouched.append(abs(min(1.0, curve.level_known() + curve.rate_per_day * days) - true_level(seed)))
    assert 0.65 <= np.mean(inside) <= 0.95
    assert np.mean(missed) < 0.9 * np.mean(untouched)


def test_the_longer_it_is_silent_the_likelier_it_was_emptied() -> None:
    curve = inflow_curve(silent(0, 20))
    last = float(curve.times[-1])
    chances = [found.chance if (found := unseen_emptying(curve, last + days * DAY)) else 0.0 for days in (0.5, 4, 8, 16, 60, 400)]
    assert chances == sorted(chances)
    assert chances[0] < 0.2
    assert 0.85 < chances[-1] < 1


def test_of_several_emptyings_in_a_long_silence_the_last_counts() -> None:
    curve = inflow_curve(silent(0, 60))
    found = unseen_emptying(curve, CUTOFF)
    assert found is not None
    ages = (CUTOFF - found.moments) / DAY
    intervals = np.diff(signal(0).emptied) / DAY
    assert ages.min() >= 0
    assert ages.max() <= intervals.max() + 1


def test_where_trucks_report_silence_says_that_it_was_not_emptied() -> None:
    history = silent(0, 20, reported=True)
    assert unseen_emptying(inflow_curve(history), CUTOFF) is None
    forecast = forecast_of(history)
    assert forecast.level_at_cutoff == 1.0
    assert overflow_probability(forecast, forecast.cutoff + timedelta(days=1)) == 1.0


def half_reported(days: float) -> list[float]:
    """The chance where nobody reports, and where every other emptying was reported."""
    never, half = silent(0, days), silent(0, days, reported=True)
    half = replace(half, collections=half.collections[::2])
    return [found.chance for item in (never, half) if (found := unseen_emptying(inflow_curve(item), CUTOFF))]


def test_half_of_the_reports_make_it_likelier_but_not_sure_that_it_was_not() -> None:
    chances = half_reported(6)
    assert chances[1] == pytest.approx(0.5 * chances[0] / (1 - 0.5 * chances[0])), "by Bayes' rule"


def test_that_none_of_many_was_reported_says_more_than_that_one_was_not() -> None:
    never, half = half_reported(45)
    assert never > 0.85
    assert half < 0.4


def test_how_likely_it_overflows_says_how_likely_it_was_not_emptied() -> None:
    """By its rate it is full by now, unless somebody has emptied it."""
    history = next(item for seed in CITY if 0.35 < inflow_curve(item := silent(seed, 9)).level_known() < 0.55)
    forecast, found = forecast_of(history), unseen_emptying(inflow_curve(history), CUTOFF)
    assert found is not None
    chance = overflow_probability(forecast, forecast.cutoff)
    assert chance == pytest.approx(1 - found.chance, abs=0.12)


def test_it_is_said_in_a_sentence() -> None:
    history = silent(0, 8)
    found = unseen_emptying(inflow_curve(history), CUTOFF)
    assert found is not None
    told = f"the sensor has been silent for 8 days, in which it may have been emptied ({100 * found.chance:.0f} %)"
    assert told in forecast_of(history).basis

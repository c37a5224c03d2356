"""The inflow curve follows what truly flowed in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.history import HOUR, FloatArray, History
from models.fill_forecast.inflow import hourly, inflow_curve
from models.fill_forecast.week_profile import weekday_factors
from tests.unit.fill_forecast.signals import START, sawtooth


@pytest.mark.parametrize("per_day", [0.03, 0.15, 0.44])
def test_the_curve_adds_up_to_the_true_inflow(per_day: float) -> None:
    signal = sawtooth(3, days=60, per_day=per_day)
    curve = inflow_curve(signal.history)
    assert curve.cumulative[-1] == pytest.approx(signal.inflow[-1], rel=0.1)


def test_the_usual_rate_stands_in_while_the_level_is_cut_at_full() -> None:
    inflow = 0.02 * np.arange(100.0)
    levels = np.minimum(1.0, np.concatenate([inflow[:70], inflow[70:] - inflow[70] + 0.02]))  # full from hour 50 to 69
    curve = inflow_curve(History("c", "paper", START + HOUR * np.arange(100.0), levels))
    assert curve.censored.sum() > 15
    assert curve.cumulative[-1] == pytest.approx(inflow[-1], rel=0.05)


def quiet_sundays(seed: int, days: int = 60) -> tuple[History, FloatArray]:
    """Fills in a day or so, but not on Sundays, when no truck comes; it is full on some Sundays since the evening before. With what truly came in."""
    rng = np.random.default_rng(seed)
    level, total, busy, levels, inflow = 0.0, 0.0, 1.0, [], []
    for hour in range(days * 24):
        day, of_day = divmod(hour, 24)
        sunday = day % 7 == 6
        if of_day == 0:
            busy = rng.lognormal(-0.045, 0.3) * (0.15 if sunday else 1.0)
        if of_day == 10 and not sunday:
            level = 0.03
        deposited = rng.gamma(4.0, 0.8 * busy / 24 * (1.7 if 7 <= of_day < 21 else 0.05) / 4.0)
        level, total = level + deposited, total + deposited
        levels.append(float(np.clip(level + rng.normal(0, 0.006), 0, 1)))
        inflow.append(total)
    return History("c", "paper", START + HOUR * np.arange(days * 24.0), np.array(levels)), np.array(inflow)


@pytest.mark.parametrize("seed", range(4))
def test_a_container_that_is_full_on_sundays_gets_a_sundays_inflow_then(seed: int) -> None:
    history, inflow = quiet_sundays(seed)
    hours, values = hourly(inflow_curve(history), days=60, end=float(history.times[-1]))
    came = np.diff(np.interp(hours * HOUR, history.times, inflow))
    sundays = (hours[:-1].astype(np.int64) // 24) % 7 == 3  # 1970 began on a Thursday
    assert np.diff(values)[sundays].sum() == pytest.approx(came[sundays].sum(), rel=0.12)


@pytest.mark.parametrize("seed", range(5))
def test_weekdays_that_differ_by_chance_are_taken_for_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(56), 24)
    by_chance = np.repeat(rng.lognormal(0, 0.4, 56), 24)
    assert weekday_factors(day, day % 7, by_chance, np.ones(len(day))) == pytest.approx(np.ones(7), abs=0.12)


def test_a_quiet_weekday_is_known_after_weeks() -> None:
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(56), 24)
    of_week = day % 7
    came = np.repeat(rng.lognormal(-0.045, 0.3, 56), 24) * np.where(of_week == 2, 0.2, 1.0)
    factors = weekday_factors(day, of_week, came, np.full(len(day), came.mean()))
    assert factors[2] == pytest.approx(0.2 / (6.2 / 7), rel=0.25)
    assert factors.mean() == pytest.approx(1.0, abs=1e-6)
    assert np.delete(factors, 2) == pytest.approx(np.full(6, 7 / 6.2), rel=0.25)


def test_weekdays_of_which_one_was_never_seen_are_taken_for_alike() -> None:
    day = np.repeat(np.arange(56), 24)
    seen = day % 7 != 3
    assert weekday_factors(day[seen], day[seen] % 7, np.ones(seen.sum()), np.ones(seen.sum())).tolist() == [1.0] * 7


def test_the_hourly_curve_is_unknown_inside_long_gaps() -> None:
    hours = np.concatenate([np.arange(0.0, 50), np.arange(150.0, 200)])
    curve = inflow_curve(History("c", "paper", START + HOUR * hours, 0.001 * hours))
    grid, values = hourly(curve, days=30, end=START + 200 * HOUR)
    offset = grid - START / HOUR
    assert np.isnan(values[(offset > 50) & (offset < 150)]).all()
    assert not np.isnan(values[(offset < 50) | (offset > 150)]).any()


def test_the_robust_level_does_not_follow_a_single_last_spike() -> None:
    levels = np.concatenate([0.3 + 0.001 * np.arange(50), [0.95]])
    curve = inflow_curve(History("c", "paper", START + HOUR * np.arange(51.0), levels))
    assert curve.level_at_end() == pytest.approx(0.35, abs=0.02)


def slow_and_noisy(seed: int, raised: float = 0.0) -> History:
    """Two points a day, read hourly with two points of noise; `raised`: the last four readings stand so much higher."""
    hours = np.arange(24 * 20.0)
    noise = np.random.default_rng(seed).normal(0, 0.02, len(hours))
    levels = 0.2 + 0.02 * hours / 24 + noise + np.where(hours >= len(hours) - 4, raised, 0.0)
    return History("c", "glass", START + HOUR * hours, np.clip(levels, 0, 1))


def test_a_slow_level_is_told_by_many_readings_together() -> None:
    """The median of three would be off by 1.1 points."""
    errors = [inflow_curve(slow_and_noisy(seed)).level_at_end() - (0.2 + 0.02 * (20 - 1 / 24)) for seed in range(60)]
    assert np.mean(np.abs(errors)) < 0.006
    assert abs(np.mean(errors)) < 0.002


def fast_and_noisy(seed: int) -> History:
    """Fifteen points a day for five days, read every two hours with jitter, and a heap that shifts within sixteen hours."""
    rng = np.random.default_rng(seed)
    hours = np.arange(0, 24 * 5.0, 2)
    heap = np.zeros(len(hours))
    for at in range(1, len(hours)):
        heap[at] = 0.875 * heap[at - 1] + rng.normal(0, 0.48)
    levels = 0.1 + 0.15 * hours / 24 + 0.02 * heap + rng.normal(0, 0.018, len(hours))
    return History("c", "residual", START + HOUR * hours, np.clip(levels, 0, 1))


def test_a_fast_level_is_told_by_more_than_three_readings_too() -> None:
    curves = [inflow_curve(fast_and_noisy(seed)) for seed in range(80)]
    truth = 0.1 + 0.15 * (24 * 5 - 2) / 24
    together = np.abs([curve.level_at_end() - truth for curve in curves])
    by_three = np.abs([curve.level_lately() - truth for curve in curves])
    assert together.mean() < 0.93 * by_three.mean()


def test_a_last_spike_that_no_reading_has_shown_to_be_one_moves_the_level_little() -> None:
    """It weighs a third of all readings, but counts as no further off than jitter."""
    history = fast_and_noisy(3)
    spike = np.where(np.arange(len(history.times)) == len(history.times) - 1, history.levels + 0.1, history.levels)
    moved = inflow_curve(replace(history, levels=spike)).level_at_end() - inflow_curve(history).level_at_end()
    assert 0 <= moved < 0.03


def test_a_level_that_has_really_moved_is_followed_at_once() -> None:
    """By less than is a jump out of all proportion."""
    levels = [inflow_curve(slow_and_noisy(seed, raised=0.2)).level_at_end() for seed in range(60)]
    assert np.median(levels) == pytest.approx(0.8, abs=0.02)

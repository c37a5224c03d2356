"""Emptyings are found where they are, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from models.fill_forecast.emptyings import as_domain, detect_emptyings
from models.fill_forecast.history import HOUR, FloatArray
from models.fill_forecast.suspects import suspect_readings
from tests.unit.fill_forecast.signals import START, sawtooth


def every_hours(levels: list[float], hours: float = 1.0) -> tuple[FloatArray, FloatArray]:
    return START + HOUR * hours * np.arange(len(levels), dtype=np.float64), np.array(levels, dtype=np.float64)


@pytest.mark.parametrize("interval_hours", [1.0, 2.5])
@pytest.mark.parametrize("per_day", [0.03, 0.15, 0.44])
def test_nearly_all_emptyings_of_noisy_signals_are_found_and_nearly_nothing_else(interval_hours: float, per_day: float) -> None:
    hits = missed = false = 0
    for seed in range(8):
        signal = sawtooth(seed, days=90, interval_hours=interval_hours, per_day=per_day, noise=0.012)
        times = signal.history.times
        found = detect_emptyings(times, signal.history.levels)
        seen = times[found.first_after]
        for truth in signal.emptied:
            if len(seen) and np.abs(seen - truth).min() <= interval_hours * HOUR:
                hits += 1
            else:
                missed += 1
        false += len(seen) - sum(bool(np.abs(signal.emptied - at).min() <= interval_hours * HOUR) for at in seen)
    assert hits > 5
    assert missed <= 0.02 * hits
    assert false <= 0.02 * hits


def test_the_end_of_an_upward_spike_is_no_emptying() -> None:
    times, levels = every_hours([0.30, 0.31, 0.30, 0.95, 0.31, 0.32, 0.31, 0.97, 0.96, 0.32, 0.33, 0.33])
    suspects = suspect_readings(times, levels)
    assert list(np.flatnonzero(suspects)) == [3, 7, 8]
    assert len(detect_emptyings(times[~suspects], levels[~suspects])) == 0


def test_a_false_plateau_at_full_is_suspect_and_its_end_is_no_emptying() -> None:
    times, levels = every_hours([0.4] * 10 + [1.0] * 40 + [0.45] * 10)
    suspects = suspect_readings(times, levels)
    assert list(np.flatnonzero(suspects)) == list(range(10, 50))
    assert len(detect_emptyings(times[~suspects], levels[~suspects])) == 0


def test_a_sensor_that_hangs_askew_for_days_and_is_straightened_empties_nothing() -> None:
    times, levels = every_hours(
        [0.30 + 0.002 * n for n in range(20)] + [0.72 + 0.001 * n for n in range(40)] + [0.37, 0.37, 0.38, 0.38, 0.38]
    )
    suspects = suspect_readings(times, levels)
    assert list(np.flatnonzero(suspects)) == list(range(20, 60))
    assert len(detect_emptyings(times[~suspects], levels[~suspects])) == 0


def test_a_jump_that_ends_in_an_emptying_is_no_fault_of_the_sensor() -> None:
    times, levels = every_hours([0.30] * 20 + [0.72] * 40 + [0.02] * 10)
    assert not suspect_readings(times, levels).any()
    assert len(detect_emptyings(times, levels)) == 1


def test_a_container_that_fills_up_stands_full_and_is_emptied_is_not_suspect() -> None:
    times, levels = every_hours([0.6, 0.7, 0.8, 0.9, *[1.0] * 30, 0.03, 0.04, 0.06])
    assert not suspect_readings(times, levels).any()
    assert len(detect_emptyings(times, levels)) == 1


def test_an_emptying_seen_half_way_is_one_emptying() -> None:
    times, levels = every_hours([0.8, 0.8, 0.81, 0.82, 0.4, 0.02, 0.02, 0.03, 0.03])
    assert len(detect_emptyings(times, levels)) == 1


def test_daily_readings_are_read_without_medians() -> None:
    times, levels = every_hours([0.0, 0.6, 0.8, 0.0, 0.8, 0.0, 0.2, 0.8, 0.0], hours=24)
    assert list(detect_emptyings(times, levels).first_after) == [3, 5, 8]


def test_a_reported_collection_counts_even_where_the_level_hardly_falls_and_is_not_counted_twice() -> None:
    times, levels = every_hours([0.05] * 10 + [0.04] * 10 + [0.5, 0.6, 0.7, 0.7, 0.02, 0.02, 0.02])
    reported = np.array([times[9] + 60, times[23] + 60])
    assert list(detect_emptyings(times, levels, reported).last_before) == [9, 23]


def test_emptyings_become_domain_values() -> None:
    times, levels = every_hours([0.8, 0.8, 0.8, 0.02, 0.02, 0.02])
    (emptying,) = as_domain("c-0001", times, detect_emptyings(times, levels))
    assert emptying.after.timestamp() == times[2]
    assert emptying.before.timestamp() == times[3]
    assert emptying.level_before == pytest.approx(0.8)
    assert emptying.level_after == pytest.approx(0.02)

"""What the global model sees of a container, on signals whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.features import STATE_NAMES, State, state_at
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.window_features import windows_of
from tests.unit.fill_forecast.signals import START, changed_after, sawtooth

CUTOFF = START + 70 * DAY + 4 * HOUR


def weekly() -> History:
    """Ten points on Mondays, nothing on other days; emptied each Sunday morning."""
    times = START + np.arange(0.0, 84 * 24, 2.0) * HOUR
    into_week = (times - START) % (7 * DAY)
    levels = np.where(into_week > 6.4 * DAY, 0.0, np.clip(into_week / DAY, 0, 1) * 0.4)
    return History("c-1", "glass", times, levels)


def state_of(history: History, cutoff: float = CUTOFF) -> State:
    state = state_at(history, cutoff, cutoff)
    assert state is not None
    return state


def named(state: State, name: str) -> float:
    return float(state.values[STATE_NAMES.index(name)])


def test_a_window_begins_at_the_last_collection_before_the_target_and_knows_the_one_after_it() -> None:
    collections = CUTOFF + np.array([10.0, 40.0]) * HOUR
    windows = windows_of(state_of(weekly()), np.array([5.0, 24.0, 48.0]), collections)
    assert windows.column("collections").tolist() == [0, 1, 2]
    assert windows.column("length_hours") == pytest.approx([5, 14, 8])
    assert windows.column("hours_to_next_collection")[:2] == pytest.approx([5, 16])
    assert windows.column("share_of_collection_interval")[1] == pytest.approx(14 / 30)
    assert np.isnan(windows.column("hours_to_next_collection")[2])
    assert np.isnan(windows.column("by_next_collection")[2])


def test_without_a_plan_nothing_is_known_of_collections() -> None:
    windows = windows_of(state_of(weekly()), np.array([24.0]), np.empty(0))
    assert windows.column("collections").tolist() == [0]
    assert np.isnan(windows.column("share_of_collection_interval")).all()


def test_the_same_weekdays_tell_what_a_weekly_rhythm_brings() -> None:
    state = state_of(weekly())  # a Monday, 04:00
    expected = windows_of(state, np.array([24.0, 48.0]), np.empty(0)).column("by_same_weekdays")
    assert expected == pytest.approx([0.4 * 20 / 24, 0.4 * 20 / 24], abs=0.02)
    tuesday = windows_of(state, np.array([48.0]), CUTOFF + np.array([24.0]) * HOUR).column("by_same_weekdays")
    assert tuesday == pytest.approx([0.0], abs=0.02)


@pytest.mark.parametrize(("name", "share"), [("level_carried_1d", 0.75), ("level_carried_3d", 0.6)])
def test_the_carried_level_is_nearer_to_the_truth_than_one_reading_of_a_noisy_sensor(name: str, share: float) -> None:
    rng = np.random.default_rng(4)
    missed = {"level_last": [], name: []}  # type: dict[str, list[float]]
    for seed in range(12):
        clean = sawtooth(seed, days=71, interval_hours=3, per_day=0.015, noise=0.0).history
        noisy = replace(clean, levels=np.clip(clean.levels + rng.normal(0, 0.03, len(clean.levels)), 0, 1))
        state = state_of(noisy)
        truth = clean.levels[np.searchsorted(clean.times, CUTOFF, side="right") - 1]
        for told, found in missed.items():
            found.append(abs(named(state, told) - float(truth)))
    assert np.mean(missed[name]) < share * np.mean(missed["level_last"])


def test_readings_after_the_cutoff_change_no_feature() -> None:
    history = weekly()
    before, after = state_of(history), state_of(changed_after(history, CUTOFF))
    np.testing.assert_array_equal(before.values, after.values)
    horizons = np.array([24.0, 168.0])
    np.testing.assert_array_equal(windows_of(before, horizons, np.empty(0)).values, windows_of(after, horizons, np.empty(0)).values)

"""A sensor that stands still but for its jitter while deposits go on is known, named and not followed; sound ones are not called stuck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast import fusion
from models.fill_forecast.fusion import fused
from models.fill_forecast.history import DAY, HOUR, FloatArray, History
from tests.unit.fill_forecast.counted import CUTOFF, Counted, counted
from tests.unit.fill_forecast.test_fusion import filling, seen_level, sentence


def held_from(made: Counted, since: float, jitter: float, every: int = 3) -> History:
    """The level as it was at a moment, and from then on no other but for jitter."""
    history = made.history("both", every=every)
    stood = made.true_level(np.array([since]))[0]
    still = stood + np.random.default_rng(1).normal(0, jitter, len(history.times))
    return replace(history, levels=np.clip(np.where(history.times > since, still, history.levels), 0, 1))


def is_called_stuck(history: History, cutoff: float = CUTOFF) -> bool:
    found = fused(history.seen(cutoff, cutoff)).fused
    assert found is not None
    return fusion.STUCK in found.doubts


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("jitter", [0.0, 0.002, 0.005, 0.02])
def test_a_stuck_sensor_is_known_whatever_its_jitter(jitter: float, every: int) -> None:
    made = filling()
    stuck = held_from(made, CUTOFF - 3 * DAY, jitter, every)
    assert is_called_stuck(stuck)
    assert seen_level(stuck) == pytest.approx(made.true_level(np.array([CUTOFF]))[0], abs=0.06)
    assert "data doubtful" in sentence(stuck)


@pytest.mark.parametrize("hours_before", [6, 30])
def test_a_sensor_that_is_stuck_over_a_reported_emptying_does_not_tell_what_it_left(hours_before: int) -> None:
    made = filling()
    emptied = made.emptied[made.emptied < CUTOFF][-1]
    stuck = held_from(made, emptied - hours_before * HOUR, 0.005)
    assert is_called_stuck(stuck)
    assert seen_level(stuck) == pytest.approx(made.true_level(np.array([CUTOFF]))[0], abs=0.08)


def test_a_sensor_that_moves_again_is_followed() -> None:
    made = filling()
    history, stuck = made.history("both"), held_from(made, CUTOFF - 3 * DAY, 0.005)
    again = replace(stuck, levels=np.where(history.times > CUTOFF - DAY, history.levels, stuck.levels))
    assert not is_called_stuck(again)
    assert seen_level(again) == pytest.approx(made.true_level(np.array([CUTOFF]))[0], abs=0.04)


def shifting(times: FloatArray, spread: float, rng: np.random.Generator) -> FloatArray:
    """The error of a heap that shifts within a day."""
    days = np.arange(times[0], times[-1] + 2 * DAY, DAY)
    return np.interp(times, days, rng.normal(0, spread, len(days)))


@pytest.mark.parametrize(
    ("every", "noise", "heap"),
    [(1, 0.02, 0.0), (3, 0.02, 0.0), (3, 0.005, 0.0), (3, 0.04, 0.0), (24, 0.02, 0.0), (3, 0.01, 0.04)],
)
def test_sound_sensors_are_not_called_stuck(every: int, noise: float, heap: float) -> None:
    for seed in range(12):
        made = counted(500 + seed, noise=noise)
        made = replace(made, read=made.read + shifting(made.times, heap, np.random.default_rng(seed)))
        history = made.history("both", every=every)
        for days in range(20, 85, 13):
            assert not is_called_stuck(history, float(made.times[days * 24 + 3]))


def test_a_level_that_settles_by_ten_points_is_not_stuck_for_long() -> None:
    """On the day itself nobody can tell."""
    made = counted(5, noise=0.01, litres=30.0, share_per_day=0.12, empty_at=0.9)
    emptied = made.emptied[(made.emptied < CUTOFF)][-1]
    cutoff = emptied + 5 * DAY
    settled = replace(made, read=made.read - 0.1 * (made.times > emptied + 3 * DAY))
    assert not is_called_stuck(settled.history("both"), cutoff)

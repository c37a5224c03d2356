"""What is known of containers in the morning is close to the truth where sensors speak, and says how sure it is where not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.whatif.belief import Belief, Foresight, Readings
from experiments.whatif.scenario import SCENARIOS, Sensors, resized
from experiments.whatif.simulate import World, world_of

DAY_S = 86_400.0
DAYS = 10


def watched(sensors: Sensors) -> tuple[World, Belief]:
    """Ten mornings of a city in which nobody collects and nothing overflows."""
    scenario = replace(resized(SCENARIOS["groningen-850"], 200), sensors=sensors, warm_up_days=0)
    world = world_of(scenario, DAYS + 2, seed=1)
    world = replace(world, city=replace(world.city, capacity_l=world.city.capacity_l * 10))
    belief = Belief(scenario, world.city, world.arrivals, world.readings)
    for day in range(DAYS):
        at = day * DAY_S + 6 * 3600
        belief.read(day, at, world.arrivals.until(at) + world.arrivals.initial_l)
    return world, belief


@pytest.mark.parametrize(
    "sensors", [Sensors("perfect"), Sensors("deposits"), Sensors("levels", noise=0.005), Sensors("levels", silent_share=0.3)]
)
def test_what_is_expected_is_unbiased_and_as_sure_as_it_says(sensors: Sensors) -> None:
    world, belief = watched(sensors)
    at = (DAYS + 1) * DAY_S
    mean, deviation = belief.expected(at)
    error = (world.arrivals.until(at) + world.arrivals.initial_l - mean) / deviation
    assert abs(error.mean()) < 0.35
    assert 0.6 < error.std() < 1.4


def test_a_silent_sensor_makes_the_belief_less_sure() -> None:
    heard, silent = (watched(Sensors("levels", noise=0.005, silent_share=share))[1] for share in (0.0, 0.8))
    at = (DAYS + 1) * DAY_S
    assert silent.expected(at)[1].mean() > 1.5 * heard.expected(at)[1].mean()


def test_emptied_containers_are_believed_empty() -> None:
    world, belief = watched(Sensors("levels", noise=0.03))
    stops = np.arange(50)
    at = np.full(50, 9.5 * DAY_S)
    belief.emptied(stops, 9, at, world.arrivals.until(9.5 * DAY_S)[stops])
    mean, _ = belief.expected(9.5 * DAY_S)
    assert (mean[:50] == 0).all()
    assert (mean[50:] > 0).all()


def test_foresight_is_the_truth() -> None:
    world, _ = watched(Sensors())
    oracle = Foresight(world.city, world.arrivals)
    at = 5.25 * DAY_S
    assert np.allclose(oracle.expected(at)[0], world.arrivals.until(at) + world.arrivals.initial_l)
    assert set(np.unique(oracle.overflow_probability(at))) <= {0.0, 1.0}


def test_sensors_are_silent_for_the_share_of_time_that_is_asked_for() -> None:
    silent = Readings.drawn(Sensors(silent_share=0.2), 400, 500, 1).silent
    assert silent.mean() == pytest.approx(0.2, abs=0.02)
    starts = (silent[1:] & ~silent[:-1]).sum()
    assert silent.sum() / starts == pytest.approx(21, rel=0.15)


def test_the_oracle_sees_a_week_beyond_the_last_simulated_day() -> None:
    world = world_of(replace(resized(SCENARIOS["groningen-850"], 200), warm_up_days=0), DAYS, seed=1)
    foresight = Foresight(world.city, world.arrivals)
    end = DAYS * DAY_S
    week = foresight.expected(end + 7 * DAY_S)[0] - foresight.expected(end)[0]
    usual = foresight.expected(end)[0] - foresight.expected(end - 7 * DAY_S)[0]
    assert world.arrivals.days == DAYS
    assert week.sum() == pytest.approx(usual.sum(), rel=0.1)

"""The fair rival: intervals as long as the weeks before allow, and no longer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.whatif.fixed_schedules import tuned
from experiments.whatif.scenario import SCENARIOS, resized
from experiments.whatif.simulate import World, world_of


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(resized(SCENARIOS["groningen-850"], 40), 7, seed=2)


def test_an_interval_fits_the_weeks_before_and_a_day_more_would_not_be_safe(world: World) -> None:
    interval = tuned(world.city, world.arrivals).interval
    usual = world.city.capacity_l / world.arrivals.history_l.mean(axis=0)
    assert (interval <= np.maximum(1, usual)).all()
    assert np.median(interval / usual) > 0.6


def test_slower_containers_are_emptied_less_often(world: World) -> None:
    slower = replace(world.arrivals, history_l=world.arrivals.history_l / 2)
    assert (tuned(world.city, slower).interval >= tuned(world.city, world.arrivals).interval).all()


def test_days_that_no_interval_helps_against_do_not_shorten_everybodys(world: World) -> None:
    flooded = world.arrivals.history_l.copy()
    flooded[::10, 0] = 2 * world.city.capacity_l[0]
    interval = tuned(world.city, replace(world.arrivals, history_l=flooded)).interval
    assert (interval[1:] == tuned(world.city, world.arrivals).interval[1:]).all()

"""What `ours` wishes for, and by when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.whatif.belief import Foresight
from experiments.whatif.city import Floats
from experiments.whatif.day_routes import MUST_M
from experiments.whatif.policies import Morning, joint
from experiments.whatif.scenario import SCENARIOS, Choosing, resized
from experiments.whatif.simulate import World, world_of

CHOOSING = Choosing(50_000.0, 1.0, counted_on_hour=8.5, in_time_from_hour=8.0)
HOUR_S, DAY_S = 3600.0, 86_400.0


@pytest.fixture(scope="module")
def world() -> World:
    """A city into which the same comes in every hour."""
    drawn = world_of(resized(SCENARIOS["groningen-850"], 60), 6, seed=1)
    litres = np.outer(20.0 * np.arange(len(drawn.arrivals.litres)), np.ones(60))
    return replace(drawn, arrivals=replace(drawn.arrivals, litres=litres, initial_l=np.zeros(60)))


def morning(world: World, choosing: Choosing) -> Morning:
    """The first one, nobody having collected before, as who knows the future sees it."""
    count = len(world.city)
    return Morning(
        city=world.city,
        known=Foresight(world.city, world.arrivals),
        group=np.arange(count),
        day=0,
        now_s=7 * HOUR_S,
        collect_s=10.5 * HOUR_S,
        next_s=DAY_S + 14 * HOUR_S,
        chance_s=8.5 * HOUR_S,
        top_n=10,
        schedule=None,
        choosing=choosing,
        visit_cost_m=np.full(count, 500.0),
        emptied_day=np.full(count, -1),
    )


def filled(world: World, full_at_s: Floats) -> World:
    """The containers just as large that they overflow at these moments."""
    return replace(world, city=replace(world.city, capacity_l=world.arrivals.until(full_at_s)))


def test_what_overflows_before_tomorrows_truck_must_be_emptied_today(world: World) -> None:
    full_at_s = np.where(np.arange(60) < 30, DAY_S + 8 * HOUR_S, DAY_S + 13 * HOUR_S)
    wishes = joint(morning(filled(world, full_at_s), CHOOSING))
    assert set(wishes.stops[wishes.worth_m >= MUST_M].tolist()) == set(range(30))


def test_what_overflows_in_the_course_of_the_day_is_asked_for_in_time(world: World) -> None:
    full_at_s = np.where(np.arange(60) < 30, 11.1 * HOUR_S, 7.6 * HOUR_S)
    full_at_s[0] = 1.5 * DAY_S
    before_s = joint(morning(filled(world, full_at_s), CHOOSING)).before_s
    assert before_s is not None
    assert before_s[0] == DAY_S
    assert (before_s[1:30] == 11 * HOUR_S).all()
    assert (before_s[30:] == 8 * HOUR_S).all()


def test_without_the_hour_nothing_is_asked_for_in_time(world: World) -> None:
    assert joint(morning(world, replace(CHOOSING, in_time_from_hour=None))).before_s is None


def test_below_the_least_level_only_what_is_at_risk_is_wished_for(world: World) -> None:
    full_at_s = np.full(60, 2.2 * DAY_S)
    full_at_s[:5] = DAY_S + 8 * HOUR_S
    filling = filled(world, full_at_s)
    everything = joint(morning(filling, CHOOSING)).stops
    high = joint(morning(filling, replace(CHOOSING, least_level=1.0))).stops
    assert set(high.tolist()) == set(range(5))
    assert len(everything) > 5

"""What emptyings leave, how differently, and that a forecast of the time after a collection knows of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.left_behind import LEFT_BEHIND_SD, LeftBehind
from models.fill_forecast.overlay import level_quantiles, uncut_levels
from tests.unit.fill_forecast.signals import sawtooth
from tests.unit.fill_forecast.test_overlay import days, steady


def left(*leftovers: float, noise: float = 0.008) -> LeftBehind:
    """Of a container whose emptyings leave these in turn, two points of the signal's own included."""
    made = sawtooth(3, days=200, noise=noise)
    number = np.searchsorted(made.emptied, made.history.times, side="right")
    more = np.where(number > 0, np.array(leftovers)[number % len(leftovers)] - 0.02, 0.0)
    assert len(made.emptied) > 20
    return inflow_curve(replace(made.history, levels=np.clip(made.history.levels + more, 0, 1))).left


def test_what_is_always_left_is_sure() -> None:
    found = left(0.1)
    assert found.level == pytest.approx(0.1, abs=0.015)
    assert found.sd < 0.012


def test_what_differs_from_emptying_to_emptying_is_not() -> None:
    found = left(0.05, 0.1, 0.15, 0.2)
    assert found.level == pytest.approx(0.125, abs=0.03)
    assert found.sd == pytest.approx(np.std([0.05, 0.1, 0.15, 0.2]), abs=0.025)


def test_a_sensor_s_jitter_is_no_difference_between_emptyings() -> None:
    assert left(0.1, noise=0.03).sd < 0.02


def test_of_a_container_that_was_hardly_emptied_yet_little_is_known() -> None:
    made = sawtooth(3, days=8)
    assert inflow_curve(made.history).left == LeftBehind(0.0, LEFT_BEHIND_SD)


def test_a_collection_leaves_a_level_that_is_as_unsure_as_emptyings_differ() -> None:
    exact, unsure = steady(), steady().model_copy(update={"level_after_sd": 0.1})
    assert (uncut_levels(exact, (), [days(1)]) == uncut_levels(unsure, (), [days(1)])).all(), "until a collection it says nothing"
    at_once = uncut_levels(unsure, [days(1)], [days(1)])[:, 0]
    assert at_once == pytest.approx([0.05 - 0.128, 0.05, 0.05 + 0.128], abs=0.001)
    a_day_later = level_quantiles(unsure, [days(1)], [days(2)]).levels[:, 0]
    wider = np.hypot(0.1, 0.128)  # ten points either way come from the inflow of a day
    assert a_day_later == pytest.approx([0.25 - wider, 0.25, 0.25 + wider], abs=0.001)

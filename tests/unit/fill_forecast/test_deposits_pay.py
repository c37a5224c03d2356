"""Deposits beside the level make forecasts better, deposits alone make honest ones: on made-up containers with litres of their own."""

from __future__ import annotations

from functools import cache

import pytest

from models.fill_forecast.scores import Scores
from tests.unit.fill_forecast.deposit_value import compared

pytestmark = pytest.mark.lengthy


@cache
def found() -> dict[str, Scores]:
    return compared(range(16), cutoffs=4)


def test_level_and_deposits_together_beat_the_level_alone() -> None:
    assert found()["level and deposits"].pinball < found()["level"].pinball


def test_where_the_level_sensor_has_fallen_silent_deposits_save_a_tenth_of_the_loss_at_least() -> None:
    assert found()["level, silent for four days, and deposits"].pinball < 0.9 * found()["level, silent for four days"].pinball


def test_what_trucks_empty_while_the_sensor_is_silent_is_known() -> None:
    """Without it the silence costs three times the loss."""
    assert found()["level, silent for four days"].pinball < 1.4 * found()["level"].pinball


def test_deposits_alone_give_honest_intervals() -> None:
    assert 0.72 <= found()["deposits"].coverage_ties_half <= 0.88


def test_weights_at_emptyings_make_deposits_alone_nearly_as_good_as_a_level() -> None:
    assert found()["deposits and weights"].pinball < 0.8 * found()["deposits"].pinball
    assert found()["deposits and weights"].pinball < 1.15 * found()["level"].pinball

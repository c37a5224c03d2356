"""The forecaster on sets that it was not tuned on: ahead of the baselines, covering what it says, nothing crossing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from models.fill_forecast.backtest import FORECASTER, BacktestOptions, BacktestResult, backtest
from models.fill_forecast.scores import mean_pinball, scores
from tests.unit.backtest.other_shapes import SHAPES, other_shapes

pytestmark = pytest.mark.slow  # a backtest each: a quarter of a minute on a free core

OPTIONS = BacktestOptions(horizon_days=3, iterations=45)
BEHIND = {"many gaps": 1.005}
"""Where it is behind the best baseline, by how much at most: of the weekday rate that knows the plan, and what was emptied within gaps, 0.3 %."""


@cache
def result(shape: str) -> BacktestResult:
    histories = other_shapes(shape)
    return backtest(histories, OPTIONS, plans=[history.collections for history in histories])


def share_of_the_best_baseline(shape: str) -> float:
    """The forecaster's pinball loss, of the least of all baselines."""
    found = result(shape)
    known = ~np.isnan(found.rows.truth)
    loss = {
        name: mean_pinball(found.rows.truth[known], values[known], OPTIONS.quantiles) for name, values in found.forecasts.items()
    }
    return loss[FORECASTER] / min(value for name, value in loss.items() if name != FORECASTER)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_ahead_of_every_baseline_but_where_it_is_known_not_to_be(shape: str) -> None:
    assert share_of_the_best_baseline(shape) < BEHIND.get(shape, 1.0)


def test_it_is_ahead_of_the_best_baseline_of_each_set_over_all_of_them() -> None:
    assert np.mean([share_of_the_best_baseline(shape) for shape in SHAPES]) < 0.96


@pytest.mark.parametrize("shape", SHAPES)
def test_its_quantiles_are_complete_and_do_not_cross(shape: str) -> None:
    forecast = result(shape).forecasts[FORECASTER]
    assert np.isfinite(forecast).all()
    assert (np.diff(forecast, axis=1) >= 0).all()


def test_its_intervals_cover_what_they_say_over_all_sets_together() -> None:
    """One set alone is a few weeks of a handful of containers, and a sensor that stays at full for days counts in all of them."""
    truth, forecast = [], []
    for shape in SHAPES:
        known = ~np.isnan(result(shape).rows.truth)
        truth.append(result(shape).rows.truth[known])
        forecast.append(result(shape).forecasts[FORECASTER][known])
        assert 0.72 <= scores(truth[-1], forecast[-1], OPTIONS.quantiles).coverage_ties_half <= 0.88, shape
    together = scores(np.concatenate(truth), np.concatenate(forecast), OPTIONS.quantiles)
    assert 0.78 <= together.coverage_ties_half <= 0.82

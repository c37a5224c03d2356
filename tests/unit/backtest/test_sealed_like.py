"""The forecaster on sets that it was not tuned on: ahead of every baseline, covering what it says, nothing crossing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from models.fill_forecast.backtest import FORECASTER, BacktestOptions, BacktestResult, backtest
from models.fill_forecast.scores import mean_pinball, scores
from tests.unit.backtest.sealed_like import SHAPES, sealed_like

pytestmark = pytest.mark.slow  # a backtest each: a quarter of a minute on a free core

OPTIONS = BacktestOptions(horizon_days=3, iterations=60)


@cache
def result(shape: str) -> BacktestResult:
    histories = sealed_like(shape)
    return backtest(histories, OPTIONS, plans=[history.collections for history in histories])


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_ahead_of_every_baseline(shape: str) -> None:
    found = result(shape)
    known = ~np.isnan(found.rows.truth)
    loss = {
        name: mean_pinball(found.rows.truth[known], values[known], OPTIONS.quantiles) for name, values in found.forecasts.items()
    }
    rivals = {name: value for name, value in loss.items() if name != FORECASTER}
    assert loss[FORECASTER] < 0.97 * min(rivals.values()), loss


@pytest.mark.parametrize("shape", SHAPES)
def test_its_intervals_cover_what_they_say_and_do_not_cross(shape: str) -> None:
    found = result(shape)
    known = ~np.isnan(found.rows.truth)
    score = scores(found.rows.truth[known], found.forecasts[FORECASTER][known], OPTIONS.quantiles)
    assert (
        0.76 <= score.coverage_ties_half <= 0.84
    )  # a few weeks of nine containers: the error of the share itself is about a point
    assert score.crossing == 0
    assert np.isfinite(found.forecasts[FORECASTER]).all()

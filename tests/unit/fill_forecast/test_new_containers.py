"""A container that the serving model has never seen, in its first week and in its second to fourth, against the distribution of its fraction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.fit_served import fit_served
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.history import DAY, HOUR, FloatArray, History, moment
from models.fill_forecast.overlay import level_quantiles
from models.fill_forecast.rows import observed_levels
from models.fill_forecast.scores import mean_pinball
from models.fill_forecast.served_inflow import ServedInflow
from tests.benchmarks.real_like_containers import real_like

pytestmark = pytest.mark.slow  # fits a model and forecasts six containers twice a day for a month: a minute on a free core

NEW = 6
TARGETS = DAY * np.arange(1.0, 8.0)


def test_new_containers_are_forecast_as_their_fraction_and_from_the_second_week_on_no_worse() -> None:
    every = real_like(9201, containers=15, years=0.6)
    opened = float(every[0].times[0]) + 150 * DAY
    old, new = every[:-NEW], [since(history, opened) for history in every[-NEW:]]
    model = fit_served(old, cutoff=opened, known_at=opened, iterations=40).model
    assert model.regressors
    week_mine, week_its = losses(model, new, opened + np.arange(1.0, 7.0, 0.5) * DAY)
    month_mine, month_its = losses(model, new, opened + np.arange(8.0, 28.0, 1.5) * DAY)
    print(f"first week {week_mine / week_its:.3f} of the fraction's loss, days 8 to 28 {month_mine / month_its:.3f}")
    assert week_mine <= 1.05 * week_its
    assert month_mine <= month_its


def since(history: History, opened: float) -> History:
    kept = history.times >= opened
    return replace(
        history,
        times=history.times[kept],
        levels=history.levels[kept],
        collections=history.collections[history.collections >= opened],
    )


def losses(model: ServedInflow, new: list[History], cutoffs: FloatArray) -> tuple[float, float]:
    """Mean pinball of the served forecasts, and of the same with the fraction's distribution in place of their own."""
    truths, mine, its = [], [], []
    for history in new:
        for cutoff in (cutoffs + 4 * HOUR).tolist():
            made = model.forecast(history, cutoff=cutoff, known_at=cutoff)
            truth = observed_levels(history, cutoff + TARGETS)
            if made is None or bool(np.isnan(truth).all()):
                continue
            pooled = model.own_past.pooled(history.fraction, np.array(made.horizon_hours, dtype=float), QUANTILES)
            usual = made.model_copy(update={"inflow_quantiles": tuple(tuple(row) for row in pooled.tolist())})
            known = ~np.isnan(truth)
            truths.append(truth[known])
            mine.append(levels(made, history, cutoff)[known])
            its.append(levels(usual, history, cutoff)[known])
    truth = np.concatenate(truths)
    assert len(truth) > 200
    return mean_pinball(truth, np.concatenate(mine), QUANTILES), mean_pinball(truth, np.concatenate(its), QUANTILES)


def levels(made: InflowForecast, history: History, cutoff: float) -> FloatArray:
    collected = [moment(at) for at in history.collections.tolist() if cutoff < at <= cutoff + TARGETS[-1]]
    found: FloatArray = level_quantiles(made, collected, [moment(at) for at in (cutoff + TARGETS).tolist()]).levels.T
    return found

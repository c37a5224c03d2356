"""A container that the model has never seen, in its second to fourth week, against the distribution of its fraction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.history import DAY, FloatArray, History
from models.fill_forecast.level_model import fit_level_model
from models.fill_forecast.rows import Rows, build_rows, without_truth
from models.fill_forecast.scores import mean_pinball
from tests.benchmarks.real_like_containers import real_like

pytestmark = pytest.mark.slow  # looks back from each day of fifteen containers and fits: half a minute on a free core

QUANTILES = (0.1, 0.5, 0.9)
NEW = 6


def test_from_the_second_week_on_the_global_model_is_no_worse_than_the_distribution_of_the_fraction() -> None:
    every = real_like(9201, containers=15, years=0.7)
    opened = every[0].times[0] + 200 * DAY
    old, new = every[:-NEW], [since(history, opened) for history in every[-NEW:]]
    learnt, told = rows_of(old), rows_of(new)
    age = told.named("days_of_data")
    told = told.of((age >= 8) & (age <= 28) & ~np.isnan(told.truth))
    model = fit_level_model(learnt.of(learnt.resolved_by(opened)), QUANTILES, seed=0, around_usual=True)
    assert model is not None
    assert len(told) > 500
    mine = mean_pinball(told.truth, model.predict(without_truth(told)), QUANTILES)
    assert mine <= mean_pinball(told.truth, by_fraction(old, new, opened, told), QUANTILES)


def since(history: History, opened: float) -> History:
    kept = history.times >= opened
    return replace(
        history,
        times=history.times[kept],
        levels=history.levels[kept],
        collections=history.collections[history.collections >= opened],
    )


def rows_of(histories: list[History]) -> Rows:
    return build_rows(histories, origin_hour=4, horizon_days=7, plans=[history.collections for history in histories])


def by_fraction(old: list[History], new: list[History], opened: float, told: Rows) -> FloatArray:
    """What stands in a container after the last collection before the target, and what its fraction gets in that time."""
    pools = EmpiricalInflow().fit(old, cutoff=opened, known_at=opened)
    levels = np.empty((len(told), len(QUANTILES)))
    for index, history in enumerate(new):
        mine = told.container == index
        inflow = pools.pooled(history.fraction, told.named("length_hours")[mine], QUANTILES)
        levels[mine] = told.named("base")[mine][:, None] + inflow.T
    return np.clip(levels, 0.0, 1.0)

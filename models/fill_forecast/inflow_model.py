"""The global member of a served model: gradient boosted quantile regressions of the inflow, over all containers, no container code.

What is learnt is how the inflow differs from the container's usual rate of four weeks, in units of the usual inflow of the window, so that
containers of different speed are one problem. Targets are untied by half a step of noise, as in `level_model`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from models.fill_forecast.history import FloatArray
from models.fill_forecast.inflow_cases import FEATURES, Cases
from models.fill_forecast.trees import binnable

ITERATIONS = 100
_LEAST_CASES = 500
_LARGEST_FIT = 150_000
_FINE_STEP = 0.01
_LEAST_UNIT = 0.03
"""The smallest usual inflow that is taken for a unit: below it differences are jitter."""

Regressors = tuple[HistGradientBoostingRegressor, ...]


def fit_inflow_model(cases: Cases, quantiles: Sequence[float], *, seed: int, iterations: int = ITERATIONS) -> Regressors:
    """One regression per quantile; none where there are fewer than 500 cases. Deterministic."""
    if len(cases) < _LEAST_CASES:
        return ()
    rng = np.random.default_rng(seed)
    if len(cases) > _LARGEST_FIT:
        cases = cases.of(np.sort(rng.choice(len(cases), _LARGEST_FIT, replace=False)))
    features = binnable(cases.features)
    step = np.maximum(np.nan_to_num(cases.named("level_steps")), _FINE_STEP)
    untied = cases.truth + rng.uniform(-0.5, 0.5, len(cases)) * step
    usual, unit = _usual(features)
    target = (untied - usual) / unit
    return tuple(_regressor(quantile, iterations).fit(features, target) for quantile in quantiles)


def predict_inflow(regressors: Regressors, features: FloatArray) -> FloatArray:
    """Quantiles [case, quantile] above the robust level at the last reading, in order."""
    usual, unit = _usual(features)
    raw = np.column_stack([regressor.predict(features) for regressor in regressors])
    ordered: FloatArray = np.sort(usual[:, None] + unit[:, None] * raw, axis=1)
    return ordered


def _usual(features: FloatArray) -> tuple[FloatArray, FloatArray]:
    usual = np.maximum(0.0, np.nan_to_num(features[:, FEATURES.index("by_rate_and_hours")]))
    return usual, np.maximum(usual, _LEAST_UNIT)


def _regressor(quantile: float, iterations: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=iterations,
        learning_rate=0.08,
        max_leaf_nodes=15,
        min_samples_leaf=60,
        l2_regularization=1.0,
        max_bins=128,
        early_stopping=False,
        random_state=0,
    )

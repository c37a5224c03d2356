"""Global models of the level at a target: gradient boosted trees over all containers, the horizon a feature, no container code.

Where a sensor knows many levels: one quantile regression per quantile, on targets untied by half a step of noise (ties leave the
quantile loss stuck at the commonest level). Where it knows few: the probability of each level, from which quantiles are read off exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from models.fill_forecast.history import FloatArray, IntArray
from models.fill_forecast.rows import Rows
from models.fill_forecast.trees import binnable

ITERATIONS = 120
"""Trees of each quantile's model of the level; that around the usual has fewer, which learn more slowly."""
_LEAVES = 31
_RATE, _RATE_AROUND_USUAL = 0.07, 0.05
_SHARE_AROUND_USUAL, _SHARE_OF_LEVELS = 5 / 6, 5 / 8
LARGEST_FIT = 150_000
"""Rows that one fit learns from at most: fewer lose (45,000: 1.4 % on simulated slow containers), and time grows with them."""
_LEAST_FIT = 500
_FINE_STEP = 0.01
_MOST_LEVELS = 25
_COARSE = 0.05
"""Steps between levels from this on are coarse: few levels, many ties."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelModel:
    """What was fitted at one moment: regressors for rows of fine levels, a classifier for those of coarse ones; either may be
    missing where there was nothing to fit it on, and the other does its work then."""

    quantiles: tuple[float, ...]
    around_usual: bool
    regressors: tuple[HistGradientBoostingRegressor, ...]
    classifier: HistGradientBoostingClassifier | None
    class_levels: FloatArray

    def predict(self, rows: Rows) -> FloatArray:
        """Quantiles [row, quantile] of the level, in order and within 0..1."""
        features = rows.features()
        step = rows.named("level_steps")
        coarse = step >= _COARSE if self.regressors else np.ones(len(rows), dtype=bool)
        levels = np.empty((len(rows), len(self.quantiles)))
        if self.classifier is None:
            levels = self._fine_quantiles(rows, features)
            rounded = np.round(levels[coarse] / step[coarse][:, None]) * step[coarse][:, None]
            levels[coarse] = np.clip(rounded, 0.0, 1.0)
            return levels
        if bool(coarse.any()):
            levels[coarse] = self._coarse_quantiles(self.classifier, features[coarse])
        if not bool(coarse.all()):
            levels[~coarse] = self._fine_quantiles(rows.of(~coarse), features[~coarse])
        return levels

    def _fine_quantiles(self, rows: Rows, features: FloatArray) -> FloatArray:
        raw = np.column_stack([regressor.predict(features) for regressor in self.regressors])
        if self.around_usual:
            raw += usual_level(rows)[:, None]
        ordered: FloatArray = np.clip(np.sort(raw, axis=1), 0.0, 1.0)
        return ordered

    def _coarse_quantiles(self, classifier: HistGradientBoostingClassifier, features: FloatArray) -> FloatArray:
        cumulative = np.cumsum(classifier.predict_proba(features), axis=1)
        last = len(self.class_levels) - 1
        picked = [np.minimum((cumulative < quantile).sum(axis=1), last) for quantile in self.quantiles]
        return np.column_stack([self.class_levels[index] for index in picked])


def usual_level(rows: Rows) -> FloatArray:
    """What a container stands at after the last collection before the target (or now), plus what its fillings and its median day bring since then."""
    return rows.named("steady_level")


def fit_level_model(
    rows: Rows,
    quantiles: Sequence[float],
    *,
    seed: int,
    around_usual: bool = False,
    iterations: int = ITERATIONS,
    most_rows: int = LARGEST_FIT,
) -> LevelModel | None:
    """Fits on rows whose truth is known; the caller answers for which these are. None when they are too few.

    `around_usual`: learn how the level differs from `usual_level` instead of the level itself.
    """
    rows = rows.of(~np.isnan(rows.truth))
    if len(rows) < _LEAST_FIT:
        return None
    rng = np.random.default_rng(seed)
    rows = rows.of(sample_of(len(rows), most_rows, rng))
    features = rows.features()
    step = rows.named("level_steps")
    coarse = step >= _COARSE
    levels = np.unique(rows.truth[coarse])
    classifier = None
    if coarse.sum() >= _LEAST_FIT and 2 <= len(levels) <= _MOST_LEVELS:
        classifier = _classifier(iterations).fit(binnable(features[coarse]), np.searchsorted(levels, rows.truth[coarse]))
    regressors: tuple[HistGradientBoostingRegressor, ...] = ()
    if classifier is None or (~coarse).sum() >= _LEAST_FIT:
        untied = rows.truth + rng.uniform(-0.5, 0.5, len(rows)) * np.where(coarse, step, _FINE_STEP)
        if around_usual:
            untied = untied - usual_level(rows)
        trees, rate = (round(_SHARE_AROUND_USUAL * iterations), _RATE_AROUND_USUAL) if around_usual else (iterations, _RATE)
        fitted_on = binnable(features)
        regressors = tuple(_regressor(quantile, trees, rate).fit(fitted_on, untied) for quantile in quantiles)
    return LevelModel(tuple(quantiles), around_usual, regressors, classifier, levels)


def sample_of(size: int, most: int, rng: np.random.Generator) -> IntArray:
    """Rising indices of at most `most` of `size` things."""
    if size <= most:
        return np.arange(size)
    chosen: IntArray = np.sort(rng.choice(size, most, replace=False))
    return chosen


def _regressor(quantile: float, trees: int, rate: float) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="quantile",
        quantile=quantile,
        max_iter=trees,
        learning_rate=rate,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=200,
        l2_regularization=1.0,
        max_features=0.5,
        max_bins=128,
        early_stopping=False,
        random_state=0,
    )


def _classifier(iterations: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=max(1, round(_SHARE_OF_LEVELS * iterations)),
        learning_rate=0.08,
        max_leaf_nodes=15,
        min_samples_leaf=200,
        l2_regularization=5.0,
        max_features=0.5,
        max_bins=128,
        early_stopping=False,
        random_state=0,
    )

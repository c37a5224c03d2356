"""Scores of quantile forecasts against what was read later. All in the unit of the levels; tables print points (per cent of full)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.history import FloatArray

TIE_DIGITS = 9
"""Levels that differ only after so many digits are the same level, whatever sums of floats make of them: 0.6 and 3 · 0.2."""


@dataclass(frozen=True, slots=True)
class Scores:
    """`coverage` and `width` are of `interval`; `coverage_ties_half` counts a truth that lies exactly on a bound
    as half inside (full and empty are such ties); `crossing` is the share of forecasts whose quantiles cross."""

    cases: int
    mae: float
    pinball: float
    coverage: float
    coverage_ties_half: float
    width: float
    crossing: float


def pinball(truth: FloatArray, forecast: FloatArray, quantile: float) -> FloatArray:
    """Pinball loss of each forecast of one quantile (Koenker & Bassett 1978)."""
    error = truth - forecast
    loss: FloatArray = np.maximum(quantile * error, (quantile - 1) * error)
    return loss


def mean_pinball(truth: FloatArray, forecast: FloatArray, quantiles: tuple[float, ...]) -> float:
    """Mean over quantiles and cases; `forecast` is [case, quantile]."""
    return float(np.mean([pinball(truth, forecast[:, column], quantile).mean() for column, quantile in enumerate(quantiles)]))


def interval(quantiles: tuple[float, ...]) -> tuple[int, int]:
    """The columns between which coverage and width are taken: the 80 % interval where its two quantiles are among them, else that between the
    outermost."""
    if 0.1 in quantiles and 0.9 in quantiles:
        return quantiles.index(0.1), quantiles.index(0.9)
    return 0, len(quantiles) - 1


def scores(truth: FloatArray, forecast: FloatArray, quantiles: tuple[float, ...]) -> Scores:
    """Scores of cases whose truth is known; there must be at least one. MAE is of the quantile nearest to the median."""
    middle = forecast[:, int(np.argmin(np.abs(np.array(quantiles) - 0.5)))]
    lower, upper = interval(quantiles)
    low, high = forecast[:, lower], forecast[:, upper]
    within = (truth >= low) & (truth <= high)
    inside = (truth > low) & (truth < high)
    return Scores(
        cases=len(truth),
        mae=float(np.abs(truth - middle).mean()),
        pinball=mean_pinball(truth, forecast, quantiles),
        coverage=float(within.mean()),
        coverage_ties_half=float(0.5 * (within.mean() + inside.mean())),
        width=float((high - low).mean()),
        crossing=float((np.diff(forecast, axis=1) < 0).any(axis=1).mean()),
    )


def reliability(truth: FloatArray, forecast: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
    """Share of truths below each quantile, those on it counted half: equals the quantile where the forecast is right."""
    return np.array(
        [
            float((truth < forecast[:, column]).mean() + 0.5 * (truth == forecast[:, column]).mean())
            for column in range(len(quantiles))
        ]
    )

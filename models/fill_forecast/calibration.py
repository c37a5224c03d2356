"""Conformal calibration: quantiles moved by what they missed lately, each for itself.

For each quantile q the errors (truth - forecast quantile) of forecasts that ended in the last 60 days are gathered; adding their own q-quantile
makes a share q of them lie below, ties at a bound counted half. Lower and upper bounds are moved separately (CQR, Romano 2019, one-sided).
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import FloatArray

WINDOW_DAYS = 60.0
_LEAST_CASES = 60


def offsets(truth: FloatArray, forecast: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
    """What to add to each quantile; nothing where fewer than 60 forecasts have ended. The median stays."""
    moved = np.zeros(len(quantiles))
    if len(truth) < _LEAST_CASES:
        return moved
    for column in range(len(quantiles) - 1, -1, -1):
        quantile = quantiles[column]
        if quantile != 0.5:
            share = quantile - _lost_at_full(truth, forecast[:, -1] + moved[-1], quantiles) if column == 0 else quantile
            moved[column] = np.quantile(truth - forecast[:, column], share, method="hazen")
    return moved


def _lost_at_full(truth: FloatArray, top: FloatArray, quantiles: tuple[float, ...]) -> float:
    """How much of the interval's coverage its upper bound cannot give. Containers that stand at full often tie with a bound at full, and a
    tie is half a miss that no higher bound mends; the lower bound makes up for it, down to half its share."""
    top = np.minimum(top, 1.0)
    missed = float((truth > top).mean() + 0.5 * (truth == top).mean())
    return float(np.clip(missed - (1 - quantiles[-1]), 0.0, 0.5 * quantiles[0]))


def calibrated(forecast: FloatArray, moved: FloatArray) -> FloatArray:
    """Quantiles with their offsets: in order, within 0..1, the median where it was."""
    return np.clip(np.sort(forecast + moved, axis=1), 0.0, 1.0)

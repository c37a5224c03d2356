"""Conformal calibration: quantiles moved by what they missed lately, each for itself.

For each quantile q the errors (truth - forecast quantile) of forecasts that ended in the last 60 days are gathered; adding their own q-quantile
makes a share q of them lie below, ties at a bound counted half. Lower and upper bounds are moved separately (CQR, Romano 2019, one-sided).

Where many truths lie exactly at full (or empty), a bound there ties with them, and a tie is half a miss that moving it further does not mend.
The outer bounds are therefore moved by the errors' quantiles at a share that is a little smaller or larger than their own, so that the interval
between them covered what it should; as far as that costs next to no pinball loss.
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import FloatArray
from models.fill_forecast.scores import TIE_DIGITS

WINDOW_DAYS = 60.0
_LEAST_CASES = 60
_HALF_TRUSTED_CASES = 100
"""Forecasts of one container, day after day, miss alike: of so few, half of what they ask for is chance."""
_SMALLER_SHARES = np.concatenate([[0.0], np.arange(-0.4, 0.0, 0.1), np.arange(0.1, 0.85, 0.1)])
"""By how much the outer bounds' own shares are made smaller (a wider interval), nothing first."""
_DEAREST = 1.02
"""How much pinball loss of the outer bounds, relative to that of leaving their shares alone, the right coverage may cost."""


def offsets(truth: FloatArray, forecast: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
    """What to add to each quantile, drawn towards nothing where few forecasts have ended; nothing with fewer than 60. The median stays."""
    moved = np.zeros(len(quantiles))
    if len(truth) < _LEAST_CASES:
        return moved
    for column in range(1, len(quantiles) - 1):
        if quantiles[column] != 0.5:
            moved[column] = np.quantile(truth - forecast[:, column], quantiles[column], method="hazen")
    moved[0], moved[-1] = _outer_offsets(truth, forecast[:, 0], forecast[:, -1], quantiles[0], quantiles[-1])
    return moved * len(truth) / (len(truth) + _HALF_TRUSTED_CASES)


def _outer_offsets(truth: FloatArray, low: FloatArray, high: FloatArray, share: float, upper: float) -> tuple[float, float]:
    below = np.quantile(truth - low, share * (1 - _SMALLER_SHARES), method="hazen")
    above = np.quantile(truth - high, 1 - (1 - upper) * (1 - _SMALLER_SHARES), method="hazen")
    lows, highs = np.clip(low[:, None] + below, 0.0, 1.0), np.clip(high[:, None] + above, 0.0, 1.0)
    lows, highs = np.round(lows, TIE_DIGITS), np.round(highs, TIE_DIGITS)
    truths = np.round(truth[:, None], TIE_DIGITS)
    within = ((truths >= lows) & (truths <= highs)).mean(axis=0)
    inside = ((truths > lows) & (truths < highs)).mean(axis=0)
    loss = _pinball(truths - lows, share) + _pinball(truths - highs, upper)
    missed = np.abs(0.5 * (within + inside) - (upper - share))
    missed[loss > _DEAREST * loss[0] + 1e-9] = np.inf
    best = int(np.argmin(missed))
    return float(below[best]), float(above[best])


def _pinball(error: FloatArray, quantile: float) -> FloatArray:
    loss: FloatArray = np.maximum(quantile * error, (quantile - 1) * error).mean(axis=0)
    return loss


def calibrated(forecast: FloatArray, moved: FloatArray) -> FloatArray:
    """Quantiles with their offsets: in order, within 0..1, the median where it was."""
    return np.clip(np.sort(forecast + moved, axis=1), 0.0, 1.0)

"""Quantiles made wider by an independent normal error: the distances from the median add as standard deviations do."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from models.fill_forecast.history import FloatArray


def normal_quantiles(quantiles: tuple[float, ...]) -> FloatArray:
    """Of the standard normal distribution."""
    found: FloatArray = ndtri(np.array(quantiles))
    return found


def widened(curves: FloatArray, middle: FloatArray, errors: FloatArray) -> FloatArray:
    """Curves [quantile, …] with the median `middle`, widened by quantiles of an error, in order."""
    distance = np.hypot(curves - middle, errors)
    ordered: FloatArray = np.sort(middle + np.where(errors < 0, -distance, np.where(errors > 0, distance, curves - middle)), axis=0)
    return ordered

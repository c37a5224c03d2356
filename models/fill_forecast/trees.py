"""What the gradient boosted trees of this package have in common."""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import FloatArray


def binnable(features: FloatArray) -> FloatArray:
    """Features [row, feature] to fit on: what none of these rows has, which cannot be binned, is nought everywhere, so that no tree splits on it."""
    nobody = np.isnan(features).all(axis=0)
    return np.where(nobody, 0.0, features) if bool(nobody.any()) else features

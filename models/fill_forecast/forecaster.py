"""What a forecaster is, and the horizons and quantiles that all of them use.

A new forecaster is one file and one line in `FORECASTERS` (registry.py); the contract tests take it up from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.history import FloatArray, History

HORIZON_HOURS: tuple[int, ...] = (3, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 66, 72, 96, 120, 144, 168, 216, 264, 336)
"""3 hours to 14 days: dense where trucks are sent, coarse beyond."""

QUANTILES: tuple[float, ...] = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)


class FittedForecaster(Protocol):
    """Made by `Forecaster.fit`; deterministic from then on. May be called from several threads."""

    def forecast(
        self,
        history: History,
        *,
        cutoff: float,
        known_at: float,
        horizon_hours: tuple[int, ...] = HORIZON_HOURS,
        quantiles: tuple[float, ...] = QUANTILES,
    ) -> InflowForecast | None:
        """The inflow of one container after `cutoff` (seconds since 1970 UTC), from what was observed by then and stored by
        `known_at`; None when that is nothing at all. Pure computation of milliseconds, raises nothing else than programming errors.
        Quantiles do not cross and do not fall with time.
        """
        ...


class Forecaster(Protocol):
    """Learns from many containers. Called by the service and the backtest; blocks for seconds to minutes."""

    @property
    def name(self) -> str:
        """A stable identifier, stored with each forecast."""
        ...

    def fit(self, histories: Sequence[History], *, cutoff: float, known_at: float) -> FittedForecaster:
        """Learns from what was observed by `cutoff` and stored by `known_at`, and looks at nothing else."""
        ...


def in_order(inflow: FloatArray) -> FloatArray:
    """Quantile curves [quantile, horizon] made valid: not negative, not crossing, not falling with time."""
    ordered: FloatArray = np.maximum.accumulate(np.sort(np.maximum(inflow, 0.0), axis=0), axis=1)
    return ordered

"""What past forecasts missed moves the next ones, and only as far as so few tell."""

from __future__ import annotations

import numpy as np
import pytest

from models.fill_forecast.calibration import calibrated, offsets

QUANTILES = (0.1, 0.5, 0.9)


def missed_by(error: float, cases: int) -> tuple[np.ndarray, np.ndarray]:
    """Truths spread evenly from 0.3 to 0.5, and quantiles that are right but for bounds too near by `error`."""
    forecast = np.tile([0.32 + error, 0.4, 0.48 - error], (cases, 1))
    return np.linspace(0.3, 0.5, cases), forecast


@pytest.mark.parametrize(("cases", "share"), [(59, 0.0), (100, 0.5), (900, 0.9)])
def test_bounds_move_by_what_they_missed_and_few_misses_count_less(cases: int, share: float) -> None:
    truth, forecast = missed_by(0.05, cases)
    moved = offsets(truth, forecast, QUANTILES)
    assert moved == pytest.approx([-0.05 * share, 0.0, 0.05 * share], abs=0.004)


def test_calibrated_quantiles_are_in_order_and_within_empty_and_full() -> None:
    made = calibrated(np.array([[0.02, 0.4, 0.99]]), np.array([0.5, 0.0, 0.3]))
    assert made.tolist() == [[0.4, 0.52, 1.0]]

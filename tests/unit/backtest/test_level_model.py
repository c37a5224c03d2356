"""The backtest's global model on sets whose containers are told different things."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.fill_forecast.level_model import fit_level_model
from models.fill_forecast.rows import build_rows
from tests.unit.fill_forecast.signals import sawtooth


def test_containers_of_six_levels_without_a_plan_can_stand_beside_others_with_one() -> None:
    """What all of the coarse ones lack, such as the time to the next collection, cannot be binned for their model."""
    histories, plans = [], []
    for seed in range(4):
        signal = sawtooth(seed, days=120, interval_hours=6, per_day=0.2, container_id=f"c-{seed}")
        if seed < 2:
            histories.append(signal.history)
            plans.append(signal.emptied)
        else:
            coarse = np.round(signal.history.levels[::4] * 5) / 5
            histories.append(replace(signal.history, times=signal.history.times[::4], levels=coarse))
            plans.append(np.empty(0))
    rows = build_rows(histories, origin_hour=4, horizon_days=3, plans=plans)
    for around_usual in (False, True):
        model = fit_level_model(rows, (0.1, 0.5, 0.9), seed=0, around_usual=around_usual, iterations=4)
        assert model is not None
        assert model.classifier is not None
        assert model.regressors
        predicted = model.predict(rows)
        assert np.isfinite(predicted).all()
        assert (np.diff(predicted, axis=1) >= 0).all()

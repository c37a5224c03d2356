"""What deposits are worth: forecasts of made-up containers with the level, the deposits, or both told, scored against the true level.

`python -m tests.unit.fill_forecast.deposit_value` prints the table of docs/forecasting.md, by the containers' own past; with `fitted`, by a fitted
model. Those who are forecast are others than those who are learnt from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.fit_served import WeighedInflow
from models.fill_forecast.forecaster import QUANTILES, Forecaster
from models.fill_forecast.history import DAY, FloatArray, moment
from models.fill_forecast.overlay import level_quantiles
from models.fill_forecast.scores import Scores, scores
from tests.unit.fill_forecast.counted import CUTOFF, Counted, Told, counted, silent_from

DAYS_AHEAD = 7
SILENT_DAYS = 4


CASES: tuple[tuple[str, Told, bool, bool], ...] = (
    ("level", "levels", False, False),
    ("deposits", "deposits", False, False),
    ("deposits and weights", "deposits", True, False),
    ("level and deposits", "both", False, False),
    ("level, silent for four days", "levels", False, True),
    ("level, silent for four days, and deposits", "both", False, True),
)
"""Name, what is told, whether a crane weighs, whether the level sensor is silent."""


def compared(seeds: Sequence[int], *, cutoffs: int, noise: float = 0.02, forecaster: Forecaster | None = None) -> dict[str, Scores]:
    """Scores of 1 to 7 days ahead, the true collections laid over; by what the forecaster is told. Coverage and width are of the 80 % interval."""
    made = [counted(seed, noise=noise) for seed in seeds]
    learning: tuple[Told, ...] = ("levels", "both")
    fitted = {
        told: (forecaster or EmpiricalInflow()).fit(
            [item.history(told, weighed=True, container_id=f"t-{seed}") for seed, item in enumerate(made)],
            cutoff=CUTOFF,
            known_at=CUTOFF,
        )
        for told in learning
    }
    others = [counted(1000 + seed, noise=noise) for seed in seeds]
    found = {}
    for name, told, weighed, silent in CASES:
        model = fitted["levels" if told == "levels" else "both"]
        truths, forecasts = [], []
        for step in range(cutoffs):
            cutoff = CUTOFF + step * 20 * DAY / cutoffs
            for item in others:
                history = item.history(told, weighed=weighed)
                history = silent_from(history, cutoff - SILENT_DAYS * DAY) if silent else history
                truth, forecast = _ahead(model.forecast(history, cutoff=cutoff, known_at=cutoff), item, cutoff)
                truths.append(truth)
                forecasts.append(forecast)
        truth, forecast = np.concatenate(truths), np.concatenate(forecasts)
        found[name] = scores(truth, forecast, QUANTILES)
    return found


def _ahead(forecast: InflowForecast | None, item: Counted, cutoff: float) -> tuple[FloatArray, FloatArray]:
    """(true levels, quantiles [day, quantile]) of the days ahead."""
    assert forecast is not None
    targets: FloatArray = cutoff + DAY * np.arange(1.0, DAYS_AHEAD + 1)
    collections = [moment(at) for at in item.emptied.tolist() if cutoff < at <= targets[-1]]
    levels = level_quantiles(forecast, collections, [moment(at) for at in targets.tolist()]).levels
    return item.true_level(targets), levels.T


def table(found: dict[str, Scores]) -> list[str]:
    lines = ["| what is told | cases | MAE | pinball | 80 % covers | ties half | width |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {name} | {item.cases:,} | {100 * item.mae:.2f} | {100 * item.pinball:.3f} | {100 * item.coverage:.1f} % "
        f"| {100 * item.coverage_ties_half:.1f} % | {100 * item.width:.1f} |"
        for name, item in found.items()
    ]
    return lines


if __name__ == "__main__":
    chosen = WeighedInflow() if "fitted" in sys.argv[1:] else EmpiricalInflow()
    for line in table(compared(range(40), cutoffs=4, forecaster=chosen)):
        print(line)

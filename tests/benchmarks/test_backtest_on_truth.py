"""How far a backtest's forecasts can get: its losses on simulated containers beside those of who knows true levels, habits and statistics.

Prints the table of docs/forecasting.md. Run: OMP_NUM_THREADS=1 pytest -s tests/benchmarks/test_backtest_on_truth.py (a quarter of an hour of a
core).
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.fill_forecast.backtest import FORECASTER, BacktestOptions, BacktestResult, backtest
from models.fill_forecast.history import DAY, BoolArray, FloatArray, History
from models.fill_forecast.scores import mean_pinball
from simulators.faults import EVERY_FAULT
from simulators.fill_series import FillSeries, simulate_fill
from simulators.oracle import knows, learns, level_quantiles

pytestmark = pytest.mark.timeout(7200)
SEED, CONTAINERS, DAYS = 11, 40, 550
PATHS = 301
ENDS = datetime(2026, 11, 28, 7, tzinfo=UTC)
OPTIONS = BacktestOptions()
RATES = ("plan + median rate", "plan + weekday rate")
LEARNS, KNOWS = "who has to learn the rate", "who knows the rate"


def test_a_backtest_beside_what_anybody_could_say() -> None:
    series = simulate_fill(SEED, EVERY_FAULT, containers=CONTAINERS, days=DAYS, ends=ENDS)
    result = backtest(
        [History(item.container_id, item.fraction, item.times, item.levels) for item in series],
        OPTIONS,
        plans=[item.emptied for item in series],
        progress=lambda what, done, of: print(f"{what} {done} of {of}") if done == of else None,
    )
    said = {name: result.forecasts[name] for name in (FORECASTER, *RATES)} | _told_by_who_knows_more(series, result)
    for name, fast in (("slow", False), ("fast", True)):
        chosen = ~np.isnan(result.rows.truth) & (result.fast == fast)
        losses = {who: 100 * mean_pinball(result.rows.truth[chosen], told[chosen], OPTIONS.quantiles) for who, told in said.items()}
        _print_losses(name, chosen, losses)
        assert losses[FORECASTER] < 0.92 * min(losses[who] for who in RATES)
        assert losses[FORECASTER] < 1.05 * losses[LEARNS]


def _told_by_who_knows_more(series: list[FillSeries], result: BacktestResult) -> dict[str, FloatArray]:
    """Quantiles [row, quantile] of what will be read, by who is told the plan as the forecaster is."""
    rng = np.random.default_rng(0)
    told = {LEARNS: np.empty_like(result.forecasts[FORECASTER]), KNOWS: np.empty_like(result.forecasts[FORECASTER])}
    rows = result.rows
    for index, item in enumerate(series):
        for cutoff in np.unique(rows.cutoff[rows.container == index]).tolist():
            here = np.flatnonzero((rows.container == index) & (rows.cutoff == cutoff))
            targets = cutoff + DAY * rows.horizon_days[here].astype(np.float64)
            beliefs = {
                LEARNS: learns(item.course, cutoff, paths=PATHS, rng=rng),
                KNOWS: knows(item.course, cutoff, paths=PATHS),
            }
            for who, belief in beliefs.items():
                told[who][here] = level_quantiles(
                    item.course, targets, cutoff, belief, item.emptied, OPTIONS.quantiles, rng=rng, as_read=True
                )
    return told


def _print_losses(name: str, chosen: BoolArray, losses: dict[str, float]) -> None:
    better = min(losses[who] for who in RATES)
    print(f"\n| {name}, {int(chosen.sum()):,} cases | pinball | under the better rate |\n|---|---|---|")
    for who, loss in losses.items():
        print(f"| {who} | {loss:.3f} | {100 * (1 - loss / better):.1f} % |")

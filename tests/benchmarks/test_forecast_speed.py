"""CPU seconds of the global forecast model, one thread: a city forecast from stored features, one container after a new reading, a full refit.

Run: OMP_NUM_THREADS=1 pytest -s tests/benchmarks/test_forecast_speed.py. The baselines: the median rate that a planner
would use instead (a city, one container), and the refit on the sample that a backtest draws.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from models.fill_forecast.features import state_at
from models.fill_forecast.fit_served import fit_served
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow_cases import SERVED_COLUMNS
from models.fill_forecast.inflow_model import predict_inflow
from models.fill_forecast.level_model import LARGEST_FIT, LevelModel, fit_level_model
from models.fill_forecast.members import median_rate
from models.fill_forecast.rows import PAST_ERROR_NAMES, Rows, build_rows, without_truth
from models.fill_forecast.served_inflow import ServedInflow
from models.fill_forecast.window_features import windows_of
from tests.benchmarks.real_like_containers import real_like

pytestmark = pytest.mark.timeout(3600)  # CPU seconds are what is limited; a busy machine may take its time
CONTAINERS, DAYS = 10_000, 7
REFIT_ROWS = 500_000


@pytest.fixture(autouse=True)
def one_thread() -> None:
    assert os.environ.get("OMP_NUM_THREADS") == "1", "figures are of one thread: set OMP_NUM_THREADS=1 before the start"


@cache
def histories() -> list[History]:
    return real_like(77, containers=9, years=0.6)


@cache
def rows() -> Rows:
    return build_rows(histories(), origin_hour=4, horizon_days=DAYS, plans=[history.collections for history in histories()])


def repeated(count: int) -> Rows:
    """That many rows, each a little different from the one that it repeats."""
    rng = np.random.default_rng(0)
    known = np.flatnonzero(~np.isnan(rows().truth))
    drawn = rows().of(known[rng.integers(0, len(known), count)])
    drawn.state[:] *= rng.normal(1, 0.01, drawn.state.shape)
    return drawn


@cache
def model() -> LevelModel:
    fitted = fit_level_model(rows(), QUANTILES, seed=0, around_usual=True)
    assert fitted is not None
    return fitted


@cache
def served() -> ServedInflow:
    cutoff = max(float(history.times[-1]) for history in histories())
    return fit_served(histories(), cutoff=cutoff, known_at=cutoff).model


def seconds_of(work: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of the shortest of the runs: with one thread, what a core of its own takes, whatever else the machine does."""
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def tell(what: str, seconds: float, baseline: float, limit: float) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{what:52} {seconds:9.3f} s CPU   limit {limit:g} s   {seconds / max(baseline, 1e-6):8.0f}x the baseline   process {memory:,.0f} MB"
    )


def test_a_city_from_stored_features() -> None:
    city = without_truth(repeated(CONTAINERS * DAYS))
    model()
    seconds = seconds_of(lambda: model().predict(city), 3)
    tell(
        f"{CONTAINERS:,} containers x {DAYS} days x {len(QUANTILES)} quantiles", seconds, seconds_of(lambda: median_rate(city)), 20
    )
    assert seconds <= 20


def test_a_city_from_stored_features_by_the_served_model() -> None:
    drawn = repeated(CONTAINERS * DAYS)
    features = np.concatenate([drawn.state, drawn.window], axis=1)[:, SERVED_COLUMNS]
    regressors = served().regressors
    assert len(regressors) == len(QUANTILES)
    seconds = seconds_of(lambda: predict_inflow(regressors, features), 3)
    tell("the same by the served model", seconds, seconds_of(lambda: median_rate(rows())), 20)
    assert seconds <= 20


def test_one_container_after_a_new_reading_by_the_served_model() -> None:
    history = histories()[0]
    cutoff = float(history.times[-1])
    model_ = served()
    seconds = seconds_of(lambda: model_.forecast(history, cutoff=cutoff, known_at=cutoff), 30)
    tell("one container by the served model", seconds, seconds_of(lambda: np.median(np.diff(history.levels)), 30), 0.05)
    assert seconds <= 0.05


def test_one_container_after_a_new_reading() -> None:
    history = histories()[0]
    cutoff = float(history.times[-1])
    horizons = 24.0 * np.arange(1, DAYS + 1, dtype=np.float64)

    def forecast() -> None:
        state = state_at(history, cutoff, cutoff)
        assert state is not None
        window = windows_of(state, horizons, np.empty(0)).values
        many, unknown = np.zeros(DAYS, dtype=np.int64), np.full(DAYS, np.nan)
        at = np.full(DAYS, cutoff)
        errors = np.full((DAYS, len(PAST_ERROR_NAMES)), np.nan)
        row = Rows(np.tile(state.values, (DAYS, 1)), window, errors, many, at, many, at + horizons * HOUR, unknown)
        assert model().predict(row).shape == (DAYS, len(QUANTILES))

    model()
    since = history.times > cutoff - 90 * DAY
    seconds = seconds_of(forecast, 30)
    tell("one container after a new reading", seconds, seconds_of(lambda: np.median(np.diff(history.levels[since])), 30), 0.05)
    assert seconds <= 0.05


def test_a_full_refit() -> None:
    many = repeated(REFIT_ROWS)
    drawn = seconds_of(lambda: fit_level_model(many, QUANTILES, seed=0, around_usual=True))
    seconds = seconds_of(lambda: fit_level_model(many, QUANTILES, seed=0, around_usual=True, most_rows=REFIT_ROWS))
    tell(f"refit, {REFIT_ROWS:,} rows x {len(QUANTILES)} quantiles", seconds, drawn, 600)
    print(f"{'of which a backtest draws ' + format(LARGEST_FIT, ','):52} {drawn:9.3f} s CPU")
    assert seconds <= 600

"""What every registered forecaster must keep to, whatever it has learnt."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.forecaster import HORIZON_HOURS, QUANTILES, FittedForecaster, Forecaster
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.overlay import uncut_levels
from models.fill_forecast.registry import FORECASTERS
from tests.unit.fill_forecast.signals import START, changed_after, sawtooth

CUTOFF = START + 50 * DAY + 4 * HOUR


@cache
def histories() -> tuple[History, ...]:
    made = [
        sawtooth(seed, days=60, per_day=rate, interval_hours=2.0, container_id=f"c-{seed:04}", fraction=fraction).history
        for seed, (fraction, rate) in enumerate([("glass", 0.03), ("glass", 0.05), ("paper", 0.4), ("paper", 0.3)] * 2)
    ]
    young = sawtooth(90, days=60, interval_hours=2.0, container_id="c-young").history
    late = young.times >= CUTOFF - 3 * DAY
    return (*made, History("c-young", "glass", young.times[late], young.levels[late]))


_FITTED: dict[str, FittedForecaster] = {}


def fitted(forecaster: Forecaster) -> FittedForecaster:
    """Fitted once for all tests of the module."""
    if forecaster.name not in _FITTED:
        _FITTED[forecaster.name] = forecaster.fit(histories(), cutoff=CUTOFF, known_at=CUTOFF)
    return _FITTED[forecaster.name]


@pytest.fixture(params=FORECASTERS, ids=lambda forecaster: forecaster.name)
def forecaster(request: pytest.FixtureRequest) -> Forecaster:
    chosen: Forecaster = request.param
    return chosen


def test_quantiles_do_not_cross_and_do_not_fall_with_time(forecaster: Forecaster) -> None:
    for history in histories():
        forecast = fitted(forecaster).forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
        assert forecast is not None
        inflow = np.array(forecast.inflow_quantiles)
        assert inflow.shape == (len(QUANTILES), len(HORIZON_HOURS))
        assert (inflow >= 0).all()
        assert (np.diff(inflow, axis=0) >= 0).all()
        assert (np.diff(inflow, axis=1) >= 0).all()


def test_readings_after_the_cutoff_change_nothing(forecaster: Forecaster) -> None:
    other = forecaster.fit([changed_after(history, CUTOFF) for history in histories()], cutoff=CUTOFF, known_at=CUTOFF)
    for history in histories():
        changed = other.forecast(changed_after(history, CUTOFF), cutoff=CUTOFF, known_at=CUTOFF)
        assert changed == fitted(forecaster).forecast(history, cutoff=CUTOFF, known_at=CUTOFF)


def test_readings_not_yet_stored_change_nothing(forecaster: Forecaster) -> None:
    history = histories()[0]
    late = CUTOFF - 2 * DAY
    stored_later = np.where(history.times > late, CUTOFF + DAY, history.times)
    delayed = History(history.container_id, history.fraction, history.times, history.levels, stored_later)
    nonsense = changed_after(history, late)
    nonsense = History(history.container_id, history.fraction, history.times, nonsense.levels, stored_later)
    first = fitted(forecaster).forecast(delayed, cutoff=CUTOFF, known_at=CUTOFF)
    assert first == fitted(forecaster).forecast(nonsense, cutoff=CUTOFF, known_at=CUTOFF)
    assert first is not None
    assert first.level_observed_at.timestamp() <= late


def test_fitting_and_forecasting_twice_gives_the_same(forecaster: Forecaster) -> None:
    again = forecaster.fit(histories(), cutoff=CUTOFF, known_at=CUTOFF)
    for history in histories():
        first = fitted(forecaster).forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
        assert first == again.forecast(history, cutoff=CUTOFF, known_at=CUTOFF)


def test_no_reading_gives_no_forecast(forecaster: Forecaster) -> None:
    nothing = History("c-none", "glass", np.empty(0), np.empty(0))
    assert fitted(forecaster).forecast(nothing, cutoff=CUTOFF, known_at=CUTOFF) is None


def test_one_reading_and_nothing_learnt_still_gives_a_wide_forecast(forecaster: Forecaster) -> None:
    alone = History("c-new", "textile", np.array([CUTOFF - HOUR]), np.array([0.3]))
    forecast = forecaster.fit([alone], cutoff=CUTOFF, known_at=CUTOFF).forecast(alone, cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert forecast.data_grade == "doubtful"
    assert forecast.inflow_quantiles[-1][4] - forecast.inflow_quantiles[0][4] > 0.2


def test_a_young_container_is_forecast_as_its_fraction(forecaster: Forecaster) -> None:
    young = next(history for history in histories() if history.container_id == "c-young")
    forecast = fitted(forecaster).forecast(young, cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    week = forecast.inflow_quantiles[QUANTILES.index(0.5)][HORIZON_HOURS.index(168)]
    assert 7 * 0.02 < week < 7 * 0.07


def test_a_silent_container_is_stale_and_its_forecast_wider(forecaster: Forecaster) -> None:
    history = histories()[2]
    kept = history.times <= CUTOFF - 4 * DAY
    silent = History(history.container_id, history.fraction, history.times[kept], history.levels[kept])
    fresh = fitted(forecaster).forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
    stale = fitted(forecaster).forecast(silent, cutoff=CUTOFF, known_at=CUTOFF)
    assert fresh is not None
    assert stale is not None
    assert (fresh.data_grade, stale.data_grade) == ("good", "stale")

    def width(forecast: InflowForecast, horizon: int) -> float:
        end = forecast.cutoff + timedelta(hours=forecast.horizon_hours[horizon])
        levels = uncut_levels(forecast, (), [end])[:, 0]
        return float(levels[-2] - levels[1])

    assert width(stale, 4) > 1.2 * width(fresh, 4)


def test_a_container_silent_for_months_stops_nobody_from_learning(forecaster: Forecaster) -> None:
    """Longer than windows are gathered from: it is passed over in the fit, and forecast as stale."""
    cutoff = START + 120 * DAY
    known = sawtooth(2, days=120, per_day=0.1, interval_hours=6.0, container_id="c-known").history
    long = sawtooth(1, days=120, per_day=0.1, interval_hours=6.0, container_id="c-silent").history
    kept = long.times <= cutoff - 90 * DAY
    silent = History("c-silent", "glass", long.times[kept], long.levels[kept])
    both = forecaster.fit([silent, known], cutoff=cutoff, known_at=cutoff)
    alone = forecaster.fit([known], cutoff=cutoff, known_at=cutoff)
    made = both.forecast(silent, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    assert made.data_grade == "stale"
    assert np.isfinite(np.array(made.inflow_quantiles)).all()
    newest = History("c-new", "glass", known.times[-8:], known.levels[-8:])
    learnt, expected = (model.forecast(newest, cutoff=cutoff, known_at=cutoff) for model in (both, alone))
    assert learnt is not None
    assert expected is not None
    assert learnt.inflow_quantiles == expected.inflow_quantiles, "what a new container is given comes from who is read"

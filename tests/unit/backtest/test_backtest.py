"""A backtest sees nothing after a cutoff, gives ordered quantiles, and does the same twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.fill_forecast.backtest import FORECASTER, BacktestOptions, BacktestResult, _enough, backtest
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.rows import Rows, build_rows
from models.fill_forecast.scores import mean_pinball
from tests.unit.fill_forecast.signals import sawtooth

pytestmark = pytest.mark.slow  # it fits forecasters: half a minute on a free core

OPTIONS = BacktestOptions(test_share=0.35, refit_days=20, horizon_days=2, iterations=25)
QUANTILES = OPTIONS.quantiles


@cache
def planned() -> tuple[History, ...]:
    """Slow and fast containers with known collections, twenty weeks of three-hourly readings: enough for a global model before the scored part."""
    made = []
    for seed in range(4):
        fraction, rate = ("paper", 0.4) if seed % 2 else ("glass", 0.06)
        signal = sawtooth(seed, days=140, interval_hours=3, per_day=rate, container_id=f"c-{seed}", fraction=fraction, noise=0.02)
        made.append(replace(signal.history, collections=signal.emptied))
    return tuple(made)


@cache
def result() -> BacktestResult:
    return backtest(planned(), OPTIONS, plans=[history.collections for history in planned()])


def changed(history: History, after: float) -> History:
    rng = np.random.default_rng(5)
    return replace(history, levels=np.where(history.times > after, rng.random(len(history.times)), history.levels))


def test_readings_after_a_cutoff_change_no_forecast_up_to_it() -> None:
    cutoff = float(np.quantile(result().rows.cutoff, 0.6))
    other = backtest(
        [changed(history, cutoff) for history in planned()], OPTIONS, plans=[history.collections for history in planned()]
    )
    before = result().rows.cutoff <= cutoff
    assert before.sum() > 100
    for name, forecast in result().forecasts.items():
        np.testing.assert_array_equal(forecast[before], other.forecasts[name][before], err_msg=name)
    later = result().rows.cutoff > cutoff + DAY
    assert not np.array_equal(result().forecasts[FORECASTER][later], other.forecasts[FORECASTER][later])


def at_noon(history: History) -> History:
    """Read once a day, sixteen hours before the cutoffs."""
    chosen = np.floor(history.times / HOUR) % 24 == 12
    assert chosen.sum() > 50
    return replace(history, times=history.times[chosen], levels=history.levels[chosen])


def more_often(history: History, after: float) -> History:
    """Read every hour from a moment on, the last reading where it was."""
    later = np.arange(after + HOUR, history.times[-1], HOUR)
    times = np.union1d(history.times, later)
    return replace(history, times=times, levels=np.interp(times, history.times, history.levels))


def ended(history: History, at: float) -> History:
    return replace(history, times=history.times[history.times <= at], levels=history.levels[history.times <= at])


@pytest.mark.parametrize("alter", [more_often, ended])
def test_how_often_and_how_long_a_container_is_read_later_changes_no_forecast(alter: Callable[[History, float], History]) -> None:
    options = replace(OPTIONS, horizon_days=4)  # so that there is enough to fit on from the beginning
    plans = [history.collections for history in planned()]
    known_once_a_day = at_noon(planned()[0])
    as_it_is = backtest([known_once_a_day, *planned()[1:]], options, plans=plans)
    cutoff = float(np.quantile(as_it_is.rows.cutoff, 0.6))
    other = backtest([alter(known_once_a_day, cutoff), *planned()[1:]], options, plans=plans)
    known = told(as_it_is, cutoff - DAY)
    same = {case: forecast for case, forecast in told(other, cutoff - DAY).items() if case in known}
    assert len(same) == len(known)
    for case, forecast in same.items():
        assert forecast == known[case], case


def told(found: BacktestResult, until: float) -> dict[tuple[float, ...], tuple[float, ...]]:
    rows = found.rows
    cases = zip(rows.container.tolist(), rows.cutoff.tolist(), rows.horizon_days.tolist(), strict=True)
    return {
        case: tuple(forecast)
        for case, forecast in zip(cases, found.forecasts[FORECASTER].tolist(), strict=True)
        if case[1] <= until
    }


def test_refits_of_every_week_are_weighed_on_as_much_past() -> None:
    weekly = backtest(planned(), replace(OPTIONS, refit_days=7), plans=[history.collections for history in planned()])
    assert set(weekly.weights) == set(result().weights)
    assert weekly.weights["global model"] < 1


def test_where_a_fraction_has_shown_too_little_members_are_weighed_on_all() -> None:
    few, more, most = (np.arange(200) < size for size in (20, 60, 200))
    assert _enough(few, more, most) is most
    assert _enough(few, most, most) is most
    assert _enough(few, more, more) is more


def test_levels_that_sums_of_floats_tell_apart_tie() -> None:
    steps = [replace(history, levels=np.round(history.levels * 5) * 0.2) for history in planned()]
    found = backtest(steps, OPTIONS)
    near = np.abs(found.rows.truth[:, None] - found.forecasts[FORECASTER]) < 1e-6
    assert near.sum() > 100
    assert (found.rows.truth[:, None] == found.forecasts[FORECASTER])[near].all()


def test_forecasts_are_complete_in_order_and_within_empty_and_full() -> None:
    for name, forecast in result().forecasts.items():
        assert np.isfinite(forecast).all(), name
        assert (np.diff(forecast, axis=1) >= 0).all(), name
        assert ((forecast >= 0) & (forecast <= 1)).all(), name


def test_each_container_has_a_cutoff_a_day_in_its_test_part_only() -> None:
    rows = result().rows
    for index, history in enumerate(planned()):
        cutoffs = np.unique(rows.cutoff[rows.container == index])
        span = history.times[-1] - history.times[0]
        assert cutoffs[0] >= history.times[0] + 0.65 * span
        assert (np.diff(cutoffs) == DAY).all()
        assert (cutoffs % DAY == 4 * HOUR).all()


def test_classes_come_from_the_rates_before_the_test_part() -> None:
    fast = {int(index): bool(result().fast[result().rows.container == index][0]) for index in range(4)}
    assert fast == {0: False, 1: True, 2: False, 3: True}


def test_with_the_plan_it_is_better_than_without() -> None:
    rows = result().rows
    known = ~np.isnan(rows.truth)
    blind = without_plan()
    with_plan = mean_pinball(rows.truth[known], result().forecasts[FORECASTER][known], QUANTILES)
    without = mean_pinball(blind.rows.truth[known], blind.forecasts[FORECASTER][known], QUANTILES)
    assert with_plan < 0.9 * without
    assert "plan + median rate" in result().forecasts
    assert "median rate" in blind.forecasts


@pytest.mark.parametrize("baseline", ["persistence", "linear since emptying", "weekday climatology", "own empirical quantiles"])
def test_it_is_better_than_the_plain_baselines(baseline: str) -> None:
    rows = result().rows
    known = ~np.isnan(rows.truth)
    mine = mean_pinball(rows.truth[known], result().forecasts[FORECASTER][known], QUANTILES)
    assert mine < mean_pinball(rows.truth[known], result().forecasts[baseline][known], QUANTILES)


def test_the_weights_of_the_members_sum_to_one_and_the_global_models_count() -> None:
    weights = result().weights
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["global model"] + weights["global model around usual"] > 0.1


def test_a_sensor_that_knows_six_levels_is_forecast_at_these_levels_and_better_than_by_its_own_quantiles() -> None:
    coarse = []
    for seed in range(4):
        signal = sawtooth(seed, days=150, interval_hours=1, per_day=0.25, container_id=f"c-{seed}")
        times, levels = signal.history.times[::24], np.round(signal.history.levels[::24] * 5) / 5
        coarse.append(History(f"c-{seed}", "glass", times, levels))
    found = backtest(coarse, replace(OPTIONS, horizon_days=3))
    known = ~np.isnan(found.rows.truth)
    levels = found.forecasts[FORECASTER]
    assert np.isclose(levels * 5, np.round(levels * 5)).mean() > 0.7
    mine, own = (
        mean_pinball(found.rows.truth[known], found.forecasts[name][known], QUANTILES)
        for name in (FORECASTER, "own empirical quantiles")
    )
    assert mine < 0.95 * own


def loss_of(found: BacktestResult, container: int) -> float:
    here = (found.rows.container == container) & ~np.isnan(found.rows.truth)
    return mean_pinball(found.rows.truth[here], found.forecasts[FORECASTER][here], QUANTILES)


@cache
def without_plan() -> BacktestResult:
    return backtest([replace(history, collections=np.empty(0)) for history in planned()], OPTIONS)


def test_a_container_that_a_plan_leaves_out_is_forecast_as_without_one() -> None:
    """It lost a fifth more than without any plan while it was given the members of the others."""
    left_out = 1
    plans = [np.empty(0) if index == left_out else history.collections for index, history in enumerate(planned())]
    told = [replace(history, collections=plan) for history, plan in zip(planned(), plans, strict=True)]
    found = backtest(told, OPTIONS, plans=plans)
    assert loss_of(found, left_out) <= 1.08 * loss_of(without_plan(), left_out)
    assert loss_of(found, 3) < 0.9 * loss_of(without_plan(), 3), "the others are still better for theirs"
    assert found.weights["own levels"] > 0


def test_a_plan_that_begins_when_all_was_read_changes_nothing_before_it() -> None:
    ends = max(float(history.times[-1]) for history in planned())
    plans = [np.array([ends + 30 * DAY])] * len(planned())
    found = backtest(
        [replace(history, collections=plan) for history, plan in zip(planned(), plans, strict=True)], OPTIONS, plans=plans
    )
    np.testing.assert_array_equal(found.rows.cutoff, without_plan().rows.cutoff)
    assert loss_of(found, 1) == pytest.approx(loss_of(without_plan(), 1), rel=0.03)
    assert found.weights.keys() == without_plan().weights.keys()


def test_where_nothing_could_be_fitted_no_global_model_counts_and_that_is_said() -> None:
    found = backtest(planned(), replace(OPTIONS, refit_days=400), plans=[history.collections for history in planned()])
    assert found.unfitted == 1.0
    assert found.weights["global model"] == found.weights["global model around usual"] == 0.0
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert np.isfinite(found.forecasts[FORECASTER]).all()
    assert result().unfitted == 0.0


@cache
def long_silent() -> BacktestResult:
    """The first container is not read for 150 of 300 days, and then for three days more."""
    every = [
        sawtooth(seed, days=303, interval_hours=6, per_day=0.2, container_id=f"c-{seed}", noise=0.02).history for seed in range(3)
    ]
    first = every[0]
    days = (first.times - first.times[0]) / DAY
    read = (days < 150) | (days >= 300)
    return backtest(
        [replace(first, times=first.times[read], levels=first.levels[read]), *every[1:]], replace(OPTIONS, test_share=0.5)
    )


def test_of_a_container_that_was_silent_for_months_there_is_a_forecast_a_day_and_it_says_that_anything_may_be() -> None:
    found = long_silent()
    rows = found.rows
    counts = [len(np.unique(rows.cutoff[rows.container == index])) for index in range(3)]
    assert counts[0] == counts[1]
    for index in range(3):
        here = np.flatnonzero(rows.container == index)
        assert (np.diff(rows.cutoff[here]) >= 0).all(), "in order"
    begin = rows.cutoff[rows.container == 0].min()
    forgotten = (rows.container == 0) & (rows.cutoff > begin + 125 * DAY) & (rows.cutoff < begin + 145 * DAY)
    assert forgotten.sum() > 30
    for name, forecast in found.forecasts.items():
        assert forecast[forgotten] == pytest.approx(np.tile(QUANTILES, (forgotten.sum(), 1))), name


def test_who_has_hardly_been_read_for_weeks_may_stand_anywhere() -> None:
    """Five levels in eight weeks, of one filling, were taken for all that the container knows: an interval of a few points."""
    found = long_silent()
    rows = found.rows
    begin = rows.cutoff[rows.container == 0].min()
    hardly = (rows.container == 0) & (rows.cutoff > begin + 52 * DAY) & (rows.cutoff < begin + 54 * DAY)
    assert hardly.any()
    own = found.forecasts["own empirical quantiles"][hardly]
    assert own == pytest.approx(np.tile(QUANTILES, (hardly.sum(), 1)))


def test_baselines_lie_between_empty_and_full_at_the_outermost_quantiles() -> None:
    found = backtest(planned(), replace(OPTIONS, quantiles=(0.01, 0.5, 0.99)))
    for name, forecast in found.forecasts.items():
        assert ((forecast >= 0) & (forecast <= 1)).all(), name


def test_containers_that_are_never_emptied_and_always_full_are_forecast_full() -> None:
    full = [replace(history, levels=np.ones(len(history.times)), collections=np.empty(0)) for history in planned()[:2]]
    found = backtest(full, OPTIONS)
    assert (found.forecasts[FORECASTER] == 1.0).all()


@pytest.mark.parametrize("origin_hour", [4, 13])
def test_who_is_told_the_day_of_collections_alone_knows_no_hour_and_is_told_none_twice(origin_hour: int) -> None:
    history = planned()[0]
    days = np.unique(np.floor(history.collections / DAY) * DAY)

    def told_of(hour: int) -> Rows:
        return build_rows([history], origin_hour=origin_hour, horizon_days=2, plans=[days + hour * HOUR], days_only=True)

    early, late = told_of(origin_hour - 1), told_of(origin_hour + 1)
    passed = np.isin(np.floor(early.cutoff / DAY) * DAY, days)
    assert passed.any()
    for name in ("collections", "lead_hours", "base", "length_hours"):
        np.testing.assert_array_equal(early.named(name)[~passed], late.named(name)[~passed])
    tomorrow = passed & (early.horizon_days == 1)
    assert (late.named("collections")[tomorrow] == early.named("collections")[tomorrow] + 1).all()
    np.testing.assert_array_equal(told_of(origin_hour + 1).named("lead_hours"), told_of(origin_hour + 3).named("lead_hours"))

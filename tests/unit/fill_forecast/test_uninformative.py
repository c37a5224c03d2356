"""Containers whose readings have never told what comes in: full, or the same, ever since they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.evidence import explained
from models.fill_forecast.explain import DOUBTFUL, GOOD
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.history import DAY, HOUR, FloatArray, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import level_quantiles
from models.fill_forecast.recalibration import is_calibrated
from models.fill_forecast.resolving import hindsight
from models.fill_forecast.served_inflow import OF_ITS_FRACTION
from tests.unit.fill_forecast.fitted import CUTOFF as SERVED_CUTOFF
from tests.unit.fill_forecast.fitted import fitted, histories
from tests.unit.fill_forecast.signals import START, sawtooth

LOW, MIDDLE, HIGH = (QUANTILES.index(quantile) for quantile in (0.1, 0.5, 0.9))
FULL_SINCE = "it has read full for"
NEVER_MOVED = "the level has never moved in"


def times_of(days: float, every_hours: float = 3.0) -> FloatArray:
    return START + np.arange(0.0, days * 24, every_hours) * HOUR


def always(level: float, days: float, every_hours: float = 3.0, noise: float = 0.0) -> History:
    times = times_of(days, every_hours)
    read = level + np.random.default_rng(4).normal(0, noise, len(times)) if noise else np.full(len(times), level)
    return History("c-same", "glass", times, np.clip(read, 0.0, 1.0))


@cache
def sound(days: float) -> tuple[History, ...]:
    return tuple(sawtooth(seed, days=days, interval_hours=3.0, per_day=0.1, container_id=f"c-{seed}").history for seed in range(4))


def fitted_on(*histories: History) -> FittedEmpiricalInflow:
    cutoff = float(histories[-1].times[-1])
    return EmpiricalInflow().fit(histories, cutoff=cutoff, known_at=cutoff)


@cache
def of_sound_ones(days: float) -> FittedEmpiricalInflow:
    return fitted_on(*sound(days))


def made_by(model: FittedEmpiricalInflow, history: History) -> InflowForecast:
    cutoff = float(history.times[-1])
    made = model.forecast(history, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    return made


def doubts(history: History) -> tuple[str, ...]:
    return inflow_curve(history).doubts


@pytest.mark.parametrize("every_hours", [1.0, 3.0])
@pytest.mark.parametrize("weeks", [4, 7, 10])
@pytest.mark.parametrize(("level", "told"), [(1.0, FULL_SINCE), (0.985, FULL_SINCE), (0.3, NEVER_MOVED), (0.0, NEVER_MOVED)])
def test_a_container_that_has_shown_nothing_is_forecast_as_its_fraction(
    level: float, told: str, weeks: int, every_hours: float
) -> None:
    history, model = always(level, 7 * weeks, every_hours), of_sound_ones(7 * weeks)
    made = made_by(model, history)
    pooled = model.pooled("glass", np.array(made.horizon_hours, dtype=float), QUANTILES, made.cutoff.timestamp())
    assert np.array(made.inflow_quantiles) == pytest.approx(pooled, abs=0.002)
    assert made.inflow_quantiles[MIDDLE][made.horizon_hours.index(168)] == pytest.approx(0.7, abs=0.15)
    assert made.data_grade == DOUBTFUL
    assert f"{told} {7 * weeks} days" in made.basis
    assert "this is what containers of its fraction usually get" in made.basis
    levels = level_quantiles(made, (), [made.cutoff]).levels[:, 0]
    assert levels[HIGH] - levels[LOW] > 0.4
    assert levels[LOW] <= level <= levels[HIGH]


def test_one_that_nobody_stands_beside_gets_what_is_known_of_no_fraction() -> None:
    made = made_by(fitted_on(always(1.0, 49)), always(1.0, 49))
    low, high = (made.inflow_quantiles[at][made.horizon_hours.index(168)] for at in (LOW, HIGH))
    assert high > 5 * low > 0


def test_it_teaches_its_fraction_nothing() -> None:
    """Neither how much comes in, nor how far forecasts are off."""
    with_it, without = fitted_on(always(0.3, 49), *sound(49)), of_sound_ones(49)
    assert with_it.pools["glass"].tolist() == without.pools["glass"].tolist()
    assert with_it.level_errors == without.level_errors
    assert with_it.factors == without.factors


def test_nor_does_one_before_its_sensor_came_to_life() -> None:
    sound_one = sound(70)[0]
    covered = replace(sound_one, levels=np.where(sound_one.times < START + 35 * DAY, 1.0, sound_one.levels))
    model = of_sound_ones(70)

    def told(histories: Sequence[History], at: float) -> list[InflowForecast | None]:
        return [model.forecast(item, cutoff=at, known_at=at) for item in histories]

    cutoffs = [START + days * DAY for days in (30.0, 34.0, 45.0, 66.0)]
    assert [item.forecast.cutoff.timestamp() for item in hindsight(told, [covered], cutoffs)] == cutoffs[-1:]
    assert len(hindsight(told, [sound_one], cutoffs)) == 4


def test_the_served_model_names_the_fraction_and_learns_nothing_of_how_it_turned_out() -> None:
    times = histories()[0].times
    for level in (1.0, 0.3):
        same = History("c-same", "paper", times, np.full(len(times), level))
        made = fitted().model.forecast(same, cutoff=SERVED_CUTOFF, known_at=SERVED_CUTOFF)
        assert made is not None
        assert made.evidence is not None
        assert made.evidence.members == {OF_ITS_FRACTION: 1.0}
        assert made.data_grade == DOUBTFUL
        assert len(made.evidence.doubts) == 1
        assert "points a day lately" not in explained(made, None)
        assert not is_calibrated(made)


def test_one_that_was_covered_within_its_first_day_has_shown_nothing_either() -> None:
    history = always(1.0, 40)
    covered = replace(history, levels=np.where(history.times < START + DAY / 2, 0.3, 1.0))
    assert any(FULL_SINCE in told for told in doubts(covered))


def test_one_that_trucks_emptied_and_that_reads_full_all_the_same_is_not_said_to_be_never_emptied() -> None:
    covered = replace(always(1.0, 49), collections=START + np.array([10.4, 20.4, 30.4, 40.4]) * DAY)
    (told,) = doubts(covered)
    assert told.endswith("although it was emptied: a covered sensor")
    curve = inflow_curve(covered)
    assert curve.left.level == 0.0


def test_a_truck_that_has_emptied_it_since_tells_the_level_and_not_what_comes_in() -> None:
    history = always(1.0, 49)
    emptied = replace(history, collections=history.times[-1:] + 600)
    cutoff = float(history.times[-1]) + 1200
    made = of_sound_ones(49).forecast(emptied, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    assert made.level_at_cutoff < 0.05
    assert made.level_sd < 0.05
    assert made.data_grade == DOUBTFUL
    assert made.inflow_quantiles[MIDDLE][made.horizon_hours.index(168)] == pytest.approx(0.7, abs=0.15)


def test_one_that_is_full_for_long_and_was_emptied_before_is_known() -> None:
    sound = sawtooth(1, days=70).history
    full = replace(sound, levels=np.where(sound.times > START + 30 * DAY, 1.0, sound.levels))
    assert not any(FULL_SINCE in told for told in doubts(full))
    assert inflow_curve(full).days_of_data > 60


def test_one_that_is_full_a_day_after_each_emptying_is_known() -> None:
    """It is read below full for a few hours a week."""
    times = times_of(21, 3.0)
    week = (times - START) % (7 * DAY)
    history = History("c-full", "glass", times, np.minimum(1.0, 0.02 + 0.3 * week / (3 * HOUR)))
    assert inflow_curve(history).days_of_data > 20


@pytest.mark.parametrize("noise", [0.0005, 0.002, 0.01])
@pytest.mark.parametrize("level", [0.0, 0.3])
def test_one_that_nobody_uses_is_known_by_its_jitter(level: float, noise: float) -> None:
    made = made_by(of_sound_ones(49), always(level, 49, noise=noise))
    assert made.data_grade == GOOD
    assert made.inflow_quantiles[MIDDLE][made.horizon_hours.index(168)] < 0.02


@pytest.mark.parametrize("days", [3, 6])
def test_in_the_first_week_nothing_is_said_of_it(days: float) -> None:
    for level in (1.0, 0.3):
        assert doubts(always(level, days)) == ()


@pytest.mark.parametrize("level", [1.0, 0.4])
def test_sensors_that_are_read_once_a_day_may_stand_still(level: float) -> None:
    assert doubts(always(level, 60, every_hours=24.0)) == ()


@pytest.mark.parametrize("step", [0.05, 0.1, 0.2])
def test_a_slow_container_with_few_levels_is_not_doubted(step: float) -> None:
    for seed in range(6):
        slow = sawtooth(seed, days=70, per_day=0.02, interval_hours=3.0).history
        coarse = replace(slow, levels=np.round(slow.levels / step) * step)
        for days in range(8, 70, 5):
            assert not any(NEVER_MOVED in told for told in doubts(coarse.seen(START + days * DAY, START + days * DAY)))


def test_one_that_never_moves_though_trucks_emptied_it_is_not_said_to_be_unused() -> None:
    reports = START + np.array([10.4, 20.4, 30.4, 40.4]) * DAY
    (told,) = doubts(replace(always(0.4, 49), collections=reports))
    assert told.endswith("although it was emptied: a stuck sensor")
    (told,) = doubts(replace(always(0.0, 49), collections=reports))
    assert told.endswith("a stuck sensor, or nobody uses it")


@pytest.mark.parametrize("days", [3, 49])
def test_the_sentence_tells_of_an_emptying_that_was_not_read_yet(days: float) -> None:
    history = always(1.0, days)
    emptied = replace(history, collections=history.times[-1:] + 600)
    cutoff = float(history.times[-1]) + 1200
    made = of_sound_ones(49).forecast(emptied, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    assert made.level_at_cutoff < 0.05
    assert "100 % full 20 min ago, emptied 10 min ago as a truck reported, and not read since; " in made.basis
    assert "it is never emptied" not in made.basis


def comes_to_life(dead: float, hours: float, *, begin: float) -> History:
    """Always the same for seven weeks, and sound in its last hours."""
    history = always(dead, 49)
    count = round(hours / 3)
    rise = sawtooth(5, days=30, per_day=0.1, interval_hours=3.0).history.levels[:count]
    return replace(history, levels=np.concatenate([history.levels[:-count], np.clip(begin + rise, 0.0, 1.0)]))


@pytest.mark.parametrize("hours", [3, 9, 24, 72])
@pytest.mark.parametrize(("dead", "begin"), [(1.0, 0.03), (0.3, 0.302)])
def test_when_its_sensor_comes_to_life_its_first_week_begins(dead: float, begin: float, hours: float) -> None:
    """A covered one was cleaned, a stuck one loosened: what it read before is not days without inflow."""
    made = made_by(of_sound_ones(49), comes_to_life(dead, hours, begin=begin))
    pooled = of_sound_ones(49).pooled("glass", np.array(made.horizon_hours, dtype=float), QUANTILES, made.cutoff.timestamp())
    assert np.array(made.inflow_quantiles) == pytest.approx(pooled, abs=0.002)
    assert made.data_grade == DOUBTFUL


@pytest.mark.parametrize(("dead", "begin"), [(1.0, 0.03), (0.3, 0.3)])
def test_two_weeks_later_it_is_known_by_these(dead: float, begin: float) -> None:
    curve = inflow_curve(comes_to_life(dead, 14 * 24, begin=begin))
    assert curve.days_of_data == pytest.approx(14, abs=0.5)
    assert curve.rate_per_day == pytest.approx(0.1, rel=0.2)
    assert curve.doubts == ()


def test_the_served_model_mixes_one_that_came_to_life_with_its_fraction_once() -> None:
    usual = histories()[2]
    times = usual.times[usual.times <= SERVED_CUTOFF]
    lately = times >= SERVED_CUTOFF - 14 * DAY
    history = History("c-freed", usual.fraction, times, np.where(lately, usual.levels[: len(times)], 1.0))
    made = fitted().model.forecast(history, cutoff=SERVED_CUTOFF, known_at=SERVED_CUTOFF)
    assert made is not None
    assert made.evidence is not None
    assert made.evidence.members[OF_ITS_FRACTION] == pytest.approx(0.5, abs=0.05)
    assert sum(made.evidence.members.values()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("level", [1.0, 0.4])
def test_of_a_sensor_that_says_nothing_a_reported_emptying_tells_the_level_for_days(level: float) -> None:
    history = always(level, 49)
    soon, later = (made_by(of_sound_ones(49), replace(history, collections=history.times[-1:] - ago)) for ago in (HOUR, 5 * DAY))
    assert soon.level_at_cutoff < 0.05
    assert later.level_at_cutoff == pytest.approx(0.5, abs=0.1)
    low, high = level_quantiles(later, (), [later.cutoff]).levels[[LOW, HIGH], 0]
    assert low < 0.45 < 0.55 < high
    assert "emptied 5 days ago as a truck reported; " in later.basis
    assert (soon.data_grade, later.data_grade) == (DOUBTFUL, DOUBTFUL)

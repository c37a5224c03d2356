"""A silent container of which nobody reports emptyings may have been emptied since it was read; so may one whose sensor is covered or stuck."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.evidence import evidence_of
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import level_quantiles, overflow_probability
from models.fill_forecast.recalibration import is_calibrated
from models.fill_forecast.unseen_emptying import unseen_emptying
from tests.unit.fill_forecast.signals import START, Signal, sawtooth

CUTOFF = START + 150 * DAY + 4 * HOUR
CITY = range(40)


@cache
def signal(seed: int) -> Signal:
    """Filled in ten days or so, each a bit differently."""
    rate = float(np.random.default_rng(1000 + seed).uniform(0.05, 0.1))
    return sawtooth(seed, days=151, per_day=rate, interval_hours=3.0, empty_at=0.6, container_id=f"c-{seed:04}")


def silent(seed: int, days: float, *, reported: bool = False) -> History:
    """Not read for so many days before the cutoff, nor a report from then on; before it trucks reported all, or nothing."""
    made = signal(seed)
    read = made.history.times <= CUTOFF - days * DAY
    collections = made.emptied[made.emptied <= CUTOFF - days * DAY] if reported else np.empty(0)
    return replace(made.history, times=made.history.times[read], levels=made.history.levels[read], collections=collections)


def blind(seed: int, days: float, reads: float | None, *, reported: bool = False) -> History:
    """For so many days before the cutoff read at one level: at full (covered), or as it was then (stuck). Trucks report all, or nothing."""
    made = signal(seed)
    lately = made.history.times > CUTOFF - days * DAY
    stood = float(made.history.levels[~lately][-1])
    collections = made.emptied[made.emptied <= CUTOFF] if reported else np.empty(0)
    return replace(
        made.history, levels=np.where(lately, stood if reads is None else reads, made.history.levels), collections=collections
    )


@cache
def learnt() -> FittedEmpiricalInflow:
    return EmpiricalInflow().fit([signal(seed).history for seed in CITY], cutoff=CUTOFF, known_at=CUTOFF)


def forecast_of(history: History) -> InflowForecast:
    made = learnt().forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
    assert made is not None
    return made


def true_level(seed: int) -> float:
    history = signal(seed).history
    return float(history.levels[history.times <= CUTOFF][-1])


@pytest.mark.parametrize("days", [4.0, 8.0, 60.0])
def test_the_level_now_is_covered_whether_it_was_emptied_or_not(days: float) -> None:
    inside, missed, untouched = [], [], []
    for seed in CITY:
        history = silent(seed, days)
        forecast = forecast_of(history)
        low, middle, high = level_quantiles(forecast, (), [forecast.cutoff]).levels[[1, 4, 7], 0]
        inside.append(low <= true_level(seed) <= high)
        missed.append(abs(middle - true_level(seed)))
        curve = inflow_curve(history)
        untouched.append(abs(min(1.0, curve.level_known() + curve.rate_per_day * days) - true_level(seed)))
    assert 0.65 <= np.mean(inside) <= 0.95
    assert np.mean(missed) < 0.9 * np.mean(untouched)


def test_the_longer_it_is_silent_the_likelier_it_was_emptied() -> None:
    curve = inflow_curve(silent(0, 20))
    last = float(curve.times[-1])
    chances = [found.chance if (found := unseen_emptying(curve, last + days * DAY)) else 0.0 for days in (0.5, 4, 8, 16, 60, 400)]
    assert chances == sorted(chances)
    assert chances[0] < 0.2
    assert 0.85 < chances[-1] < 1


def test_of_several_emptyings_in_a_long_silence_the_last_counts() -> None:
    curve = inflow_curve(silent(0, 60))
    found = unseen_emptying(curve, CUTOFF)
    assert found is not None
    ages = (CUTOFF - found.moments) / DAY
    intervals = np.diff(signal(0).emptied) / DAY
    assert ages.min() >= 0
    assert ages.max() <= intervals.max() + 1


def test_where_trucks_report_silence_says_that_it_was_not_emptied() -> None:
    history = silent(0, 20, reported=True)
    assert unseen_emptying(inflow_curve(history), CUTOFF) is None
    forecast = forecast_of(history)
    assert forecast.level_at_cutoff == 1.0
    assert overflow_probability(forecast, forecast.cutoff + timedelta(days=1)) == 1.0


def half_reported(days: float) -> list[float]:
    """The chance where nobody reports, and where every other emptying was reported."""
    never, half = silent(0, days), silent(0, days, reported=True)
    half = replace(half, collections=half.collections[::2])
    return [found.chance for item in (never, half) if (found := unseen_emptying(inflow_curve(item), CUTOFF))]


def test_half_of_the_reports_make_it_likelier_but_not_sure_that_it_was_not() -> None:
    chances = half_reported(6)
    assert chances[1] == pytest.approx(0.5 * chances[0] / (1 - 0.5 * chances[0])), "by Bayes' rule"


def test_that_none_of_many_was_reported_says_more_than_that_one_was_not() -> None:
    never, half = half_reported(45)
    assert never > 0.85
    assert half < 0.4


def test_how_likely_it_overflows_says_how_likely_it_was_not_emptied() -> None:
    """By its rate it is full by now, unless somebody has emptied it."""
    history = next(item for seed in CITY if 0.35 < inflow_curve(item := silent(seed, 9)).level_known() < 0.55)
    forecast, found = forecast_of(history), unseen_emptying(inflow_curve(history), CUTOFF)
    assert found is not None
    chance = overflow_probability(forecast, forecast.cutoff)
    assert chance == pytest.approx(1 - found.chance, abs=0.12)


def test_it_is_said_in_a_sentence() -> None:
    history = silent(0, 8)
    found = unseen_emptying(inflow_curve(history), CUTOFF)
    assert found is not None
    told = f"the sensor has been silent for 8 days, in which it may have been emptied ({100 * found.chance:.0f} %)"
    assert told in forecast_of(history).basis


@pytest.mark.parametrize("reads", [1.0, None], ids=["covered", "stuck"])
@pytest.mark.parametrize("days", [4.0, 8.0])
def test_a_sensor_that_shows_no_emptying_does_not_rule_one_out(days: float, reads: float | None) -> None:
    """A few stood at full before that, or were emptied a few hours before: there nothing is doubted."""
    inside, missed, untouched = [], [], []
    for seed in CITY:
        history = blind(seed, days, reads)
        forecast, curve = forecast_of(history), inflow_curve(history.seen(CUTOFF, CUTOFF))
        if not forecast.emptied_unseen:
            continue
        low, middle, high = level_quantiles(forecast, (), [forecast.cutoff]).levels[[1, 4, 7], 0]
        inside.append(low <= true_level(seed) <= high)
        missed.append(abs(middle - true_level(seed)))
        untouched.append(abs(curve.level_at_end() - true_level(seed)))
        assert forecast.data_grade == "doubtful"
        assert not is_calibrated(forecast.model_copy(update={"evidence": evidence_of(history, CUTOFF)})), "it is unlike others"
    assert len(inside) > 25
    assert 0.65 <= np.mean(inside) <= 0.97
    assert np.mean(missed) < 0.9 * np.mean(untouched)


def test_that_it_reads_right_stays_as_likely() -> None:
    """However likely it was emptied: with probability 0.1 it stands at full, as it reads."""
    for days in (3.0, 9.0):
        forecast = forecast_of(blind(0, days, 1.0))
        assert overflow_probability(forecast, forecast.cutoff) == pytest.approx(0.1, abs=0.04)


def test_where_trucks_report_a_covered_sensor_hides_no_emptying() -> None:
    """What a truck reported counts, and that none did says that the container was not emptied."""
    for seed in CITY[:10]:
        history = blind(seed, 8, 1.0, reported=True)
        assert forecast_of(history).emptied_unseen == 0
        assert "emptied unseen" not in forecast_of(history).basis


def test_of_a_covered_sensor_the_chance_is_said() -> None:
    history = blind(0, 8, 1.0)
    found = unseen_emptying(inflow_curve(history.seen(CUTOFF, CUTOFF)), CUTOFF)
    assert found is not None
    told = f"and the level before it is counted, it may have been emptied unseen since then ({100 * found.chance:.0f} %)"
    assert told in forecast_of(history).basis


@pytest.mark.parametrize("reads", [1.0, None], ids=["covered", "stuck"])
def test_when_such_a_sensor_falls_silent_the_forecast_says_what_it_said_before(reads: float | None) -> None:
    """The doubt is not laid over the emptying that may have ended it."""
    history = blind(0, 6, reads)
    kept = history.times <= CUTOFF - 1.1 * DAY
    gone = replace(history, times=history.times[kept], levels=history.levels[kept])
    before, silent = forecast_of(history), forecast_of(gone)
    assert (silent.level_sd, silent.level_sd_above) == (0.0, 0.0)
    assert np.abs(np.array(silent.level_error) - np.array(before.level_error)).max() < 0.12
    assert silent.level_at_cutoff == pytest.approx(before.level_at_cutoff, abs=0.08)
    assert "unseen since then (" in silent.basis
    assert "silent for 28 h," in silent.basis


def test_its_level_is_as_old_as_what_it_last_showed() -> None:
    """So that the fixed schedule collects it after a while, as one that is silent."""
    forecast = forecast_of(blind(0, 6, None))
    assert forecast.emptied_unseen > 0
    assert CUTOFF - 6.3 * DAY < forecast.level_observed_at.timestamp() <= CUTOFF - 6 * DAY


def test_one_that_jumped_and_stands_still_since_is_as_blind() -> None:
    forecast = forecast_of(blind(0, 7, 0.93))
    assert forecast.emptied_unseen > 0
    assert "stood still" in forecast.basis


def test_no_emptying_is_taken_to_be_unseen_before_one_that_was_reported() -> None:
    """Stuck for nine days, and a truck reported half a day ago that it emptied it; others it does not report."""
    history = blind(0, 9, None)
    reported = np.append(signal(0).emptied[:-4:2], CUTOFF - 0.5 * DAY)
    curve = inflow_curve(replace(history, collections=np.sort(reported)).seen(CUTOFF, CUTOFF))
    found = unseen_emptying(curve, CUTOFF)
    assert found is None or found.moments.min() >= CUTOFF - 0.7 * DAY

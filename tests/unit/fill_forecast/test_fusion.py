"""Levels and deposits as one: where the level comes from when one of the two fails, and how sure it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest

from models.fill_forecast import fusion
from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.evidence import evidence_of, explained
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.fusion import fused
from models.fill_forecast.history import DAY, HOUR, History, Series, moment
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import level_quantiles
from models.fill_forecast.served_inflow import fallback
from tests.unit.fill_forecast.counted import CAPACITY_L, CUTOFF, Counted, Told, counted, silent_from, without_levels
from tests.unit.fill_forecast.signals import sawtooth


def width(history: History, hours: int = 24) -> float:
    """Of the 80 % interval of the level so many hours after the cutoff."""
    forecast = EmpiricalInflow().fit([], cutoff=CUTOFF, known_at=CUTOFF).forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    levels = level_quantiles(forecast).levels[:, forecast.horizon_hours.index(hours)]
    return float(levels[QUANTILES.index(0.9)] - levels[QUANTILES.index(0.1)])


def sentence(history: History) -> str:
    forecast = EmpiricalInflow().fit([], cutoff=CUTOFF, known_at=CUTOFF).forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    return explained(fallback(forecast, history, CUTOFF, CUTOFF, "of a test"), None)


def seen_level(history: History) -> float:
    return float(fused(history.seen(CUTOFF, CUTOFF)).levels[-1])


@cache
def filling() -> Counted:
    """One that is about half full at the cutoff."""
    return next(fillings())


def fillings() -> Iterator[Counted]:
    for seed in range(3, 400):
        made = counted(seed, litres=30.0, share_per_day=0.12, empty_at=0.85)
        if 0.4 < made.true_level(np.array([CUTOFF]))[0] < 0.6 and not np.any(np.abs(made.emptied - CUTOFF) < 3 * DAY):
            yield made


def test_a_history_without_deposits_stays_as_it_is() -> None:
    history = sawtooth(1).history
    assert fused(history) is history


def test_levels_and_deposits_together_are_nearer_to_the_truth_than_the_sensor() -> None:
    alone, both = [], []
    for seed in range(12):
        made = counted(seed, noise=0.03)
        truth = made.true_level(np.array([CUTOFF]))[0]
        alone.append(inflow_curve(made.history("levels").seen(CUTOFF, CUTOFF)).level_at_end() - truth)
        both.append(seen_level(made.history("both")) - truth)
    assert np.std(both) < 0.6 * np.std(alone)


@pytest.mark.lengthy
def test_deposits_alone_give_a_level_that_is_as_sure_as_it_says() -> None:
    errors = []
    for seed in range(40):
        made = counted(seed)
        found = fused(made.history("deposits").seen(CUTOFF, CUTOFF))
        assert found.fused is not None
        assert not found.fused.level_is_read
        errors.append((found.levels[-1] - made.true_level(np.array([CUTOFF]))[0]) / found.fused.level_sd)
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) < 1.4


def test_a_container_with_deposits_only_gets_a_forecast_that_says_what_it_counted() -> None:
    made = filling()
    told = sentence(made.history("deposits"))
    assert "deposits since the emptying at about 33 l, the last counted" in told
    assert evidence_of(made.history("deposits").seen(CUTOFF, CUTOFF), CUTOFF).level_is_read is False
    assert "Last good reading" in sentence(made.history("both"))
    litres = re.search(r"deposits since the emptying at about (\d+) l", sentence(made.history("both")))
    assert litres is not None
    assert abs(int(litres[1]) - made.litres) <= 2


def test_without_any_known_emptying_the_level_is_a_guess_and_says_so() -> None:
    unknown = replace(filling().history("deposits"), collections=np.empty(0))
    found = fused(unknown.seen(CUTOFF, CUTOFF)).fused
    assert found is not None
    assert fusion.UNKNOWN_LEVEL in found.doubts
    assert found.level_sd > 0.25
    assert "its level is a guess" in sentence(unknown)
    assert width(unknown) > 1.4 * width(filling().history("deposits"))


def test_a_crane_that_weighs_a_container_has_emptied_it() -> None:
    made = filling()
    weighed = replace(made.history("deposits", weighed=True), collections=np.empty(0))
    assert seen_level(weighed) == pytest.approx(seen_level(made.history("deposits")), abs=0.05)


@pytest.mark.parametrize("every", [1, 3, 12, 24])
@pytest.mark.parametrize("minutes", [10, 50, 170, 700])
def test_a_truck_that_reports_an_emptying_since_the_last_reading_has_emptied_it(every: int, minutes: int) -> None:
    history = filling().history("both", every=every).seen(CUTOFF - DAY / 2, CUTOFF)
    assert history.deposits is not None
    last = float(history.times[-1])
    reported = replace(history, collections=np.append(history.collections, last + 60 * minutes))
    assert fused(history).levels[-1] > 0.3
    found = fused(reported)
    assert found.levels[-1] < 0.1
    assert found.fused is not None
    assert found.fused.doubts == (() if last + 60 * minutes < history.deposits.times[-1] + 3 * HOUR else (fusion.COUNTER_SILENT,))


def test_deposits_since_a_reported_emptying_are_in_the_level_before_it_is_read() -> None:
    made = filling()
    history = made.history("both", every=24).seen(CUTOFF - DAY / 2, CUTOFF)
    at = float(history.times[-1]) + HOUR
    found = fused(replace(history, collections=np.append(history.collections, at)))
    assert found.fused is not None
    since = float(np.sum(made.deposits[(made.times > at) & (made.times <= found.times[-1])]))
    assert since >= 3
    assert found.fused.by_deposits == since
    assert found.levels[-1] == pytest.approx(found.fused.residual + since * found.fused.volume.share, abs=1e-6)


def test_a_late_report_of_an_emptying_that_was_read_is_no_second_one() -> None:
    made = filling()
    shown = made.emptied[made.emptied < CUTOFF][-1] + 3 * HOUR
    for every in (1, 3):
        history = made.history("both", every=every)
        history = replace(history, collections=history.collections[:0]).seen(shown, shown)
        reported = replace(history, collections=history.times[-1:] + (every - 0.5 + (every == 1)) * HOUR)
        assert history.levels[-1] < 0.1
        assert len(inflow_curve(reported).emptyings) == len(inflow_curve(history).emptyings)


@pytest.mark.parametrize("kg", [0.0, 1.5])
@pytest.mark.parametrize("told", ["both", "deposits"])
def test_a_weighing_of_nothing_is_no_emptying(told: Told, kg: float) -> None:
    """A crane that weighs itself every morning, whatever it lifts."""
    history = filling().history(told, weighed=True)
    assert history.weights is not None
    empty = np.arange(CUTOFF - 20 * DAY - HOUR, CUTOFF, DAY)
    times = np.union1d(history.weights.times, empty)
    weights = np.where(np.isin(times, empty), kg, np.interp(times, history.weights.times, history.weights.values))
    assert seen_level(replace(history, weights=Series(times, weights))) == seen_level(history)


def test_a_silent_level_sensor_is_stood_in_for_by_deposits() -> None:
    made = filling()
    silent = silent_from(made.history("both"), CUTOFF - 2 * DAY)
    truth = made.true_level(np.array([CUTOFF]))[0]
    assert seen_level(silent) == pytest.approx(truth, abs=0.05)
    assert width(made.history("both")) < width(silent) < width(silent_from(made.history("levels"), CUTOFF - 2 * DAY))
    assert "the level sensor is silent" in sentence(silent)


def test_what_deposits_carry_on_is_no_reading_but_keeps_the_level_known() -> None:
    """The sentence tells when it was last read, and what it is now; a plan asks how old the level is, and may rest on deposits."""
    made = filling()
    silent = silent_from(made.history("both"), CUTOFF - 2 * DAY)
    evidence = evidence_of(silent.seen(CUTOFF, CUTOFF), CUTOFF)
    assert evidence.last_good_at == moment(float(silent.times[-1]))
    assert evidence.last_good_level == pytest.approx(made.true_level(silent.times[-1:])[0], abs=0.06)
    told = re.search(r"Last good reading (\d+) % 2 days before, now (\d+) % from \d+ deposits", sentence(silent))
    assert told is not None
    assert int(told[2]) / 100 == pytest.approx(made.true_level(np.array([CUTOFF]))[0], abs=0.06)
    forecast = EmpiricalInflow().fit([], cutoff=CUTOFF, known_at=CUTOFF).forecast(silent, cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert CUTOFF - forecast.level_observed_at.timestamp() <= HOUR


def test_an_emptying_that_deposits_count_on_from_is_told_as_not_read_yet() -> None:
    history = filling().history("both").seen(CUTOFF, CUTOFF)
    reported = replace(history, collections=np.append(history.collections, CUTOFF - HOUR / 2))
    assert "emptied 30 min before as a truck reported, and not read since" in sentence(reported)
    assert "emptied" not in sentence(history).replace("since the emptying", "")


def test_a_stuck_sensor_is_known_by_deposits_that_go_on() -> None:
    made = filling()
    history = made.history("both")
    held = (history.times > CUTOFF - 2 * DAY) & (history.times <= CUTOFF)
    stuck = replace(history, levels=np.where(held, history.levels[~held & (history.times < CUTOFF)][-1], history.levels))
    assert seen_level(stuck) == pytest.approx(made.true_level(np.array([CUTOFF]))[0], abs=0.05)
    assert width(stuck) > width(history)
    assert "the level stood still while deposits went on: a stuck sensor" in sentence(stuck)


def blocked_for_two_days(made: Counted) -> History:
    history = made.history("both")
    assert history.deposits is not None
    quiet = history.deposits.times > CUTOFF - 2 * DAY
    since = (history.times > CUTOFF - 2 * DAY) & (history.times <= CUTOFF)
    noise = np.random.default_rng(1).normal(0, 0.01, len(history.times))
    return replace(
        history,
        levels=np.where(since, made.true_level(np.array([CUTOFF - 2 * DAY]))[0] + noise, history.levels),
        deposits=Series(history.deposits.times, np.where(quiet, 0.0, history.deposits.values)),
    )


def test_a_blocked_inlet_is_known_by_deposits_that_stop_while_the_level_stands() -> None:
    made = filling()
    blocked = blocked_for_two_days(made)
    assert seen_level(blocked) == pytest.approx(made.true_level(np.array([CUTOFF - 2 * DAY]))[0], abs=0.02)
    assert "deposits have stopped and the level stands still: a blocked inlet" in sentence(blocked)


def test_a_blocked_inlet_makes_the_level_less_sure() -> None:
    """Hours ahead that of each. Days ahead that of many together: that less came in of late counts there, too, and less inflow is surer."""
    days_ahead = []
    for made in islice(fillings(), 16):
        blocked, sound = blocked_for_two_days(made), made.history("both")
        assert width(blocked, 6) > width(sound, 6)
        days_ahead.append(width(blocked, 72) / width(sound, 72))
    assert np.mean(days_ahead) > 1.0


def test_a_counter_that_fell_silent_is_not_a_blocked_inlet() -> None:
    history = filling().history("both")
    assert history.deposits is not None
    dumb = replace(history, deposits=history.deposits.of(history.deposits.times < CUTOFF - 2 * DAY))
    told = sentence(dumb)
    assert "the counter of deposits is silent" in told
    assert "blocked inlet" not in told
    assert seen_level(dumb) == pytest.approx(float(history.levels[history.times <= CUTOFF][-1]), abs=0.05)


def test_a_jump_without_deposits_is_not_followed_and_widens() -> None:
    made = filling()
    history = made.history("both")
    covered = (history.times > CUTOFF - 0.7 * DAY) & (history.times <= CUTOFF)
    jumped = replace(history, levels=np.where(covered, 1.0, history.levels))
    assert seen_level(jumped) == pytest.approx(made.true_level(np.array([CUTOFF]))[0], abs=0.06)
    assert "jumped without deposits" in sentence(jumped)
    assert width(jumped) > width(history) + 0.1


def test_a_swapped_sensor_that_reads_higher_adds_no_inflow() -> None:
    made = filling()
    history = made.history("both")
    at = CUTOFF - 1.5 * DAY
    higher = replace(history, levels=np.clip(history.levels + 0.15 * (history.times > at), 0, 1), swapped=np.array([at]))
    flowed, usual = (inflow_curve(item.seen(CUTOFF, CUTOFF)).cumulative[-1] for item in (higher, history))
    assert flowed == pytest.approx(usual, abs=0.03)
    assert "the sensor was swapped since the last emptying" in sentence(higher)
    assert width(higher) > width(history)


def test_what_flows_in_above_full_is_known_from_deposits() -> None:
    """A sensor that stands at full says "at least"; deposits say how much."""
    made = counted(7, litres=35.0, share_per_day=0.3, empty_at=1.6)
    end = made.emptied[-2] - HOUR
    begin = made.emptied[-3] + HOUR
    assert made.truth[np.searchsorted(made.times, end)] > 1.4
    truth = made.truth[np.searchsorted(made.times, end)] - made.truth[np.searchsorted(made.times, begin)]
    both, level = (inflow_curve(made.history(told).seen(end, end)) for told in ("both", "levels"))
    inflow = float(np.interp(end, both.times, both.cumulative) - np.interp(begin, both.times, both.cumulative))
    assert inflow == pytest.approx(truth, rel=0.07)
    assert not both.censored.any()
    assert level.censored.any()


def test_so_many_deposits_that_they_do_not_fit_tell_of_an_emptying_that_nobody_reported() -> None:
    made = counted(2, litres=33.4, share_per_day=0.3)
    last = made.emptied[made.emptied < CUTOFF][-1]
    lost = replace(made.history("deposits"), collections=made.emptied[made.emptied < last - 9 * DAY])
    found = fused(lost.seen(CUTOFF, CUTOFF)).fused
    assert found is not None
    assert fusion.UNKNOWN_LEVEL in found.doubts


def test_deposits_after_the_cutoff_change_nothing() -> None:
    history = filling().history("both")
    assert history.deposits is not None
    other = replace(history.deposits, values=np.where(history.deposits.times > CUTOFF, 99.0, history.deposits.values))
    made = [
        EmpiricalInflow().fit([item], cutoff=CUTOFF, known_at=CUTOFF).forecast(item, cutoff=CUTOFF, known_at=CUTOFF)
        for item in (history, replace(history, deposits=other))
    ]
    assert made[0] is not None
    assert made[0] == made[1]


def test_gaps_of_the_level_in_the_past_are_filled_by_deposits() -> None:
    made = filling()
    history = made.history("both")
    gap = (history.times > CUTOFF - 20 * DAY) & (history.times < CUTOFF - 15 * DAY)
    curve = inflow_curve(without_levels(history, gap).seen(CUTOFF, CUTOFF))
    inside = (curve.times > CUTOFF - 20 * DAY) & (curve.times < CUTOFF - 15 * DAY)
    assert inside.sum() > 30
    truth = made.true_level(curve.times[inside])
    assert np.abs(curve.levels[inside] - truth).mean() < 0.06


def test_a_day_that_is_left_out_altogether_changes_neither_litres_nor_the_level_after_it() -> None:
    """Readings of disrupted days are left out, counts among them: what came in then is not known, and not taken for nothing."""
    made = filling()
    history = made.history("both")
    assert history.deposits is not None
    begin, end = CUTOFF - 3 * DAY, CUTOFF - 1.9 * DAY
    holed = replace(
        without_levels(history, (history.times > begin) & (history.times < end)),
        deposits=history.deposits.of((history.deposits.times <= begin) | (history.deposits.times >= end)),
    )
    found = fused(holed.seen(CUTOFF, CUTOFF))
    assert found.fused is not None
    assert found.fused.volume.share * CAPACITY_L == pytest.approx(made.litres, rel=0.08)
    assert found.levels[-1] == pytest.approx(made.true_level(np.array([CUTOFF]))[0], abs=0.05)
    curve = inflow_curve(holed.seen(CUTOFF, CUTOFF))
    gained = np.interp([begin - HOUR, end + HOUR], curve.times, curve.cumulative)
    truth = np.interp([begin - HOUR, end + HOUR], made.times, made.truth)
    assert gained[1] - gained[0] == pytest.approx(truth[1] - truth[0], abs=0.05)

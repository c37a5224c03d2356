"""What is wrong with a level sensor without deposits beside it: each fault widens the interval and is named in the sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.history import DAY, HOUR, FloatArray, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import level_quantiles, overflow_probability
from tests.unit.fill_forecast.counted import CUTOFF
from tests.unit.fill_forecast.signals import sawtooth
from tests.unit.fill_forecast.test_fusion import sentence, width


@cache
def history() -> History:
    """Hourly, 15 points a day, at about half at the cutoff."""
    for seed in range(100):
        made = sawtooth(seed, days=70, noise=0.01, empty_at=0.8)
        level = made.history.levels[made.history.times <= CUTOFF][-1]
        if 0.45 < level < 0.55 and not np.any(np.abs(made.emptied - CUTOFF) < 3 * DAY):
            return made.history
    raise AssertionError("no such container")


def changed(since_days: float, level: FloatArray | float, until_days: float = 0.0) -> History:
    """The level as given for a time that ends so many days before the cutoff."""
    sound = history()
    chosen = (sound.times > CUTOFF - since_days * DAY) & (sound.times <= CUTOFF - until_days * DAY)
    return replace(sound, levels=np.where(chosen, level, sound.levels))


def spikes() -> History:
    sound = history()
    lately = (sound.times > CUTOFF - DAY) & (sound.times <= CUTOFF - 2 * HOUR) & (np.arange(len(sound.times)) % 4 == 0)
    return replace(sound, levels=np.where(lately, 0.02, sound.levels))


def plateau() -> History:
    return changed(1.5, 1.0, until_days=0.2)


def covered() -> History:
    return changed(0.5, 1.0)


def stuck() -> History:
    sound = history()
    return changed(1.8, sound.levels[sound.times <= CUTOFF - 1.8 * DAY][-1])


def swapped() -> History:
    sound, at = history(), CUTOFF - 0.9 * DAY
    return replace(sound, levels=np.clip(sound.levels + 0.2 * (sound.times > at), 0, 1), swapped=np.array([at]))


def silent() -> History:
    sound = history()
    kept = (sound.times <= CUTOFF - 2 * DAY) | (sound.times > CUTOFF)
    return replace(sound, times=sound.times[kept], levels=sound.levels[kept])


FAULTS: dict[Callable[[], History], str] = {
    spikes: "readings far off within the last day",
    plateau: "it read full and fell back within the last day",
    covered: "points to full at once: most likely a heap or a covered sensor",
    stuck: "the level has stood still for 44 h: a stuck sensor or a blocked inlet",
    swapped: "the sensor was swapped since the last emptying, and the new one reads",
    silent: "the sensor has been silent for 2 days",
}


def test_a_sound_sensor_has_no_doubts() -> None:
    assert inflow_curve(history().seen(CUTOFF, CUTOFF)).doubts == ()
    assert "data good;" in sentence(history())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_widens_the_interval_and_is_named(fault: Callable[[], History]) -> None:
    faulty = fault()
    assert width(faulty, 6) > 1.2 * width(history(), 6)
    told = sentence(faulty)
    assert FAULTS[fault] in told
    assert "data doubtful" in told or "data stale" in told


def test_a_level_that_stands_still_may_be_right_or_have_gone_on() -> None:
    """Both a blocked inlet (as read) and a stuck sensor (1.8 days at 15 points) lie within the 80 % interval."""
    curve = inflow_curve(stuck().seen(CUTOFF, CUTOFF))
    level = float(curve.levels[-1])
    low, high = (curve.level_at_end() + 1.2816 * sign * curve.level_sd for sign in (-1, 1))
    assert low < level
    assert high > level + 1.8 * 0.12


def standing(days: float, jitter: float) -> History:
    """As it stood so many days before the cutoff, and no different since but for jitter."""
    sound = history()
    stood = float(np.median(sound.levels[sound.times <= CUTOFF - days * DAY][-5:]))
    return changed(days, stood + np.random.default_rng(2).normal(0, jitter, len(sound.times)))


@pytest.mark.parametrize("jitter", [0.001, 0.003])
def test_a_level_that_stands_still_but_for_less_jitter_than_usual_is_doubted(jitter: float) -> None:
    faulty = standing(2.5, jitter)
    assert "the level has stood still for" in sentence(faulty)
    assert inflow_curve(faulty.seen(CUTOFF, CUTOFF)).level_sd > 0.1


@pytest.mark.parametrize("days", [1.5, 2.5, 5.0])
def test_a_container_that_nobody_uses_stands_still_with_its_usual_jitter(days: float) -> None:
    assert inflow_curve(standing(days, 0.01).seen(CUTOFF, CUTOFF)).doubts == ()


def test_a_sensor_that_tells_whole_points_may_show_less_jitter_than_it_has() -> None:
    """At rest it tells one of two points, or for days the same."""
    coarse = history()
    noise = np.random.default_rng(3).normal(0, 0.002, len(coarse.times))
    unused = np.where(coarse.times > CUTOFF - 2.5 * DAY, 0.304 + noise, coarse.levels)
    seen = replace(coarse, levels=np.round(100 * unused) / 100).seen(CUTOFF, CUTOFF)
    assert 0 < seen.levels[-60:].std() < 0.005
    assert inflow_curve(seen).doubts == ()


def test_sound_sensors_are_not_said_to_stand_still() -> None:
    for seed, per_day in enumerate((0.02, 0.06, 0.12, 0.3)):
        for every, noise in ((1.0, 0.008), (3.0, 0.02)):
            sound = sawtooth(seed, days=70, per_day=per_day, interval_hours=every, noise=noise).history
            for days in range(15, 70, 6):
                doubts = inflow_curve(sound.seen(sound.times[0] + days * DAY, CUTOFF + 30 * DAY)).doubts
                assert not any("stood still" in told for told in doubts)


def jumped_to(level: float, before: float | None) -> tuple[History, float]:
    """Half a day ago to a level, from where it was or from another one that it had for one and a half days; and what it was then."""
    sound = history()
    levels = sound.levels if before is None else np.where(sound.times > CUTOFF - 2 * DAY, before, sound.levels)
    lately = sound.times > CUTOFF - 0.5 * DAY
    return replace(sound, levels=np.where(lately, level, levels)), float(levels[~lately][-1])


@pytest.mark.parametrize("before", [None, 0.05])
def test_of_a_jump_half_is_counted_until_it_is_known_what_it_was(before: float | None) -> None:
    """From half full, and from near empty, to nearly full: both levels lie within the 80 % interval."""
    faulty, former = jumped_to(0.97, before)
    curve = inflow_curve(faulty.seen(CUTOFF, CUTOFF))
    assert any("half of it is counted" in told for told in curve.doubts)
    assert curve.level_at_end() == pytest.approx((former + 0.97) / 2, abs=0.03)
    assert curve.level_sd_above == 0
    low, high = (curve.level_at_end() + 1.2816 * sign * curve.level_sd for sign in (-1, 1))
    assert low < former + 0.13
    assert high > 0.87


@pytest.mark.parametrize("before", [None, 0.05])
def test_a_jump_to_full_is_most_likely_none(before: float | None) -> None:
    """What the level was before, and half a day's inflow, is counted; full is where the 80 % interval ends, and little lies below."""
    faulty, former = jumped_to(1.0, before)
    curve = inflow_curve(faulty.seen(CUTOFF, CUTOFF))
    assert any("to full at once: most likely a heap or a covered sensor" in told for told in curve.doubts)
    assert former <= curve.level_at_end() < former + 0.13
    made = EmpiricalInflow().fit([], cutoff=CUTOFF, known_at=CUTOFF).forecast(faulty, cutoff=CUTOFF, known_at=CUTOFF)
    assert made is not None
    levels = level_quantiles(made, (), [made.cutoff]).levels[:, 0]
    at = dict(zip(made.quantiles, levels.tolist(), strict=True))
    assert made.level_at_cutoff - at[0.1] < 0.08
    assert at[0.9] == pytest.approx(1.0, abs=0.02)
    assert overflow_probability(made, made.cutoff) == pytest.approx(0.1, abs=0.05)
    assert made.data_grade == "doubtful"


def test_a_jump_to_full_says_nothing_of_how_fast_the_container_fills() -> None:
    """Neither of what flowed in, nor of the rate, as long as it is doubted."""
    sound, jumped = (inflow_curve(item.seen(CUTOFF, CUTOFF)) for item in (history(), changed(1.0, 1.0)))
    assert jumped.levels[-1] - sound.levels[-1] > 0.4
    assert jumped.cumulative[-1] < sound.cumulative[-1] + 0.05
    assert jumped.rate_per_day == pytest.approx(sound.rate_per_day, rel=0.05)


def test_of_a_jump_that_one_reading_tells_nothing_is_counted_yet() -> None:
    """The median of three does not follow it."""
    usual = inflow_curve(history().seen(CUTOFF, CUTOFF)).level_at_end()
    curve = inflow_curve(changed(0.9 / 24, 1.0).seen(CUTOFF, CUTOFF))
    assert curve.levels[-1] == 1.0
    assert curve.level_at_end() == pytest.approx(usual, abs=0.03)


@cache
def jittery() -> History:
    """Slow, read every three hours, below a fifth full at the cutoff."""
    return sawtooth(15, days=70, per_day=0.04, interval_hours=3.0, noise=0.03).history


def raised(times: float, until_days: float = 0.0) -> History:
    """For a day that ends so many days before the cutoff, higher by so many times what one in twenty rises exceeds."""
    rises = np.diff(jittery().levels)
    jump = times * float(np.quantile(rises[rises > 0], 0.95))
    assert jump >= 0.25, "a smaller one is none"
    ends = CUTOFF - until_days * DAY
    chosen = (jittery().times > ends - DAY) & (jittery().times <= ends)
    return replace(jittery(), levels=jittery().levels + jump * chosen).seen(CUTOFF, CUTOFF)


def test_a_jump_begins_at_four_times_what_one_in_twenty_rises_exceeds() -> None:
    """Of smaller ones most are waste."""
    assert any("points at once: a heap" in told for told in inflow_curve(raised(4.8)).doubts)
    assert inflow_curve(raised(3.2)).doubts == ()


def test_a_stretch_that_such_a_jump_leads_to_is_left_out_when_it_has_fallen_back() -> None:
    """Else it would count as inflow and as an emptying."""
    curve, sound = inflow_curve(raised(4.8, until_days=10.0)), inflow_curve(jittery().seen(CUTOFF, CUTOFF))
    assert (int(curve.suspects.sum()), int(sound.suspects.sum())) == (8, 0)
    assert len(curve.emptyings) == len(sound.emptyings)


def newest_readings(count: int, level: float) -> History:
    """The last so many readings before the cutoff, at a level."""
    return changed((count - 0.1) / 24, level)


def test_of_a_jump_below_full_that_the_newest_reading_alone_tells_the_level_before_is_counted_and_it_reaches_up_to_the_reading() -> (
    None
):
    usual = inflow_curve(history().seen(CUTOFF, CUTOFF)).level_at_end()
    curve = inflow_curve(newest_readings(1, 0.9).seen(CUTOFF, CUTOFF))
    assert curve.levels[-2] < 0.6 < curve.levels[-1] == 0.9
    (told,) = curve.doubts
    assert "points at once" in told
    assert told.endswith("the newest reading alone says so, and the level before it is counted")
    assert curve.level_at_end() == pytest.approx(usual, abs=0.03)
    assert curve.level_sd < 0.03
    assert curve.level_at_end() + 1.2816 * curve.level_sd_above == pytest.approx(0.9, abs=0.03)
    assert "data doubtful" in sentence(newest_readings(1, 0.9))


def test_of_a_jump_below_full_that_two_readings_tell_half_is_counted() -> None:
    usual = inflow_curve(history().seen(CUTOFF, CUTOFF)).level_at_end()
    curve = inflow_curve(newest_readings(2, 0.9).seen(CUTOFF, CUTOFF))
    assert any("half of it is counted" in told for told in curve.doubts)
    assert curve.level_at_end() == pytest.approx((usual + 0.9) / 2, abs=0.03)


def test_of_a_jump_from_the_first_reading_after_an_emptying_half_is_counted() -> None:
    """There is no level before it that readings agree on, and the newest is what is taken."""
    sound = history()
    seen = sound.seen(CUTOFF, CUTOFF)
    levels = np.where(sound.times > seen.times[-3], np.where(sound.times > seen.times[-2], 0.9, 0.03), sound.levels)
    emptied = replace(sound, levels=levels, collections=seen.times[-3:-2] + 600)
    curve = inflow_curve(emptied.seen(CUTOFF, CUTOFF))
    assert curve.levels[-2:].tolist() == [0.03, 0.9]
    assert any("half of it is counted" in told for told in curve.doubts)
    assert curve.level_at_end() == pytest.approx(0.465, abs=0.03)


def test_a_sensor_of_few_levels_may_stand_still() -> None:
    sound = history()
    coarse = replace(sound, levels=np.round(sound.levels * 5) / 5)
    assert inflow_curve(coarse.seen(CUTOFF, CUTOFF)).doubts == ()


def test_the_difference_from_one_sensor_to_the_next_is_no_inflow_and_no_emptying() -> None:
    sound = history()
    usual = inflow_curve(sound.seen(CUTOFF, CUTOFF))
    for offset in (0.2, -0.2):
        at = CUTOFF - 0.9 * DAY
        moved = replace(sound, levels=np.clip(sound.levels + offset * (sound.times > at), 0, 1), swapped=np.array([at]))
        curve = inflow_curve(moved.seen(CUTOFF, CUTOFF))
        assert len(curve.emptyings) == len(usual.emptyings)
        assert curve.cumulative[-1] == pytest.approx(usual.cumulative[-1], abs=0.03)


def test_an_emptying_ends_what_a_swap_and_a_jump_left_open() -> None:
    at = CUTOFF - 30 * DAY
    sound = history()
    long_ago = replace(sound, levels=np.clip(sound.levels + 0.1 * (sound.times > at), 0, 1), swapped=np.array([at]))
    assert inflow_curve(long_ago.seen(CUTOFF, CUTOFF)).doubts == ()


@pytest.mark.parametrize("hours_off", [0.0, -2.0, 3.0])
@pytest.mark.parametrize("reads", [0.3, 0.5, 0.9])
def test_an_emptying_that_a_truck_reported_when_the_sensor_was_swapped_stays(reads: float, hours_off: float) -> None:
    """Whatever the new sensor reads after it: lower than the one before, the same or higher."""
    at = CUTOFF - 5.5 * HOUR
    moved = changed(5.5 / 24, reads)
    told = replace(moved, swapped=np.array([at]), collections=np.array([at + hours_off * HOUR]))
    curve = inflow_curve(told.seen(CUTOFF, CUTOFF))
    assert abs(float(curve.emptied_at() or 0.0) - at) <= 4 * HOUR
    assert curve.level_read() == pytest.approx(reads, abs=0.05)


def test_a_report_of_another_emptying_makes_none_of_a_swap() -> None:
    sound = history()
    emptied_at = float(inflow_curve(sound.seen(CUTOFF, CUTOFF)).emptied_at() or 0.0)
    at = emptied_at + 60 * HOUR
    lower = np.where(sound.times >= at, sound.levels * 0.5, sound.levels)
    for reported in (emptied_at - HOUR, emptied_at + HOUR):
        told = replace(sound, levels=lower, swapped=np.array([at]), collections=np.array([reported]))
        assert inflow_curve(told.seen(CUTOFF, CUTOFF)).emptied_at() == emptied_at

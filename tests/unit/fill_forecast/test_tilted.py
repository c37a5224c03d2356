"""A sensor that says itself that it is out of its position reads no level."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.evidence import evidence_of
from models.fill_forecast.explain import doubts_at
from models.fill_forecast.history import DAY, HOUR, History, moment
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.outcome import outcomes_of
from models.fill_forecast.tilted import in_position
from tests.unit.fill_forecast.counted import CUTOFF as COUNTED_CUTOFF
from tests.unit.fill_forecast.counted import counted
from tests.unit.fill_forecast.signals import START, sawtooth

CUTOFF = START + 65 * DAY + 4 * HOUR


@cache
def sound() -> History:
    """Read every hour, at about half at the cutoff; trucks report what they empty."""
    for seed in range(100):
        made = sawtooth(seed, days=70, per_day=0.1, noise=0.01)
        level = float(made.history.levels[made.history.times <= CUTOFF][-1])
        if 0.45 < level < 0.55 and not np.any((made.emptied > CUTOFF - 4 * DAY) & (made.emptied <= CUTOFF)):
            return replace(made.history, collections=made.emptied)
    raise AssertionError("no such container")


def askew(history: History, begin: float, end: float = CUTOFF) -> History:
    """Between the two moments it sees the wall, from half of its distance on, and says so."""
    out = (history.times > begin) & (history.times <= end)
    return replace(history, levels=np.where(out, 0.5 + 0.5 * history.levels, history.levels), tilted=history.times[out])


def forecast_of(history: History) -> InflowForecast:
    made = EmpiricalInflow().fit([], cutoff=CUTOFF, known_at=CUTOFF).forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
    assert made is not None
    return made


def test_what_it_reads_meanwhile_is_neither_level_nor_inflow_nor_emptying() -> None:
    """Over for days: as if nothing had been read."""
    begin, end = CUTOFF - 12 * DAY, CUTOFF - 11 * DAY
    told = inflow_curve(askew(sound(), begin, end).seen(CUTOFF, CUTOFF))
    gone = (sound().times > begin) & (sound().times <= end)
    unread = replace(sound(), times=sound().times[~gone], levels=sound().levels[~gone])
    expected = inflow_curve(unread.seen(CUTOFF, CUTOFF))
    assert told.cumulative.tolist() == expected.cumulative.tolist()
    assert told.emptyings.first_after.tolist() == expected.emptyings.first_after.tolist()
    assert told.doubts == ()
    assert told.tilted_since is None


@pytest.mark.parametrize("hours", [6, 20, 60])
def test_the_level_goes_on_from_before_and_the_sentence_says_why(hours: int) -> None:
    faulty = askew(sound(), CUTOFF - hours * HOUR)
    forecast, usual = forecast_of(faulty), forecast_of(sound())
    assert forecast.level_at_cutoff == pytest.approx(usual.level_at_cutoff, abs=0.08)
    assert "the sensor has been out of its position, as it says, for" in forecast.basis
    assert "silent" not in forecast.basis
    assert forecast.data_grade == ("stale" if hours > 24 else "doubtful")
    evidence = evidence_of(faulty.seen(CUTOFF, CUTOFF), CUTOFF)
    assert evidence.last_good_at == moment(float(faulty.times[faulty.times <= CUTOFF - hours * HOUR][-1]))
    ahead = [quantile[forecast.horizon_hours.index(72)] for quantile in forecast.inflow_quantiles]
    as_usual = [quantile[usual.horizon_hours.index(72)] for quantile in usual.inflow_quantiles]
    assert ahead == pytest.approx(as_usual, abs=0.06)


def test_where_nobody_reports_emptyings_the_chance_of_one_is_said() -> None:
    told = forecast_of(replace(askew(sound(), CUTOFF - 4 * DAY), collections=np.empty(0))).basis
    assert "for 4 days, in which it may have been emptied (" in told


def test_one_that_says_so_from_its_first_week_on_was_mounted_like_that() -> None:
    always = replace(sound(), tilted=sound().times)
    assert forecast_of(always) == forecast_of(sound())


@pytest.mark.parametrize("days", [20, 45])
def test_one_that_was_knocked_askew_stays_so_however_long(days: int) -> None:
    """Also when most of its readings are like that by now."""
    faulty = askew(sound(), CUTOFF - days * DAY)
    forecast = forecast_of(faulty)
    assert forecast.data_grade == "stale"
    assert f"has been out of its position, as it says, for {days} days" in forecast.basis


def test_a_sensor_that_takes_the_place_of_one_may_be_mounted_otherwise() -> None:
    """From the swap on it says so at every reading, and reads the level."""
    swap = CUTOFF - 20 * DAY
    swapped = replace(sound(), tilted=sound().times[sound().times > swap], swapped=np.array([swap]))
    assert forecast_of(swapped) == forecast_of(replace(sound(), swapped=np.array([swap])))


def test_what_it_read_out_of_its_position_is_no_outcome_of_a_forecast() -> None:
    made = forecast_of(sound())
    made = made.model_copy(update={"evidence": evidence_of(sound().seen(CUTOFF, CUTOFF), CUTOFF)})
    until = moment(CUTOFF + 3 * DAY)
    later = (sound().times > CUTOFF + 12 * HOUR) & (sound().times <= CUTOFF + 60 * HOUR)
    told = outcomes_of(made, replace(sound(), tilted=sound().times[later]), known_until=until)
    assert [item.horizon_hours for item in outcomes_of(made, sound(), known_until=until)] == [6, 24, 48, 72]
    assert [item.horizon_hours for item in told] == [6, 72]


def test_once_told_is_told() -> None:
    history = in_position(askew(sound(), CUTOFF - 2 * DAY).seen(CUTOFF, CUTOFF))
    assert in_position(history) is history
    assert len(history.tilted) == 48


def test_what_it_says_after_the_cutoff_changes_nothing() -> None:
    later = askew(sound(), CUTOFF, CUTOFF + 3 * DAY)
    assert forecast_of(later) == forecast_of(sound())


def test_what_was_stored_later_is_not_known_with_its_tilt() -> None:
    faulty = askew(sound(), CUTOFF - 6 * HOUR)
    late = replace(faulty, known=np.where(faulty.times > CUTOFF - 6 * HOUR, CUTOFF + DAY, faulty.times))
    assert inflow_curve(late.seen(CUTOFF, CUTOFF)).tilted_since is None


def test_deposits_go_on_counting() -> None:
    made = counted(3, litres=30.0, share_per_day=0.12)
    history = made.history("both")
    out = (history.times > COUNTED_CUTOFF - 2 * DAY) & (history.times <= COUNTED_CUTOFF)
    faulty = replace(history, levels=np.where(out, 0.5 + 0.5 * history.levels, history.levels), tilted=history.times[out])
    curve = inflow_curve(faulty.seen(COUNTED_CUTOFF, COUNTED_CUTOFF))
    assert curve.level_at_end() == pytest.approx(float(made.true_level(np.array([COUNTED_CUTOFF]))[0]), abs=0.06)
    assert curve.tilted_since == history.times[out][0]
    told = doubts_at(curve, COUNTED_CUTOFF)
    assert any("out of its position, as it says, for" in item for item in told)
    assert not any("silent" in item for item in told)


def test_with_deposits_one_that_is_back_in_position_but_stuck_is_told_as_stuck_alone() -> None:
    made = counted(3, litres=30.0, share_per_day=0.12)
    history = made.history("both")
    since = history.times > COUNTED_CUTOFF - 4 * DAY
    stood = float(history.levels[~since & (history.times <= COUNTED_CUTOFF)][-1])
    stuck = replace(history, levels=np.where(since, stood, history.levels), tilted=history.times[since][:1])
    curve = inflow_curve(stuck.seen(COUNTED_CUTOFF, COUNTED_CUTOFF))
    assert any("stuck sensor" in told for told in curve.doubts)
    assert curve.tilted_since is None
    assert not any("position" in told for told in doubts_at(curve, COUNTED_CUTOFF))

"""A truck reports an emptying that no reading has shown yet: the forecast starts from there, and says so."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.evidence import explained
from models.fill_forecast.features import state_at
from models.fill_forecast.history import DAY, HOUR, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import level_quantiles
from models.fill_forecast.served_inflow import GLOBAL_MODEL
from models.fill_forecast.window_features import windows_of
from tests.unit.fill_forecast.fitted import CUTOFF, fitted, histories

SILENT = 6 * DAY


def read_until(history: History, until: float, *reported: float) -> History:
    """The history with no reading after `until`, and what trucks reported."""
    read = history.times <= until
    return replace(history, times=history.times[read], levels=history.levels[read], collections=np.array(reported))


@cache
def learnt() -> FittedEmpiricalInflow:
    """Once for all tests of the module."""
    return EmpiricalInflow().fit(histories(), cutoff=CUTOFF, known_at=CUTOFF)


def forecast_of(history: History, cutoff: float = CUTOFF) -> InflowForecast:
    made = learnt().forecast(history, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    return made


def width_now(forecast: InflowForecast) -> float:
    levels = level_quantiles(forecast, (), [forecast.cutoff]).levels
    return float(levels[-1, 0] - levels[0, 0])


def test_a_silent_container_that_was_emptied_starts_from_what_emptyings_leave() -> None:
    unheard = forecast_of(read_until(histories()[0], CUTOFF - SILENT))
    told = forecast_of(read_until(histories()[0], CUTOFF - SILENT, CUTOFF - 2 * DAY))
    assert unheard.level_at_cutoff > 0.3
    assert told.level_at_cutoff == pytest.approx(told.level_after_emptying + 2 * 0.03, abs=0.03), "two days at three points"
    assert told.level_observed_at == unheard.level_observed_at, "nothing was read since"
    assert told.data_grade == "stale"
    assert "emptied 2 days ago as a truck reported, and not read since" in told.basis
    often_emptied = forecast_of(read_until(histories()[2], CUTOFF - SILENT, CUTOFF - 2 * DAY))
    assert often_emptied.level_sd < 0.005, "what an emptying leaves is known"
    assert told.level_sd < 0.025, "to some points of one that was emptied twice"
    assert width_now(told) < 0.7 * width_now(unheard), "two days of inflow that nobody saw, not six"


def test_an_hour_after_the_emptying_it_is_known_before_the_next_reading() -> None:
    last = float(histories()[2].times[histories()[2].times <= CUTOFF][-1])
    assert CUTOFF - last >= HOUR
    told = forecast_of(read_until(histories()[2], last, last + 60.0))
    assert told.data_grade == "good"
    assert told.level_at_cutoff < 0.1


def test_a_report_of_what_the_readings_have_shown_changes_nothing() -> None:
    """Crews report when they are back in the cab, or at the end of a tour."""
    history = histories()[2]
    curve = inflow_curve(history.seen(CUTOFF, CUTOFF))
    fall = int(curve.emptyings.first_after[-1])
    shown = float(curve.times[fall])
    silent = read_until(history, shown + HOUR)
    reported = replace(silent, collections=np.array([shown + 5 * HOUR]))
    assert inflow_curve(reported).emptied_unread is None
    assert inflow_curve(replace(silent, collections=np.array([shown + 3 * DAY]))).emptied_unread == shown + 3 * DAY
    soon = shown + 8 * HOUR  # not silent yet: whether trucks report counts in a silence
    assert forecast_of(reported, soon) == forecast_of(silent, soon)


def test_a_second_report_within_hours_is_another_emptying() -> None:
    """A fast container: the first fall was reported and read, of the second there is a report alone."""
    history = histories()[2]
    curve = inflow_curve(history.seen(CUTOFF, CUTOFF))
    shown = float(curve.times[int(curve.emptyings.first_after[-1])])
    silent = read_until(history, shown + HOUR)
    twice = replace(silent, collections=np.array([shown - HOUR, shown + 5 * HOUR]))
    assert inflow_curve(twice).emptied_unread == shown + 5 * HOUR


def test_reports_from_after_the_cutoff_change_nothing() -> None:
    silent = read_until(histories()[0], CUTOFF - SILENT)
    later = replace(silent, collections=np.array([CUTOFF + HOUR]))
    assert forecast_of(later) == forecast_of(silent)


def test_doubts_about_the_level_end_with_the_emptying() -> None:
    history = read_until(histories()[2], CUTOFF - 2 * HOUR)
    stuck = replace(history, levels=np.where(history.times > CUTOFF - 3 * DAY, 0.42, history.levels))
    assert inflow_curve(stuck).level_sd > 0.03
    emptied = inflow_curve(replace(stuck, collections=np.array([CUTOFF - HOUR])))
    assert emptied.level_sd == emptied.left.sd < 0.03
    assert emptied.level_known() == emptied.left.level
    assert not emptied.doubts


@pytest.mark.lengthy
def test_the_served_model_tells_it_by_the_own_past_alone_and_explains_it() -> None:
    model = fitted().model
    read = model.forecast(read_until(histories()[2], CUTOFF), cutoff=CUTOFF, known_at=CUTOFF)
    told = model.forecast(read_until(histories()[2], CUTOFF - 5 * HOUR, CUTOFF - 3 * HOUR), cutoff=CUTOFF, known_at=CUTOFF)
    assert read is not None
    assert read.evidence is not None
    assert GLOBAL_MODEL in read.evidence.members
    assert told is not None
    assert told.evidence is not None
    assert told.evidence.emptied_unread
    assert GLOBAL_MODEL not in told.evidence.members
    assert told.level_at_cutoff < 0.15
    assert "emptied 3 h before as a truck reported, and not read since" in explained(told, None)


def test_windows_of_a_backtest_run_from_the_reported_emptying() -> None:
    state = state_at(read_until(histories()[0], CUTOFF - SILENT, CUTOFF - DAY), CUTOFF, CUTOFF)
    assert state is not None
    windows = windows_of(state, np.array([24.0, 48.0]), np.array([CUTOFF + 30 * HOUR]))
    assert windows.column("length_hours") == pytest.approx([48, 18])
    assert windows.column("lead_hours") == pytest.approx([-24, 30])
    assert windows.column("base") == pytest.approx(state.curve.left.level)

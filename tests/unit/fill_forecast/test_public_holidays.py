"""Public holidays count as Sundays: in the profile that is learnt, and in the window that is forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from models.domain.failures import UserError
from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.evidence import evidence_of, explained
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.history import DAY, HOUR, History, IntArray, moment
from models.fill_forecast.public_holidays import holiday_days
from models.fill_forecast.served_inflow import fallback
from models.fill_forecast.week_profile import usual_inflow, week_profile
from tests.unit.fill_forecast.signals import START

WEEKS = 10
MONDAY = int(START // DAY)
NONE = np.empty(0, dtype=np.int64)


def closed_on_sundays(holidays: IntArray) -> History:
    """Twelve points on each day but Sundays and holidays, emptied whenever nearly full, hourly, without noise."""
    hours = np.arange(WEEKS * 168)
    days = MONDAY + hours // 24
    is_open = ((days + 3) % 7 != 6) & ~np.isin(days, holidays)
    total = np.cumsum(np.where(is_open, 0.12 / 24, 0.0))
    times = START + HOUR * np.arange(1.0, len(hours) + 1)
    return History("c-1", "paper", times, total % 0.9, holidays=holidays)


def test_the_netherlands_have_kings_day_and_a_region_has_its_own() -> None:
    day = int(datetime(2026, 4, 27, tzinfo=UTC).timestamp() // DAY)
    cup = int(datetime(2020, 11, 3, tzinfo=UTC).timestamp() // DAY)
    assert day in holiday_days("NL", 2026, 2026)
    assert cup in holiday_days("AU-VIC", 2020, 2020)
    assert cup not in holiday_days("AU-NSW", 2020, 2020)
    assert not len(holiday_days("none", 2020, 2030))


@pytest.mark.parametrize("region", ["XX", "AU-QQ", "Netherlands please"])
def test_an_unknown_region_is_refused_with_a_sentence(region: str) -> None:
    with pytest.raises(UserError, match="give a country like NL"):
        holiday_days(region, 2026, 2026)


def test_a_coming_holiday_is_forecast_as_a_sunday() -> None:
    """A Wednesday in the week after the last reading; told and not told."""
    wednesday = MONDAY + WEEKS * 7 + 2
    history = closed_on_sundays(NONE)
    cutoff = float(history.times[-1])
    told = replace(history, holidays=np.array([wednesday]))
    middle = QUANTILES.index(0.5)
    flows = []
    for item in (history, told):
        forecast = EmpiricalInflow().fit([item], cutoff=cutoff, known_at=cutoff).forecast(item, cutoff=cutoff, known_at=cutoff)
        assert forecast is not None
        flows.append(dict(zip(forecast.horizon_hours, forecast.inflow_quantiles[middle], strict=True)))
    usual, holiday = flows
    assert holiday[48] == pytest.approx(usual[48], abs=0.01), "until then nothing changes"
    assert usual[72] - usual[48] > 0.08
    assert holiday[72] - holiday[48] < 0.04
    assert usual[168] - holiday[168] > 0.06


def test_a_past_holiday_does_not_make_its_weekday_look_quiet() -> None:
    past = np.array([MONDAY + 7 * week + 2 for week in (2, 5, 7)])
    history = closed_on_sundays(past)
    hours = np.floor(history.times / HOUR)
    cumulative = np.cumsum(np.maximum(0.0, np.diff(history.levels, prepend=0.0)))
    wednesday, sunday = slice(6 * 24, 7 * 24), slice(3 * 24, 4 * 24)  # days from Thursday on
    knowing, blind = (week_profile(hours, cumulative, days) for days in (past, NONE))
    assert knowing is not None
    assert blind is not None
    assert knowing[wednesday].mean() > 1.1 * blind[wednesday].mean()
    assert knowing[sunday].mean() <= blind[sunday].mean() + 1e-3


def test_windows_get_what_their_own_hours_get_hour_by_hour() -> None:
    profile = np.arange(168.0)
    holidays = np.array([MONDAY + 1, MONDAY + 9])
    begins = (MONDAY * 24 + np.arange(0, 400, 7))[:, None]
    spans = np.array([[1, 20, 24, 100, 200, 336]])
    days = np.arange(MONDAY * 24, MONDAY * 24 + 800)
    each = np.where(np.isin(days // 24, holidays), profile[72 + days % 24], profile[days % 168])
    expected = [[each[begin - days[0] : begin - days[0] + span].sum() for span in spans[0]] for begin in begins[:, 0]]
    assert usual_inflow(profile, begins, spans, holidays) == pytest.approx(np.array(expected))


def test_the_sentence_names_the_holidays_of_the_week_to_come() -> None:
    coming = MONDAY + WEEKS * 7 + 2
    history = replace(closed_on_sundays(NONE), holidays=np.array([MONDAY + 3, coming, coming + 30]))
    cutoff = float(history.times[-1])
    assert evidence_of(history, cutoff).holidays == (moment(coming * DAY).date(),)
    forecast = EmpiricalInflow().fit([history], cutoff=cutoff, known_at=cutoff).forecast(history, cutoff=cutoff, known_at=cutoff)
    assert forecast is not None
    assert "is a public holiday, like a Sunday" in explained(fallback(forecast, history, cutoff, cutoff, "of a test"), None)

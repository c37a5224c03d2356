"""What a forecast rests on, as data and as a sentence."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.domain.forecast import FALLBACK, InflowForecast
from models.fill_forecast.evidence import coming_holidays, evidence_of, explained
from models.fill_forecast.history import DAY, HOUR, History, moment
from models.fill_forecast.served_inflow import fallback
from tests.unit.fill_forecast.fitted import CUTOFF, fitted, histories
from tests.unit.fill_forecast.signals import START

pytestmark = pytest.mark.lengthy

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def _monday_container(weeks: int = 10) -> History:
    """Six points on Mondays, one on other days, never emptied, hourly."""
    hours = np.arange(0.0, weeks * 168)
    per_hour = np.where((hours // 24) % 7 == 0, 0.06, 0.01) / 24 / 2
    return History("c-monday", "glass", START + (hours + 1) * HOUR, np.cumsum(per_hour).astype(float))


def test_rates_now_and_usual_and_the_weekdays_part_are_found() -> None:
    history = _monday_container()
    found = evidence_of(history, float(history.times[-1]))
    assert found.rate_usual_per_day == pytest.approx(0.005, rel=0.1)
    assert found.rate_now_per_day == pytest.approx(0.06 / 7, rel=0.2)
    assert found.weekday_rates[0] == pytest.approx(0.03, rel=0.25)
    assert found.weekday_rates[3] == pytest.approx(0.005, rel=0.1)
    assert found.emptied_at is None
    assert found.last_good_at == moment(float(history.times[-1]))


def test_the_sentence_says_all_that_it_rests_on() -> None:
    forecast = fitted().model.forecast(histories()[2], cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    planned = datetime(2026, 3, 12, 9, tzinfo=UTC)
    sentence = explained(forecast, planned, AMSTERDAM)
    for part in ("Last good reading", "points a day", "a Wednesday", "collection planned Thu 12 Mar 10:00", "data good", "told by"):
        assert part in sentence
    assert sentence.endswith(".")
    assert "no collection planned" in explained(forecast, None)
    two = explained(forecast, None, AMSTERDAM, given=[planned, datetime(2026, 3, 30, 9, tzinfo=UTC)])
    assert "no collection planned; with collections given for Thu 12 Mar 10:00 and Mon 30 Mar 11:00; data" in two


def test_a_container_that_is_usually_unused_is_not_used_as_usual() -> None:
    seen = evidence_of(histories()[2].seen(CUTOFF, CUTOFF), CUTOFF)
    forecast = fitted().model.forecast(histories()[2], cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    now = seen.model_copy(update={"rate_usual_per_day": 0.0, "rate_now_per_day": 0.07})
    told = explained(forecast.model_copy(update={"evidence": now}), None)
    assert "7.0 points a day lately, more than its usual 0.0" in told
    never = now.model_copy(update={"rate_now_per_day": 0.0})
    assert "0.0 points a day lately, as usual" in explained(forecast.model_copy(update={"evidence": never}), None)


def _quiet_weekends(cutoff: datetime, *, holidays: tuple[date, ...] = ()) -> InflowForecast:
    """Of a container that gets three points on each day but half of that on Saturdays and nothing on Sundays."""
    forecast = fitted().model.forecast(histories()[2], cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert forecast.evidence is not None
    evidence = forecast.evidence.model_copy(update={"weekday_rates": (0.03,) * 5 + (0.015, 0.0), "holidays": holidays})
    return forecast.model_copy(update={"cutoff": cutoff, "evidence": evidence})


def test_the_day_that_is_told_is_the_readers_and_not_that_of_utc() -> None:
    late = _quiet_weekends(datetime(2026, 3, 6, 23, 30, tzinfo=UTC))
    assert "a Friday brings 27 % more" in explained(late, None)
    assert "a Saturday brings 36 % less than its average day" in explained(late, None, AMSTERDAM)


def test_on_a_public_holiday_the_sundays_part_is_told_and_said_to_be_that() -> None:
    kings_day, later = date(2026, 4, 27), date(2026, 4, 30)
    for cutoff in (datetime(2026, 4, 26, 22, 30, tzinfo=UTC), datetime(2026, 4, 27, 12, tzinfo=UTC)):
        told = explained(_quiet_weekends(cutoff, holidays=(kings_day, later)), None, AMSTERDAM)
        assert "Mon 27 Apr is a public holiday, like a Sunday, which brings 100 % less than its average day" in told
        assert "; Thu 30 Apr is a public holiday, like a Sunday;" in told
        assert "a Monday" not in told
    over = _quiet_weekends(datetime(2026, 4, 27, 22, 30, tzinfo=UTC), holidays=(kings_day, later))
    assert "27 Apr" not in explained(over, None, AMSTERDAM), "it is Tuesday there"
    assert coming_holidays(over, AMSTERDAM) == (later,)


def test_a_fallback_says_so_in_grade_and_sentence() -> None:
    own = fitted().model.own_past.forecast(histories()[0], cutoff=CUTOFF, known_at=CUTOFF)
    assert own is not None
    made = fallback(own, histories()[0], CUTOFF, CUTOFF, "model 4 was refused")
    assert made.model_grade == FALLBACK
    assert made.forecaster == "empirical_inflow"
    assert "because model 4 was refused" in made.basis
    assert "because no fitted model serves" in explained(made, None)


def test_a_forecast_without_evidence_is_told_by_its_stored_sentence() -> None:
    own = fitted().model.own_past.forecast(histories()[0], cutoff=CUTOFF, known_at=CUTOFF)
    assert own is not None
    assert explained(own, None) == own.basis


def test_a_single_reading_has_evidence_too() -> None:
    alone = History("c-new", "glass", np.array([CUTOFF - DAY]), np.array([0.3]))
    assert evidence_of(alone, CUTOFF).last_good_level == 0.3

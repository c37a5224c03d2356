"""What a forecast rests on, as data and as a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from models.domain.forecast import FALLBACK
from models.fill_forecast.evidence import evidence_of, explained
from models.fill_forecast.history import DAY, HOUR, History, moment
from models.fill_forecast.served_inflow import fallback
from tests.unit.fill_forecast.fitted import CUTOFF, fitted, histories
from tests.unit.fill_forecast.signals import START

pytestmark = pytest.mark.lengthy


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
    sentence = explained(forecast, planned, "Thu 12 Mar 10:00")
    for part in ("Last good reading", "points a day", "a Wednesday", "collection planned Thu 12 Mar 10:00", "data good", "told by"):
        assert part in sentence
    assert sentence.endswith(".")
    assert "no collection planned" in explained(forecast, None)


def test_a_container_that_is_usually_unused_is_not_used_as_usual() -> None:
    seen = evidence_of(histories()[2].seen(CUTOFF, CUTOFF), CUTOFF)
    forecast = fitted().model.forecast(histories()[2], cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    now = seen.model_copy(update={"rate_usual_per_day": 0.0, "rate_now_per_day": 0.07})
    told = explained(forecast.model_copy(update={"evidence": now}), None)
    assert "7.0 points a day lately, more than its usual 0.0" in told
    never = now.model_copy(update={"rate_now_per_day": 0.0})
    assert "0.0 points a day lately, as usual" in explained(forecast.model_copy(update={"evidence": never}), None)


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

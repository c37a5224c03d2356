"""How a forecast turned out, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.domain.forecast import ForecastEvidence, InflowForecast
from models.fill_forecast.evidence import weekday_inflow
from models.fill_forecast.history import HOUR, History
from models.fill_forecast.outcome import baseline_pinball, outcomes_of

CUTOFF = datetime(2026, 3, 2, 4, tzinfo=UTC)  # a Monday


def _forecast(level: float = 0.2) -> InflowForecast:
    evidence = ForecastEvidence(
        last_good_level=level, last_good_at=CUTOFF, rate_now_per_day=0.1, rate_usual_per_day=0.12,
        weekday_rates=(0.24, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), emptied_at=None, suspect_share=0.0, days_of_data=90, members={"own past": 1.0},
    )  # fmt: skip
    return InflowForecast(
        container_id="c-1", forecaster="weighed_inflow", forecaster_version="3-abc", cutoff=CUTOFF, known_at=CUTOFF, level_at_cutoff=level,
        level_observed_at=CUTOFF, quantiles=(0.1, 0.5, 0.9), horizon_hours=(24, 48),
        inflow_quantiles=((0.05, 0.1), (0.1, 0.2), (0.15, 0.3)), data_grade="good", basis="", model_grade="full", evidence=evidence,
        level_after_emptying=0.05,
    )  # fmt: skip


def _history(levels_at: dict[float, float]) -> History:
    """Hourly from a week before, flat at 0.2, then as given from an hour after the cutoff on."""
    hours = np.arange(-168.0, 60.0)
    levels = np.full(len(hours), 0.2)
    for hour, level in sorted(levels_at.items()):
        levels[hours >= hour] = level
    return History("c-1", "glass", CUTOFF.timestamp() + hours * HOUR, levels)


def test_a_forecast_is_scored_at_each_horizon_that_has_ended_and_was_read() -> None:
    history = _history({1: 0.33, 30: 0.36})
    day, two_days = outcomes_of(_forecast(), history, known_until=CUTOFF + timedelta(hours=50))
    assert (day.horizon_hours, day.level_observed, day.inside) == (24, 0.33, 1.0)
    assert day.absolute_error == pytest.approx(0.03)
    assert day.width == pytest.approx(0.1)
    assert day.pinball == pytest.approx((0.1 * 0.08 + 0.5 * 0.03 + 0.1 * 0.02) / 3)
    assert day.usual_rate_level == pytest.approx(0.32)
    assert day.weekday_level == pytest.approx(0.2 + 0.24 * 20 / 24), "twenty hours of Monday and four of Tuesday"
    assert two_days.level_observed == 0.36
    assert (day.forecaster_version, day.model_grade, day.fraction) == ("3-abc", "full", "glass")


def test_what_has_not_ended_is_done_or_was_not_read_has_no_outcome() -> None:
    history = _history({1: 0.33})
    assert outcomes_of(_forecast(), history, known_until=CUTOFF + timedelta(hours=23)) == []
    until = CUTOFF + timedelta(hours=59)
    assert [item.horizon_hours for item in outcomes_of(_forecast(), history, known_until=until, done={24})] == [48]
    silent = History("c-1", "glass", history.times[:170], history.levels[:170])
    assert outcomes_of(_forecast(), silent, known_until=until) == []
    without = _forecast().model_copy(update={"evidence": None})
    assert outcomes_of(without, history, known_until=until) == []


def test_a_truth_on_a_bound_counts_half_and_one_outside_nothing() -> None:
    until = CUTOFF + timedelta(hours=30)
    full = _forecast(0.95)
    (on_bound,) = outcomes_of(full, _history({1: 1.0}), known_until=until)
    assert on_bound.inside == 0.5, "bounds are cut at full"
    (outside,) = outcomes_of(_forecast(), _history({1: 0.6}), known_until=until)
    assert outside.inside == 0.0


def test_a_collection_that_really_happened_is_laid_over_forecast_and_baselines() -> None:
    history = _history({-100: 0.5, 1: 0.55, 12: 0.05, 24: 0.08})
    (day,) = outcomes_of(_forecast(0.5), history, known_until=CUTOFF + timedelta(hours=30))
    assert day.level_observed == 0.08
    assert day.absolute_error < 0.06
    assert day.usual_rate_level == pytest.approx(0.05 + 0.12 / 2)


def test_weekday_rates_add_up_over_midnights() -> None:
    rates = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    monday = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    assert weekday_inflow(rates, monday, monday + 7 * 24 * HOUR) == pytest.approx(2.8)
    assert weekday_inflow(rates, monday + 12 * HOUR, monday + 36 * HOUR) == pytest.approx(0.05 + 0.1)
    assert weekday_inflow(rates, monday - 24 * HOUR, monday - 12 * HOUR) == pytest.approx(0.35)
    assert weekday_inflow(rates, monday, monday) == 0.0


def test_a_baseline_gets_the_spread_of_its_own_past_errors() -> None:
    quantiles = (0.1, 0.5, 0.9)
    bare = baseline_pinball(0.5, 0.4, np.empty(0), quantiles)
    assert bare == pytest.approx(0.1 * 0.5)
    spread = baseline_pinball(0.5, 0.4, np.array([-0.1, 0.0, 0.1]), quantiles)
    assert spread == pytest.approx((0.1 * 0.2 + 0.5 * 0.1 + 0.0) / 3)


def test_a_forecast_whose_spread_outcomes_do_not_set_teaches_no_spread() -> None:
    """One in its first week or that says nothing, and one of a silent container, are scored all the same."""
    history, forecast = _history({1: 0.33}), _forecast()
    assert forecast.evidence is not None
    young = forecast.model_copy(update={"evidence": forecast.evidence.model_copy(update={"days_of_data": 0.0})})
    for other in (young, forecast.model_copy(update={"data_grade": "stale"})):
        (usual,), (told,) = (outcomes_of(item, history, known_until=CUTOFF + timedelta(hours=30)) for item in (forecast, other))
        assert usual.below is not None
        assert told.below is None
        assert told.above is None
        assert told.pinball == usual.pinball

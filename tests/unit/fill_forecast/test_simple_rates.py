"""The simple rates beside the members of a served model: where their middle lies, what spreads them, and that they count where they are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.fill_forecast.features import state_at
from models.fill_forecast.history import DAY, FloatArray
from models.fill_forecast.inflow_cases import FEATURES, features_of
from models.fill_forecast.served_inflow import NAME
from models.fill_forecast.simple_rates import MEDIAN_RATE, SIMPLE_RATES, WEEKDAY_RATE, by_simple_rates
from tests.unit.fill_forecast.fitted import CUTOFF, fitted, histories
from tests.unit.fill_forecast.signals import START, sawtooth

HORIZONS = np.array([24.0, 168.0])
OWN = np.array([[0.02, 0.05, 0.12], [0.2, 0.3, 0.5]])


def shown(read_until: float) -> FloatArray:
    """Features of a container that gets a tenth of itself a day."""
    history = sawtooth(3, days=80, per_day=0.1, interval_hours=3.0).history.seen(read_until, read_until)
    state = state_at(history, START + 70 * DAY, START + 70 * DAY)
    assert state is not None
    return features_of(state, HORIZONS)


@pytest.mark.parametrize("name", SIMPLE_RATES)
def test_the_middle_is_the_rate_and_the_own_past_spreads_it(name: str) -> None:
    found = by_simple_rates(OWN, OWN[:, 1], shown(START + 70 * DAY))[name]
    assert found[:, 1] == pytest.approx([0.1, 0.7], rel=0.15)
    assert np.diff(found, axis=1) == pytest.approx(np.diff(OWN, axis=1))


def test_what_comes_in_counts_from_the_last_reading_on() -> None:
    late, early = (by_simple_rates(OWN, OWN[:, 1], shown(START + days * DAY))[MEDIAN_RATE][:, 1] for days in (70, 69))
    assert late == pytest.approx([0.1, 0.7], rel=0.15)
    assert early == pytest.approx([0.2, 0.8], rel=0.15)


def test_where_a_rate_is_not_known_the_own_past_stands_in() -> None:
    features = shown(START + 70 * DAY)
    features[:, FEATURES.index("by_week_profile")] = np.nan
    found = by_simple_rates(OWN, OWN[:, 1], features)
    assert found[WEEKDAY_RATE] == pytest.approx(OWN)
    assert found[MEDIAN_RATE][1, 1] > OWN[1, 1]


@pytest.mark.lengthy
def test_a_served_model_tells_a_rate_that_counts_alone_and_names_it() -> None:
    model = fitted().model
    weights = {cell: {MEDIAN_RATE: 1.0} for cell in model.description.weights}
    only_rate = replace(model, description=model.description.model_copy(update={"weights": weights, "offsets": {}, "factors": {}}))
    history = histories()[0]
    made = only_rate.forecast(history, cutoff=CUTOFF, known_at=CUTOFF)
    state = state_at(history, CUTOFF, CUTOFF)
    assert made is not None
    assert made.evidence is not None
    assert state is not None
    assert made.evidence.members == {MEDIAN_RATE: 1.0}
    week, middle = made.horizon_hours.index(168), made.quantiles.index(0.5)
    rate = features_of(state, np.array([168.0]))[0, FEATURES.index("by_median_rate_90d")]
    assert made.inflow_quantiles[middle][week] == pytest.approx(rate, abs=0.01)


@pytest.mark.lengthy
def test_they_are_members_of_a_fitted_model_and_scored_beside_it() -> None:
    description = fitted().model.description
    assert set(SIMPLE_RATES) < set(description.members)
    assert {score.name for score in description.scores} == {NAME, *description.members}
    assert all(weights.keys() == set(description.members) for weights in description.weights.values())
    assert all(sum(weights.values()) == pytest.approx(1.0) for weights in description.weights.values())

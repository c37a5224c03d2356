"""Scores by hand, weights and calibration on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from models.fill_forecast.calibration import calibrated, offsets
from models.fill_forecast.scores import mean_pinball, pinball, reliability, scores
from models.fill_forecast.weighing import combined, weigh

QUANTILES = (0.1, 0.5, 0.9)


def test_pinball_weighs_misses_below_and_above_by_the_quantile() -> None:
    assert pinball(np.array([1.0]), np.array([0.0]), 0.9) == pytest.approx(0.9)
    assert pinball(np.array([0.0]), np.array([1.0]), 0.9) == pytest.approx(0.1)


def test_scores_of_three_cases_by_hand() -> None:
    truth = np.array([0.5, 1.0, 0.0])
    forecast = np.array([[0.2, 0.4, 0.6], [0.5, 0.8, 1.0], [0.1, 0.2, 0.3]])
    found = scores(truth, forecast, QUANTILES)
    assert found.mae == pytest.approx((0.1 + 0.2 + 0.2) / 3)
    assert found.coverage == pytest.approx(2 / 3)
    assert found.coverage_ties_half == pytest.approx(0.5)  # the second lies exactly on its bound
    assert found.width == pytest.approx((0.4 + 0.5 + 0.2) / 3)
    assert found.crossing == 0.0


def test_crossing_quantiles_are_counted() -> None:
    assert scores(np.array([0.5]), np.array([[0.4, 0.3, 0.6]]), QUANTILES).crossing == 1.0


def test_reliability_counts_ties_half() -> None:
    assert reliability(np.array([0.0, 0.5]), np.array([[0.0], [0.6]]), (0.5,)) == pytest.approx([0.75])


def test_all_weight_goes_to_a_member_that_is_right_and_none_to_noise() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(500)
    right = np.repeat(truth[:, None], 3, axis=1)
    weights = weigh({"noise": rng.random((500, 3)), "right": right}, truth, QUANTILES)
    assert weights == {"noise": 0.0, "right": 1.0}


def test_two_members_with_opposite_errors_are_averaged() -> None:
    truth = np.linspace(0.3, 0.7, 400)
    low, high = (np.repeat(truth[:, None] + shift, 3, axis=1) for shift in (-0.1, 0.1))
    members = {"low": low, "high": high}
    weights = weigh(members, truth, QUANTILES)
    assert weights["low"] == pytest.approx(0.5)
    assert mean_pinball(truth, combined(members, weights), QUANTILES) == pytest.approx(0.0, abs=1e-9)


def test_members_that_count_from_the_start_lose_their_weight_only_to_what_is_better() -> None:
    """Members that nearly agree share it; one that is far better takes most of it, one that is not there is passed over."""
    rng = np.random.default_rng(1)
    truth = rng.random(400)
    first, second, worse = (truth[:, None] + rng.normal(0, spread, (400, 1)) + np.zeros(3) for spread in (0.1, 0.1, 0.3))
    alike = weigh({"worse": worse, "first": first, "second": second}, truth, QUANTILES, begin=("first", "second", "absent"))
    assert alike["worse"] < 0.15
    assert alike["first"] == pytest.approx(alike["second"], abs=0.2)
    right = np.repeat(truth[:, None], 3, axis=1)
    weights = weigh({"first": first, "second": second, "right": right}, truth, QUANTILES, begin=("first", "second"))
    assert weights["right"] > 0.8


def test_with_few_cases_the_first_member_counts_alone() -> None:
    assert weigh({"a": np.zeros((5, 3)), "b": np.ones((5, 3))}, np.ones(5), QUANTILES) == {"a": 1.0, "b": 0.0}


def test_calibration_gives_intervals_that_were_too_narrow_their_coverage() -> None:
    rng = np.random.default_rng(1)
    truth = 0.5 + rng.normal(0, 0.1, 4000)
    narrow = np.tile([0.45, 0.5, 0.55], (4000, 1))
    moved = offsets(truth[:2000], narrow[:2000], QUANTILES)
    found = scores(truth[2000:], calibrated(narrow[2000:], moved), QUANTILES)
    assert 0.77 <= found.coverage <= 0.83
    assert moved[1] == 0.0


def test_too_few_resolved_forecasts_move_nothing() -> None:
    assert (offsets(np.ones(10), np.zeros((10, 3)), QUANTILES) == 0).all()


@pytest.mark.parametrize("share_full", [0.1, 0.25, 0.35])
def test_where_truths_tie_with_full_the_lower_bound_makes_up_for_it(share_full: float) -> None:
    rng = np.random.default_rng(2)
    truth = np.where(rng.random(4000) < share_full, 1.0, rng.uniform(0.3, 1.0, 4000))
    forecast = np.tile([0.35, 0.7, 1.0], (4000, 1))
    moved = offsets(truth[:2000], forecast[:2000], QUANTILES)
    found = scores(truth[2000:], calibrated(forecast[2000:], moved), QUANTILES)
    assert 0.77 <= found.coverage_ties_half <= 0.83


def test_coverage_is_not_bought_dearly() -> None:
    rng = np.random.default_rng(3)
    truth = rng.choice([0.0, 0.5, 1.0], 2000)  # every bound on a level ties with a third of the truths
    forecast = np.tile([0.0, 0.5, 1.0], (2000, 1))
    found = calibrated(forecast, offsets(truth, forecast, QUANTILES))
    assert mean_pinball(truth, found, QUANTILES) <= 1.03 * mean_pinball(truth, forecast, QUANTILES)

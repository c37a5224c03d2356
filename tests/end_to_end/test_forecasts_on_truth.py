"""What is published of the forecasts' coverage and time to 80 % holds on a frozen seed, all faults on; the whole table is a benchmark's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from models.fill_forecast.empirical import EmpiricalInflow
from simulators.evaluation import evaluation_seeds
from simulators.faults import EVERY_FAULT
from simulators.forecast_evaluation import CoverageCase, TimeCase, city_of, evaluate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
]  # simulates, looks back and forecasts fifty containers: a minute of a free core


@cache
def evaluated() -> tuple[list[CoverageCase], list[TimeCase]]:
    return evaluate(city_of(evaluation_seeds()[:1], EVERY_FAULT, containers=50, days=100), EmpiricalInflow())


def test_80_per_cent_intervals_hold_about_80_per_cent_of_true_levels() -> None:
    """One seed's containers are few, and share their luck: what all seeds hold within two points, one holds within six."""
    cases, _ = evaluated()
    assert len(cases) > 2000
    assert 0.74 <= np.mean([case.inside for case in cases]) <= 0.86


def test_neither_side_of_the_interval_is_missed_much_more_often_than_it_should() -> None:
    cases, _ = evaluated()
    missed = [case.middle_error for case in cases if not case.closed]
    assert 0.04 <= sum(error < 0 for error in missed) / len(cases) <= 0.16
    assert 0.04 <= sum(error > 0 for error in missed) / len(cases) <= 0.16


def test_the_time_to_80_per_cent_is_known_about_as_well_as_it_can_be() -> None:
    _, cases = evaluated()
    slow, fast = (error_days([case for case in cases if case.fast == fast]) for fast in (False, True))
    known = error_days([case for case in cases if case.fast], knowing=True)
    print(f"median error of the time to 80 %: {slow:.2f} d slow, {fast:.2f} d fast, {known:.2f} d for who knows level and rate")
    assert slow <= 1.2  # a dozen or two of forecasts: all seeds together are at 0.53
    assert fast <= 0.5
    assert known < fast


def error_days(cases: Sequence[TimeCase], *, knowing: bool = False) -> float:
    errors = [case.least_error_days if knowing else case.error_days for case in cases]
    found = [abs(error) for error in errors if error is not None]
    assert len(found) >= 10
    return float(np.median(found))

"""The bounds that published times to 80 % stand beside."""

from copy import deepcopy

import numpy as np
import pytest

from simulators.fill_series import FillSeries, simulate_fill
from simulators.oracle import known_rates, learnt_rates, level_quantiles, median_time
from simulators.true_course import TrueCourse

pytestmark = pytest.mark.lengthy
DAY = 86_400.0


@pytest.fixture(scope="module")
def containers() -> list[FillSeries]:
    return [item for item in simulate_fill(5, {}, containers=8, days=30) if item.fraction in ("paper", "residual")]


def knowing_median(course: TrueCourse, since: float) -> float | None:
    return median_time(course, 0.8, since, known_rates(course, since, paths=201), days=14, rng=np.random.default_rng(0))


def learning_median(course: TrueCourse, since: float) -> float | None:
    rng = np.random.default_rng(0)
    return median_time(course, 0.8, since, learnt_rates(course, since, paths=201, rng=rng), days=14, rng=rng)


def since_of(series: FillSeries) -> float:
    return float(series.emptied[-3]) + 3600.0


def test_who_knows_the_rate_expects_what_is_missing_over_the_rate(containers: list[FillSeries]) -> None:
    ratios = []
    for item in containers:
        since = since_of(item)
        missing = 0.8 - float(item.course.level_at(np.array([since]))[0])
        rate = item.course.use.share_per_day[np.searchsorted(item.course.hours, since) - 1]
        said = knowing_median(item.course, since)
        assert said is not None
        ratios.append((said - since) / DAY / (missing / rate))
    assert 0.7 < np.median(ratios) < 1.3


def test_who_learns_the_rate_comes_near_who_is_told_it(containers: list[FillSeries]) -> None:
    for item in containers:
        since = since_of(item)
        told = knowing_median(item.course, since)
        learnt = learning_median(item.course, since)
        assert told is not None
        assert learnt is not None
        assert abs(learnt - told) <= 0.5 * (told - since)


def test_who_learns_knows_nothing_of_what_comes_later(containers: list[FillSeries]) -> None:
    item = deepcopy(containers[0])
    since = since_of(item)
    course = item.course
    later = course.hours >= since
    course.use.share_per_day[later] *= 10
    course.inflow[course.times > since] *= 2
    changed = learning_median(course, since)
    assert changed == learning_median(containers[0].course, since)


QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


@pytest.mark.parametrize("knows", [True, False], ids=["knowing", "learning"])
def test_levels_are_covered_as_they_say(knows: bool) -> None:
    """With the collections that came, which say something of how full containers were, and nobody is asked to conclude it."""
    inside = []
    for item in simulate_fill(6, {}, containers=30, days=30):
        for day in range(8, 23, 5):
            since = float(np.ceil(item.course.times[0] / 3600.0)) * 3600.0 + day * DAY
            targets = since + DAY * np.arange(1.0, 8)
            rng = np.random.default_rng(day)
            rates = known_rates(item.course, since, paths=301) if knows else learnt_rates(item.course, since, paths=301, rng=rng)
            said = level_quantiles(item.course, targets, since, rates, item.emptied, QUANTILES, rng=rng)
            truth = item.course.level_at(targets)
            inside += ((said[:, 1] <= truth) & (truth <= said[:, 5])).tolist()
    assert 0.74 <= np.mean(inside) <= 0.86


def test_a_collection_empties(containers: list[FillSeries]) -> None:
    item = containers[0]
    since = float(np.ceil(item.course.times[0] / 3600.0)) * 3600.0 + 8 * DAY
    targets = since + 3600.0 * np.array([5.0, 7.0])
    rates = known_rates(item.course, since, paths=301)
    emptied = np.array([since + 6.5 * 3600])
    said = level_quantiles(item.course, targets, since, rates, emptied, QUANTILES, rng=np.random.default_rng(0))
    now = float(item.course.level_at(np.array([since]))[0])
    assert said[0, 0] >= min(1.0, now) - 1e-9
    assert said[1, 3] < 0.2

"""The bounds that published times to 80 % stand beside."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from simulators.fill_series import FillSeries, simulate_fill
from simulators.oracle import knows, learns, level_quantiles, median_time
from simulators.reading_oracle import reads
from simulators.true_course import TrueCourse

pytestmark = pytest.mark.lengthy
DAY = 86_400.0


@pytest.fixture(scope="module")
def containers() -> list[FillSeries]:
    return [item for item in simulate_fill(5, {}, containers=8, days=30) if item.fraction in ("paper", "residual")]


def knowing_median(course: TrueCourse, since: float) -> float | None:
    return median_time(course, 0.8, since, knows(course, since, paths=201), days=14, rng=np.random.default_rng(0))


def learning_median(course: TrueCourse, since: float) -> float | None:
    rng = np.random.default_rng(0)
    return median_time(course, 0.8, since, learns(course, since, paths=201, rng=rng), days=14, rng=rng)


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


@pytest.mark.parametrize("told", [True, False], ids=["knowing", "learning"])
def test_levels_are_covered_as_they_say(told: bool) -> None:
    """With the collections that came, which say something of how full containers were, and nobody is asked to conclude it."""
    inside = []
    for item in simulate_fill(6, {}, containers=30, days=30):
        for day in range(8, 23, 5):
            since = float(np.ceil(item.course.times[0] / 3600.0)) * 3600.0 + day * DAY
            targets = since + DAY * np.arange(1.0, 8)
            rng = np.random.default_rng(day)
            belief = knows(item.course, since, paths=301) if told else learns(item.course, since, paths=301, rng=rng)
            said = level_quantiles(item.course, targets, since, belief, item.emptied, QUANTILES, rng=rng)
            truth = item.course.level_at(targets)
            inside += ((said[:, 1] <= truth) & (truth <= said[:, 5])).tolist()
    assert 0.74 <= np.mean(inside) <= 0.86


def test_a_collection_empties(containers: list[FillSeries]) -> None:
    item = containers[0]
    since = float(np.ceil(item.course.times[0] / 3600.0)) * 3600.0 + 8 * DAY
    targets = since + 3600.0 * np.array([5.0, 7.0])
    belief = knows(item.course, since, paths=301)
    emptied = np.array([since + 6.5 * 3600])
    said = level_quantiles(item.course, targets, since, belief, emptied, QUANTILES, rng=np.random.default_rng(0))
    now = float(item.course.level_at(np.array([since]))[0])
    assert said[0, 0] >= min(1.0, now) - 1e-9
    assert said[1, 3] < 0.2


def whole_hours(item: FillSeries, days: list[int]) -> list[float]:
    first = float(np.ceil(item.course.times[0] / 3600.0)) * 3600.0
    return [first + day * DAY for day in days]


def test_who_reads_the_sensor_knows_the_level_better_than_a_reading_and_as_well_as_it_says() -> None:
    rng = np.random.default_rng(0)
    errors, of_readings, inside, rates = [], [], [], []
    for item in simulate_fill(7, {"noise": 0.05, "silence": 0.02, "tilt": 0.05}, containers=24, days=40):
        moments = whole_hours(item, [12, 20, 28, 36])
        for since, belief in zip(moments, reads(item, moments, paths=600, rng=rng), strict=True):
            truth = float(np.interp(since, item.course.times, item.course.levels))
            low, high = np.quantile(belief.levels, (0.1, 0.9))
            errors.append(float(belief.levels.mean()) - truth)
            inside.append(low <= truth <= high)
            newest = item.levels[np.searchsorted(item.times, since) - 1]
            of_readings.append(newest - min(1.0, truth))
            rate = float(item.course.use.share_per_day[np.searchsorted(item.course.hours, since) - 1])
            rates.append(float(np.log(belief.rates.mean() / rate)))
    assert np.median(np.abs(errors)) < 0.75 * np.median(np.abs(of_readings))
    assert 0.7 <= np.mean(inside) <= 0.9
    assert np.median(np.abs(rates)) < 0.15


def test_who_reads_the_sensor_knows_nothing_of_what_comes_later() -> None:
    (item,) = simulate_fill(8, {}, containers=1, days=20)
    (moment,) = whole_hours(item, [12])
    changed = replace(item, levels=np.where(item.times >= moment, 0.5, item.levels))
    first, second = (reads(series, [moment], paths=200, rng=np.random.default_rng(1))[0] for series in (item, changed))
    np.testing.assert_array_equal(first.levels, second.levels)
    np.testing.assert_array_equal(first.rates, second.rates)


def test_who_reads_the_sensor_finds_a_container_again_whose_inlet_was_blocked() -> None:
    """Nobody is told that, and no course stands still for two days."""
    (item,) = simulate_fill(9, {}, containers=1, days=30)
    (moment,) = whole_hours(item, [20])
    stands = (item.times > moment - 3 * DAY) & (item.times < moment)
    still = replace(item, levels=np.where(stands, 0.31, item.levels), emptyings=())
    (belief,) = reads(still, [moment], paths=400, rng=np.random.default_rng(2))
    assert float(belief.levels.mean()) == pytest.approx(0.31, abs=0.05)

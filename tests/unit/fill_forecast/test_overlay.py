"""Levels, times and probabilities that follow from an inflow forecast and given collections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast.overlay import level_quantiles, overflow_probability, time_to_level, uncut_levels

CUTOFF = datetime(2026, 3, 2, 4, tzinfo=UTC)


def steady(level: float = 0.2, slow: float = 0.1, middle: float = 0.2, fast: float = 0.3) -> InflowForecast:
    """A container that gets between 10 and 30 points a day."""
    hours = (24, 48, 72, 96, 120, 144, 168)
    return InflowForecast(
        container_id="c-0001",
        forecaster="test",
        forecaster_version="1",
        cutoff=CUTOFF,
        known_at=CUTOFF,
        level_at_cutoff=level,
        level_observed_at=CUTOFF,
        quantiles=(0.1, 0.5, 0.9),
        horizon_hours=hours,
        inflow_quantiles=tuple(tuple(rate * h / 24 for h in hours) for rate in (slow, middle, fast)),
        data_grade="good",
        basis="a test",
        level_after_emptying=0.05,
    )


def days(count: float) -> datetime:
    return CUTOFF + timedelta(days=count)


def test_without_collections_the_level_is_level_now_plus_inflow_cut_at_full() -> None:
    levels = level_quantiles(steady()).levels
    assert levels[1, 1] == pytest.approx(0.6)
    assert levels[2, 6] == 1.0
    assert (np.diff(levels, axis=0) >= 0).all()


def test_after_a_collection_only_what_came_in_since_counts() -> None:
    forecast = steady()
    levels = level_quantiles(forecast, [days(2)], [days(1.9), days(2), days(3)]).levels
    assert levels[1] == pytest.approx([0.58, 0.05, 0.25])
    assert levels[:, 2] == pytest.approx([0.15, 0.25, 0.35])  # the spread of one day, not of three


def by_day(forecast: InflowForecast, begin: int = 8, end: int = 18) -> InflowForecast:
    """The same of a container that is used between two hours of the day only."""
    shares = [1 / (end - begin) if begin <= hour < end else 0.0 for hour in range(24)]
    return forecast.model_copy(update={"day_profile": tuple(shares)})


def test_between_horizons_the_hours_of_the_day_tell_the_level() -> None:
    # The cutoff is at four in the morning: eight o'clock is a sixth of a day later, six in the evening fourteen hours.
    at = [days(3), days(3 + 4 / 24), days(3 + 9 / 24), days(3 + 14 / 24), days(4)]
    levels = level_quantiles(by_day(steady(level=0.0, middle=0.1)), [], at).levels
    assert levels[1] == pytest.approx([0.3, 0.3, 0.35, 0.4, 0.4], abs=0.001)
    even = level_quantiles(steady(level=0.0, middle=0.1), [], at).levels
    assert even[1] == pytest.approx([0.3, 0.3167, 0.3375, 0.3583, 0.4], abs=0.001)
    assert levels[:, [0, 4]] == pytest.approx(even[:, [0, 4]]), "horizons say what they said"


def test_what_comes_in_after_a_collection_follows_the_hours_of_the_day() -> None:
    morning, evening = days(3 + 4 / 24), days(3 + 14 / 24)
    levels = [level_quantiles(by_day(steady()), [collected], [days(4)]).levels[1, 0] for collected in (morning, evening)]
    assert levels == pytest.approx([0.05 + 0.2, 0.05], abs=0.003)


def test_a_level_is_reached_in_the_hours_in_which_a_container_is_used() -> None:
    # Half way through the fifth day, which is one o'clock in the afternoon and not four.
    reached = time_to_level(by_day(steady(level=0.0)), 0.9).by(0.5)
    assert reached is not None
    assert abs(reached - (days(4) + timedelta(hours=9))) < timedelta(minutes=10)


def test_levels_rise_and_do_not_cross_whatever_the_hours_of_the_day() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        shares = rng.gamma(0.3, 1.0, 24) + 1e-6
        begins = CUTOFF + timedelta(minutes=int(rng.integers(0, 24 * 60)))
        forecast = steady(level=0.0, slow=0.01, middle=0.05, fast=0.1).model_copy(
            update={"day_profile": tuple((shares / shares.sum()).tolist()), "cutoff": begins}
        )
        levels = level_quantiles(forecast, [], [begins + timedelta(hours=quarter / 4) for quarter in range(168 * 4 + 1)]).levels
        assert (np.diff(levels, axis=0) >= -1e-12).all()
        assert (np.diff(levels, axis=1) >= -1e-12).all()
        assert levels[:, -1] == pytest.approx([0.07, 0.35, 0.7])


def test_a_profile_of_one_hour_keeps_horizons_apart() -> None:
    forecast = by_day(steady(), begin=8, end=9).model_copy(update={"horizon_hours": (3, 6, 12, 24, 48, 72, 96)})
    levels = level_quantiles(forecast).levels
    assert levels == pytest.approx(level_quantiles(forecast.model_copy(update={"day_profile": ()})).levels)


def test_collections_before_the_cutoff_change_nothing() -> None:
    assert (level_quantiles(steady(), [days(-1)]).levels == level_quantiles(steady()).levels).all()


def test_times_to_a_level_come_from_the_fast_middle_and_slow_paths() -> None:
    reached = time_to_level(steady(), 0.8)
    assert reached.by(0.1) == days(2)
    assert reached.by(0.5) == days(3)
    assert reached.by(0.9) == days(6)


def test_a_level_beyond_the_horizon_is_none_and_one_reached_already_is_now() -> None:
    assert time_to_level(steady(), 0.95).by(0.9) is None
    assert time_to_level(steady(level=0.9), 0.8).by(0.5) == CUTOFF


def test_overflow_probability_rises_with_time_and_is_read_off_the_quantiles() -> None:
    forecast = steady()
    assert overflow_probability(forecast, days(4)) == pytest.approx(0.5)
    assert overflow_probability(forecast, days(1)) == 0.0
    values = [overflow_probability(forecast, days(count)) for count in range(1, 8)]
    assert values == sorted(values)


def test_an_overflow_that_has_happened_has_happened_however_unsure_the_slow_paths_become() -> None:
    """The slowest path stands at 101 % while the next one goes on: the tail below them widens, and reaches below full again."""
    hours = (100, 200)
    forecast = steady(level=0.5).model_copy(
        update={"quantiles": (0.05, 0.5, 0.95), "horizon_hours": hours, "inflow_quantiles": ((0.51, 0.52), (0.55, 0.9), (0.6, 1.2))}
    )
    after = [overflow_probability(forecast, CUTOFF + timedelta(hours=hour)) for hour in (100, 150, 200)]
    assert after == [1.0, 1.0, 1.0]


def made_up(rng: np.random.Generator) -> InflowForecast:
    """Any forecast that keeps to what forecasts are: rows that neither cross nor fall, with whatever is unsure beside."""
    quantiles = ((0.1, 0.5, 0.9), (0.05, 0.2, 0.4, 0.6, 0.8, 0.95), (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95))[
        rng.integers(3)
    ]
    hours = ((3, 6, 12, 24, 48, 72, 96, 120, 144, 168), (24, 168, 336), tuple(range(6, 73, 6)))[rng.integers(3)]
    steps = rng.gamma(0.3, rng.choice([0.02, 0.1, 0.5]), (len(quantiles), len(hours))) * (
        rng.random((len(quantiles), len(hours))) > 0.3
    )
    inflow = np.sort(np.cumsum(steps, axis=1), axis=0)
    shares = rng.gamma(0.5, 1.0, 24) + 1e-9
    return steady(level=float(rng.uniform(0, 1.05))).model_copy(
        update={
            "cutoff": CUTOFF + timedelta(minutes=int(rng.integers(0, 24 * 60))),
            "quantiles": quantiles,
            "horizon_hours": hours,
            "inflow_quantiles": tuple(map(tuple, inflow.tolist())),
            "level_error": tuple(np.sort(rng.normal(0, 0.05, len(quantiles))).tolist()) if rng.random() < 0.7 else (),
            "level_sd": float(rng.choice([0.0, 0.1])),
            "level_sd_above": float(rng.choice([0.0, 0.2])),
            "errors_shared": bool(rng.random() < 0.3),
            "level_after_sd": float(rng.choice([0.0, 0.05])),
            "after_collection_spread": tuple(rng.uniform(0.5, 2.0, 2).tolist()),
            "day_profile": tuple((shares / shares.sum()).tolist()) if rng.random() < 0.7 else (),
        }
    )


def test_overflow_probability_never_falls_with_time_whatever_the_forecast_and_its_collections() -> None:
    rng = np.random.default_rng(8)
    for _ in range(150):
        forecast = made_up(rng)
        last = forecast.horizon_hours[-1]
        collections = [forecast.cutoff + timedelta(hours=float(hour)) for hour in rng.uniform(0, last, rng.integers(0, 3))]
        hours = np.unique(
            np.concatenate([rng.uniform(0, last, 20), [0, last], np.clip(rng.uniform(0, last) + np.arange(5) / 7, 0, last)])
        )
        moments = sorted([*(forecast.cutoff + timedelta(hours=float(hour)) for hour in hours), *collections])
        chances = np.array([overflow_probability(forecast, moment, collections=collections) for moment in moments])
        assert (np.diff(chances) >= -1e-9).all()
        assert ((chances >= 0) & (chances <= 1)).all()
        levels = uncut_levels(forecast, collections, moments)
        for quantile, row in zip(forecast.quantiles, levels, strict=True):
            assert (chances[row >= 1.001] >= 1 - quantile - 0.01).all(), "no less than the level at that moment says"


def test_a_collection_in_time_prevents_an_overflow_and_one_too_late_does_not() -> None:
    forecast = steady()
    assert overflow_probability(forecast, days(5), collections=[days(2)]) < 0.1
    late = overflow_probability(forecast, days(5), collections=[days(4)])
    assert late == pytest.approx(overflow_probability(forecast, days(4)), abs=0.01)


def test_a_full_container_overflows_for_certain() -> None:
    assert overflow_probability(steady(level=1.0), days(1)) == 1.0


def test_at_the_moment_of_a_collection_an_overflow_before_it_has_happened() -> None:
    before, at = (
        overflow_probability(steady(), days(6) - early, collections=[days(6)]) for early in (timedelta(seconds=1), timedelta(0))
    )
    assert before > 0.5
    assert at == pytest.approx(before, abs=0.001)


def test_a_level_that_is_reached_minutes_before_a_collection_is_reached() -> None:
    """40 points a day from 19.5 % on reach 80 % after 36.3 hours; the collection comes within the same hour."""
    fast = steady(level=0.195, slow=0.39, middle=0.4, fast=0.41)
    crossing = CUTOFF + timedelta(hours=36.3)
    reached = time_to_level(fast, 0.8, [crossing + timedelta(minutes=20)]).by(0.5)
    assert reached == pytest.approx(crossing, abs=timedelta(minutes=1))


def test_a_container_that_stands_at_full_has_reached_it_by_every_path() -> None:
    full = steady(level=1.0).model_copy(update={"level_error": (-0.03, 0.0, 0.03)})
    assert overflow_probability(full, CUTOFF) == 1.0
    assert time_to_level(full, 1.0).at == (CUTOFF,) * 3
    assert time_to_level(full.model_copy(update={"level_sd": 0.2}), 1.0).by(0.9) != CUTOFF


def test_moments_outside_the_forecast_are_refused() -> None:
    with pytest.raises(ValueError, match="reaches 168 h"):
        overflow_probability(steady(), days(8))
    with pytest.raises(ValueError, match="reaches 168 h"):
        level_quantiles(steady(), at=[days(-1)])


def test_how_unsure_the_level_is_widens_it_until_the_first_collection_and_not_after() -> None:
    sure, unsure = steady(), steady().model_copy(update={"level_sd": 0.1})
    collected = [sure.cutoff + timedelta(hours=30)]
    moments = [sure.cutoff, sure.cutoff + timedelta(hours=24), sure.cutoff + timedelta(hours=48)]
    narrow, wide = (level_quantiles(item, collected, moments).levels for item in (sure, unsure))
    assert (wide[-1] - wide[0])[0] == pytest.approx(2 * 1.2816 * 0.1, rel=0.01)
    assert (wide[-1] - wide[0])[1] > (narrow[-1] - narrow[0])[1]
    assert wide[:, 2].tolist() == narrow[:, 2].tolist()
    assert wide[1].tolist() == pytest.approx(narrow[1].tolist()), "the median stays"


def test_a_level_that_may_only_be_higher_widens_upwards_alone() -> None:
    sure, above = steady(), steady().model_copy(update={"level_sd_above": 0.2})
    moments = [sure.cutoff, sure.cutoff + timedelta(hours=24)]
    narrow, wide = (level_quantiles(item, (), moments).levels for item in (sure, above))
    assert wide[:2].tolist() == narrow[:2].tolist()
    assert (wide[2] - narrow[2])[0] == pytest.approx(1.2816 * 0.2, rel=0.01)


def test_a_container_that_reads_full_but_may_not_be_is_not_full_for_sure() -> None:
    full = steady(level=1.0)
    assert overflow_probability(full, full.cutoff + timedelta(hours=1)) == 1.0
    doubted = full.model_copy(update={"level_sd": 0.2})
    assert 0.3 < overflow_probability(doubted, full.cutoff + timedelta(hours=1)) < 0.8


def test_a_noisy_sensor_that_reads_full_is_full_and_a_silent_one_that_was_perhaps_emptied_is_not() -> None:
    noisy = steady(level=1.0).model_copy(update={"level_error": (-0.3, 0.0, 0.3)})
    soon = noisy.cutoff + timedelta(hours=1)
    assert overflow_probability(noisy, soon) == 1.0
    silent = noisy.model_copy(update={"level_error": (-0.9, 0.0, 0.0), "emptied_unseen": 0.5})
    assert 0.4 < overflow_probability(silent, soon) < 0.7


def test_one_that_is_full_by_what_came_in_unseen_is_full_as_far_as_that_is_sure() -> None:
    silent = steady(level=1.0).model_copy(update={"data_grade": "stale"})
    soon = silent.cutoff + timedelta(hours=1)
    assert overflow_probability(silent, soon) == 1.0
    unsure = silent.model_copy(update={"level_error": (-0.3, 0.0, 0.0)})
    assert 0.4 < overflow_probability(unsure, soon) < 0.7
    assert time_to_level(unsure, 1.0).by(0.9) != unsure.cutoff

"""When somebody is told to look at the forecasts, and when not."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import REGISTRY

from tests.unit.promtool import Firing, assert_firing


def test_coverage_outside_of_its_limits_and_a_baseline_that_wins_are_told(tmp_path: Path) -> None:
    told = {
        **_scores("fraction", 'fraction="glass"', coverage=0.8, mine=0.03, usual=0.04, cases=900),
        **_scores("fraction", 'fraction="paper"', coverage=0.7, mine=0.03, usual=0.04, cases=900),
        **_scores("fraction", 'fraction="textile"', coverage=0.9, mine=0.05, usual=0.04, cases=900),
        **_scores("fraction", 'fraction="organic"', coverage=0.2, mine=0.05, usual=0.04, cases=20),
    }
    expected = [
        Firing("ForecastCoverageOff", "2h", ("fraction",), [("paper",), ("textile",)]),
        Firing("ForecastBaselineWins", "2h", ("fraction",), [("textile",)]),
    ]
    assert_firing(tmp_path, told, expected)


def test_horizons_that_make_up_for_each_other_are_told_where_it_is_not_chance(tmp_path: Path) -> None:
    """Four weeks of thirty containers: their fraction as a whole covers what it should, and beats the baselines."""
    told = {
        **_scores("fraction", 'fraction="glass"', coverage=0.8, mine=0.03, usual=0.04, cases=7500),
        **_scores("horizon", 'fraction="glass",horizon_hours="6"', coverage=0.6, mine=0.03, usual=0.04, cases=840),
        **_scores("horizon", 'fraction="glass",horizon_hours="336"', coverage=0.95, mine=0.05, usual=0.04, cases=840),
        **_scores("horizon", 'fraction="glass",horizon_hours="24"', coverage=0.74, mine=0.03, usual=0.029, cases=840),
        **_scores("horizon", 'fraction="paper",horizon_hours="24"', coverage=0.74, mine=0.03, usual=0.028, cases=2500),
        **_scores("horizon", 'fraction="paper",horizon_hours="48"', coverage=0.76, mine=0.03, usual=0.04, cases=90_000),
        **_scores("horizon", 'fraction="textile",horizon_hours="6"', coverage=0.3, mine=0.05, usual=0.03, cases=150),
    }
    by = ("fraction", "horizon_hours")
    expected = [
        Firing("ForecastCoverageOff", "2h", ("fraction",)),
        Firing("ForecastBaselineWins", "2h", ("fraction",)),
        Firing("ForecastCoverageOffAtHorizon", "2h", by, [("glass", "6"), ("glass", "336"), ("paper", "24")]),
        Firing("ForecastBaselineWinsAtHorizon", "2h", by, [("glass", "336"), ("paper", "24")]),
    ]
    assert_firing(tmp_path, told, expected)


def test_a_district_that_others_make_up_for_is_told_where_it_is_not_chance(tmp_path: Path) -> None:
    told = {
        **_scores("fraction", 'fraction="glass"', coverage=0.8, mine=0.03, usual=0.04, cases=20_000),
        **_scores("district", 'district="Noord"', coverage=0.7, mine=0.03, usual=0.04, cases=2500),
        **_scores("district", 'district="Zuid"', coverage=0.7, mine=0.03, usual=0.028, cases=2000),
        **_scores("district", 'district="West"', coverage=0.86, mine=0.03, usual=0.028, cases=9000),
        **_scores("district", 'district="Oost"', coverage=0.3, mine=0.05, usual=0.03, cases=1000),
        **_scores("district", 'district=""', coverage=0.74, mine=0.03, usual=0.04, cases=9000),
    }
    expected = [
        Firing("ForecastCoverageOff", "2h", ("fraction",)),
        Firing("ForecastCoverageOffInDistrict", "2h", ("district",), [("Noord",), ("West",), ("",)]),
        Firing("ForecastBaselineWinsInDistrict", "2h", ("district",), [("West",)]),
    ]
    assert_firing(tmp_path, told, expected)


def test_a_refused_model_is_told_of_for_as_long_as_it_should_serve(tmp_path: Path) -> None:
    """Though it was counted before anybody looked, and once."""
    gauge, counter = "stadspuls_forecast_serving_model_refused", "stadspuls_forecast_model_refused_total"
    told = {
        f'{gauge}{{reason="scikit_learn",instance="a"}}': "1x300 0x60",
        f'{gauge}{{reason="features",instance="a"}}': "0x360",
        f'{counter}{{reason="scikit_learn",instance="a"}}': "1x360",
        f'{gauge}{{reason="scikit_learn",instance="serves"}}': "0x360",
        f'{gauge}{{reason="changed",instance="another was taken soon"}}': "0x20 1x10 0x330",
    }
    by = ("reason", "instance")
    refused = [("scikit_learn", "a")]
    expected = [Firing("ForecastModelRefused", at, by, refused) for at in ("16m", "33m", "4h50m")]
    assert_firing(tmp_path, told, [*expected, Firing("ForecastModelRefused", "5h10m", by)])


def test_a_container_that_could_not_be_forecast_is_told_of_for_an_hour_also_before_the_first_scrape(tmp_path: Path) -> None:
    counter, started = "stadspuls_forecasts_failed_total", "process_start_time_seconds"
    assert REGISTRY.get_sample_value(started), "the services tell it by themselves"
    told = {
        f'{counter}{{instance="at start"}}': "_x10 1x200",
        f'{started}{{instance="at start"}}': "_x10 600x200",
        f'{counter}{{instance="later"}}': "0x100 1x110",
        f'{started}{{instance="later"}}': "0x210",
        f'{counter}{{instance="never"}}': "_x10 0x200",
        f'{started}{{instance="never"}}': "_x10 600x200",
        f'{counter}{{instance="days ago, Prometheus was away"}}': "_x10 3x200",
        f'{started}{{instance="days ago, Prometheus was away"}}': "_x10 -90000x200",
    }
    by = ("instance",)
    expected = [
        Firing("ForecastFailed", "12m", by, [("at start",)]),
        Firing("ForecastFailed", "65m", by, [("at start",)]),
        Firing("ForecastFailed", "75m", by),
        Firing("ForecastFailed", "105m", by, [("later",)]),
        Firing("ForecastFailed", "170m", by),
    ]
    assert_firing(tmp_path, told, expected)


def _scores(of: str, labels: str, *, coverage: float, mine: float, usual: float, cases: int) -> dict[str, str]:
    """The metrics that tell scores of one kind, as they stay for five hours."""
    name = "stadspuls_forecast" if of == "fraction" else f"stadspuls_forecast_{of}"
    labels = f'{labels},instance="a"'
    told = {
        f"{name}_coverage{{{labels}}}": coverage,
        f"{name}_cases{{{labels}}}": cases,
        f'{name}_pinball{{{labels},forecaster="forecaster"}}': mine,
        f'{name}_pinball{{{labels},forecaster="usual rate"}}': usual,
    }
    return {series: f"{value}x300" for series, value in told.items()}

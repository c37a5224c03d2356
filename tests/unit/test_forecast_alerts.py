"""When somebody is told to look at the forecasts, and when not."""

from __future__ import annotations

from pathlib import Path

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

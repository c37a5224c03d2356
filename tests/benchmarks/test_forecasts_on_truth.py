"""Forecaster and emptying detection against simulated truth, all faults on, on the frozen seeds: prints the tables of docs/simulation.md."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.fit_served import WeighedInflow
from models.fill_forecast.forecaster import Forecaster
from models.fill_forecast.history import DAY
from simulators.evaluation import EmptyingScore, evaluation_seeds, score_emptyings, total
from simulators.faults import EVERY_FAULT
from simulators.fill_series import ENDS, simulate_fill
from simulators.forecast_evaluation import CoverageCase, TimeCase, evaluate

pytestmark = pytest.mark.timeout(1800)
SEEDS = evaluation_seeds()[:1]
CONTAINERS, DAYS = 50, 100
FORECASTERS: tuple[Forecaster, ...] = (EmpiricalInflow(), WeighedInflow())
CUTOFFS = [ENDS.timestamp() - days * DAY + 4 * 3600 for days in range(38, 7, -5)]


@pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda forecaster: forecaster.name)
def test_forecasts_on_truth(forecaster: Forecaster) -> None:
    coverage: list[CoverageCase] = []
    times: list[TimeCase] = []
    emptyings: dict[str, list[EmptyingScore]] = defaultdict(list)
    for seed in SEEDS:
        series = simulate_fill(seed, EVERY_FAULT, containers=CONTAINERS, days=DAYS)
        for item in series:
            emptyings[item.fraction].append(score_emptyings(item))
        cases, timed = evaluate(series, forecaster, CUTOFFS)
        coverage += cases
        times += timed
    print(
        f"\n{forecaster.name}: seeds {SEEDS}, {CONTAINERS} containers, {DAYS} days, all faults; fitted once, cutoffs every 5 days at 04:00 UTC\n"
    )
    _print_emptyings(emptyings)
    _print_times(times)
    _print_coverage(coverage)
    assert len(coverage) > 500


def _print_emptyings(scores: dict[str, list[EmptyingScore]]) -> None:
    print(
        "| fraction | emptyings | seen by a sound sensor | recall of those | recall of all | precision |\n|---|---|---|---|---|---|"
    )
    for fraction, items in [*sorted(scores.items()), ("all", [item for group in scores.values() for item in group])]:
        score = total(items)
        print(
            f"| {fraction} | {score.real:,} | {score.seen:,} | {score.recall:.1%} | {score.recall_of_all:.1%} | {score.precision:.1%} |"
        )


def _print_times(times: list[TimeCase]) -> None:
    print("\n| class | cases | median error of time to 80 %, days | mean | bias |\n|---|---|---|---|---|")
    for name, fast in (("slow", False), ("fast", True)):
        errors = np.array([case.error_days for case in times if case.fast == fast])
        print(
            f"| {name} | {len(errors)} | {np.median(np.abs(errors)):.2f} | {np.abs(errors).mean():.2f} | {np.median(errors):+.2f} |"
        )


def _print_coverage(cases: list[CoverageCase]) -> None:
    days = sorted({case.horizon_days for case in cases})
    print(
        "\n| coverage of 80 % | " + " | ".join(f"{day} d" for day in days) + " | all | mean width |\n|" + "---|" * (len(days) + 3)
    )
    for fraction in [*sorted({case.fraction for case in cases}), "all"]:
        of_it = [case for case in cases if fraction in (case.fraction, "all")]
        cells = [f"{np.mean([case.inside for case in of_it if case.horizon_days == day]):.0%}" for day in days]
        print(
            f"| {fraction} | {' | '.join(cells)} | {np.mean([case.inside for case in of_it]):.1%} | {np.mean([case.width for case in of_it]):.2f} |"
        )

"""Forecasters and emptying detection against simulated truth, all faults on, on the frozen seeds: prints the tables of docs/simulation.md.

One city of all seeds' containers, asked every five days for a month by a forecaster that is fitted once, or by the service that refits. What is
asked of the forecaster that serves stands in the assertions. Run: OMP_NUM_THREADS=1 pytest -s tests/benchmarks/test_forecasts_on_truth.py (about
an hour of a core).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.fit_served import WeighedInflow
from models.fill_forecast.forecaster import Forecaster
from runtime.settings import ForecastSettings
from simulators.evaluation import evaluation_seeds, history_of_series, score_emptyings, total
from simulators.faults import EVERY_FAULT
from simulators.fill_series import FillSeries
from simulators.forecast_evaluation import (
    CUTOFFS,
    DAILY_CUTOFFS,
    HORIZON_DAYS,
    CoverageCase,
    LevelCase,
    TimeCase,
    city_of,
    evaluate,
    evaluate_service,
    level_cases,
    time_case,
)
from simulators.reading_oracle import reads

pytestmark = pytest.mark.timeout(7200)
SEEDS = evaluation_seeds()
CONTAINERS, DAYS = 25, 100
SERVED_CONTAINERS, SERVED_DAYS = 120, 120
"""More, so that a cell of fraction and horizon holds 780 cases at least (with half as many its coverage has a standard error of two points, and one
of the 35 cells is easily found outside of what is asked by chance alone); older by the 20 days whose outcomes spread the first forecasts."""
FORECASTERS: tuple[Forecaster, ...] = (EmpiricalInflow(), WeighedInflow())

PUBLISHED_CONTAINERS, PUBLISHED_PAPER, PUBLISHED_DAYS = 150, 8, 300
"""Of each seed: all glass of so many containers, and so many of paper: the two fractions whose series are published, in a city that is older."""

SERVICE = ForecastSettings()
READING_PATHS = 2000

LEAST_COVERED = {EmpiricalInflow.name: 0.78, WeighedInflow.name: 0.75}
"""Aimed at are 78 %; the fitted model, without its nightly spread, falls short of it: docs/simulation.md."""


@cache
def city() -> list[FillSeries]:
    return city_of(SEEDS, EVERY_FAULT, containers=CONTAINERS, days=DAYS)


@pytest.mark.parametrize("reported_share", [0.0, 0.5, 0.9], ids="{:.0%} reported".format)
def test_emptyings_on_truth(reported_share: float) -> None:
    """From the signal alone, and joined with the trucks' own records of some."""
    scores = {
        name: total([score_emptyings(item, reported_share=reported_share) for item in city() if item.fraction == name])
        for name in fractions()
    }
    scores["all"] = total(list(scores.values()))
    print(
        f"\n{reported_share:.0%} of the emptyings reported by trucks\n\n| fraction | emptyings | seen by a sound sensor | recall of those "
        "| recall of all | precision |\n|---|---|---|---|---|---|"
    )
    for name, score in scores.items():
        print(
            f"| {name} | {score.real:,} | {score.seen:,} | {score.recall:.1%} | {score.recall_of_all:.1%} | {score.precision:.1%} |"
        )
    assert scores["all"].recall >= 0.98
    assert scores["all"].precision >= 0.98


@pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda forecaster: forecaster.name)
def test_forecasts_on_truth(forecaster: Forecaster) -> None:
    coverage, times = evaluate(city(), forecaster)
    print(f"\n{forecaster.name}: seeds {SEEDS}, {CONTAINERS} containers each, {DAYS} days, all faults\n")
    _print_coverage(coverage)
    _print_times(times)
    assert len(coverage) > 5000
    assert LEAST_COVERED[forecaster.name] <= np.mean([case.inside for case in coverage]) <= 0.82


def test_the_fitted_model_as_it_serves_on_truth() -> None:
    """With the nightly spread: in all, and in each cell of fraction and horizon."""
    served = city_of(SEEDS, EVERY_FAULT, containers=SERVED_CONTAINERS, days=SERVED_DAYS)
    coverage, times = _as_it_serves(served, CUTOFFS)
    print(
        f"\n{WeighedInflow.name}, spread nightly: seeds {SEEDS}, {SERVED_CONTAINERS} containers each, {SERVED_DAYS} days, all faults\n"
    )
    _print_coverage(coverage)
    _print_times(times)
    assert len(coverage) > 5000
    assert 0.78 <= np.mean([case.inside for case in coverage]) <= 0.82
    for fraction in fractions():
        for day in range(1, HORIZON_DAYS + 1):
            cell = [case.inside for case in coverage if (case.fraction, case.horizon_days) == (fraction, day)]
            assert 0.75 <= np.mean(cell) <= 0.85, (fraction, day, len(cell))


def test_glass_and_paper_as_they_serve_in_an_older_city() -> None:
    """Asked every day, so that slow containers are near to 80 % often enough. Nobody reports what trucks empty."""
    older: list[FillSeries] = []
    for seed in SEEDS:
        made = city_of([seed], EVERY_FAULT, containers=PUBLISHED_CONTAINERS, days=PUBLISHED_DAYS)
        older += [item for item in made if item.fraction == "glass"]
        older += [item for item in made if item.fraction == "paper"][:PUBLISHED_PAPER]
    coverage, times = _as_it_serves(older, DAILY_CUTOFFS)
    print(f"\n{WeighedInflow.name}, spread nightly: glass and paper of seeds {SEEDS}, {PUBLISHED_DAYS} days, all faults\n")
    _print_coverage(coverage)
    _print_times(times)
    paper = [abs(case.error_days) for case in times if case.fraction == "paper"]
    # Of a silent sensor, or one that jumped, nobody knows the level but who is told it: no measure there.
    glass = [case for case in times if case.fraction == "glass" and case.good]
    assert np.median(paper) <= 0.2
    assert len(glass) > 400
    learnt = [abs(case.learning_error_days) for case in glass if case.learning_error_days is not None]
    assert np.median([abs(case.error_days) for case in glass]) <= 1.15 * np.median(learnt)
    inside = {name: np.mean([case.inside for case in coverage if case.fraction == name]) for name in ("glass", "paper")}
    assert all(0.78 <= share <= 0.82 for share in inside.values()), inside


def test_levels_and_times_come_near_to_what_anybody_could_say() -> None:
    """Pinball loss and times to 80 % of the fitted model, and of three who know habits and statistics: one reads the same sensor and is told its
    faults and the emptyings (`simulators.reading_oracle`), two are told the true level (`simulators.oracle`)."""
    served = city_of(SEEDS[:4], EVERY_FAULT, containers=60, days=SERVED_DAYS)
    histories = [history_of_series(item) for item in served]
    fitted = WeighedInflow().fit(histories, cutoff=CUTOFFS[0], known_at=CUTOFFS[0])
    rng = np.random.default_rng(0)
    beliefs = [reads(item, CUTOFFS, paths=READING_PATHS, rng=rng) for item in served]
    levels: list[LevelCase] = []
    times: list[TimeCase] = []
    for number, cutoff in enumerate(CUTOFFS):
        made = fitted.forecast_many(histories, cutoff=cutoff, known_at=cutoff)
        for item, forecast, reading in zip(served, made, beliefs, strict=True):
            if forecast is not None:
                levels += level_cases(item, forecast, reading[number], rng)
                timed = time_case(item, forecast, rng, reading[number])
                times += [timed] if timed is not None else []
    _print_levels(levels)
    _print_times(times)
    assert _mean_loss(levels, "loss") <= 1.25 * _mean_loss(levels, "learning_loss")
    good = [case for case in levels if case.good]
    assert _mean_loss(good, "loss") <= 1.1 * _mean_loss(good, "reading_loss")


def _mean_loss(cases: Sequence[LevelCase], name: str) -> float:
    return float(np.mean([getattr(case, name) for case in cases]))


def _print_levels(cases: Sequence[LevelCase]) -> None:
    print(
        "\n| pinball, points | cases | forecast | who reads the sensor | who has to learn the rate | who knows the rate |"
        "\n|---|---|---|---|---|---|"
    )
    chosen = {name: [case for case in cases if case.fraction == name] for name in sorted({case.fraction for case in cases})}
    chosen |= {f"{day} d ahead": [case for case in cases if case.horizon_days == day] for day in range(1, HORIZON_DAYS + 1)}
    columns = ("loss", "reading_loss", "learning_loss", "least_loss")
    for name, of_it in (chosen | {"good data": [case for case in cases if case.good], "all": list(cases)}).items():
        losses = " | ".join(f"{100 * _mean_loss(of_it, column):.2f}" for column in columns)
        print(f"| {name} | {len(of_it):,} | {losses} |")


def _as_it_serves(series: list[FillSeries], cutoffs: tuple[float, ...]) -> tuple[list[CoverageCase], list[TimeCase]]:
    return evaluate_service(
        series,
        refit_days=SERVICE.forecast_refit_days,
        truth_wait_hours=SERVICE.forecast_truth_wait_hours,
        cutoffs=cutoffs,
        progress=print,
    )


def fractions() -> list[str]:
    return sorted({item.fraction for item in city()})


def _print_times(times: list[TimeCase]) -> None:
    print(
        "\n| class | cases | median error of time to 80 %, days | mean | bias | who reads the sensor | who has to learn the rate "
        "| who knows the rate |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    classes = {name: [case for case in times if case.fraction == name] for name in sorted({case.fraction for case in times})}
    classes |= {name: [case for case in times if case.fast == fast] for name, fast in (("slow", False), ("fast", True))}
    classes |= {f"{name}, good data": [case for case in classes[name] if case.good] for name in ("slow", "fast")}
    classes |= {
        f"{name}, {begin:g} to {begin + 1:g} d ahead": [case for case in classes[name] if begin < case.lead_days <= begin + 1]
        for name in ("slow", "fast")
        for begin in range(5)
    }
    for name, cases in classes.items():
        errors = np.array([case.error_days for case in cases])
        others = " | ".join(
            _median_error([getattr(case, who) for case in cases])
            for who in ("reading_error_days", "learning_error_days", "least_error_days")
        )
        print(
            f"| {name} | {len(errors)} | {np.median(np.abs(errors)):.2f} | {np.abs(errors).mean():.2f} | {np.median(errors):+.2f} | {others} |"
        )


def _median_error(errors: Sequence[float | None]) -> str:
    told = [abs(error) for error in errors if error is not None]
    return f"{np.median(told):.2f}" if told else "not asked"


def _print_coverage(cases: list[CoverageCase]) -> None:
    days = sorted({case.horizon_days for case in cases})
    print(
        "\n| coverage of 80 %, ties half | "
        + " | ".join(f"{day} d" for day in days)
        + " | all | ties inside | mean width |\n|"
        + "---|" * (len(days) + 4)
    )
    for fraction in [*sorted({case.fraction for case in cases}), "all"]:
        of_it = [case for case in cases if fraction in (case.fraction, "all")]
        cells = [f"{np.mean([case.inside for case in of_it if case.horizon_days == day]):.0%}" for day in days]
        print(
            f"| {fraction} | {' | '.join(cells)} | {np.mean([case.inside for case in of_it]):.1%} | {np.mean([case.closed for case in of_it]):.1%} "
            f"| {np.mean([case.width for case in of_it]):.2f} |"
        )

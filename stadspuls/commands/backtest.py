"""`stadspuls backtest`: how good forecasts of given containers would have been, beside what a planner would use instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.fill_forecast.backtest import BacktestOptions, BacktestResult
    from models.fill_forecast.history import FloatArray, History
    from models.fill_forecast.rows import Progress
    from models.fill_forecast.spread import Spread


_FEW_CASES = 2_000
"""Containers times days."""


def add_verbs(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    readings: Annotated[
        Path, typer.Argument(metavar="READINGS.csv", help="container_id,fraction,observed_at,fill_ratio (UTC, 0-1)")
    ],
    planned_collections: Annotated[
        Path | None, typer.Option(help="container_id,collected_at: when collections were to be, past and future")
    ] = None,
    plan_blur: Annotated[
        str, typer.Option(help='"day": tell the forecaster only the day of a coming collection, and report the cost')
    ] = "",
    plan_skip: Annotated[
        float, typer.Option(min=0, max=0.9, help="Keep this share of coming collections from it, and report the cost")
    ] = 0.0,
    origin_hour: Annotated[int, typer.Option(min=0, max=23, help="Hour (UTC) of the daily forecasts")] = 4,
    test_share: Annotated[float, typer.Option(min=0.01, max=0.9, help="Last share of each container's time that is scored")] = 0.25,
    horizon_days: Annotated[int, typer.Option(min=1, max=14, help="Days ahead")] = 7,
    quantiles: Annotated[str, typer.Option(help="At least two, rising, 0.5 among them")] = "0.1,0.5,0.9",
    refit_days: Annotated[int, typer.Option(min=1, max=400, help="Days between refits")] = 45,
    holidays: Annotated[
        str, typer.Option(help="Whose public holidays count as Sundays: a country like NL, a part of one like AU-VIC, or none")
    ] = "none",
    output: Annotated[Path | None, typer.Option(help="Write the forecasts to this CSV file")] = None,
    workers: Annotated[
        int, typer.Option(min=0, max=64, help="Processes that compute; 0: as many as cores, one for small files")
    ] = 0,
    charts: Annotated[
        Path | None, typer.Option(help="Start of the names of the PNG files; otherwise that of --output, or backtest")
    ] = None,
) -> None:
    """Score forecasts on readings of the past: nothing after a cutoff is seen, refits included.

    Prints MAE, pinball loss, coverage and width by class of container and days ahead, for the forecaster and every baseline.
    """
    _one_thread()
    from models.fill_forecast.backtest import BacktestOptions

    options = BacktestOptions(
        origin_hour=origin_hour,
        test_share=test_share,
        horizon_days=horizon_days,
        quantiles=_quantiles(quantiles),
        refit_days=refit_days,
    )
    pictures = _pictures(charts, output)
    _refuse_unwritable(output, pictures, readings, planned_collections)
    _refuse_degrading_nothing(planned_collections is not None, plan_blur, plan_skip)
    histories, plans = _read(readings, planned_collections, holidays)
    _refuse_nothing_scored(histories, options)
    results = _results(histories, options, plans, plan_blur, plan_skip, workers)
    # What was asked for as files is there before anything is printed: who reads the table may stop reading.
    written = _write(results[-1], histories, options, pictures, output)
    _print_scores(results, histories, options, _vagueness(plan_blur, plan_skip))
    for line in written:
        print(line)


def _read(readings: Path, planned: Path | None, holidays: str) -> tuple[list[History], list[FloatArray] | None]:
    """Histories and plans; prints how much there is, and what was put right."""
    from stadspuls import backtest_files
    from stadspuls.csv_lines import counted

    notes = backtest_files.Notes()
    histories = _with_holidays(backtest_files.read_readings(readings, notes), holidays)
    plans = backtest_files.read_plans(planned, histories, notes) if planned else None
    print(f"{counted(len(histories), 'container')}, {counted(sum(len(history.times) for history in histories), 'reading')}")
    for line in notes.lines:
        print(f"  note: {line}")
    return histories, plans


def _results(
    histories: Sequence[History],
    options: BacktestOptions,
    plans: Sequence[FloatArray] | None,
    plan_blur: str,
    plan_skip: float,
    workers: int,
) -> list[BacktestResult]:
    """With the exact plan, and with the vague one where that is asked for."""
    from dataclasses import replace

    from stadspuls.cores import Cores

    with _progress() as progress, Cores(workers or _workers_for(histories)) as spread:
        results = [_run(histories, options, plans, plans, progress, spread)]
        if plan_blur or plan_skip:
            vague = replace(options, days_only=plan_blur == "day")
            results.append(_run(histories, vague, plans, _thinned(plans or [], plan_skip), progress, spread))
    return results


def _print_scores(
    results: Sequence[BacktestResult], histories: Sequence[History], options: BacktestOptions, vagueness: str
) -> None:
    from stadspuls import backtest_report

    result = results[-1]
    if vagueness:
        print(f"\nTable, pictures and forecasts are those of a forecaster that is told {vagueness}.")
    for line in backtest_report.table_lines(backtest_report.score_table(result, options.quantiles), options.quantiles):
        print(line)
    if unscored := backtest_report.unscored_note(histories, result, options.test_share):
        print(f"\n  note: {unscored}")
    if unfitted := backtest_report.unfitted_note(result, options.refit_days):
        print(f"\n  note: {unfitted}")
    if vagueness:
        _print_cost(results[0], result, options.quantiles, vagueness)
    if result.weights:
        print("\nmembers: " + ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in result.weights.items()))


def _write(
    result: BacktestResult,
    histories: Sequence[History],
    options: BacktestOptions,
    pictures: tuple[Path, Path],
    output: Path | None,
) -> list[str]:
    """Says where what is, the forecasts first: they are written even where nothing can be scored and drawn."""
    from models.fill_forecast.backtest import FORECASTER
    from stadspuls import backtest_files, backtest_report

    written = []
    if output:
        backtest_files.write_forecasts(output, histories, result.rows, result.forecasts[FORECASTER], options.quantiles)
        written.append(f"forecasts: {output} ({len(result.rows):,} rows)")
    backtest_report.refuse_nothing_known(result)
    reliability, fans = pictures
    backtest_report.draw_reliability(reliability, result, options.quantiles)
    backtest_report.draw_fans(fans, histories, result, options.quantiles)
    return [*written, f"pictures: {reliability}, {fans}"]


def _run(
    histories: Sequence[History],
    options: BacktestOptions,
    known: Sequence[FloatArray] | None,
    told: Sequence[FloatArray] | None,
    progress: Progress,
    spread: Spread,
) -> BacktestResult:
    """`known` are the collections as they were, which a container's past is read with; `told` those of the future."""
    from dataclasses import replace

    from models.fill_forecast.backtest import backtest

    if known is not None:
        histories = [replace(history, collections=times) for history, times in zip(histories, known, strict=True)]
    return backtest(histories, options, plans=told, progress=progress, spread=spread)


def _with_holidays(histories: Sequence[History], region: str) -> list[History]:
    """The same with the calendar of where they stand, a year beyond the readings."""
    from dataclasses import replace

    from models.fill_forecast.history import moment
    from models.fill_forecast.public_holidays import holiday_days

    first = min((moment(float(history.times[0])).year for history in histories), default=1970)
    last = max((moment(float(history.times[-1])).year for history in histories), default=1970)
    days = holiday_days(region, first, last + 1)
    return [replace(history, holidays=days) for history in histories]


def _workers_for(histories: Sequence[History]) -> int:
    """One for what is done before other processes would have started."""
    from models.fill_forecast.history import DAY
    from stadspuls.cores import available_cores

    cases = sum((history.times[-1] - history.times[0]) / DAY for history in histories)
    return available_cores() if cases > _FEW_CASES else 1


def _thinned(plans: Sequence[FloatArray], skip: float) -> list[FloatArray]:
    """Plans as a forgetful planner would tell them: a share of the collections not at all."""
    import numpy as np

    rng = np.random.default_rng(1)
    return [plan[rng.random(len(plan)) >= skip] for plan in plans]


def _refuse_degrading_nothing(planned: bool, blur: str, skip: float) -> None:
    from models.domain.failures import UserError

    if blur not in ("", "day"):
        raise UserError(f'--plan-blur {blur!r} is not known; it takes "day"')
    if (blur or skip) and not planned:
        raise UserError("--plan-blur and --plan-skip need --planned-collections: there is no plan to make vague")


def _quantiles(text: str) -> tuple[float, ...]:
    from itertools import pairwise

    from models.domain.failures import UserError
    from stadspuls.backtest_files import quantile_column

    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--quantiles {text!r}: give numbers between 0 and 1, like 0.1,0.5,0.9") from error
    if len(found) < 2 or not all(0 < low < high < 1 for low, high in pairwise(found)):
        raise UserError(f"--quantiles {text!r}: give at least two, rising, between 0 and 1, like 0.1,0.5,0.9")
    if 0.5 not in found:
        raise UserError(
            f"--quantiles {text!r} lacks 0.5, of which MAE and the middle of the charts are; give it too, like 0.1,0.5,0.9"
        )
    if len(set(map(quantile_column, found))) < len(found):
        raise UserError(f"--quantiles {text!r}: some are so close that their columns would have one name; leave one of them out")
    return found


def _pictures(charts: Path | None, output: Path | None) -> tuple[Path, Path]:
    """Where the reliability diagram and the fan charts go."""
    from models.domain.failures import UserError

    start = charts or output or Path("backtest")
    if start.name in ("", ".."):
        raise UserError(f"{'--charts' if charts else '--output'}: {start} is a folder; give the name of a file in it")
    start = start if charts else start.with_suffix("")
    return start.with_name(f"{start.name}-reliability.png"), start.with_name(f"{start.name}-fans.png")


def _refuse_unwritable(output: Path | None, pictures: tuple[Path, Path], readings: Path, plan: Path | None) -> None:
    """Before the work: what it took minutes to compute should find its place."""
    from stadspuls.backtest_files import refuse_unwritable

    outputs = [("--output", output)] if output else []
    refuse_unwritable([*outputs, *(("--charts", path) for path in pictures)], [readings, plan] if plan else [readings])


def _refuse_nothing_scored(histories: Sequence[History], options: BacktestOptions) -> None:
    """Scored are the daily cutoffs of a last share of each container's time: where it is small, there may be none."""
    from models.domain.failures import UserError
    from models.fill_forecast.rows import scored_cutoffs

    if any(len(scored_cutoffs(history, options.origin_hour, options.test_share)) for history in histories):
        return
    raise UserError(
        f"--test-share {options.test_share:g}: no daily forecast (at {options.origin_hour:02d}:00 UTC) falls into so small a last part of "
        "any container's time; give a larger share"
    )


def _vagueness(blur: str, skip: float) -> str:
    """What a forecaster is told of the plan, in words; empty where it is told all of it."""
    parts = [f"all but {100 * skip:g} % of the coming collections" if skip else "the coming collections"]
    parts += ["by their day alone"] if blur else []
    return ", ".join(parts) if blur or skip else ""


def _print_cost(exact: BacktestResult, vague: BacktestResult, quantiles: tuple[float, ...], vagueness: str) -> None:
    """What vagueness costs: the forecaster with the exact plan beside the one with the vague plan."""
    from stadspuls import backtest_report

    print(f"\nwhat it costs to be told {vagueness}:")
    known, guessed = (
        {
            label: found
            for label, horizon, who, found in backtest_report.score_table(result, quantiles)
            if horizon == "all" and who == "forecaster"
        }
        for result in (exact, vague)
    )
    for label, before in known.items():
        after = guessed[label]
        print(
            f"  {label:<5} pinball {100 * before.pinball:.3f} → {100 * after.pinball:.3f} points "
            f"({100 * (after.pinball / before.pinball - 1):+.1f} %), width {100 * before.width:.1f} → {100 * after.width:.1f}"
        )


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar per stage on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks or bars.tasks[tasks[stage]].finished:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def _one_thread() -> None:
    """OpenMP reads this when scikit-learn is loaded: on a busy machine its threads wait for each other."""
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")

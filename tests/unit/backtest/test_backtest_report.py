"""What a backtest shows: which interval the table is of, whom it hardly tells of, and where fans lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.domain.failures import UserError
from models.fill_forecast.backtest import FORECASTER, BacktestOptions, BacktestResult, backtest
from models.fill_forecast.history import DAY, FloatArray, History
from models.fill_forecast.rows import Rows
from models.fill_forecast.scores import mean_pinball, scores
from stadspuls.backtest_report import (
    _charted,
    _fan,
    _spread,
    draw_fans,
    refuse_nothing_known,
    score_table,
    table_lines,
    unfitted_note,
    unscored_note,
)

START = 20_000 * DAY
FIVE = (0.05, 0.1, 0.5, 0.9, 0.95)


def case(container: int, cutoff_day: float, horizon: int, truth: float) -> tuple[float, ...]:
    return (container, START + cutoff_day * DAY, horizon, START + (cutoff_day + horizon) * DAY, truth)


def result_of(cases: list[tuple[float, ...]], quantiles: tuple[float, ...]) -> BacktestResult:
    """A forecast tells its quantiles as levels, whatever the case."""
    container, cutoff, horizon, target, truth = (np.array(column) for column in zip(*cases, strict=True))
    nothing = np.empty((len(cases), 0))
    rows = Rows(nothing, nothing, nothing, container.astype(int), cutoff, horizon.astype(int), target, truth)
    forecast = np.tile(np.array(quantiles), (len(cases), 1))
    return BacktestResult(rows, {FORECASTER: forecast, "baseline": forecast}, container.astype(int) % 2 == 1, {}, 0.0)


def history_of(name: str, days: FloatArray) -> History:
    return History(name, "glass", START + days * DAY, np.full(len(days), 0.3))


@pytest.mark.parametrize(
    ("quantiles", "heading", "width"),
    [
        (FIVE, "cover 80 %", 0.8),
        ((0.1, 0.5, 0.9), "cover 80 %", 0.8),
        ((0.1, 0.5, 0.95), "cover 85 %", 0.85),
        ((0.001, 0.5, 0.999), " cover 99.8 %", 0.998),
    ],
)
def test_the_table_tells_the_share_of_its_interval(quantiles: tuple[float, ...], heading: str, width: float) -> None:
    result = result_of([case(0, day, 1, truth) for day, truth in enumerate((0.07, 0.2, 0.5, 0.93))], quantiles)
    table = score_table(result, quantiles)
    assert heading in table_lines(table, quantiles)[0]
    assert table[0][3].width == pytest.approx(width)


def test_losses_are_of_all_quantiles_and_coverage_of_the_80_per_cent_interval() -> None:
    result = result_of([case(0, day, 1, truth) for day, truth in enumerate((0.07, 0.2, 0.5, 0.93))], FIVE)
    found = score_table(result, FIVE)[0][3]
    forecast = result.forecasts[FORECASTER]
    outer = scores(result.rows.truth, forecast[:, [0, -1]], (0.05, 0.95))
    assert (found.coverage, outer.coverage) == (0.5, 1.0)
    assert found.pinball == mean_pinball(result.rows.truth, forecast, FIVE)
    assert found.mae == pytest.approx(np.mean([0.43, 0.3, 0.0, 0.43]))


def test_where_nothing_could_be_compared_a_sentence_says_what_to_do() -> None:
    result = result_of([case(0, 0, 1, np.nan)], FIVE)
    with pytest.raises(UserError, match=r"no forecast could be scored: .*; give a larger --test-share"):
        refuse_nothing_known(result)


def test_forecasts_that_had_to_do_without_a_global_model_are_told() -> None:
    found = result_of([case(0, 0, 1, 0.4)], FIVE)
    assert unfitted_note(found, 45) is None
    told = unfitted_note(replace(found, unfitted=0.25), 400)
    assert told is not None
    assert told.startswith("of 25 % of the forecasts no global model is a member")
    assert "fitted every 400 days" in told


def test_a_name_that_looks_like_a_formula_is_drawn(tmp_path: Path) -> None:
    cases = [case(0, day, 1, 0.4) for day in range(40)]
    draw_fans(tmp_path / "fans.png", [history_of(r"a$\frac$c0", np.arange(60.0))], result_of(cases, FIVE), FIVE)
    assert (tmp_path / "fans.png").read_bytes().startswith(b"\x89PNG")


def test_containers_that_hardly_count_are_named_with_their_times() -> None:
    """One wrong time ten years on: what little was forecast there may well have been scored."""
    cases = [case(container, day, 1, 0.4) for container in (0, 2) for day in range(40)]
    cases += [case(1, 3_099, 1, 0.4), case(1, 3_100, 1, np.nan)]
    cases += [case(3, day, 1, 0.4 if day % 7 == 0 else np.nan) for day in range(40)]  # read once a week, which is no slip
    histories = [history_of(name, np.array([0.0, 160.0])) for name in ("a", "b", "c", "d")]
    histories[1] = history_of("b", np.array([0.0, 160.0, 3_100.0]))
    note = unscored_note(histories, result_of(cases, FIVE), 0.25)
    assert note is not None
    assert note.startswith(
        "1 container with few scored forecasts for so long a time, or none: b (1 scored; read from 2024-10-04 to 2033-03-31). Scored is the last 25 %"
    )
    assert unscored_note([histories[0]], result_of(cases[:40], FIVE), 0.25) is None


def test_of_many_that_do_not_count_the_first_are_named() -> None:
    histories = [history_of(f"c-{number}", np.array([0.0, 40.0])) for number in range(6)]
    note = unscored_note(histories, result_of([case(5, 0, 1, 0.4)], FIVE), 0.25)
    assert note is not None
    assert note.startswith("5 containers with few scored forecasts")
    assert "c-2 (0 scored; read from 2024-10-04 to 2024-11-13) and 2 more." in note


def test_a_fan_begins_at_its_cutoff_with_the_level_read_last() -> None:
    history = History("a", "glass", START + np.array([-0.5, -0.1, 0.2]) * DAY, np.array([0.1, 0.2, 0.3]))
    quantiles = (0.05, 0.5, 0.6, 0.9)
    times, levels = _fan(history, 0, START, result_of([case(0, 0, 1, 0.4), case(0, 1, 1, 0.4)], quantiles), quantiles)
    assert ((times - START) / DAY).tolist() == [0.0, 1.0]
    assert levels.tolist() == [[0.2, 0.2, 0.2], [0.05, 0.5, 0.9]]


@pytest.mark.parametrize(
    ("days", "apart", "picked"),
    [
        (range(100), 16, [16, 32, 48, 64]),
        (range(100), 3, [45, 48, 51, 54]),
        (range(11), 9, [0, 9]),
        (range(5), 9, [0]),
        ([*range(12), *range(80, 83)], 9, [0, 9, 80]),
    ],
)
def test_fans_lie_apart_in_the_middle_of_what_is_scored(days: range | list[int], apart: int, picked: list[int]) -> None:
    found = _spread(START + DAY * np.array(days, dtype=float), apart * DAY)
    assert ((found - START) / DAY).tolist() == picked


def test_only_containers_that_were_scored_are_drawn() -> None:
    cases = [case(container, 0, 1, np.nan if container in (0, 1) else 0.4) for container in range(8)]
    assert _charted(result_of(cases, FIVE)) == [2, 4, 3, 5]


@pytest.mark.lengthy
@pytest.mark.parametrize("horizon_days", [1, 14])
def test_fans_of_any_horizon_are_drawn(tmp_path: Path, horizon_days: int) -> None:
    times = START + np.arange(0, 60, 0.25) * DAY
    history = History("a", "glass", times, (times / DAY * 0.08) % 1)
    options = BacktestOptions(horizon_days=horizon_days, quantiles=FIVE, test_share=0.4)
    draw_fans(tmp_path / "fans.png", [history], backtest([history], options), FIVE)
    assert (tmp_path / "fans.png").read_bytes().startswith(b"\x89PNG")

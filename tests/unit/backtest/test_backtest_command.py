"""The command from files to files: forecasts, table, pictures, the cost of a vague plan, and its refusals."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.domain.failures import UserError
from stadspuls.command import app
from tests.unit.fill_forecast.signals import sawtooth

pytestmark = pytest.mark.lengthy


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Readings and plan of three containers, too short for a global model: quick."""
    readings, plan = tmp_path / "readings.csv", tmp_path / "plan.csv"
    with readings.open("w") as levels, plan.open("w") as collections:
        levels.write("container_id,fraction,observed_at,fill_ratio\n")
        collections.write("container_id,collected_at\n")
        for seed, (fraction, rate) in enumerate((("glass", 0.05), ("paper", 0.4), ("paper", 0.3))):
            signal = sawtooth(seed, days=60, interval_hours=3, per_day=rate, container_id=f"c-{seed}", fraction=fraction)
            for at, level in zip(signal.history.times.tolist(), signal.history.levels.tolist(), strict=True):
                levels.write(f"c-{seed},{fraction},{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ},{level:.3f}\n")
            for at in signal.emptied.tolist():
                collections.write(f"c-{seed},{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}\n")
    return readings, plan


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is refused before anything is computed."""

    def computed(*_: object, **__: object) -> None:
        raise AssertionError("the backtest was run")

    monkeypatch.setattr("models.fill_forecast.backtest.backtest", computed)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["backtest", *map(str, arguments)], catch_exceptions=True)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_it_writes_forecasts_table_and_pictures(files: tuple[Path, Path], tmp_path: Path) -> None:
    readings, plan = files
    output = tmp_path / "f.csv"
    said = run(readings, "--planned-collections", plan, "--horizon-days", 2, "--quantiles", "0.05,0.5,0.95", "--output", output)
    for part in (
        "3 containers, 1,440 readings",
        "plan + median rate",
        "weekday climatology",
        "cover 90 %",
        "slow",
        "fast",
        "pictures:",
    ):
        assert part in said
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert list(rows[0]) == ["container_id", "cutoff", "target_at", "horizon_days", "q0.05", "q0.5", "q0.95"]
    assert {row["horizon_days"] for row in rows} == {"1", "2"}
    assert all(row["cutoff"].endswith("T04:00:00Z") for row in rows)
    assert all(float(row["q0.05"]) <= float(row["q0.5"]) <= float(row["q0.95"]) for row in rows)
    for name in ("f-reliability.png", "f-fans.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_vague_plan_is_costed(files: tuple[Path, Path], tmp_path: Path) -> None:
    readings, plan = files
    said = run(
        readings,
        "--planned-collections",
        plan,
        "--plan-blur",
        "day",
        "--plan-skip",
        "0.1",
        "--horizon-days",
        1,
        "--charts",
        tmp_path / "x",
    )
    told = "all but 10 % of the coming collections, by their day alone"
    assert f"Table, pictures and forecasts are those of a forecaster that is told {told}." in said
    assert f"what it costs to be told {told}:" in said


def test_forecasts_and_pictures_are_there_when_nobody_reads_the_table_to_its_end(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `| head`."""

    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("stadspuls.commands.backtest._print_scores", closed)
    output = tmp_path / "f.csv"
    CliRunner().invoke(app, ["backtest", str(files[0]), "--horizon-days", "1", "--output", str(output)])
    assert len(output.read_text().splitlines()) > 30
    assert (tmp_path / "f-fans.png").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--plan-skip", "0.1"], "need --planned-collections"),
        (["--quantiles", "0.9,0.1"], "at least two, rising"),
        (["--quantiles", "a,b"], "numbers between 0 and 1"),
        (["--quantiles", "0.1,0.9"], "lacks 0.5, of which MAE and the middle of the charts are; give it too"),
        (["--quantiles", "0.1000001,0.1000002,0.5"], "their columns would have one name"),
        (["--plan-blur", "week"], "is not known"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_options_that_make_no_sense_are_refused(files: tuple[Path, Path], options: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        run(files[0], *options)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--output", "no/f.csv"], "--output: there is no folder no for f.csv; make it first"),
        (["--output", "folder"], "--output: folder is a folder"),
        (["--output", "."], "--output: . is a folder"),
        (["--output", "/proc/f.csv"], "--output: /proc/f.csv cannot be written"),
        (["--output", "readings.csv"], "--output: readings.csv is read, too"),
        (["--output", "plan.csv", "--planned-collections", "plan.csv"], "--output: plan.csv is read, too"),
        (["--charts", "no/x"], "--charts: there is no folder no for x-reliability.png"),
        (["--charts", "x"], "--charts: x-fans.png is a folder"),
        (["--charts", "."], "--charts: . is a folder"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_the_work(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, options: list[str], sentence: str
) -> None:
    folder = files[0].parent
    (folder / "folder").mkdir()
    (folder / "x-fans.png").mkdir()
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in files}
    with pytest.raises(UserError, match=re.escape(sentence)):
        run("readings.csv", *options)
    assert sorted(path.name for path in folder.iterdir()) == ["folder", "plan.csv", "readings.csv", "x-fans.png"]
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.usefixtures("no_work")
def test_a_part_too_small_to_hold_a_forecast_is_refused_before_the_work(files: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match=r"--test-share 0\.01: no daily forecast \(at 04:00 UTC\) .*; give a larger share"):
        run(files[0], "--test-share", "0.01")


def test_a_container_that_a_wrong_time_takes_out_of_the_scores_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    with files[0].open("a") as levels:
        levels.write("c-1,paper,2027-03-01T00:00:00Z,0.5\n")
    said = run(files[0], "--horizon-days", 1, "--charts", tmp_path / "x")
    assert "3 containers, 1,441 readings" in said
    assert "note: 1 container with few scored forecasts for so long a time, or none: c-1 (1 scored; " in said
    assert "read from 2026-01-05 to 2027-03-01). Scored is the last 25 %" in said

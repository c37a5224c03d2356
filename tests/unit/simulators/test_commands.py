"""`stadspuls simulate` and `stadspuls replay`, as far as they need no server."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.domain.failures import UserError
from stadspuls.backtest_files import Notes, read_plans, read_readings
from stadspuls.command import app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.mark.lengthy
def test_simulate_writes_the_registry_files_of_a_city(tmp_path: Path) -> None:
    said = run(
        "simulate",
        "--containers",
        "30",
        "--registry-only",
        "--no-register",
        "--output",
        str(tmp_path),
        "--now",
        "2026-01-02T03:04Z",
    )
    assert "30 containers, 60 traffic counters, 25 bridges, 8 transformers" in said
    assert sorted(path.name for path in (tmp_path / "registry").iterdir()) == [
        "fixed_schedule.csv", "geometry.csv", "map.geojson", "places.geojson", "sensors.csv", "things.geojson", "trucks.csv",
    ]  # fmt: skip


@pytest.mark.lengthy
def test_simulate_writes_series_that_a_backtest_reads(tmp_path: Path) -> None:
    said = run(
        "simulate", "--containers", "10", "--days", "29", "--usage", "measured", "--fault", "late=0.01", "--now", "2026-01-02T03:04Z",
        "--backtest-files", str(tmp_path),
    )  # fmt: skip
    notes = Notes()
    histories = read_readings(tmp_path / "READINGS.csv", notes)
    plans = read_plans(tmp_path / "PLAN.csv", histories, notes)
    assert len(histories) == len(plans) == 10
    assert sum(len(plan) for plan in plans) > 20
    assert [Path(line).name for line in said.split()] == ["READINGS.csv", "PLAN.csv", "EMPTYINGS.csv", "TRUTH.csv"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--fault", "rain=1"), "there is no fault 'rain'"),
        (("--usage", "wild"), "there is no usage 'wild'"),
        (("--now", "yesterday"), "--now is a moment like"),
        (("--now", "2026-01-02T03:04"), "--now needs a zone"),
        (("--now", "2999-01-02T03:04Z"), "--now lies in the future"),
    ],
)
def test_a_wrong_option_of_simulate_gets_a_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        run("simulate", "--output", str(tmp_path), *arguments)


LEVELS = "bin,time,level,lat,lon\nb1,2025-07-01 12:00,4,52.4,5.2\nb1,2025-07-02 12:00,much,52.4,5.2\n"
AS_CONTAINERS = ("--fraction", "glass", "--capacity-l", "3000", "--latitude", "lat", "--longitude", "lon")


def replay(folder: Path, *more: str) -> str:
    file = folder / "levels.csv"
    file.write_text(LEVELS, encoding="utf-8")
    return run(
        "replay", str(file), "--kind", "container_fill", "--thing-column", "bin", "--time-column", "time", "--map",
        "reported_fill_ratio=level/10", "--datastream", "fill", "--dry-run", "--output", str(folder / "out"), *more,
    )  # fmt: skip


def test_replay_sends_every_row_or_says_why_not(tmp_path: Path) -> None:
    said = replay(tmp_path, "--timezone", "Europe/Amsterdam", *AS_CONTAINERS)
    assert "levels.csv:3: not sent: level is 'much', not a number" in said
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text(encoding="utf-8"))
    assert (ledger["rows"], ledger["messages_sent"], ledger["readings_expected"], ledger["bad_lines"]) == (2, 1, 1, 1)
    (line,) = (tmp_path / "out" / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    message = json.loads(line)
    assert message["mqtt_topic"] == "stadspuls/v1/b1-fill/readings"
    assert json.loads(base64.b64decode(message["payload_base64"]))["observed_at"] == "2025-07-01T10:00:00Z"
    assert (tmp_path / "out" / "bad_lines.csv").read_text(encoding="utf-8") == "line,reason\n3,\"level is 'much', not a number\"\n"


def test_replay_asks_for_what_it_cannot_know(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"levels\.csv:2: .* has no time zone"):
        replay(tmp_path, *AS_CONTAINERS)
    with pytest.raises(UserError, match="containers need --capacity-l and --fraction"):
        replay(tmp_path, "--timezone", "Europe/Amsterdam")

"""`stadspuls whatif` from its arguments to its files, on cities of a few containers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from experiments.whatif.recorded import Place
from models.domain.failures import UserError
from models.fill_forecast.history import DAY, moment
from stadspuls.command import app
from stadspuls.whatif_files import USUAL_CAPACITY_L, read_places

SMALL = ("--days", "3", "--seeds", "1,2", "--clusters", "12", "--iterations", "5", "--jobs", "1")


def command(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["whatif", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.lengthy
def test_a_scenario_gives_a_table_files_and_pictures(tmp_path: Path) -> None:
    printed = command("groningen-850-plus", *SMALL, "--policies", "fixed_tuned,ours", "--output", str(tmp_path))
    assert "simulated" in printed
    assert "ours against fixed_tuned" in printed
    assert "recommended: ours" in printed
    assert "kg CO₂ per km" in printed
    with (tmp_path / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["policy"], row["seed"]) for row in rows} == {(name, seed) for name in ("fixed_tuned", "ours") for seed in "12"}
    for name in ("km-and-overflow.png", "km-by-day.png", "districts.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "districts.csv").read_text(encoding="utf-8").startswith("policy,district,")


@pytest.mark.lengthy
def test_a_stopped_run_goes_on_from_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("groningen-850", *SMALL, "--policies", "ours", "--output", str(tmp_path))
    first = command(*arguments)

    def refused(*_: object) -> None:
        raise AssertionError("simulated again")

    monkeypatch.setattr("experiments.whatif.experiment.simulate_seed", refused)
    assert command(*arguments) == first
    with pytest.raises(AssertionError, match="simulated again"):
        command(*arguments[:2], "4", *arguments[3:])


def recorded(folder: Path, days: int) -> tuple[str, str]:
    """Six containers read every six hours, emptied every fifth day."""
    rng = np.random.default_rng(1)
    readings, places = folder / "readings.csv", folder / "containers.csv"
    start = 1_700_006_400.0 // DAY * DAY
    with readings.open("w", encoding="utf-8") as file:
        file.write("container_id,fraction,observed_at,fill_ratio\n")
        for name in range(6):
            for step in range(days * 4):
                level = 0.16 * (step / 4 % 5) + 0.01 * rng.random()
                file.write(f"c{name},paper,{moment(start + step * DAY / 4):%Y-%m-%dT%H:%M:%SZ},{level:.3f}\n")
    lines = [f"c{name},52.{37 + name},5.2{name},4000,{'east' if name > 2 else 'west'}" for name in range(6)]
    places.write_text("container_id,latitude,longitude,capacity_l,district\n" + "\n".join(lines), encoding="utf-8")
    return str(readings), str(places)


@pytest.mark.lengthy
def test_a_recorded_history_is_driven_again_under_other_policies(tmp_path: Path) -> None:
    readings, places = recorded(tmp_path, 90)
    printed = command(
        "--history", readings, "--containers", places, "--seeds", "1", "--policies", "fixed_tuned,ours", "--iterations", "5", "--jobs", "1",
        "--output", str(tmp_path),
    )  # fmt: skip
    assert "recorded history: 6 containers" in printed
    assert "paired by week" in printed
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        rows = {row["policy"]: row for row in csv.DictReader(file)}
    # 16 % a day in each: six containers, emptied at about 80 %, are somewhat over one a day.
    assert 1.0 < float(rows["ours"]["emptied/day"]) < 1.8
    districts = (tmp_path / "districts.csv").read_text(encoding="utf-8")
    assert "east" in districts
    assert "west" in districts


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("atlantis",), "groningen-850-plus"),
        (("groningen-850", "--policies", "hope"), "no policy 'hope'"),
        (("groningen-850", "--seeds", "a-b"), "--seeds"),
        (("groningen-850", "--sensors", "smell"), "--sensors"),
        (("groningen-850", "--containers", "x.csv"), "--history"),
        (("--history", "x.csv"), "--containers"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        command(*arguments)


def test_a_history_too_short_to_learn_from_says_how_much_is_needed(tmp_path: Path) -> None:
    readings, places = recorded(tmp_path, 40)
    with pytest.raises(UserError, match="a what-if needs 84"):
        command("--history", readings, "--containers", places)


@pytest.mark.parametrize("line", ["c1,52.4,x", "c1,152.4,5.2", "c1,52,4,5,2", 'c1,"52.4,5.2'])
def test_places_that_cannot_be_are_refused_with_their_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "containers.csv"
    path.write_text(f"container_id,latitude,longitude\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"containers\.csv:2"):
        read_places(path)


def test_places_without_a_capacity_or_a_district_are_usual_ones(tmp_path: Path) -> None:
    path = tmp_path / "containers.csv"
    path.write_text("container_id,district,latitude,longitude,capacity_l\nc1,Haven,52.4,5.2,\n", encoding="utf-8")
    assert read_places(path) == {"c1": Place(52.4, 5.2, USUAL_CAPACITY_L, "Haven")}

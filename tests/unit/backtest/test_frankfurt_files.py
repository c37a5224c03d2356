"""The script of the docs that makes a backtest's files of Frankfurt's sensors, on a made-up sensor."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

import numpy as np

from models.fill_forecast.history import HOUR
from stadspuls.backtest_files import Notes, read_plans, read_readings

SCRIPT = Path(__file__).parents[3] / "docs" / "frankfurt_to_backtest.py"
START = 1_600_000_000.0


def test_distances_become_levels_and_falls_that_stay_become_the_plan(tmp_path: Path) -> None:
    folder = tmp_path / "sensors"
    folder.mkdir()
    hours = np.arange(0, 40 * 24)
    distance = np.round(130 - 4 * ((hours / 24) % 10)).astype(int)
    distance[500:503] = 130  # for three hours past the heap: taken back
    distance[700] = 254  # nothing heard
    with (folder / "a1.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["unix_time", "Height"])
        writer.writerows(
            [(START + hour * HOUR) * 1000, f"{cm} cm"] for hour, cm in zip(hours.tolist(), distance.tolist(), strict=True)
        )
    readings, plan = tmp_path / "r.csv", tmp_path / "p.csv"
    counts = runpy.run_path(str(SCRIPT))["convert"](folder, readings, plan)

    notes = Notes()
    (history,) = read_readings(readings, notes)
    (emptied,) = read_plans(plan, [history], notes)
    assert counts == (len(history.times), 3)
    assert np.diff(history.times).min() >= 2 * HOUR - 600
    assert history.levels.max() < 0.35
    np.testing.assert_allclose(emptied, START + np.array([10, 20, 30]) * 24 * HOUR - HOUR / 2, atol=1)

"""Converts readings of Frankfurt's glass containers to the CSV files that `stadspuls backtest` reads.

python docs/frankfurt_to_backtest.py data/preprocessed/good_csv readings.csv plan.csv

The folder is that of the public repository davidvblumenthal/GarbageGrowth_Forecasting: a file a sensor, hourly distances in centimetres from the
sensor down to the glass, of a year. The level is what is left of the distance that an empty container shows (its 97 % quantile; 4 cm are full); one
reading in two hours is kept. Nobody wrote down the collections: a fall by 18 points from the median of ten readings to that of the next ten, ten of
them in one step, that is not taken back within two days counts as one.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_DAY, _KEPT_EVERY = 86_400.0, 7_000.0
_LARGEST_CM, _FULL_CM = 190.0, 4.0
_AROUND = 10


def read(path: Path) -> tuple[Floats, Floats]:
    """(seconds since 1970, levels) of one sensor, in order."""
    found: dict[float, float] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            distance = float(row["Height"].removesuffix(" cm"))
            if 0 < distance <= _LARGEST_CM:
                found.setdefault(float(row["unix_time"]) / 1000, distance)
    times = np.array(sorted(found))
    distances = np.array([found[time] for time in times.tolist()])
    empty = float(np.quantile(distances, 0.97))
    return times, np.clip((empty - distances) / (empty - _FULL_CM), 0, 1)


def collections(times: Floats, levels: Floats) -> list[float]:
    """The middle between the two readings around each fall that stays, the deepest of each day."""
    falls = []
    for index in range(4, len(times) - 4):
        before = float(np.median(levels[max(0, index - _AROUND) : index]))
        drop = before - float(np.median(levels[index : index + _AROUND]))
        if drop > 0.18 and levels[index - 1] - levels[index] > 0.1:
            falls.append((drop, index, before))
    taken: list[tuple[float, int, float]] = []
    for fall in sorted(falls, reverse=True):
        if all(abs(times[fall[1]] - times[other]) > _DAY for _, other, _ in taken):
            taken.append(fall)
    stayed = []
    for _, index, before in taken:
        later = levels[(times > times[index] + _DAY) & (times < times[index] + 2 * _DAY)]
        if len(later) and float(np.median(later)) < before - 0.12:
            stayed.append(float(times[index - 1] + times[index]) / 2)
    return sorted(stayed)


def thinned(times: Floats) -> list[int]:
    """Indices of readings two hours apart at least."""
    kept: list[int] = []
    for index, time in enumerate(times.tolist()):
        if not kept or time - times[kept[-1]] >= _KEPT_EVERY:
            kept.append(index)
    return kept


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(round(seconds), UTC).isoformat().replace("+00:00", "Z")


def convert(folder: Path, readings: Path, plan: Path) -> tuple[int, int]:
    """Returns how many readings and collections were written."""
    counts = [0, 0]
    with readings.open("w", newline="", encoding="utf-8") as left, plan.open("w", newline="", encoding="utf-8") as right:
        of_readings, of_plan = csv.writer(left), csv.writer(right)
        of_readings.writerow(["container_id", "fraction", "observed_at", "fill_ratio"])
        of_plan.writerow(["container_id", "collected_at"])
        for path in sorted(folder.glob("*.csv")):
            times, levels = read(path)
            kept, emptied = thinned(times), collections(times, levels)
            of_readings.writerows([path.stem, "glass", _moment(times[index]), f"{levels[index]:.3f}"] for index in kept)
            of_plan.writerows([path.stem, _moment(at)] for at in emptied)
            counts[0] += len(kept)
            counts[1] += len(emptied)
    return counts[0], counts[1]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("give the folder of the sensors' files, and the two files to write")
    print("readings: {:,}, collections: {:,}".format(*convert(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))))

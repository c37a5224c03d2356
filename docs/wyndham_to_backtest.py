"""Converts the City of Wyndham's street bins (daily fill levels 0 to 10 in steps of 2) to the CSV that `stadspuls backtest` reads.

python docs/wyndham_to_backtest.py fill_levels.csv readings.csv

Rows with reason ALERT and level 0 are faults of the sensor and left out. The file has dates only: a reading counts for 00:00 UTC of its
day, so that a forecast at 04:00 knows it. Bins for recycling and for residual waste tell themselves apart by the R or G in their name.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def convert(source: Path, target: Path) -> tuple[int, int]:
    """Returns how many rows were written and left out."""
    written = left_out = 0
    with source.open(newline="", encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["serialNumber"], row["timestamp"]))
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["container_id", "fraction", "observed_at", "fill_ratio"])
        for row in rows:
            if row["reason"] == "ALERT" and row["latestFullness"] == "0":
                left_out += 1
                continue
            fraction = "recycling" if " R " in row["description"] else "residual"
            writer.writerow(
                [row["serialNumber"], fraction, f"{row['timestamp']}T00:00:00Z", f"{int(row['latestFullness']) / 10:g}"]
            )
            written += 1
    return written, left_out


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("give the city's file and the file to write")
    print("rows written: {}, faults left out: {}".format(*convert(Path(sys.argv[1]), Path(sys.argv[2]))))

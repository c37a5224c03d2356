"""What the project's figures about forecasts and emptying detection are measured on: simulated series of seeds that nobody tuned on.

The seeds stand in `evaluation_seeds.json` and stay as they are; whoever tunes takes others. Called by benchmarks and slow tests.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.fill_forecast.emptyings import Emptyings, detect_emptyings
from models.fill_forecast.history import History
from models.fill_forecast.suspects import suspect_readings
from simulators.batch import Bools, Floats
from simulators.fill_series import FillSeries
from simulators.sensor_simulator import HOUR_S

_SEEDS_FILE = Path(__file__).with_name("evaluation_seeds.json")
_NEAR_S = 3.0 * HOUR_S
"""An emptying counts as found where the detected step, with the usual three hours between two readings on each side, holds its moment."""


def evaluation_seeds() -> tuple[int, ...]:
    """The frozen seeds, for figures that are published."""
    return tuple(json.loads(_SEEDS_FILE.read_text(encoding="utf-8"))["evaluation"])


def tuning_seeds() -> tuple[int, ...]:
    """Seeds that may be looked at while something is being made."""
    return tuple(json.loads(_SEEDS_FILE.read_text(encoding="utf-8"))["tuning"])


@dataclass(frozen=True, slots=True)
class EmptyingScore:
    """Emptyings that really were, those found of them, and what was found in all."""

    real: int
    hits: int
    found: int

    @property
    def recall(self) -> float:
        return self.hits / self.real

    @property
    def precision(self) -> float:
        return self.hits / self.found

    def __add__(self, other: EmptyingScore) -> EmptyingScore:
        return EmptyingScore(self.real + other.real, self.hits + other.hits, self.found + other.found)


def history_of_series(series: FillSeries) -> History:
    """The series as forecasters see it; nobody reported the collections."""
    return History(series.container_id, series.fraction, series.times, series.levels, series.known)


def score_emptyings(series: FillSeries) -> EmptyingScore:
    """Detects as the service does, suspects first, and compares one to one with the true emptyings between first and last reading."""
    trusted = ~suspect_readings(series.times, series.levels)
    times = series.times[trusted]
    found = detect_emptyings(times, series.levels[trusted])
    real = series.emptied[(series.emptied > times[0]) & (series.emptied < times[-1])]
    return EmptyingScore(len(real), int(matched(times, found, real).sum()), len(found))


def matched(times: Floats, found: Emptyings, real: Floats) -> Bools:
    """Which of the real emptyings were found, each by a step of its own."""
    taken = np.zeros(len(found), np.bool_)
    hit = np.zeros(len(real), np.bool_)
    begins, ends = times[found.last_before] - _NEAR_S, times[found.first_after] + _NEAR_S
    for number, at in enumerate(real):
        holds = np.flatnonzero((begins <= at) & (at <= ends) & ~taken)
        if len(holds):
            middle = (begins[holds] + ends[holds]) / 2
            taken[holds[np.argmin(np.abs(middle - at))]] = hit[number] = True
    return hit


def total(scores: Sequence[EmptyingScore]) -> EmptyingScore:
    return sum(scores, EmptyingScore(0, 0, 0))

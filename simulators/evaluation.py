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
from models.fill_forecast.history import History, Series
from models.fill_forecast.suspects import suspect_readings
from simulators.batch import Bools, Floats
from simulators.faults import ClockErrors, CoveredLens, FalseFull, Spikes, Stuck, Tilt
from simulators.fill_series import FillSeries
from simulators.sensor_simulator import HOUR_S

_SEEDS_FILE = Path(__file__).with_name("evaluation_seeds.json")
_NEAR_S = 3.0 * HOUR_S
"""An emptying counts as found where the detected step, with the usual three hours between two readings on each side, overlaps the time between
the last sound reading before it and the first after it: nothing was known in between."""

_SEEN_WITHIN_S = 8.0 * HOUR_S
_HIDING = Stuck.bit | CoveredLens.bit | FalseFull.bit | Tilt.bit | Spikes.bit | ClockErrors.bit


def evaluation_seeds() -> tuple[int, ...]:
    """The frozen seeds, for figures that are published."""
    return tuple(json.loads(_SEEDS_FILE.read_text(encoding="utf-8"))["evaluation"])


def evaluation_cities() -> tuple[int, ...]:
    """The frozen seeds of whole simulated cities."""
    return tuple(json.loads(_SEEDS_FILE.read_text(encoding="utf-8"))["cities"])


def tuning_seeds() -> tuple[int, ...]:
    """Seeds that may be looked at while something is being made."""
    return tuple(json.loads(_SEEDS_FILE.read_text(encoding="utf-8"))["tuning"])


@dataclass(frozen=True, slots=True)
class EmptyingScore:
    """`real` emptyings, and how many of them were found; the same of those that `could be seen`; what was found in all.

    The signal of a dead, stuck or covered sensor does not show an emptying to anybody: it counts in `real` and not in `seen`."""

    real: int
    found_of_real: int
    seen: int
    found_of_seen: int
    found: int

    @property
    def recall(self) -> float:
        """Of the emptyings that the readings show."""
        return self.found_of_seen / self.seen

    @property
    def recall_of_all(self) -> float:
        return self.found_of_real / self.real

    @property
    def precision(self) -> float:
        return self.found_of_real / self.found

    def __add__(self, other: EmptyingScore) -> EmptyingScore:
        return EmptyingScore(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def history_of_series(series: FillSeries, *, counted: bool = False) -> History:
    """The series as forecasters see it; nobody reported the collections. `counted`: the deposits, too."""
    told = ~np.isnan(series.deposits)
    deposits = Series(series.times[told], series.deposits[told], series.known[told]) if counted and bool(told.any()) else None
    return History(
        series.container_id,
        series.fraction,
        series.times,
        series.levels,
        series.known,
        deposits=deposits,
        tilted=series.tilted,
        capacity_l=series.capacity_l,
    )


def score_emptyings(series: FillSeries, *, reported_share: float = 0.0) -> EmptyingScore:
    """Detects as the service does, suspects first, and compares one to one with the true emptyings between first and last reading. Of
    `reported_share` of the emptyings the trucks' own records are joined, right to a quarter of an hour; the others nobody reported."""
    reported = reported_collections(series, reported_share) if reported_share > 0 else None
    trusted = ~suspect_readings(series.times, series.levels, reported)
    times = series.times[trusted]
    found = detect_emptyings(times, series.levels[trusted], reported)
    real = series.emptied[(series.emptied > times[0]) & (series.emptied < times[-1])]
    hit = matched(series, times, found, real)
    seen = can_be_seen(series, real)
    return EmptyingScore(len(real), int(hit.sum()), int(seen.sum()), int((hit & seen).sum()), len(found))


def reported_collections(series: FillSeries, share: float) -> Floats:
    """That share of the true emptyings, as trucks report them: drawn, and right to a quarter of an hour. The same for the same series."""
    rng = np.random.default_rng(len(series.times))
    told = rng.random(len(series.emptied)) < share
    reported: Floats = np.sort(series.emptied[told] + rng.uniform(-900.0, 900.0, int(told.sum())))
    return reported


def can_be_seen(series: FillSeries, moments: Floats) -> Bools:
    """Whether the level was read within eight hours before and after each moment by a sensor that showed it."""
    times = _sound_times(series)
    place = np.searchsorted(times, moments)
    inside = (place > 0) & (place < len(times))
    before, after = moments - times[np.maximum(place - 1, 0)], times[np.minimum(place, len(times) - 1)] - moments
    shown: Bools = inside & (before <= _SEEN_WITHIN_S) & (after <= _SEEN_WITHIN_S)
    return shown


def matched(series: FillSeries, times: Floats, found: Emptyings, real: Floats) -> Bools:
    """Which of the real emptyings were found, each by a step of its own. `found` are steps between the trusted readings at `times`."""
    taken = np.zeros(len(found), np.bool_)
    hit = np.zeros(len(real), np.bool_)
    begins, ends = times[found.last_before] - _NEAR_S, times[found.first_after] + _NEAR_S
    sound = _sound_times(series)
    place = np.searchsorted(sound, real)
    since = np.where(place > 0, sound[np.maximum(place - 1, 0)], real)
    until = np.where(place < len(sound), sound[np.minimum(place, len(sound) - 1)], real)
    for number, at in enumerate(real):
        holds = np.flatnonzero((begins <= until[number]) & (since[number] <= ends) & ~taken)
        if len(holds):
            middle = (begins[holds] + ends[holds]) / 2
            taken[holds[np.argmin(np.abs(middle - at))]] = hit[number] = True
    return hit


def _sound_times(series: FillSeries) -> Floats:
    times: Floats = series.times[series.faults & _HIDING == 0]
    return times


def total(scores: Sequence[EmptyingScore]) -> EmptyingScore:
    return sum(scores, EmptyingScore(0, 0, 0, 0, 0))

"""What is read from the signals of simulated cities, beside their truth: emptyings found and made up, and when 80 % is reached.

The cities are frozen in `simulators/evaluation_seeds.json`; nothing is tuned on them. Faults strike at the simulator's default rates.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.fill_forecast.backtest import FAST_RATE
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.history import DAY, HOUR, FloatArray, History
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import time_to_level
from simulators.batch import NEVER_US
from simulators.city import SimulatedCity
from simulators.evaluation import evaluation_cities
from simulators.faults import DEFAULT_RATES, Garbled
from simulators.sensor_simulator import CitySizes
from simulators.stream import CityStream
from simulators.truth import TruthWriter, read_devices, read_truth
from simulators.waste import WasteSimulator

pytestmark = pytest.mark.slow

SEEDS = evaluation_cities()
NOW = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)
SIZES = CitySizes(
    containers=100, traffic_counters=1, bridges=25, transformers=1, container_days=45, traffic_days=0.1, bridge_days=0.1, transformer_days=0.1
)  # fmt: skip
SMALLEST_EMPTYING = 0.1
"""Emptying a container that holds less is within what a hand and a sensor leave uncertain; it is neither asked for nor counted against."""
LEVEL = 0.8
SLOW_ERROR_DAYS = 0.7
FAST_ERROR_DAYS = 0.45
"""Guards against getting worse. The aim is 0.2 days, and it is not reached: docs/forecast-service.md has the figures."""

Emptied = tuple[FloatArray, FloatArray, FloatArray]
"""Moments, levels before and after."""


@dataclass(frozen=True)
class City:
    """Signals as they were sent, true levels at the same moments, and true emptyings by container."""

    histories: list[History]
    truth: dict[str, FloatArray]
    emptied: dict[str, Emptied]


@pytest.fixture(scope="module", params=SEEDS)
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("truth")
    simulated = SimulatedCity(request.param, NOW, SIZES)
    writer = TruthWriter(folder)
    stream = CityStream(simulated, DEFAULT_RATES, writer)
    stream.skip_to(stream.history_to_s, truth_from_s=stream.history_from_s)
    waste = next(item for item in stream.simulators if isinstance(item, WasteSimulator))
    writer.flush(waste.emptyings)
    return City(*_signals(folder, waste), _emptyings(folder))


def test_emptyings_are_found_and_none_is_made_up(city: City) -> None:
    found = missed = made_up = 0
    for history in city.histories:
        curve = inflow_curve(history)
        emptyings = curve.emptyings
        begin, end = history.times[0] + 2 * HOUR, history.times[-1] - 6 * HOUR
        spans = [
            (curve.times[last] - HOUR, curve.times[first] + HOUR)
            for last, first in zip(emptyings.last_before, emptyings.first_after, strict=True)
        ]
        at, before, _ = city.emptied.get(history.container_id, (np.empty(0),) * 3)
        for moment in at[(before >= SMALLEST_EMPTYING) & (at > begin) & (at < end)].tolist():
            hit = any(low <= moment <= high for low, high in spans)
            found, missed = found + hit, missed + (not hit)
        made_up += sum(not bool(((at >= low) & (at <= high)).any()) for low, high in spans)
    recall, precision = found / (found + missed), 1 - made_up / max(1, made_up + found)
    print(f"emptyings: {found} of {found + missed} found ({100 * recall:.2f} %), {made_up} made up ({100 * precision:.2f} % right)")
    assert found + missed > 300
    assert recall >= 0.98
    assert precision >= 0.98


def test_the_time_until_80_percent_is_known_to_a_part_of_a_day(city: City) -> None:
    """Had nobody collected: true inflow goes on over true emptyings. Of all forecasts whose median says within five days."""
    first = city.histories[0].times[-1] - 10 * DAY
    fitted = EmpiricalInflow().fit(city.histories, cutoff=first, known_at=first)
    errors: dict[bool, list[float]] = {True: [], False: []}
    for history in city.histories:
        truth = city.truth[history.container_id]
        would_be = _uncollected(history, truth, city.emptied.get(history.container_id))
        fast = inflow_curve(history).rate_per_day >= FAST_RATE
        for cutoff in (first + np.arange(4) * DAY).tolist():
            error = _error_days(fitted, history, truth, would_be, cutoff)
            if error is not None:
                errors[fast].append(error)
    fast_error, slow_error = (float(np.median(errors[fast])) for fast in (True, False))
    fast_cases, slow_cases = len(errors[True]), len(errors[False])
    print(
        f"time to 80 %: median error {fast_error:.2f} d for fast containers ({fast_cases}), {slow_error:.2f} d for slow ones ({slow_cases})"
    )
    assert min(fast_cases, slow_cases) >= 20
    assert fast_error <= FAST_ERROR_DAYS
    assert slow_error <= SLOW_ERROR_DAYS


def _error_days(
    fitted: FittedEmpiricalInflow, history: History, truth: FloatArray, would_be: FloatArray, cutoff: float
) -> float | None:
    """How far off the median time to 80 % was; None where it stands there already or is not expected within five days."""
    start = int(np.searchsorted(history.times, cutoff, side="right")) - 1
    made = fitted.forecast(history, cutoff=cutoff, known_at=cutoff)
    if made is None or start < 0:
        return None
    told = time_to_level(made, LEVEL).by(0.5)
    if told is None or truth[start] >= LEVEL or not cutoff < told.timestamp() <= cutoff + 5 * DAY:
        return None
    reached = np.flatnonzero(would_be[start:] - would_be[start] + truth[start] >= LEVEL)
    # Not reached by the end of the readings: at least that late.
    moment = history.times[start + reached[0]] if len(reached) else history.times[-1]
    return abs(told.timestamp() - float(moment)) / DAY


def _signals(folder: Path, waste: WasteSimulator) -> tuple[list[History], dict[str, FloatArray]]:
    names = [name.split("/")[0] for name in read_devices(folder, "container_fill")]
    days = list(read_truth(folder, "container_fill"))
    device = np.concatenate([day.devices for day in days])
    at = np.concatenate([day.observed_at_us for day in days]) / 1e6
    sent = np.concatenate([(day.send_at_us != NEVER_US) & (day.fault & Garbled.bit == 0) for day in days])
    distance = np.concatenate([day.content["distance_mm"] for day in days])
    true = np.concatenate([day.truth for day in days])
    histories, truth = [], {}
    for number, name in enumerate(names):
        rows = np.flatnonzero((device == number) & sent & ~np.isnan(distance))
        _, first = np.unique(at[rows], return_index=True)
        rows = rows[first]
        levels = np.clip([waste.geometries[number].fill_ratio(value) for value in distance[rows]], 0.0, 1.0)
        histories.append(History(name, waste.containers[number].fraction, at[rows], levels))
        truth[name] = true[rows]
    return histories, truth


def _emptyings(folder: Path) -> dict[str, Emptied]:
    with (folder / "emptyings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, Emptied] = {}
    for name in {row["container_id"] for row in rows}:
        mine = [row for row in rows if row["container_id"] == name]
        moments, before, after = (
            np.array([float(row[key]) for row in mine]) for key in ("emptied_at_us", "fill_before", "fill_after")
        )
        found[name] = (moments / 1e6, before, after)
    return found


def _uncollected(history: History, truth: FloatArray, emptied: Emptied | None) -> FloatArray:
    """The true level at each reading with all that was ever collected still in it."""
    total = truth.copy()
    if emptied is not None:
        for moment, before, after in zip(*emptied, strict=True):
            total[history.times >= moment] += before - after
    return total

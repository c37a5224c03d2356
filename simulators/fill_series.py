"""Simulated containers as fill series: what a right pipeline would have stored of them, with the true level and emptyings beside.

The input of the forecaster's evaluation: the faults strike as they do on the way to the broker, but no byte is made. Called by
`stadspuls simulate --backtest-files`, benchmarks and tests.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from simulators.batch import Bools, Device, Floats, Ints, joined
from simulators.city_map import build_city_map
from simulators.encoders.by_model import encoder_for
from simulators.lane import Lane
from simulators.ledger import Fate
from simulators.measured_waste import MeasuredWaste
from simulators.sensor_simulator import HOUR_S, CitySizes, SimulationSpan
from simulators.true_course import CourseRecorder, TrueCourse
from simulators.usage import Usage
from simulators.waste import TrueEmptying, WasteSimulator

ENDS = datetime(2026, 9, 28, tzinfo=UTC)
"""When a series ends, so that a seed says all."""


@dataclass(frozen=True, slots=True, eq=False)
class FillSeries:
    """One container. `times` rise strictly (seconds since 1970, as stored), `levels` are what its readings say, `truth` what was so,
    `faults` the bits of `simulators.faults`, `known` when each reading arrived, `deposits` what each counts since the one before (as devices that
    report it do), `tilted` the moments of readings at which the device says that it is out of its position (if it can tell), `capacity_l` what the
    container holds. `emptyings` are all true ones, in order. `course` is the true level at every moment, read or not."""

    container_id: str
    fraction: str
    times: Floats
    levels: Floats
    truth: Floats
    faults: Ints
    known: Floats
    deposits: Floats
    tilted: Floats
    capacity_l: float
    emptyings: tuple[TrueEmptying, ...]
    course: TrueCourse

    @property
    def emptied(self) -> Floats:
        """The moments of the true emptyings."""
        return np.array([item.emptied_at_us / 1e6 for item in self.emptyings])


def simulate_fill(
    seed: int,
    faults: Mapping[str, float],
    *,
    containers: int,
    days: float,
    usage: Usage = "measured",
    ends: datetime = ENDS,
    map_seed: int = 1,
) -> list[FillSeries]:
    """Series of that many containers over so many days. The same arguments give the same series in every process."""
    span = SimulationSpan(int(ends.timestamp()) // HOUR_S * HOUR_S)
    sizes = CitySizes(containers=containers, container_days=days, usage=usage)
    make = MeasuredWaste if usage == "measured" else WasteSimulator
    simulator = make(build_city_map(map_seed), sizes, span, seed)
    lane = Lane(simulator, seed, 0, faults, span)
    recorder = CourseRecorder(simulator)
    sent = []
    for start_s in range(simulator.warm_up_from_s, span.end_s, HOUR_S):
        judged = lane.run(start_s, latest_us=span.end_s * 1_000_000 - 1, truth=None)
        if start_s >= simulator.history_from_s:
            recorder.note()
        if len(judged.batch):
            sent.append(judged.batch.take(judged.fate == Fate.STORED))
    stored = joined(sent)
    thing_of = {device.thing_id: number for number, device in enumerate(simulator.devices)}
    place = np.array([thing_of[device.thing_id] for device in lane.devices])[stored.device]
    tilted = np.array([_tells_tilt(device, simulator) for device in lane.devices])[stored.device] & (stored.values["tilted"] > 0)
    empty = np.array([item.empty_distance_mm for item in simulator.geometries])[place]
    full = np.array([item.full_distance_mm for item in simulator.geometries])[place]
    levels = np.clip((empty - stored.values["distance_mm"]) / (empty - full), 0.0, 1.0)
    series, courses = [], recorder.courses()
    for number, container in enumerate(simulator.containers):
        rows = np.flatnonzero(place == number)
        rows = rows[np.argsort(stored.stated_at_us[rows], kind="stable")]
        series.append(
            FillSeries(
                container_id=container.thing.thing_id,
                fraction=container.fraction,
                times=stored.stated_at_us[rows] / 1e6,
                levels=levels[rows],
                truth=stored.truth[rows],
                faults=stored.fault[rows],
                known=stored.send_at_us[rows] / 1e6,
                deposits=stored.values["deposit_count"][rows],
                tilted=stored.stated_at_us[rows[tilted[rows]]] / 1e6,
                capacity_l=float(container.thing.capacity_l or 0),
                emptyings=tuple(
                    item
                    for item in simulator.emptyings
                    if item.container_id == container.thing.thing_id and item.emptied_at_us >= simulator.history_from_s * 1_000_000
                ),
                course=courses[number],
            )
        )
    return series


def _tells_tilt(device: Device, simulator: WasteSimulator) -> bool:
    return "tilted" in encoder_for(device.device_model, simulator.kind, simulator.decimals).decimals


def write_backtest_files(folder: Path, series: Sequence[FillSeries]) -> list[Path]:
    """READINGS.csv and PLAN.csv as `stadspuls backtest` reads them; EMPTYINGS.csv has the true emptyings, TRUTH.csv the true level of
    each reading. The plan is what was really collected."""
    folder.mkdir(parents=True, exist_ok=True)
    readings = [
        (item.container_id, item.fraction, _text(at), f"{level:.4f}")
        for item in series
        for at, level in zip(item.times, item.levels, strict=True)
    ]
    truths = [
        (item.container_id, _text(at), f"{level:.4f}", fault)
        for item in series
        for at, level, fault in zip(item.times, item.truth, item.faults.tolist(), strict=True)
    ]
    emptyings = [
        (entry.container_id, _text(entry.emptied_at_us / 1e6), entry.fill_before, entry.fill_after)
        for item in series
        for entry in item.emptyings
    ]
    return [
        _write(folder / "READINGS.csv", ("container_id", "fraction", "observed_at", "fill_ratio"), readings),
        _write(folder / "PLAN.csv", ("container_id", "collected_at"), [entry[:2] for entry in emptyings]),
        _write(folder / "EMPTYINGS.csv", ("container_id", "emptied_at", "fill_before", "fill_after"), emptyings),
        _write(folder / "TRUTH.csv", ("container_id", "observed_at", "true_fill_ratio", "faults"), truths),
    ]


def false_readings(series: FillSeries, bits: int) -> Bools:
    """Which readings were struck by one of these faults."""
    struck: Bools = series.faults & bits > 0
    return struck


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")

"""Faults of the sensor itself: it reports on time, and something else than what is so. What must be stored is what it reported."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from simulators.batch import Batch, Floats
from simulators.faults.fault import Sensors, Spells, marked, with_quantity
from simulators.sensor_simulator import HOUR_S

_DAY_US = 24 * HOUR_S * 1e6


class Noise:
    """Single readings far off: the main measured quantity with a large normal error. `rate` is a share of readings."""

    name: ClassVar[str] = "noise"
    bit: ClassVar[int] = 1
    RATE: ClassVar[float] = 0.01

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate, self._noise = rate, sensors.noise

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = rng.random(len(batch)) < self._rate
        values = dict(batch.values)
        for quantity, scale in self._noise.items():
            values[quantity] = values[quantity] + np.where(struck, rng.normal(0, scale, len(batch)), 0.0)
        return marked(batch.with_values(values), struck, self.bit)


class Spikes:
    """A single reading from anywhere: of a container any level, of others eight times the noise. `rate` is a share of readings."""

    name: ClassVar[str] = "spikes"
    bit: ClassVar[int] = 32
    RATE: ClassVar[float] = 0.005

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate, self._sensors = rate, sensors

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = rng.random(len(batch)) < self._rate
        side = np.where(rng.random(len(batch)) < 0.5, -8.0, 8.0)
        anywhere = rng.random(len(batch))
        full, empty = self._sensors.full_mm[batch.device], self._sensors.empty_mm[batch.device]
        for quantity, scale in self._sensors.noise.items():
            beside = batch.values[quantity] + side * scale
            level = full - 0.1 * (empty - full) + anywhere * 1.1 * (empty - full)
            batch = with_quantity(batch, quantity, struck, np.where(np.isnan(full), beside, level))
        return marked(batch, struck, self.bit)


class Drift:
    """The sensor drifts away by a steady amount a day until somebody sets it right. `rate` is a share of time."""

    name: ClassVar[str] = "drift"
    bit: ClassVar[int] = 64
    RATE: ClassVar[float] = 0.02
    MEAN_HOURS = 20 * 24.0

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)
        self._noise = sensors.noise
        self._slope: Floats = np.zeros(sensors.count)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        begins = self._spells.begin(start_s, rng)
        self._slope = np.where(begins, rng.normal(0, 0.25, len(begins)), self._slope)
        struck = self._spells.struck(batch)
        days = (batch.observed_at_us - self._spells.since_us[batch.device]) / _DAY_US
        for quantity, scale in self._noise.items():
            batch = with_quantity(batch, quantity, struck, batch.values[quantity] + scale * self._slope[batch.device] * days)
        return marked(batch, struck, self.bit)


class Stuck:
    """The main measured quantity stays at what it was, for hours or days. `rate` is a share of time."""

    name: ClassVar[str] = "stuck"
    bit: ClassVar[int] = 128
    RATE: ClassVar[float] = 0.01
    MEAN_HOURS = 30.0

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)
        self._held = {name: np.full(sensors.count, np.nan) for name in sensors.noise}

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        self._spells.begin(start_s, rng)
        struck = self._spells.struck(batch)
        for quantity, held in self._held.items():
            known = struck & ~np.isnan(held[batch.device])
            batch = with_quantity(batch, quantity, known, held[batch.device])
            held[batch.device] = batch.values[quantity]
        return marked(batch, struck, self.bit)


class BlockedInlet:
    """The drum jams: nothing is thrown in, and the level stays where it is until somebody frees it. `rate` is a share of time. The
    truth is what is so: the simulator itself stands still."""

    name: ClassVar[str] = "blocked_inlet"
    bit: ClassVar[int] = 256
    RATE: ClassVar[float] = 0.005
    MEAN_HOURS = 40.0

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)
        self._sensors = sensors

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = self._sensors.containers[batch.device] & (start_s * 1_000_000 < self._sensors.blocked_until_us[batch.device])
        self._spells.begin(start_s + HOUR_S, rng)  # this hour is simulated already
        self._sensors.blocked_until_us[:] = self._spells.until_us
        return marked(batch, struck, self.bit)


class CoveredLens:
    """Something sits right before the sensor: it sees a few centimetres, whatever the level. `rate` is a share of time."""

    name: ClassVar[str] = "covered_lens"
    bit: ClassVar[int] = 512
    RATE: ClassVar[float] = 0.005
    MEAN_HOURS = 60.0

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)
        self._containers = sensors.containers
        self._seen: Floats = np.zeros(sensors.count)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        begins = self._spells.begin(start_s, rng)
        self._seen = np.where(begins, rng.uniform(35, 180, len(begins)), self._seen)
        jitter = rng.normal(0, 2.0, len(batch))
        struck = self._spells.struck(batch) & self._containers[batch.device]
        if "distance_mm" in batch.values:
            batch = with_quantity(batch, "distance_mm", struck, self._seen[batch.device] + jitter)
        return marked(batch, struck, self.bit)


class FalseFull:
    """A heap under the sensor reads as full for days, until it slides or the container is emptied. `rate` is a share of time."""

    name: ClassVar[str] = "false_full"
    bit: ClassVar[int] = 1024
    RATE: ClassVar[float] = 0.01
    MEAN_HOURS = 55.0

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)
        self._sensors = sensors
        self._level: Floats = np.full(sensors.count, np.nan)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        self._spells.begin(start_s, rng)
        emptied = np.zeros(self._sensors.count, np.bool_)
        emptied[batch.device] = batch.truth < self._level[batch.device] - 0.05
        self._level[batch.device] = batch.truth
        self._spells.end(emptied, start_s * 1_000_000)
        struck = self._spells.struck(batch) & self._sensors.containers[batch.device]
        near = self._sensors.full_mm[batch.device] - np.abs(rng.normal(0, 6.0, len(batch)))
        if "distance_mm" in batch.values:
            batch = with_quantity(batch, "distance_mm", struck, near)
        return marked(batch, struck, self.bit)


class Tilt:
    """The sensor hangs askew and sees the wall: too short a distance, `tilted` where the device can tell. `rate` is a share of time."""

    name: ClassVar[str] = "tilt"
    bit: ClassVar[int] = 2048
    RATE: ClassVar[float] = 0.005
    MEAN_HOURS = 48.0

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)
        self._containers = sensors.containers
        self._share: Floats = np.ones(sensors.count)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        begins = self._spells.begin(start_s, rng)
        self._share = np.where(begins, rng.uniform(0.45, 0.8, len(begins)), self._share)
        struck = self._spells.struck(batch) & self._containers[batch.device]
        if "distance_mm" in batch.values:
            batch = with_quantity(batch, "distance_mm", struck, batch.values["distance_mm"] * self._share[batch.device])
            batch = with_quantity(batch, "tilted", struck, np.ones(len(batch)))
        return marked(batch, struck, self.bit)

"""What a fault is, what it may know of the sensors that it strikes, and spells: the hours or days for which one sensor is struck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from simulators.batch import NEVER_US, Batch, Bools, Floats, Ints
from simulators.sensor_simulator import HOUR_S


@dataclass(frozen=True, slots=True)
class Sensors:
    """The sensors of one simulator, as its faults see them; arrays have a place per device.

    `noise` is the standard deviation of noise by quantity. `empty_mm` and `full_mm` are the distances of an empty and a full container
    (NaN: no container); `own_clock` marks devices whose payload states the device's own time; `blocked_until_us` is read by the simulator:
    until then nothing is thrown in. From `replaced_at_us` on a device is replaced by the one with the number `replaced_by`. Faults that rely on
    what came before leave the first day of the history alone.
    """

    noise: Mapping[str, float]
    interval_s: int
    history_from_s: int
    empty_mm: Floats
    full_mm: Floats
    own_clock: Bools
    blocked_until_us: Ints
    replaced_at_us: Ints
    replaced_by: Ints

    @property
    def count(self) -> int:
        return len(self.empty_mm)

    @property
    def containers(self) -> Bools:
        return ~np.isnan(self.full_mm)


def plain_sensors(count: int, noise: Mapping[str, float]) -> Sensors:
    """Sensors of which nothing is known but how noisy they are."""
    nothing = np.full(count, np.nan)
    return Sensors(
        noise,
        HOUR_S,
        0,
        nothing,
        nothing,
        np.ones(count, np.bool_),
        np.zeros(count, np.int64),
        np.full(count, NEVER_US),
        np.arange(count),
    )


class Fault(Protocol):
    """One kind of fault of all sensors of one simulator. Made with its rate and the sensors.

    `apply` is called once per hour, hours in order, with a generator of its own; it returns the batch with `bit` set in `fault`
    where it struck. It may keep state between hours. `RATE` is the rate of a city with all faults on.
    """

    name: ClassVar[str]
    bit: ClassVar[int]
    RATE: ClassVar[float]

    def __init__(self, rate: float, sensors: Sensors) -> None: ...

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch: ...


class Spells:
    """For which time each device is struck: spells of exponential length that begin at random, so that `rate` is their share of time."""

    def __init__(self, rate: float, devices: int, mean_hours: float) -> None:
        self.mean_hours = mean_hours
        self._start_share = rate / max(1e-9, 1 - rate) / mean_hours
        self.since_us: Ints = np.zeros(devices, np.int64)
        self.until_us: Ints = np.zeros(devices, np.int64)

    def begin(self, start_s: int, rng: np.random.Generator, hours: Floats | None = None) -> Bools:
        """Draws which spells begin at this hour, for `hours` each if given, and returns where."""
        devices = len(self.until_us)
        begins: Bools = (rng.random(devices) < self._start_share) & (self.until_us <= start_s * 1_000_000)
        lasting = rng.exponential(self.mean_hours, devices) if hours is None else hours
        self.since_us = np.where(begins, start_s * 1_000_000, self.since_us)
        self.until_us = np.where(begins, start_s * 1_000_000 + (lasting * HOUR_S * 1e6).astype(np.int64), self.until_us)
        return begins

    def struck(self, batch: Batch) -> Bools:
        """Rows that were observed in a spell of their device."""
        during: Bools = batch.observed_at_us < self.until_us[batch.device]
        return during

    def end(self, devices: Bools, at_us: int) -> None:
        """Ends the spells of these devices at once."""
        self.until_us = np.where(devices, np.minimum(self.until_us, at_us), self.until_us)


def marked(batch: Batch, struck: Bools, bit: int) -> Batch:
    """The batch with `bit` set in the struck rows."""
    return replace(batch, fault=batch.fault | np.where(struck, bit, 0))


def with_quantity(batch: Batch, name: str, struck: Bools, values: Floats) -> Batch:
    """The batch with another value of one quantity in the struck rows."""
    return batch.with_values({**batch.values, name: np.where(struck, values, batch.values[name])})

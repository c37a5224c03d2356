"""Faults on the way out: nothing is sent, or late, in another order, or twice. The reading itself is as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from simulators.batch import NEVER_US, Batch, Ints, joined
from simulators.faults.fault import Sensors, Spells, marked, with_quantity
from simulators.sensor_simulator import HOUR_S

_HOUR_US = HOUR_S * 1_000_000


class Silence:
    """A sensor sends nothing for hours or days. `rate` is the share of time that a sensor is silent."""

    name: ClassVar[str] = "silence"
    bit: ClassVar[int] = 2
    RATE: ClassVar[float] = 0.01
    MEAN_HOURS = 20.0

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        self._spells.begin(start_s, rng)
        return _unsent(batch, self._spells.struck(batch), self.bit)


class BatteryDeath:
    """The battery falls for three days and is dead for a fortnight, until somebody comes with a new one. `rate` is the share of time
    that a sensor is dead; the days before are marked by the falling voltage alone."""

    name: ClassVar[str] = "battery_death"
    bit: ClassVar[int] = 4096
    RATE: ClassVar[float] = 0.01
    MEAN_HOURS = 14 * 24.0
    FALLING_HOURS = 72.0
    _LOWEST = (("battery_v", 2.9), ("battery_ratio", 0.01))

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        hours = self.FALLING_HOURS + rng.exponential(self.MEAN_HOURS, len(self._spells.until_us))
        self._spells.begin(start_s, rng, hours)
        inside = self._spells.struck(batch)
        since = (batch.observed_at_us - self._spells.since_us[batch.device]) / _HOUR_US
        left = np.clip(1 - since / self.FALLING_HOURS, 0.0, 1.0)
        for name, lowest in self._LOWEST:
            if name in batch.values:
                batch = with_quantity(batch, name, inside, lowest + (batch.values[name] - lowest) * left)
        return _unsent(batch, inside & (since >= self.FALLING_HOURS), self.bit)


class Late:
    """The message is held up by a gateway or network: minutes, at worst eight hours. `rate` is a share of messages."""

    name: ClassVar[str] = "late"
    bit: ClassVar[int] = 8
    RATE: ClassVar[float] = 0.01

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US)
        delay_us = (np.clip(25 * rng.lognormal(0, 1.2, len(batch)), 1, 480) * 60e6).astype(np.int64)
        return replace(marked(batch, struck, self.bit), send_at_us=batch.send_at_us + np.where(struck, delay_us, 0))


class LateInBulk:
    """A gateway keeps what a sensor sends, for an hour or for forty days, and then hands all of it on at once. `rate` is a share of
    time."""

    name: ClassVar[str] = "late_in_bulk"
    bit: ClassVar[int] = 8192
    RATE: ClassVar[float] = 0.02
    LONGEST_HOURS = 40 * 24.0
    MEAN_HOURS = (LONGEST_HOURS - 1) / float(np.log(LONGEST_HOURS))
    """Of lengths from one hour to the longest whose logarithms are even."""

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        self._spells.begin(start_s, rng, self.LONGEST_HOURS ** rng.random(len(self._spells.until_us)))
        struck = self._spells.struck(batch) & (batch.send_at_us != NEVER_US)
        until_us, since_us = self._spells.until_us[batch.device], self._spells.since_us[batch.device]
        # Two minutes for all of it, roughly in order.
        place = np.clip((batch.observed_at_us - since_us) / np.maximum(1, until_us - since_us), 0, 1)
        handed_on_us = until_us + (place * 120e6).astype(np.int64) + rng.integers(1, 3_000_000, len(batch))
        return replace(marked(batch, struck, self.bit), send_at_us=np.where(struck, handed_on_us, batch.send_at_us))


class OutOfOrder:
    """The message is overtaken by the next one to three of its sensor. `rate` is a share of messages."""

    name: ClassVar[str] = "out_of_order"
    bit: ClassVar[int] = 16384
    RATE: ClassVar[float] = 0.01

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate, self._interval_us = rate, sensors.interval_s * 1_000_000

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US)
        delay_us = ((rng.integers(1, 4, len(batch)) + rng.uniform(0.1, 0.9, len(batch))) * self._interval_us).astype(np.int64)
        return replace(marked(batch, struck, self.bit), send_at_us=batch.send_at_us + np.where(struck, delay_us, 0))


class Duplicates:
    """The same message is sent again, byte for byte, within two minutes. `rate` is a share of messages."""

    name: ClassVar[str] = "duplicates"
    bit: ClassVar[int] = 16
    RATE: ClassVar[float] = 0.005

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US) & (batch.damage == 0)
        again_of = marked(batch, struck, self.bit)
        again = again_of.take(struck)
        delay_us = rng.integers(1_000_000, 120_000_000, len(again))
        again = replace(again, send_at_us=again.send_at_us + delay_us, repeated=np.ones(len(again), np.bool_))
        return joined([again_of, again])


def _unsent(batch: Batch, struck: np.ndarray, bit: int) -> Batch:
    never: Ints = np.where(struck, NEVER_US, batch.send_at_us)
    return replace(marked(batch, struck, bit), send_at_us=never)

"""Faults of clock, memory and bytes: the message says another time, begins counting anew, or cannot be read as agreed."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import ClassVar

import numpy as np

from simulators.batch import NEVER_US, Batch, Ints
from simulators.faults.fault import Sensors, Spells, marked, with_quantity
from simulators.sensor_simulator import HOUR_S

_HOUR_US = HOUR_S * 1_000_000
_TEN_YEARS_US = 3652 * 24 * _HOUR_US


class ClockErrors:
    """A device states the wrong time, for hours. `rate` is a share of time of the devices that state their own.

    Its clock began again in 1970, or runs ten years ahead (dead letters, reason clock), or is one or two hours or some minutes
    behind: then nobody can know, and the reading is stored at the time that it states. Where a whole hour falls on a time that is
    stored already, the second reading is a dead letter, reason identity.
    """

    name: ClassVar[str] = "clock_errors"
    bit: ClassVar[int] = 1 << 15
    RATE: ClassVar[float] = 0.01
    MEAN_HOURS = 8.0
    _FORMS = 4

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._spells = Spells(rate, sensors.count, self.MEAN_HOURS)
        self._sensors = sensors
        self._shift_us: Ints = np.zeros(sensors.count, np.int64)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        begins = self._spells.begin(start_s, rng)
        devices = len(begins)
        form = rng.integers(0, self._FORMS, devices)
        hours, minutes = rng.integers(1, 3, devices), rng.integers(2, 50, devices)
        shift = np.choose(form, [np.full(devices, -start_s * 1_000_000), np.full(devices, _TEN_YEARS_US), -hours * _HOUR_US,
                                 -minutes * 60_000_000])  # fmt: skip
        self._shift_us = np.where(begins, shift, self._shift_us)
        struck = self._spells.struck(batch) & self._sensors.own_clock[batch.device]
        struck &= self._spells.since_us[batch.device] >= (self._sensors.history_from_s + 24 * HOUR_S) * 1_000_000
        stated = batch.stated_at_us + np.where(struck, self._shift_us[batch.device], 0)
        return replace(marked(batch, struck, self.bit), stated_at_us=stated)


class Reboots:
    """The device begins anew: its message counter at 0, its session anew, the deposits since its last report forgotten. `rate` is a
    share of messages."""

    name: ClassVar[str] = "reboots"
    bit: ClassVar[int] = 1 << 16
    RATE: ClassVar[float] = 0.0005

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate = rate
        self._began_at: Ints = np.zeros(sensors.count, np.int64)
        self._restarts: Ints = np.zeros(sensors.count, np.int64)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = rng.random(len(batch)) < self._rate
        if struck.any():  # of several in an hour the last one counts
            self._began_at[batch.device[struck]] = batch.sequence[struck]
            self._restarts[batch.device[struck]] += 1
        before = batch.sequence < self._began_at[batch.device]
        sequence = np.where(before, batch.sequence, batch.sequence - self._began_at[batch.device])
        if "deposit_count" in batch.values:
            batch = with_quantity(batch, "deposit_count", struck, np.zeros(len(batch)))
        restarts = batch.restarts + self._restarts[batch.device] - before
        return replace(marked(batch, struck, self.bit), sequence=sequence, restarts=restarts)


class UnknownFields:
    """The message has a field more than we know, from a newer firmware: it is stored all the same. `rate` is a share of messages."""

    name: ClassVar[str] = "unknown_fields"
    bit: ClassVar[int] = 1 << 18
    RATE: ClassVar[float] = 0.01

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        return marked(batch, (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US), self.bit)


class UnknownVersion:
    """The message is of a version that we do not know: a dead letter. `rate` is a share of messages."""

    name: ClassVar[str] = "unknown_version"
    bit: ClassVar[int] = 1 << 19
    RATE: ClassVar[float] = 0.001

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        return marked(batch, (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US), self.bit)


class Garbled:
    """The bytes are spoilt on the way: the message arrives and cannot be read. `rate` is a share of messages."""

    name: ClassVar[str] = "garbled"
    bit: ClassVar[int] = 4
    RATE: ClassVar[float] = 0.002

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US)
        damage = rng.uniform(1e-9, 1, len(batch))
        return replace(marked(batch, struck, self.bit), damage=np.where(struck, damage, 0.0))


def spoilt(payload: bytes, damage: float) -> bytes:
    """The payload damaged so that no reader can take it for sound: cut short, overwritten in the middle, or noise throughout.

    All payloads are JSON objects: without their closing brace, or with bytes that no UTF-8 text has, they cannot be read.
    """
    random = Random(int(damage * 2**53))
    form = random.randrange(3)
    if form == 0:
        return payload[: random.randrange(1, len(payload) - 1)]
    if form == 1:
        at, length = random.randrange(len(payload) - 8), random.randrange(1, 8)
        return payload[:at] + b"\xff" * length + payload[at + length :]
    return b"\xff\xfe" + random.randbytes(random.randrange(4, 60))

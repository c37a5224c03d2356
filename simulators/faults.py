"""What goes wrong with sensors and networks, by name and rate: each fault a small class that disturbs a batch and marks the
rows it touched, so that the truth beside the messages says what happened to each.

A rate is a share: of messages for noise, duplicates, late and garbled, of each sensor's time for silence. A row is never
both silent or garbled and something else that would be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import ClassVar, Protocol

import numpy as np

from models.domain.failures import UserError
from simulators.batch import NEVER_US, Batch, joined
from simulators.sensor_simulator import HOUR_S

DEFAULT_RATES: Mapping[str, float] = {"noise": 0.01, "silence": 0.005, "garbled": 0.0005, "late": 0.005, "duplicates": 0.003}


class Fault(Protocol):
    """One kind of fault of all sensors of one simulator. Made with its rate, the noise scales and the number of devices.

    `apply` is called once per hour, hours in order, with a generator of its own; it returns the batch with `bit` set in `fault`
    where it struck. It may keep state between hours.
    """

    name: ClassVar[str]
    bit: ClassVar[int]

    def __init__(self, rate: float, noise: Mapping[str, float], devices: int) -> None: ...

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch: ...


class Noise:
    """Single readings far off: the main measured quantity with a large normal error."""

    name: ClassVar[str] = "noise"
    bit: ClassVar[int] = 1

    def __init__(self, rate: float, noise: Mapping[str, float], devices: int) -> None:
        self._rate, self._noise = rate, noise

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = rng.random(len(batch)) < self._rate
        values = dict(batch.values)
        for quantity, scale in self._noise.items():
            values[quantity] = values[quantity] + np.where(struck, rng.normal(0, scale, len(batch)), 0.0)
        return _marked(batch.with_values(values), struck, self.bit)


class Silence:
    """A sensor sends nothing for hours or days. `rate` is the share of time that a sensor is silent."""

    name: ClassVar[str] = "silence"
    bit: ClassVar[int] = 2
    MEAN_HOURS = 20.0

    def __init__(self, rate: float, noise: Mapping[str, float], devices: int) -> None:
        self._start_share = rate / max(1e-9, 1 - rate) / self.MEAN_HOURS
        self._silent_until_us = np.zeros(devices, np.int64)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        devices = len(self._silent_until_us)
        begins = (rng.random(devices) < self._start_share) & (self._silent_until_us <= start_s * 1_000_000)
        lasting_us = rng.exponential(self.MEAN_HOURS * HOUR_S * 1e6, devices).astype(np.int64)
        self._silent_until_us = np.where(begins, start_s * 1_000_000 + lasting_us, self._silent_until_us)
        struck = batch.observed_at_us < self._silent_until_us[batch.device]
        silent = _marked(batch, struck, self.bit)
        return replace(silent, send_at_us=np.where(struck, NEVER_US, batch.send_at_us))


class Garbled:
    """The bytes are spoilt on the way: the message arrives and cannot be read."""

    name: ClassVar[str] = "garbled"
    bit: ClassVar[int] = 4

    def __init__(self, rate: float, noise: Mapping[str, float], devices: int) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US)
        damage = rng.uniform(1e-9, 1, len(batch))
        return replace(_marked(batch, struck, self.bit), damage=np.where(struck, damage, 0.0))


class Late:
    """The message is held up by a gateway or network: minutes, at worst eight hours."""

    name: ClassVar[str] = "late"
    bit: ClassVar[int] = 8

    def __init__(self, rate: float, noise: Mapping[str, float], devices: int) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US)
        delay_us = (np.clip(25 * rng.lognormal(0, 1.2, len(batch)), 1, 480) * 60e6).astype(np.int64)
        return replace(_marked(batch, struck, self.bit), send_at_us=batch.send_at_us + np.where(struck, delay_us, 0))


class Duplicates:
    """The same message is sent again, byte for byte, within two minutes."""

    name: ClassVar[str] = "duplicates"
    bit: ClassVar[int] = 16

    def __init__(self, rate: float, noise: Mapping[str, float], devices: int) -> None:
        self._rate = rate

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        struck = (rng.random(len(batch)) < self._rate) & (batch.send_at_us != NEVER_US) & (batch.damage == 0)
        marked = _marked(batch, struck, self.bit)
        again = marked.take(struck)
        delay_us = rng.integers(1_000_000, 120_000_000, len(again))
        again = replace(again, send_at_us=again.send_at_us + delay_us, repeated=np.ones(len(again), np.bool_))
        return joined([marked, again])


FAULTS: tuple[type[Fault], ...] = (Noise, Silence, Garbled, Late, Duplicates)
"""In the order in which they strike."""


def parse_rates(texts: Sequence[str]) -> dict[str, float]:
    """`["late=0.01", …]` → rates by name; "none" alone for no fault at all. Raises `UserError` with what is possible."""
    if list(texts) == ["none"]:
        return {}
    rates: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in {fault.name for fault in FAULTS}:
            raise UserError(f"there is no fault {name!r}; faults are {', '.join(fault.name for fault in FAULTS)}, or none")
        try:
            rates[name] = float(number)
        except ValueError:
            raise UserError(f"a fault is given as name=rate, for example {name}=0.01, not {text!r}") from None
        if not 0 <= rates[name] < 1:
            raise UserError(f"the rate of {name} is a share from 0 to below 1, not {number}")
    return rates


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


def _marked(batch: Batch, struck: np.ndarray, bit: int) -> Batch:
    return replace(batch, fault=batch.fault | np.where(struck, bit, 0))

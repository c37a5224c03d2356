"""A device is replaced by a new one of the same model, under a new id. Most swaps are entered in the registry at that hour; of one in
four nobody hears, and what the new device sends is a dead letter, reason unknown_thing.

Which devices are swapped when is settled before the first hour, because the registry has to say so; swaps lie in the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from simulators.batch import NEVER_US, Batch, Device, Ints
from simulators.faults.fault import Sensors, marked
from simulators.sensor_simulator import HOUR_S, generator

_STREAM = 10
_UNREGISTERED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Swap:
    """From `at_s`, a whole hour, on the thing of `old` has `new`. `registered` tells whether the registry says so."""

    old: int
    new: Device
    at_s: int
    registered: bool


class Swaps:
    """Rows from the swap on are of the new device, which counts its messages from 0. `rate` is the share of containers whose device is
    swapped in the history."""

    name: ClassVar[str] = "swaps"
    bit: ClassVar[int] = 1 << 17
    RATE: ClassVar[float] = 0.03

    def __init__(self, rate: float, sensors: Sensors) -> None:
        self._sensors = sensors
        self._first: Ints = np.full(sensors.count, -1, np.int64)

    def apply(self, batch: Batch, start_s: int, rng: np.random.Generator) -> Batch:
        old = batch.device
        struck = batch.observed_at_us >= self._sensors.replaced_at_us[old]
        if not struck.any():
            return batch
        new = struck & (self._first[old] < 0)
        self._first[old[new]] = batch.sequence[new]
        sequence = np.where(struck, np.maximum(0, batch.sequence - self._first[old]), batch.sequence)
        device = np.where(struck, self._sensors.replaced_by[old], old)
        return replace(marked(batch, struck, self.bit), device=device, sequence=sequence)


def plan_swaps(seed: int, devices: Sequence[Device], from_s: int, to_s: int, rate: float) -> tuple[Swap, ...]:
    """The swaps of one simulator's containers, in the middle eight tenths of the time."""
    rng = generator(seed, _STREAM)
    swaps = []
    for number, device in enumerate(devices):
        chosen, share, heard = rng.random(3)
        if device.kind == "container_fill" and chosen < rate:
            at_s = from_s + round((0.1 + 0.8 * share) * (to_s - from_s)) // HOUR_S * HOUR_S
            swaps.append(Swap(number, _replacement(device), at_s, bool(heard >= _UNREGISTERED_SHARE)))
    return tuple(swaps)


def swap_times(swaps: Sequence[Swap], devices: int) -> tuple[Ints, Ints]:
    """For each device the microsecond from which on it is replaced, and by which number (devices of the simulator come first)."""
    replaced_at_us, replaced_by = np.full(devices, NEVER_US, np.int64), np.arange(devices)
    for place, swap in enumerate(swaps):
        replaced_at_us[swap.old], replaced_by[swap.old] = swap.at_s * 1_000_000, devices + place
    return replaced_at_us, replaced_by


def _replacement(device: Device) -> Device:
    """Another of the same model: a DevEUI differs in one digit, an id of our own gets a letter."""
    old = device.sensor_id
    new = f"{old}-b" if "-" in old else f"{old[:10]}8{old[11:]}"
    return replace(device, sensor_id=new, mqtt_topic=device.mqtt_topic.replace(old, new))

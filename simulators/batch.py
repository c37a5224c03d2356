"""Readings of many devices of one kind as columns: what sensor simulators make, faults disturb and encoders turn into bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEVER_US = np.iinfo(np.int64).max
"""`send_at_us` of a reading that its sensor never sends."""


@dataclass(frozen=True, slots=True)
class Device:
    """A sensor as the network sees it. `datastream` is the name part; its id is `thing_id/datastream`."""

    sensor_id: str
    device_model: str
    kind: str
    thing_id: str
    datastream: str
    mqtt_topic: str

    @property
    def datastream_id(self) -> str:
        return f"{self.thing_id}/{self.datastream}"


@dataclass(frozen=True, slots=True)
class Batch:
    """One row per message. All arrays have the same length.

    `device` indexes the simulator's devices; times are microseconds since 1970 (UTC); `sequence` counts a device's messages;
    `values` are the quantities by name (NaN: this device does not report it); `truth` is the one undisturbed figure that
    the simulator names; `fault` holds the bits of `simulators.faults`; `damage` is above 0 where the bytes are to be spoilt;
    `repeated` marks the second sending of the same message. `stated_at_us` is the time that the payload states, another one than
    `observed_at_us` where a device's clock is wrong; `restarts` counts the times the device began anew.
    """

    device: Ints
    observed_at_us: Ints
    send_at_us: Ints
    sequence: Ints
    values: Mapping[str, Floats]
    truth: Floats
    fault: Ints
    damage: Floats
    repeated: Bools
    stated_at_us: Ints
    restarts: Ints

    def __len__(self) -> int:
        return len(self.device)

    def take(self, rows: npt.NDArray[np.intp] | Bools) -> Batch:
        """The given rows (indices or a mask), in that order."""
        return Batch(
            self.device[rows],
            self.observed_at_us[rows],
            self.send_at_us[rows],
            self.sequence[rows],
            {name: column[rows] for name, column in self.values.items()},
            self.truth[rows],
            self.fault[rows],
            self.damage[rows],
            self.repeated[rows],
            self.stated_at_us[rows],
            self.restarts[rows],
        )

    def with_values(self, values: Mapping[str, Floats]) -> Batch:
        return replace(self, values=values)


def sound_batch(
    *, device: Ints, observed_at_us: Ints, send_at_us: Ints, sequence: Ints, values: Mapping[str, Floats], truth: Floats
) -> Batch:
    """A batch without any fault."""
    n = len(device)
    return Batch(
        device, observed_at_us, send_at_us, sequence, values, truth,
        np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.bool_), observed_at_us, np.zeros(n, np.int64),
    )  # fmt: skip


def joined(batches: Sequence[Batch]) -> Batch:
    """All rows of batches of one simulator, one after the other."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        np.concatenate([batch.device for batch in batches]),
        np.concatenate([batch.observed_at_us for batch in batches]),
        np.concatenate([batch.send_at_us for batch in batches]),
        np.concatenate([batch.sequence for batch in batches]),
        {name: np.concatenate([batch.values[name] for batch in batches]) for name in batches[0].values},
        np.concatenate([batch.truth for batch in batches]),
        np.concatenate([batch.fault for batch in batches]),
        np.concatenate([batch.damage for batch in batches]),
        np.concatenate([batch.repeated for batch in batches]),
        np.concatenate([batch.stated_at_us for batch in batches]),
        np.concatenate([batch.restarts for batch in batches]),
    )

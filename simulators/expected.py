"""What must be in the database after a simulation was sent, read from its truth: readings by identity, dead letters, and named gaps.

Read by `stadspuls check-truth` and by tests; the simulation's folder is all that it needs.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.domain.failures import DeadLetterReason
from simulators.batch import NEVER_US, Bools, Floats, Ints
from simulators.fates import REASONS
from simulators.faults import BatteryDeath
from simulators.ledger import Fate
from simulators.truth import TruthOfDay, read_sent, read_truth

Identity = tuple[str, int]
"""Datastream id and stated time in microseconds."""
Content = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """Readings of one datastream in a row that were never sent, and why."""

    datastream_id: str
    cause: str
    first_at_us: int
    last_at_us: int
    readings: int


@dataclass
class Expected:
    """All that must be found of one kind. `quantities` names the places of a content (None: not reported); `latest_us` is the longest
    that a message was under way."""

    kind: str
    quantities: tuple[str, ...]
    datastreams: list[str]
    devices: Ints
    stated_at_us: Ints
    content: Mapping[str, Floats]
    duplicates: int = 0
    dead_letters: Counter[tuple[str, DeadLetterReason]] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)
    latest_us: int = 0

    def __len__(self) -> int:
        return len(self.devices)

    def between(self, from_us: int, to_us: int) -> Iterator[tuple[Identity, Content]]:
        """Readings that must be stored with a time in [from_us, to_us)."""
        rows = np.flatnonzero((self.stated_at_us >= from_us) & (self.stated_at_us < to_us))
        columns = [
            [None if value != value else value for value in self.content[name][rows].tolist()]
            if name in self.content
            else [None] * len(rows)
            for name in self.quantities
        ]
        identities = zip(
            [self.datastreams[device] for device in self.devices[rows].tolist()], self.stated_at_us[rows].tolist(), strict=True
        )
        return zip(identities, zip(*columns, strict=True), strict=True)


def expected_of(folder: Path, kind: str, quantities: tuple[str, ...]) -> Expected:
    """Reads the truth of one kind below `folder`."""
    made = list(read_truth(folder, kind))
    sent = list(read_sent(folder, kind))
    with (folder / kind / "devices.csv").open(encoding="utf-8", newline="") as file:
        devices = list(csv.DictReader(file))
    device, observed = (np.concatenate([getattr(day, name) for day in sent]) for name in ("devices", "observed_at_us"))
    fate, reason = np.concatenate([day.fate for day in sent]), np.concatenate([day.reason for day in sent])
    stored = fate == Fate.STORED
    rows = _rows_of(device[stored], observed[stored], made)
    names = list(made[0].content)
    found = Expected(
        kind=kind,
        quantities=quantities,
        datastreams=[item["datastream_id"] for item in devices],
        devices=device[stored],
        stated_at_us=np.concatenate([day.stated_at_us for day in sent])[stored],
        content={name: np.concatenate([day.content[name] for day in made])[rows] for name in names},
        duplicates=int((fate == Fate.DUPLICATE).sum()),
        latest_us=int((np.concatenate([day.send_at_us for day in sent]) - observed).max()),
    )
    refused = fate == Fate.DEAD_LETTER
    for number, why in zip(device[refused].tolist(), reason[refused].tolist(), strict=True):
        found.dead_letters[devices[number]["mqtt_topic"], REASONS[why]] += 1
    found.gaps = _gaps(
        found.datastreams,
        *(np.concatenate([getattr(day, name) for day in made]) for name in ("devices", "observed_at_us", "send_at_us", "fault")),
    )
    return found


def _rows_of(device: Ints, observed: Ints, made: Sequence[TruthOfDay]) -> Ints:
    """Where in the made readings, all days in a row, each of these stands."""
    made_device = np.concatenate([day.devices for day in made])
    made_observed = np.concatenate([day.observed_at_us for day in made])
    first = made_observed.min()
    span = int(made_observed.max() - first) + 1
    key = made_device * span + (made_observed - first)
    order = np.argsort(key)
    rows: Ints = order[np.searchsorted(key[order], device * span + (observed - first))]
    return rows


def _gaps(datastreams: list[str], device: Ints, observed: Ints, send_at: Ints, fault: Ints) -> list[Gap]:
    order = np.lexsort((observed, device))
    device, observed, unsent = device[order], observed[order], send_at[order] == NEVER_US
    dead = fault[order] & BatteryDeath.bit > 0
    begins: Bools = unsent.copy()
    begins[1:] &= ~(unsent[:-1] & (device[1:] == device[:-1]))
    starts = np.flatnonzero(begins)
    ends = np.flatnonzero(unsent & ~np.append(unsent[1:] & (device[1:] == device[:-1]), False))
    return [
        Gap(
            datastreams[int(device[start])],
            "battery_death" if dead[start : end + 1].any() else "silence",
            int(observed[start]),
            int(observed[end]),
            int(end - start + 1),
        )
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]

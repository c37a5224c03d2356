"""The truth beside what is sent: for every reading its datastream, time, content, fault, and what was really so; for every message what
must become of it.

Two compressed files per kind and UTC day: `truth/<kind>/<day>.npz` with one row per reading that a sensor made, silent and garbled ones
included, and `truth/<kind>/sent/<day>.npz` with one row per message that was sent that day (joins carry no reading and are not in it);
`truth/<kind>/devices.csv` says which device a row's number means. Written by the simulated city's stream, read by tests and by
whoever scores the pipeline (`simulators.expected`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulators.batch import Batch, Device, Floats, Ints, joined
from simulators.fates import Judged
from simulators.sensor_simulator import utc
from simulators.waste import TrueEmptying

DAY_S = 86_400
SENT_FOLDER = "sent"
_EMPTYING_COLUMNS = ("container_id", "emptied_at_us", "fill_before", "fill_after")


@dataclass(frozen=True, slots=True)
class TruthOfDay:
    """One file: arrays of equal length. `content` holds each quantity as it was sent (NaN: not reported by this device),
    `send_at_us` is the largest int64 where nothing was sent."""

    devices: Ints
    observed_at_us: Ints
    send_at_us: Ints
    fault: Ints
    truth: Floats
    content: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class SentOfDay:
    """One file of messages in the order in which they were sent: arrays of equal length. `stated_at_us` is the time that the payload
    states, `fate` a `simulators.ledger.Fate`, `reason` a place in `simulators.fates.REASONS` (-1: none). What was sent stands in the
    `TruthOfDay` of the day it was observed, under the same device and `observed_at_us`."""

    devices: Ints
    observed_at_us: Ints
    stated_at_us: Ints
    send_at_us: Ints
    fault: Ints
    fate: Ints
    reason: Ints


class TruthWriter:
    """Collects a day of readings per kind and writes it when the next day begins, or on `flush`. Writing a day again, as after a
    restart, replaces its file by the same content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: dict[str, int] = {}
        self._rows: dict[str, list[Batch]] = {}
        self._sent: dict[str, list[Judged]] = {}

    def write_devices(self, kind: str, devices: Sequence[Device]) -> None:
        path = self._folder / kind / "devices.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("device", "sensor_id", "device_model", "datastream_id", "mqtt_topic"))
            for number, device in enumerate(devices):
                writer.writerow((number, device.sensor_id, device.device_model, device.datastream_id, device.mqtt_topic))

    def add(self, kind: str, hour_s: int, batch: Batch, sent: Judged) -> None:
        """The readings of the hour from `hour_s`, each once, and the messages that are sent in it; hours come in order."""
        day = hour_s // DAY_S
        if self._days.setdefault(kind, day) != day:
            self._write(kind)
            self._days[kind] = day
        self._rows.setdefault(kind, []).append(batch)
        self._sent.setdefault(kind, []).append(sent)

    def flush(self, emptyings: Sequence[TrueEmptying]) -> None:
        """Writes everything collected so far, the unfinished days too, and the emptyings."""
        for kind in self._rows:
            self._write(kind, keep=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "emptyings.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_EMPTYING_COLUMNS)
            writer.writerows((item.container_id, item.emptied_at_us, item.fill_before, item.fill_after) for item in emptyings)

    def _write(self, kind: str, keep: bool = False) -> None:
        rows, sent = self._rows[kind], self._sent[kind]
        if rows:
            day = f"{utc(self._days[kind] * DAY_S):%Y-%m-%d}.npz"
            batch = joined(rows)
            _write_arrays(
                self._folder / kind / day, batch.values,
                {"device": batch.device, "observed_at_us": batch.observed_at_us, "send_at_us": batch.send_at_us, "fault": batch.fault,
                 "truth": batch.truth},
            )  # fmt: skip
            messages = joined([judged.batch for judged in sent])
            # Small numbers instead of two more times: a city sends millions.
            _write_arrays(
                self._folder / kind / SENT_FOLDER / day, {},
                {"device": messages.device.astype(np.int32), "observed_at_us": messages.observed_at_us,
                 "stated_after_us": messages.stated_at_us - messages.observed_at_us,
                 "sent_after_us": messages.send_at_us - messages.observed_at_us, "fault": messages.fault.astype(np.int32),
                 "fate": np.concatenate([judged.fate for judged in sent]).astype(np.int8),
                 "reason": np.concatenate([judged.reason for judged in sent]).astype(np.int8)},
            )  # fmt: skip
        if not keep:
            self._rows[kind], self._sent[kind] = [], []


def _write_arrays(path: Path, content: Mapping[str, Floats], columns: Mapping[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {f"content_{name}": column for name, column in content.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns, **named)


def read_truth(folder: Path, kind: str) -> Iterator[TruthOfDay]:
    """The written days of one kind, in order."""
    for path in sorted((folder / kind).glob("*.npz")):
        with np.load(path) as stored:
            yield TruthOfDay(
                stored["device"],
                stored["observed_at_us"],
                stored["send_at_us"],
                stored["fault"],
                stored["truth"],
                _content(stored),
            )


def read_sent(folder: Path, kind: str) -> Iterator[SentOfDay]:
    """The written days of messages of one kind, in order."""
    for path in sorted((folder / kind / SENT_FOLDER).glob("*.npz")):
        with np.load(path) as stored:
            observed_at_us = stored["observed_at_us"]
            yield SentOfDay(
                stored["device"].astype(np.int64),
                observed_at_us,
                observed_at_us + stored["stated_after_us"],
                observed_at_us + stored["sent_after_us"],
                stored["fault"].astype(np.int64),
                stored["fate"].astype(np.int64),
                stored["reason"].astype(np.int64),
            )


def _content(stored: Mapping[str, Floats]) -> dict[str, Floats]:
    return {name.removeprefix("content_"): stored[name] for name in stored if name.startswith("content_")}


def read_devices(folder: Path, kind: str) -> list[str]:
    """Datastream ids by the number that the truth's rows use."""
    with (folder / kind / "devices.csv").open(encoding="utf-8", newline="") as file:
        return [row["datastream_id"] for row in csv.DictReader(file)]

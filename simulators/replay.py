"""Sends recorded readings of others through the real line, as own JSON, one MQTT topic per sensor.

Called by `stadspuls replay` and tests. The file is read twice: once to know its things, its span and what must become of every row
(the ledger), once to send. The same file and options give the same messages, so a second replay stores nothing more.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from models.domain.failures import UserError
from models.sensor_kinds.kind import SensorKind
from simulators.broadcast import Sink
from simulators.column_mapping import Condition, QuantityColumn, parse_condition, parse_quantity
from simulators.lane import quantity_limits
from simulators.local_times import LocalTimes
from simulators.windows import Window, Windows

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far ahead of its reception a reading may be; later ones the line refuses."""


@dataclass(frozen=True)
class ReplaySettings:
    """What a row means. Exactly one of `thing_column` and `thing` says whose reading it is; `maps` and `conditions` are as typed.

    `latitude` and `longitude` are column names or numbers.
    """

    file: Path
    kind: SensorKind
    maps: tuple[str, ...]
    datastream: str
    time_column: str = "timestamp"
    time_format: str = ""
    zone: ZoneInfo | None = None
    thing_column: str = ""
    thing: str = ""
    prefix: str = ""
    name_column: str = ""
    latitude: str = "latitude"
    longitude: str = "longitude"
    district: str = ""
    thing_fields: Mapping[str, Any] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    window_s: int = 0
    """Above 0, rows are samples, and what is sent are windows of so many seconds."""


@dataclass(frozen=True, slots=True)
class RecordedReading:
    """A row that is sent: its line in the file, whose it is, when, and the quantities it has."""

    line: int
    thing_id: str
    observed_at: datetime
    values: Mapping[str, float | int | bool]
    row: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A row that cannot be sent, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class RecordedThing:
    """A thing of the file, placed where its first row says."""

    thing_id: str
    name: str
    latitude: float
    longitude: float


@dataclass
class ReplayScan:
    """Everything about a file that is known before sending it. `rows` = sent + `left_out` + `bad_lines`; where rows are samples,
    those of one window count as one row, and `samples` says how many they were.

    Of what is sent, `readings_expected` must be stored, `duplicates_sent` are repeated rows, and `expected_dead_letters` counts by
    reason what the line has to refuse: another value at the same identity, a value out of range, a time in the future.
    """

    rows: int = 0
    sent: int = 0
    left_out: int = 0
    samples: int = 0
    readings_expected: int = 0
    duplicates_sent: int = 0
    doubtful_times: int = 0
    expected_dead_letters: Counter[str] = field(default_factory=Counter)
    bad_lines: list[BadLine] = field(default_factory=list)
    things: dict[str, RecordedThing] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "samples": self.samples,
            "messages_sent": self.sent,
            "readings_expected": self.readings_expected,
            "duplicates_sent": self.duplicates_sent,
            "expected_dead_letters": dict(self.expected_dead_letters),
            "left_out": self.left_out,
            "bad_lines": len(self.bad_lines),
            "doubtful_times": self.doubtful_times,
            "things": len(self.things),
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
        }


class Recording:
    """One file with what its columns mean. Raises `UserError` at once for columns that the file does not have."""

    def __init__(self, settings: ReplaySettings) -> None:
        self.settings = settings
        self.samples = 0
        columns = self._columns()
        self._quantities: list[QuantityColumn] = [parse_quantity(text, settings.kind, columns) for text in settings.maps]
        if not self._quantities:
            raise UserError("say with --map what the columns are, for example --map reported_fill_ratio=level/10")
        self._conditions: list[Condition] = [parse_condition(text, columns) for text in settings.conditions]
        if bool(settings.thing_column) == bool(settings.thing):
            raise UserError("give --thing-column if a column says whose reading a row is, or --thing if all are of one thing")
        for option, column in (
            ("--time-column", settings.time_column),
            ("--thing-column", settings.thing_column),
            ("--name-column", settings.name_column),
        ):
            if column and column not in columns:
                raise UserError(f"{option}: {settings.file} has no column {column!r}; it has {', '.join(columns)}")

    def rows(self) -> Iterator[RecordedReading | BadLine | None]:
        """Each row, or window of rows, in the file's order: a reading, why it is none, or None where --where leaves it out."""
        self.samples = 0
        return self._windows() if self.settings.window_s else self._file_rows()

    def _windows(self) -> Iterator[RecordedReading | BadLine | None]:
        windows = Windows(self.settings.window_s, [item.quantity for item in self._quantities])
        first: dict[str, RecordedReading] = {}
        for item in self._file_rows():
            if not isinstance(item, RecordedReading):
                yield item
                continue
            try:
                closed = windows.add(item.thing_id, item.observed_at, item.values)
            except ValueError as error:
                yield BadLine(item.line, str(error))
                continue
            if closed is not None:
                yield _of_window(first.pop(item.thing_id), closed)
            first.setdefault(item.thing_id, item)
        for closed in windows.rest():
            yield _of_window(first[closed.thing_id], closed)
        self.samples = windows.samples

    def _file_rows(self) -> Iterator[RecordedReading | BadLine | None]:
        times = LocalTimes(self.settings.zone, self.settings.time_format)
        with self.settings.file.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                line = reader.line_num
                if None in row or None in row.values():
                    yield BadLine(line, "the row has not as many cells as the header")
                elif not all(condition.holds(row) for condition in self._conditions):
                    yield None
                else:
                    try:
                        yield self._reading(line, row, times)
                    except ValueError as error:
                        yield BadLine(line, str(error))
                    except UserError as error:
                        raise UserError(f"{self.settings.file}:{line}: {error}") from None
        self.doubtful_times = times.doubtful

    def scan(self, now: datetime) -> ReplayScan:
        """Reads the file once; `now` is when it is about to be sent."""
        scan = ReplayScan()
        seen: dict[tuple[str, datetime], tuple[object, ...]] = {}
        limits = quantity_limits(self.settings.kind.name)
        for item in self.rows():
            scan.rows += 1
            if item is None:
                scan.left_out += 1
            elif isinstance(item, RecordedReading):
                self._place(item, scan)
                _judge(item, limits, now, seen, scan)
            if isinstance(item, BadLine):
                scan.bad_lines.append(item)
        scan.doubtful_times = self.doubtful_times
        scan.samples = self.samples
        return scan

    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of every reading, in the file's order."""
        kind = self.settings.kind.name
        for item in self.rows():
            if isinstance(item, RecordedReading):
                observed_at = item.observed_at.isoformat().replace("+00:00", "Z")
                payload = {"v": 1, "kind": kind, "observed_at": observed_at, "seq": item.line, **item.values}
                yield f"stadspuls/v1/{self.sensor_id(item.thing_id)}/readings", json.dumps(payload, separators=(",", ":")).encode()

    def sensor_id(self, thing_id: str) -> str:
        return f"{thing_id}-{self.settings.datastream}"

    def _columns(self) -> list[str]:
        try:
            with self.settings.file.open(encoding="utf-8-sig", newline="") as file:
                return list(csv.DictReader(file).fieldnames or [])
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.settings.file} cannot be read: {error}") from error

    def _reading(self, line: int, row: Mapping[str, str], times: LocalTimes) -> RecordedReading:
        settings = self.settings
        thing_id = settings.prefix + (settings.thing or row[settings.thing_column].strip())
        if not _IDENTIFIER.fullmatch(thing_id):
            raise ValueError(f"{thing_id!r} is no identifier: letters, digits, and . _ : - after the first")
        text = row[settings.time_column].strip()
        if not text:
            raise ValueError(f"{settings.time_column} is empty")
        observed_at = times.read(text, thing_id)
        values = {item.quantity: value for item in self._quantities if (value := item.value(row)) is not None}
        if not any(item.column and item.quantity in values for item in self._quantities):
            raise ValueError("no quantity has a value")
        return RecordedReading(line, thing_id, observed_at, values, row)

    def _place(self, item: RecordedReading, scan: ReplayScan) -> None:
        scan.first = min(scan.first or item.observed_at, item.observed_at)
        scan.last = max(scan.last or item.observed_at, item.observed_at)
        if item.thing_id not in scan.things:
            settings = self.settings
            name = item.row[settings.name_column] if settings.name_column else item.thing_id
            place = [
                self._coordinate(text, item, option)
                for text, option in ((settings.latitude, "latitude"), (settings.longitude, "longitude"))
            ]
            scan.things[item.thing_id] = RecordedThing(item.thing_id, name, *place)

    def _coordinate(self, text: str, item: RecordedReading, option: str) -> float:
        try:
            return float(item.row.get(text, text))
        except ValueError:
            raise UserError(
                f"{self.settings.file}:{item.line}: where {item.thing_id} stands is not known: give --{option} as a column or as degrees"
            ) from None


def _of_window(first: RecordedReading, window: Window) -> RecordedReading:
    """A window as a reading; its line is that of its first sample."""
    return RecordedReading(first.line, window.thing_id, window.begins_at, window.values, first.row)


def _judge(
    item: RecordedReading,
    limits: Mapping[str, tuple[float, float]],
    now: datetime,
    seen: dict[tuple[str, datetime], tuple[object, ...]],
    scan: ReplayScan,
) -> None:
    """What the line has to do with a reading that is sent."""
    scan.sent += 1
    if item.observed_at > now + _CLOCK_TOLERANCE:
        scan.expected_dead_letters["clock"] += 1
        return
    if any(not limits[name][0] <= value <= limits[name][1] for name, value in item.values.items()):
        scan.expected_dead_letters["range"] += 1
        return
    content = tuple(sorted(item.values.items()))
    known = seen.setdefault((item.thing_id, item.observed_at), content)
    if known is content:
        scan.readings_expected += 1
    elif known == content:
        scan.duplicates_sent += 1
    else:
        scan.expected_dead_letters["identity"] += 1


async def send_recording(recording: Recording, sink: Sink, on_sent: Callable[[int], None]) -> int:
    """Publishes all messages and returns their number when the sink has them; `on_sent` is told the number now and then."""
    sent = 0
    for topic, payload in recording.messages():
        await sink.publish(topic, payload)
        sent += 1
        if sent % 500 == 0:
            on_sent(sent)
    await sink.drain()
    on_sent(sent)
    return sent

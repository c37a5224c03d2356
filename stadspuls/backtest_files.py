"""The files of a backtest: readings and planned collections in, forecasts out.

What can be put right without doubt is put right and said (order, repeated lines, other time zones); what cannot is refused with
the line and what to do.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models.domain.failures import UserError
from models.fill_forecast.history import DAY, FloatArray, History, moment
from models.fill_forecast.rows import Rows

READING_COLUMNS = ("container_id", "fraction", "observed_at", "fill_ratio")
PLAN_COLUMNS = ("container_id", "collected_at")
SHORTEST_DAYS = 28.0
"""A container with less than this, or fewer than 28 readings, has no test part worth the name."""
_SLIP = 0.05
"""So far outside 0..1 a level counts as a sensor's slip and is cut; further out it is another unit."""


@dataclass
class Notes:
    """What was put right while reading, for the user to see."""

    lines: list[str] = field(default_factory=list)

    def add(self, count: int, text: str) -> None:
        if count:
            self.lines.append(f"{count:,} {text}")


@dataclass(slots=True)
class _Container:
    fraction: str
    readings: dict[float, tuple[float, int]] = field(default_factory=dict)
    newest: float = -np.inf


def read_readings(path: Path, notes: Notes) -> list[History]:
    """Histories by container id. Raises `UserError` for what cannot be used."""
    containers: dict[str, _Container] = {}
    counts: Counter[str] = Counter()
    for line, row in _lines(path, READING_COLUMNS, counts):
        if not row["fill_ratio"].strip() or row["fill_ratio"].strip().lower() in ("nan", "null", "none"):
            counts["readings without a level were left out"] += 1
            continue
        at, level = _time(path, line, row["observed_at"], counts), _level(path, line, row["fill_ratio"], counts)
        container = containers.setdefault(row["container_id"], _Container(row["fraction"]))
        if container.fraction != row["fraction"]:
            raise UserError(
                f"{path}:{line}: {row['container_id']} has fraction {row['fraction']!r} here and {container.fraction!r} before; "
                "give each container one fraction"
            )
        known = container.readings.get(at)
        if known is None:
            container.readings[at] = (level, line)
            counts["lines were not in order of time and were sorted"] += at < container.newest
            container.newest = max(container.newest, at)
        elif known[0] == level:
            counts["repeated lines were left out"] += 1
        else:
            raise UserError(
                f"{path}:{line}: {row['container_id']} reads {level:g} at {row['observed_at']}, and {known[0]:g} at the same time in "
                f"line {known[1]}; keep one of them"
            )
    _refuse_mixed_zones(path, counts)
    for text, count in counts.items():
        if not text.startswith("_"):
            notes.add(count, text)
    return _histories(path, containers, notes)


def read_plans(path: Path, histories: Sequence[History], notes: Notes) -> list[FloatArray]:
    """Planned collections (seconds, rising) of each history's container; none for a container that the file does not name."""
    found: dict[str, set[float]] = {}
    counts: Counter[str] = Counter()
    known = {history.container_id for history in histories}
    for line, row in _lines(path, PLAN_COLUMNS, counts):
        if row["container_id"] not in known:
            counts["collections are of containers that are not scored and were left out"] += 1
            continue
        times = found.setdefault(row["container_id"], set())
        at = _time(path, line, row["collected_at"], counts)
        counts["repeated collections were left out"] += at in times
        times.add(at)
    _refuse_mixed_zones(path, counts)
    for text, count in counts.items():
        if not text.startswith("_"):
            notes.add(count, text)
    without = sorted(known - set(found))
    if len(without) == len(known):
        raise UserError(f"{path}: no collection is of a container of the readings; are the container ids the same in both files?")
    if without:
        notes.add(len(without), f"containers have no planned collection, such as {without[0]}")
    return [np.array(sorted(found.get(history.container_id, ())), dtype=np.float64) for history in histories]


def write_forecasts(path: Path, histories: Sequence[History], rows: Rows, forecast: FloatArray, quantiles: Sequence[float]) -> None:
    """`container_id,cutoff,target_at,horizon_days` and one column per quantile, in order of container, cutoff and horizon."""
    times = {
        seconds: f"{moment(seconds):%Y-%m-%dT%H:%M:%SZ}"
        for seconds in np.unique(np.concatenate([rows.cutoff, rows.target_at])).tolist()
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["container_id", "cutoff", "target_at", "horizon_days", *(f"q{quantile:g}" for quantile in quantiles)])
        for index, cutoff, target, horizon, levels in zip(
            rows.container.tolist(),
            rows.cutoff.tolist(),
            rows.target_at.tolist(),
            rows.horizon_days.tolist(),
            forecast.tolist(),
            strict=True,
        ):
            writer.writerow(
                [histories[index].container_id, times[cutoff], times[target], horizon, *(f"{level:.5f}" for level in levels)]
            )


def _histories(path: Path, containers: dict[str, _Container], notes: Notes) -> list[History]:
    kept: list[History] = []
    short: list[str] = []
    for container_id in sorted(containers):
        container = containers[container_id]
        times = np.array(sorted(container.readings), dtype=np.float64)
        levels = np.array([container.readings[at][0] for at in times.tolist()], dtype=np.float64)
        if len(times) < SHORTEST_DAYS or times[-1] - times[0] < SHORTEST_DAYS * DAY:
            short.append(container_id)
        else:
            kept.append(History(container_id, container.fraction, times, levels))
    if not containers:
        raise UserError(f"{path} holds no readings")
    if not kept:
        raise UserError(
            f"{path}: no container has {SHORTEST_DAYS:.0f} days with {SHORTEST_DAYS:.0f} readings; the longest has "
            f"{max(len(container.readings) for container in containers.values())} readings. A backtest needs a history to learn from"
        )
    if short:
        notes.add(len(short), f"containers have too few readings or days to be scored and were left out, such as {short[0]}")
    return kept


def _lines(path: Path, columns: tuple[str, ...], counts: Counter[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file with these columns, others ignored."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            missing = [name for name in columns if name not in names]
            if missing:
                hint = "; it is separated by semicolons, and must be by commas" if len(names) == 1 and ";" in names[0] else ""
                raise UserError(
                    f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; its first line must name "
                    f"{','.join(columns)} and names {','.join(names) or 'nothing'}{hint}"
                )
            for row in reader:
                if any(row[name] is None for name in columns):
                    raise UserError(f"{path}:{reader.line_num}: the line has fewer fields than the first line names")
                yield reader.line_num, row
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder, not a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8: {error}") from error


def _time(path: Path, line: int, text: str, counts: Counter[str]) -> float:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UserError(f"{path}:{line}: {text!r} is no time; write it like 2026-03-02T04:00:00Z") from error
    if at.tzinfo is None:
        counts["_without_zone"] += 1
        return at.replace(tzinfo=UTC).timestamp()
    counts["_with_zone"] += 1
    if at.utcoffset():
        counts["times were given in another zone than UTC and were converted"] += 1
    return at.timestamp()


def _refuse_mixed_zones(path: Path, counts: Counter[str]) -> None:
    """All times with a zone, or all without one (then they are UTC): in a mixture nobody knows what the latter are."""
    if counts["_without_zone"] and counts["_with_zone"]:
        raise UserError(
            f"{path}: {counts['_with_zone']:,} times have a zone and {counts['_without_zone']:,} have none; give all of them one, "
            "like 2026-03-02T04:00:00Z"
        )


def _level(path: Path, line: int, text: str, counts: Counter[str]) -> float:
    try:
        level = float(text)
    except ValueError as error:
        raise UserError(f"{path}:{line}: fill_ratio {text!r} is no number") from error
    if not -_SLIP <= level <= 1 + _SLIP:
        raise UserError(
            f"{path}:{line}: fill_ratio {text} is not between 0 and 1; levels are ratios, so divide per cent by 100 (0.45, not 45)"
        )
    if level < 0 or level > 1:
        counts["levels lay a little outside 0 to 1 and were cut"] += 1
    return min(1.0, max(0.0, level))

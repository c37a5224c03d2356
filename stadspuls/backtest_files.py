"""The files of a backtest: readings and planned collections in, forecasts out.

What can be put right without doubt is put right and said (order, repeated lines, other time zones); what cannot is refused with
the line and what to do.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from math import isfinite
from pathlib import Path

import numpy as np

from models.domain.failures import UserError
from models.fill_forecast.history import DAY, FloatArray, History, moment
from models.fill_forecast.rows import Rows
from stadspuls.csv_lines import counted, csv_lines, cut

READING_COLUMNS = ("container_id", "fraction", "observed_at", "fill_ratio")
PLAN_COLUMNS = ("container_id", "collected_at")
SHORTEST_DAYS = 28.0
"""A container with less than this, or fewer than 28 readings, has no test part worth the name."""
_SLIP = 0.05
"""So far outside 0..1 a level counts as a sensor's slip and is cut; further out it is another unit."""
_NO_LEVEL = frozenset({"", "na", "nan", "null", "none"})
"""What programs write where nothing was read, in small letters."""
_YEARS = range(1970, 2101)
_NAMED = 3
"""So many containers a note names; of more it gives the number."""
_PUT_RIGHT = {
    "blanks": (
        "container id or fraction had blanks around it, which were left out",
        "container ids or fractions had blanks around them, which were left out",
    ),
    "no level": ("reading without a level was left out", "readings without a level were left out"),
    "order": ("line was not in order of time and was sorted", "lines were not in order of time and were sorted"),
    "repeated": ("repeated line was left out", "repeated lines were left out"),
    "stranger": (
        "collection is of a container that is not scored and was left out",
        "collections are of containers that are not scored and were left out",
    ),
    "day alone": (
        "collection is given by its day alone and was taken for noon (UTC)",
        "collections are given by their day alone and were taken for noon (UTC)",
    ),
    "repeated collection": ("repeated collection was left out", "repeated collections were left out"),
    "other zone": (
        "time was given in another zone than UTC and was converted",
        "times were given in another zone than UTC and were converted",
    ),
    "slip": ("level lay a little outside 0 to 1 and was cut", "levels lay a little outside 0 to 1 and were cut"),
}
"""What is said of one and of several."""


@dataclass
class Notes:
    """What was put right while reading, for the user to see. `zones` tells of each file that was read whether its times have a zone."""

    lines: list[str] = field(default_factory=list)
    zones: dict[Path, bool] = field(default_factory=dict)

    def add(self, count: int, several: str, one: str | None = None) -> None:
        """Says how many there were, if any; `one` is the text for a single one."""
        if count:
            self.lines.append(f"{count:,} {one if one and count == 1 else several}")


@dataclass(slots=True)
class _Container:
    fraction: str
    readings: dict[float, tuple[float, int]] = field(default_factory=dict)
    newest: float = -np.inf


def read_readings(path: Path, notes: Notes) -> list[History]:
    """Histories by container id. Raises `UserError` for what cannot be used."""
    containers: dict[str, _Container] = {}
    counts: Counter[str] = Counter()
    for line, row in csv_lines(path, READING_COLUMNS):
        container_id, fraction = _name(path, line, row, "container_id", counts), _name(path, line, row, "fraction", counts)
        if row["fill_ratio"].strip().lower() in _NO_LEVEL:
            counts["no level"] += 1
            continue
        at, level = _time(path, line, row["observed_at"], counts), _level(path, line, row["fill_ratio"], counts)
        container = containers.setdefault(container_id, _Container(fraction))
        if container.fraction != fraction:
            raise UserError(
                f"{path}:{line}: {container_id} has fraction {cut(fraction)} here and {cut(container.fraction)} before; "
                "give each container one fraction"
            )
        known = container.readings.get(at)
        if known is None:
            container.readings[at] = (level, line)
            counts["order"] += at < container.newest
            container.newest = max(container.newest, at)
        elif known[0] == level:
            counts["repeated"] += 1
        else:
            raise UserError(
                f"{path}:{line}: {container_id} reads {level:g} at {row['observed_at']}, and {known[0]:g} at the same time in "
                f"line {known[1]}; keep one of them"
            )
    _tell(path, counts, notes)
    return _histories(path, containers, notes)


def read_plans(path: Path, histories: Sequence[History], notes: Notes) -> list[FloatArray]:
    """Planned collections (seconds, rising) of each history's container; none for a container that the file does not name.
    Raises `UserError` for what cannot be used."""
    found: dict[str, set[float]] = {}
    counts: Counter[str] = Counter()
    known = {history.container_id for history in histories}
    for line, row in csv_lines(path, PLAN_COLUMNS):
        container_id = _name(path, line, row, "container_id", counts)
        if container_id not in known:
            counts["stranger"] += 1
            continue
        times = found.setdefault(container_id, set())
        at = _collected(path, line, row["collected_at"], counts)
        counts["repeated collection"] += at in times
        times.add(at)
    if not found and not counts["stranger"]:
        raise UserError(f"{path} is empty: it holds no planned collections; fill it, or leave --planned-collections out")
    if not found:
        raise UserError(f"{path}: no collection is of a container of the readings; are the container ids the same in both files?")
    _tell(path, counts, notes)
    _tell_of_gaps(found, histories, notes)
    return [np.array(sorted(found.get(history.container_id, ())), dtype=np.float64) for history in histories]


def refuse_unwritable(outputs: Sequence[tuple[str, Path]], inputs: Sequence[Path]) -> None:
    """Finds out before the work whether each output, given as (option, path), can be written after it. Raises `UserError` for a
    folder, a place where nothing can be written, and a file that is an input."""
    for option, path in outputs:
        try:
            _refuse_other_place(option, path, inputs)
            _try_to_write(path.resolve())
        except OSError as error:
            raise UserError(f"{option}: {path} cannot be written ({error.strerror}); give another place or name") from error


def _refuse_other_place(option: str, path: Path, inputs: Sequence[Path]) -> None:
    if path.is_dir():
        raise UserError(f"{option}: {path} is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise UserError(f"{option}: there is no folder {path.parent} for {path.name}; make it first")
    if any(path.exists() and given.exists() and path.samefile(given) for given in inputs):
        raise UserError(f"{option}: {path} is read, too, and would be written over; give another name")


def quantile_column(quantile: float) -> str:
    """Its name in the file of forecasts."""
    return f"q{quantile:g}"


def some_of(names: Sequence[str]) -> str:
    """The first few, and how many there are beyond them."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def write_forecasts(path: Path, histories: Sequence[History], rows: Rows, forecast: FloatArray, quantiles: Sequence[float]) -> None:
    """`container_id,cutoff,target_at,horizon_days` and one column per quantile, in order of container, cutoff and horizon."""
    times = {
        seconds: f"{moment(seconds):%Y-%m-%dT%H:%M:%SZ}"
        for seconds in np.unique(np.concatenate([rows.cutoff, rows.target_at])).tolist()
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["container_id", "cutoff", "target_at", "horizon_days", *map(quantile_column, quantiles)])
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
        longest = max(len(container.readings) for container in containers.values())
        raise UserError(
            f"{path}: no container has {SHORTEST_DAYS:.0f} days with {SHORTEST_DAYS:.0f} readings; the longest has "
            f"{counted(longest, 'reading')}. A backtest needs a history to learn from"
        )
    notes.add(
        len(short),
        f"containers have too few readings or days to be scored and were left out: {some_of(short)}",
        f"container has too few readings or days to be scored and was left out: {some_of(short)}",
    )
    return kept


def _tell(path: Path, counts: Counter[str], notes: Notes) -> None:
    """Notes what was put right. Raises `UserError` where some times have a zone and some have none."""
    _refuse_mixed_zones(path, counts)
    for text, (one, several) in _PUT_RIGHT.items():
        notes.add(counts[text], several, one)
    if counts["with zone"] or counts["without zone"]:
        zoned = notes.zones[path] = counts["with zone"] > 0
        for other in [other for other, also in notes.zones.items() if also != zoned]:
            with_zone, without = (path, other) if zoned else (other, path)
            notes.lines.append(f"the times in {with_zone} have a zone, those in {without} have none and were taken for UTC")


def _tell_of_gaps(found: dict[str, set[float]], histories: Sequence[History], notes: Notes) -> None:
    """Notes what a plan does not reach: containers, or the whole time of the readings."""
    without = sorted({history.container_id for history in histories} - set(found))
    notes.add(
        len(without),
        f"containers have no planned collection: {some_of(without)}",
        f"container has no planned collection: {some_of(without)}",
    )
    first = min(float(history.times[0]) for history in histories)
    last = max(float(history.times[-1]) for history in histories)
    if not any(first <= at <= last for times in found.values() for at in times):
        notes.lines.append(
            f"no planned collection lies between the first reading ({moment(first).date()}) and the last ({moment(last).date()}), so "
            "the plan says nothing of what is scored; is it of another year?"
        )


def _name(path: Path, line: int, row: dict[str, str], column: str, counts: Counter[str]) -> str:
    """A container id or fraction, without blanks around it."""
    name = row[column].strip()
    if not name:
        raise UserError(f"{path}:{line}: {column} is empty; fill it, or remove the line")
    counts["blanks"] += name != row[column]
    return name


def _collected(path: Path, line: int, text: str, counts: Counter[str]) -> float:
    """A collection of which the day alone is known counts as one at noon: trucks do not come at midnight."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return _time(path, line, text, counts)
    counts["day alone"] += 1
    return datetime.combine(day, time(12), UTC).timestamp()


def _time(path: Path, line: int, text: str, counts: Counter[str]) -> float:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UserError(f"{path}:{line}: {cut(text)} is no time; write it like 2026-03-02T04:00:00Z") from error
    if at.year not in _YEARS:
        raise UserError(
            f"{path}:{line}: {cut(text)} lies in the year {at.year}, when no sensor reads a container; put it right, or remove the line"
        )
    if at.tzinfo is None:
        counts["without zone"] += 1
        return at.replace(tzinfo=UTC).timestamp()
    counts["with zone"] += 1
    counts["other zone"] += bool(at.utcoffset())
    return at.timestamp()


def _refuse_mixed_zones(path: Path, counts: Counter[str]) -> None:
    """All times with a zone, or all without one (then they are UTC): in a mixture nobody knows what the latter are."""
    if counts["without zone"] and counts["with zone"]:
        raise UserError(
            f"{path} holds {counted(counts['with zone'], 'time')} with a zone and {counts['without zone']:,} without one; give all of "
            "them one, like 2026-03-02T04:00:00Z"
        )


def _level(path: Path, line: int, text: str, counts: Counter[str]) -> float:
    """A level cut to 0..1."""
    level = _number(text)
    if level is None:
        raise UserError(f"{path}:{line}: fill_ratio {cut(text)} is no number; write it like 0.45, with a decimal point")
    if not isfinite(level):
        raise UserError(f"{path}:{line}: fill_ratio {cut(text)} is no level; leave the field empty where nothing was read")
    if not -_SLIP <= level <= 1 + _SLIP:
        raise UserError(
            f"{path}:{line}: fill_ratio {cut(text)} is not between 0 and 1; levels are ratios, so divide per cent by 100 (0.45, not 45)"
        )
    counts["slip"] += level < 0 or level > 1
    return min(1.0, max(0.0, level))


def _number(text: str) -> float | None:
    """None for what is none, and for 0_1, which is one in Python alone."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _try_to_write(path: Path) -> None:
    """Leaves no trace: what was there stays as it is, and a new file is taken away again. Raises `OSError`."""
    new = not path.exists()
    if not new and not path.is_file():
        return  # a device or a pipe cannot be tried
    path.open("ab").close()
    if new:
        path.unlink()

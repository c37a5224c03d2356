"""Registry items from CSV: sensors with their assignments, geometries, trucks and the fixed schedule. A file is recognised by its
header; comma or semicolon separate. Pure: takes text, gives items and mistakes with their lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydantic import ValidationError

from models.domain.number_words import clock
from models.domain.registry import Assignment, ContainerGeometry, DomainType, FixedCollection, Sensor, Truck
from storage.registry_content import Mistake, Place
from storage.registry_sentences import sentences
from storage.registry_times import clock_seconds

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

SENSOR_COLUMNS = (
    "sensor_id", "device_model", "kind", "thing_id", "datastream", "channel", "valid_from", "valid_to", "accepts_history_from",
)  # fmt: skip
GEOMETRY_COLUMNS = ("thing_id", "valid_from", "valid_to", "empty_distance_mm", "full_distance_mm")
TRUCK_COLUMNS = (
    "truck_id", "depot_id", "fractions", "capacity_l", "max_load_kg", "shift_start", "shift_end", "cost_per_km", "cost_per_h",
    "cost_per_day", "width_mm", "gross_weight_kg", "break_earliest", "break_latest", "break_duration_min", "break_required_from_h",
    "max_shift_h", "max_load_l_per_shift", "max_stops_per_shift", "disposal_sites",
)  # fmt: skip
SCHEDULE_COLUMNS = ("container_id", "truck_id", "weekdays", "every_weeks", "week_offset", "tour_position")

TRUCK_CLOCKS = {
    "shift_start": "shift_start_s", "shift_end": "shift_end_s", "break_earliest": "break_earliest_s", "break_latest": "break_latest_s",
}  # fmt: skip
"""Columns with a time of day, and their fields."""
TRUCK_SPANS = {
    "break_duration_min": ("break_duration_s", 60), "break_required_from_h": ("break_required_from_s", 3600),
    "max_shift_h": ("max_shift_s", 3600),
}  # fmt: skip
"""Columns with a span of time, their fields, and the seconds of their unit."""
TRUCK_LISTS = ("fractions", "disposal_sites")

_DATASTREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

Item = tuple[Place, DomainType]
Row = Mapping[str, str]


class _WrongLineError(Exception):
    """What is wrong with a line, as a sentence."""


def parse_csv(text: str, file: str) -> tuple[list[Item], list[Mistake]]:
    """Items and mistakes of one file."""
    text = text.removeprefix("\ufeff")
    header = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if header.count(";") > header.count(",") else ",", strict=True)
    items: list[Item] = []
    mistakes: list[Mistake] = []
    try:
        columns = tuple(name.strip() for name in next(reader, []))
        found = next((sort for sort in _SORTS if _matches(columns, sort[0], sort[1])), None)
        if found is None:
            return [], [Mistake(Place(file, 1), _unknown_header(columns))]
        for cells in reader:
            place = Place(file, reader.line_num)
            if not any(cell.strip() for cell in cells):
                continue
            try:
                if len(cells) != len(columns):
                    raise _WrongLineError(f"{len(cells)} fields where the header has {len(columns)}")
                row = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
                items += [(place, item) for item in found[2](row)]
            except ValidationError as error:
                mistakes.append(Mistake(place, sentences(error, _NAMED)))
            except _WrongLineError as error:
                mistakes.append(Mistake(place, str(error)))
    except csv.Error as error:
        mistakes.append(Mistake(Place(file, reader.line_num), f"not CSV: {error}"))
    return items, mistakes


_NAMED = {
    "datastream_id": "datastream",
    **{field: column for column, field in TRUCK_CLOCKS.items()},
    **{field: f"{column} (in seconds)" for column, (field, _) in TRUCK_SPANS.items()},
}


def _matches(columns: tuple[str, ...], known: tuple[str, ...], needed: tuple[str, ...]) -> bool:
    return len(set(columns)) == len(columns) and set(columns) <= set(known) and set(needed) <= set(columns)


def _unknown_header(columns: tuple[str, ...]) -> str:
    known = "; ".join(",".join(sort[0]) for sort in _SORTS)
    return f"the header {','.join(columns)!r} is none of the registry's: {known}"


def _sensor_line(row: Row) -> list[DomainType]:
    thing_id, datastream = _need(row, "thing_id"), _need(row, "datastream")
    if not _DATASTREAM.fullmatch(datastream):
        raise _WrongLineError(
            f"datastream {datastream!r} must be a short name such as fill: letters, digits, dot, underscore, hyphen"
        )
    valid_from, valid_to = _period(row)
    sensor = Sensor(
        sensor_id=_need(row, "sensor_id"),
        device_model=_need(row, "device_model"),
        kind=_need(row, "kind"),
        accepts_history_from=_moment(row, "accepts_history_from"),
    )
    assignment = Assignment(
        sensor_id=sensor.sensor_id,
        channel=row.get("channel", ""),
        thing_id=thing_id,
        datastream_id=f"{thing_id}/{datastream}",
        valid_from=valid_from,
        valid_to=valid_to,
    )
    return [sensor, assignment]


def _geometry_line(row: Row) -> list[DomainType]:
    valid_from, valid_to = _period(row)
    values = {name: row[name] for name in ("thing_id", "empty_distance_mm", "full_distance_mm") if name in row}
    return [ContainerGeometry.model_validate({**values, "valid_from": valid_from, "valid_to": valid_to})]


def _truck_line(row: Row) -> list[DomainType]:
    _need(row, "fractions")
    values: dict[str, object] = {
        name: text for name, text in row.items() if name not in (*TRUCK_CLOCKS, *TRUCK_SPANS, *TRUCK_LISTS)
    }
    values |= {name: [part.strip() for part in row[name].split("|")] for name in TRUCK_LISTS if name in row}
    values |= {field: _clock(row, column) for column, field in TRUCK_CLOCKS.items() if column in row}
    values |= {field: _span(row, column, unit_s) for column, (field, unit_s) in TRUCK_SPANS.items() if column in row}
    truck = Truck.model_validate(values)
    if truck.shift_end_s <= truck.shift_start_s:
        raise _WrongLineError("shift_end must be after shift_start; for a shift past midnight add 24 hours, as in 26:00")
    _refuse_break_outside_shift(truck)
    return [truck]


def _refuse_break_outside_shift(truck: Truck) -> None:
    earliest, latest, lasts = truck.break_earliest_s, truck.break_latest_s, truck.break_duration_s
    if earliest is None or latest is None or lasts is None:
        return
    if latest < earliest:
        raise _WrongLineError("break_latest must not be before break_earliest: both say when the break may start")
    starts = max(earliest, truck.shift_start_s)
    if starts > latest or starts + lasts > truck.shift_end_s:
        raise _WrongLineError(
            f"the break does not fit into the shift from {clock(truck.shift_start_s)} to {clock(truck.shift_end_s)}: it starts from "
            f"{clock(earliest)} to {clock(latest)} and lasts {lasts // 60} minutes"
        )


def _schedule_line(row: Row) -> list[DomainType]:
    days = [day.strip().lower() for day in _need(row, "weekdays").split("|")]
    unknown = [day for day in days if day not in WEEKDAYS]
    if unknown or len(set(days)) != len(days):
        raise _WrongLineError(f"weekdays {row['weekdays']!r} must be different days of {'|'.join(WEEKDAYS)}")
    values: dict[str, object] = {name: value for name, value in row.items() if name != "weekdays"}
    line = FixedCollection.model_validate({**values, "weekdays": sorted(WEEKDAYS.index(day) for day in days)})
    if line.week_offset >= line.every_weeks:
        raise _WrongLineError(f"week_offset {line.week_offset} must be below every_weeks {line.every_weeks}")
    return [line]


_SORTS: tuple[tuple[tuple[str, ...], tuple[str, ...], Callable[[Row], list[DomainType]]], ...] = (
    (SENSOR_COLUMNS, ("sensor_id", "device_model", "kind", "thing_id", "datastream", "valid_from"), _sensor_line),
    (GEOMETRY_COLUMNS, ("thing_id", "valid_from", "empty_distance_mm", "full_distance_mm"), _geometry_line),
    (TRUCK_COLUMNS, ("truck_id", "depot_id", "fractions", "capacity_l"), _truck_line),
    (SCHEDULE_COLUMNS, ("container_id", "truck_id", "weekdays"), _schedule_line),
)
"""(all columns, those that must be there, the reader of a line)."""


def _need(row: Row, column: str) -> str:
    if column not in row:
        raise _WrongLineError(f"{column} is missing")
    return row[column]


def _period(row: Row) -> tuple[datetime, datetime | None]:
    valid_from, valid_to = _moment(row, "valid_from"), _moment(row, "valid_to")
    if valid_from is None:
        raise _WrongLineError("valid_from is missing")
    if valid_to is not None and valid_to <= valid_from:
        raise _WrongLineError("valid_to must be after valid_from")
    return valid_from, valid_to


def _moment(row: Row, column: str) -> datetime | None:
    if column not in row:
        return None
    try:
        found = datetime.fromisoformat(row[column])
    except ValueError as error:
        raise _WrongLineError(f"{column} {row[column]!r} must be a time such as 2026-03-01T10:00:00Z") from error
    if found.tzinfo is None:
        raise _WrongLineError(f"{column} {row[column]!r} needs a time zone, as in 2026-03-01T10:00:00Z or +01:00")
    return found.astimezone(UTC)


def _clock(row: Row, column: str) -> int:
    found = clock_seconds(row[column])
    if found is None:
        raise _WrongLineError(f"{column} {row[column]!r} must be a time of day such as 07:00")
    return found


def _span(row: Row, column: str, unit_s: int) -> int:
    try:
        return round(float(row[column]) * unit_s)
    except (ValueError, OverflowError) as error:
        raise _WrongLineError(f"{column} {row[column]!r} must be a number such as {45 if unit_s == 60 else 8.5}") from error

"""Reads the waste collection instances of Kim, Kim and Sahoo (2006), `*_stop.txt`, as collection problems.

Five header lines (truck capacity in cubic yards, capacity per day, stops per day, lunch in seconds, miles per hour), a line of
column names, then `id x y early late service load type` in feet, HHMM, seconds and cubic yards; type 0 depot, 1 stop,
2 disposal site. Distance is Manhattan. Conventions of this reader:
* the daily capacity is a hard limit; lunch starts between 11:00 and 12:00 on every route; windows bound the start of service;
* minutes of HHMM above 59 carry over to the hour; a travel time is rounded up to a whole second, never down;
* a cubic yard counts as exactly 765 litres for loads and capacities alike, so no rounding changes what fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from models.domain.failures import UserError
from processors.routing.problem import Problem
from processors.routing.problem_file import problem_from_json

FOOT_M = 0.3048
MILE_M = 1609.344
LITRES_PER_YARD = 765
DEPOT, STOP, DISPOSAL = 0, 1, 2
LUNCH_EARLIEST_S, LUNCH_LATEST_S = 11 * 3600, 12 * 3600
FULLEST_FLEET = 0.98
"""The fleet, when nobody says its size, is the smallest whose daily capacity the loads fill to no more than this."""


@dataclass(frozen=True, slots=True)
class _Row:
    node: str
    x_ft: float
    y_ft: float
    early_s: int
    late_s: int
    service_s: int
    load_yd: float
    kind: int


@dataclass(frozen=True, slots=True)
class _Header:
    capacity_yd: float
    daily_yd: float
    daily_stops: int
    lunch_s: int
    miles_per_hour: float


def read_wcvrptw(path: Path, trucks: int | None = None) -> Problem:
    """The problem of a file, validated. See `wcvrptw_content`."""
    return problem_from_json(wcvrptw_content(path, trucks))


def wcvrptw_content(path: Path, trucks: int | None = None) -> dict[str, Any]:
    """The content of a PROBLEM.json for a file. `trucks` limits the fleet; without it there is the smallest fleet whose daily
    capacity the loads fill to at most `FULLEST_FLEET`.

    Raises `UserError` with file, line and reason.
    """
    header, rows = _parsed(path)
    places: dict[tuple[float, float], int] = {}
    at = [places.setdefault((row.x_ft, row.y_ft), len(places)) for row in rows]
    depots = [(place, row) for place, row in zip(at, rows, strict=True) if row.kind == DEPOT]
    if not depots:
        raise UserError(f"{path}: no row of type {DEPOT}: there is no depot")
    if trucks is None:
        total = sum(row.load_yd for row in rows if row.kind == STOP)
        trucks = ceil(total / header.daily_yd / FULLEST_FLEET)
    return {
        "depots": [{"node": row.node, "place": place, "opens_s": row.early_s, "closes_s": row.late_s} for place, row in depots],
        "disposal_sites": [_disposal_site(place, row) for place, row in zip(at, rows, strict=True) if row.kind == DISPOSAL],
        "trucks": [_truck(f"truck-{number:02d}", header, depots[0][1]) for number in range(1, trucks + 1)],
        "stops": [_stop(place, row) for place, row in zip(at, rows, strict=True) if row.kind == STOP],
        "travel": {
            "metric": "manhattan",
            "source": f"Manhattan distance at {header.miles_per_hour:g} mph",
            "unit_m": FOOT_M,
            "metres_per_s": header.miles_per_hour * MILE_M / 3600,
            "at": [list(place) for place in places],
        },
    }


def _disposal_site(place: int, row: _Row) -> dict[str, Any]:
    hours = {"opens_s": row.early_s, "closes_s": row.late_s}
    return {"node": row.node, "place": place, **hours, "service_duration_s": row.service_s}


def _truck(truck_id: str, header: _Header, home: _Row) -> dict[str, Any]:
    return {
        "truck_id": truck_id,
        "depot": home.node,
        "capacity_l": int(header.capacity_yd * LITRES_PER_YARD),
        "shift_load_l": int(header.daily_yd * LITRES_PER_YARD),
        "shift_stops": header.daily_stops,
        "shift_start_s": home.early_s,
        "shift_end_s": home.late_s,
        "break_rule": {
            "earliest_start_s": LUNCH_EARLIEST_S,
            "latest_start_s": LUNCH_LATEST_S,
            "duration_s": header.lunch_s,
        },
    }


def _stop(place: int, row: _Row) -> dict[str, Any]:
    return {
        "node": row.node,
        "place": place,
        "load_l": ceil(round(row.load_yd * LITRES_PER_YARD, 6)),
        "service_duration_s": row.service_s,
        "windows": [[row.early_s, row.late_s]],
    }


def seconds_of_hhmm(text: str) -> int:
    """HHMM as seconds of the day. Minutes above 59 carry over: 1075 is 11:15."""
    number = int(text)
    return number // 100 * 3600 + number % 100 * 60


def _parsed(path: Path) -> tuple[_Header, list[_Row]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    try:
        first = [float(line.split()[0]) for line in lines[:5]]
        header = _Header(first[0], first[1], int(first[2]), int(first[3]), first[4])
    except (IndexError, ValueError) as error:
        raise UserError(
            f"{path}: the first five lines must begin with capacity, daily capacity, daily stops, lunch seconds and mph"
        ) from error
    rows = [_row(path, number, line) for number, line in enumerate(lines[6:], start=7) if line.strip()]
    return header, rows


def _row(path: Path, number: int, line: str) -> _Row:
    parts = line.split()
    try:
        x, y, early, late, service, load, kind = parts[1:8]
        if int(kind) not in (DEPOT, STOP, DISPOSAL):
            raise ValueError(f"unknown type {kind}")
        opens, closes = seconds_of_hhmm(early), seconds_of_hhmm(late)
        return _Row(parts[0], float(x), float(y), opens, closes, ceil(float(service)), float(load), int(kind))
    except ValueError as error:
        raise UserError(
            f"{path}:{number}: expected id, x, y, early, late, service, load and type, found {line.strip()!r} ({error})"
        ) from error

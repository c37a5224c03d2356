"""The state of a thing as the map shows it: a pure function of its newest reading and the city's time.

"City time" is the newest `observed_at` of the city: a simulated city may lag behind the wall clock, and its sensors are
silent only by its own time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.sensor_kinds import SensorKind

SILENT_AFTER_INTERVALS = 3


class ThingState(StrEnum):
    """What the map colours by."""

    OK = "ok"
    HALF = "half"
    NEARLY_FULL = "nearly_full"
    FULL = "full"
    CLOSED = "closed"
    BUSY = "busy"
    SILENT = "silent"
    NO_DATA = "no_data"


def thing_state(kind: SensorKind | None, reading: Mapping[str, Any] | None, city_time: datetime) -> ThingState:
    """State of one thing; `reading` is the newest of its main datastream as a mapping of columns, or None."""
    if kind is None or reading is None:
        return ThingState.NO_DATA
    age_s = (city_time - reading["observed_at"]).total_seconds()
    if age_s > SILENT_AFTER_INTERVALS * kind.expected_interval_s:
        return ThingState.SILENT
    value = reading.get(kind.main_quantity)
    if value is None:
        return ThingState.NO_DATA
    if kind.main_quantity == "fill_ratio":
        return _fill_state(float(value))
    if kind.main_quantity == "road_closed":
        return ThingState.CLOSED if value else ThingState.OK
    if kind.main_quantity == "flow_per_h":
        return ThingState.BUSY if float(value) > 1200 else ThingState.OK
    return ThingState.OK


def _fill_state(fill_ratio: float) -> ThingState:
    if fill_ratio >= 0.95:
        return ThingState.FULL
    if fill_ratio >= 0.8:
        return ThingState.NEARLY_FULL
    if fill_ratio >= 0.6:
        return ThingState.HALF
    return ThingState.OK

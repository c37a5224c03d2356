"""What the city has: things, the sensors on them, where trucks start and tip, and the fixed collection schedule.

Assignments (sensor → datastream of a thing) and geometry are valid from and to a moment, half open: `valid_from` ≤ t < `valid_to`.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.domain.reading import UtcDatetime

Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
TimeOfDay = Annotated[int, Field(ge=0, le=86_400)]
"""Seconds of the local day on the wall clock: 25,200 is 07:00 on every day, those of the changes to and from summer time too."""
Window = tuple[TimeOfDay, TimeOfDay]
WidthMm = Annotated[int, Field(ge=500, le=10_000)]
WeightKg = Annotated[int, Field(ge=500, le=100_000)]
LONGEST_INTERVAL_DAYS = 365
LATEST_S = 108_000
"""30:00: how far a shift may reach into the next day."""

FIRST_SCHEDULE_MONDAY = date(2024, 1, 1)
"""The Monday from which the weeks of fixed schedules are counted."""
Fraction = Literal["residual", "paper", "glass", "plastic", "organic", "textile"]
FRACTIONS: tuple[Fraction, ...] = get_args(Fraction)


class DomainType(BaseModel):
    """Frozen, closed and finite: what every domain type is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Thing(DomainType):
    """A container, traffic counter, bridge or transformer, at a place (WGS84 degrees). `thing_type` is a sensor kind's.

    `fraction`, `capacity_l` and `service_duration_s` are a container's, and so are: `windows`, between which service may start (None: at
    any time); `max_interval_days`, the legal maximum between two collections; `max_truck_width_mm` and `max_truck_weight_kg`, those of the
    trucks that its street takes. `properties` is what the city adds. `decommissioned_at`: out of service for good since then.
    """

    thing_id: Identifier
    thing_type: str
    name: str
    latitude: Latitude
    longitude: Longitude
    district: str = ""
    fraction: Fraction | None = None
    capacity_l: Annotated[int | None, Field(gt=0, le=100_000)] = None
    service_duration_s: Annotated[int | None, Field(ge=0, le=7200)] = None
    simulated: bool = False
    decommissioned_at: UtcDatetime | None = None
    windows: Annotated[tuple[Window, ...] | None, Field(min_length=1, max_length=12)] = None
    max_interval_days: Annotated[int | None, Field(ge=1, le=LONGEST_INTERVAL_DAYS)] = None
    max_truck_width_mm: WidthMm | None = None
    max_truck_weight_kg: WeightKg | None = None
    properties: dict[str, str | int | float | bool | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _container_is_complete(self) -> Thing:
        if self.thing_type == "container" and (self.fraction is None or self.capacity_l is None):
            raise ValueError("a container needs fraction and capacity_l")
        return self

    @model_validator(mode="after")
    def _windows_follow_each_other(self) -> Thing:
        if any(closes <= opens for opens, closes in self.windows or ()):
            raise ValueError("a window must close after it opens; write one over midnight as two: 22:00-24:00|00:00-02:00")
        if any(later[0] < earlier[1] for earlier, later in pairwise(sorted(self.windows or ()))):
            raise ValueError("windows overlap: join those that do")
        return self


class ContainerGeometry(DomainType):
    """From a level sensor's distance to a fill ratio: the distance to an empty container's floor and to the waste when full."""

    thing_id: Identifier
    valid_from: UtcDatetime
    valid_to: UtcDatetime | None = None
    empty_distance_mm: Annotated[float, Field(gt=0, le=20_000)]
    full_distance_mm: Annotated[float, Field(ge=0, le=20_000)]

    @model_validator(mode="after")
    def _empty_is_farther(self) -> ContainerGeometry:
        if self.empty_distance_mm <= self.full_distance_mm:
            raise ValueError("empty_distance_mm must be larger than full_distance_mm")
        return self

    def fill_ratio(self, distance_mm: float) -> float:
        """0 at the empty distance, 1 at the full one, cut to that range."""
        ratio = (self.empty_distance_mm - distance_mm) / (self.empty_distance_mm - self.full_distance_mm)
        return min(1.0, max(0.0, ratio))


class Sensor(DomainType):
    """A device. `device_model` names its codec (`ingest.codecs`), or is `stadspuls_json` for devices that speak our own payload.

    `accepts_history_from` opens the clock check of this one sensor towards the past, for recorded histories that are
    older than the retention of raw messages.
    """

    sensor_id: Identifier
    device_model: str
    kind: str
    accepts_history_from: UtcDatetime | None = None


class Assignment(DomainType):
    """Which datastream of which thing a sensor's channel feeds, and when. `channel` "" is the sensor's only or default one."""

    sensor_id: Identifier
    channel: str = ""
    thing_id: Identifier
    datastream_id: Annotated[str, Field(min_length=1, max_length=192)]
    valid_from: UtcDatetime
    valid_to: UtcDatetime | None = None


class Depot(DomainType):
    """Where trucks start and end, between opening and closing (seconds of the local day; None: always open)."""

    depot_id: Identifier
    name: str
    latitude: Latitude
    longitude: Longitude
    opens_s: Annotated[int | None, Field(ge=0, le=86_400)] = None
    closes_s: Annotated[int | None, Field(ge=0, le=LATEST_S)] = None


class DisposalSite(DomainType):
    """Where trucks tip, within opening hours (seconds of the local day)."""

    disposal_site_id: Identifier
    name: str
    latitude: Latitude
    longitude: Longitude
    opens_s: Annotated[int, Field(ge=0, le=86_400)] = 0
    closes_s: Annotated[int, Field(ge=0, le=86_400)] = 86_400
    service_duration_s: Annotated[int, Field(ge=0, le=7200)] = 900
    fractions: tuple[Fraction, ...] = FRACTIONS


class Truck(DomainType):
    """A vehicle of the fleet. `capacity_l` is what it holds of uncompacted container volume (compaction included).

    `width_mm` and `gross_weight_kg` (the permissible maximum mass of its registration, F.2) decide which streets take it. The crew's break
    starts between `break_earliest_s` and `break_latest_s` and lasts `break_duration_s`, on every tour, or on those of at least
    `break_required_from_s`. `max_shift_s` is the longest time between leaving the depot and being back, break included; the caps per shift
    count over all its trips. `cost_per_day` is what sending it out costs before it drives; `disposal_sites` are those that it may use (None:
    any that takes what it carries).
    """

    truck_id: Identifier
    depot_id: Identifier
    fractions: tuple[Fraction, ...]
    capacity_l: Annotated[int, Field(gt=0)]
    max_load_kg: Annotated[int | None, Field(gt=0)] = None
    shift_start_s: Annotated[int, Field(ge=0, le=86_400)] = 25_200
    shift_end_s: Annotated[int, Field(ge=0, le=LATEST_S)] = 54_000
    cost_per_km: Annotated[float, Field(ge=0)] = 1.0
    cost_per_h: Annotated[float, Field(ge=0)] = 40.0
    width_mm: WidthMm | None = None
    gross_weight_kg: WeightKg | None = None
    break_earliest_s: Annotated[int | None, Field(ge=0, le=LATEST_S)] = None
    break_latest_s: Annotated[int | None, Field(ge=0, le=LATEST_S)] = None
    break_duration_s: Annotated[int | None, Field(ge=60, le=14_400)] = None
    break_required_from_s: Annotated[int | None, Field(ge=0, le=86_400)] = None
    max_shift_s: Annotated[int | None, Field(ge=600, le=86_400)] = None
    max_load_l_per_shift: Annotated[int | None, Field(gt=0, le=100_000_000)] = None
    max_stops_per_shift: Annotated[int | None, Field(ge=1, le=100_000)] = None
    cost_per_day: Annotated[float | None, Field(ge=0)] = None
    disposal_sites: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _break_is_complete(self) -> Truck:
        told = [value is not None for value in (self.break_earliest_s, self.break_latest_s, self.break_duration_s)]
        if any(told) != all(told) or (self.break_required_from_s is not None and not any(told)):
            raise ValueError("a break needs break_earliest, break_latest and break_duration_min, all three")
        return self


class FixedCollection(DomainType):
    """One line of the city's existing schedule: on which weekdays (0 = Monday) a container is emptied, every how many weeks
    (counted from the ISO week 1 of 2024), by which truck, at which place in the tour."""

    container_id: Identifier
    truck_id: Identifier
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...]
    every_weeks: Annotated[int, Field(ge=1, le=8)] = 1
    week_offset: Annotated[int, Field(ge=0, le=7)] = 0
    tour_position: Annotated[int, Field(ge=0)] = 0

    def is_due(self, day: date) -> bool:
        """Whether the schedule collects this container on a day."""
        week = (day - FIRST_SCHEDULE_MONDAY).days // 7
        return day.weekday() in self.weekdays and week % self.every_weeks == self.week_offset % self.every_weeks


class MapFeature(DomainType):
    """A street, canal, district or other line or area of the base map; streets are the road graph too.

    `coordinates` are GeoJSON's (longitude first), `properties` what the file said, without id and type.
    """

    feature_id: Identifier
    feature_type: str
    geometry_type: Literal["LineString", "Polygon"]
    coordinates: list[Any]
    properties: dict[str, str | int | float | bool | None] = Field(default_factory=dict)


class SensorContext(DomainType):
    """All that a decoder may know about one sensor, as values: the registry at one version.

    `simulated` is true when every thing that the sensor is assigned to is registered as simulated: only then are messages
    accepted that a network server marks as simulated.
    """

    sensor: Sensor
    assignments: tuple[Assignment, ...]
    geometries: tuple[ContainerGeometry, ...] = ()
    registry_version: int
    simulated: bool = False

    def assignment_at(self, moment: UtcDatetime, channel: str = "") -> Assignment | None:
        """The assignment of this channel that is valid at `moment`, or None."""
        for item in self.assignments:
            if item.channel == channel and _valid(item.valid_from, item.valid_to, moment):
                return item
        return None

    def geometry_at(self, moment: UtcDatetime, thing_id: str) -> ContainerGeometry | None:
        """The geometry of this thing that is valid at `moment`, or None."""
        for item in self.geometries:
            if item.thing_id == thing_id and _valid(item.valid_from, item.valid_to, moment):
                return item
        return None


def _valid(valid_from: UtcDatetime, valid_to: UtcDatetime | None, moment: UtcDatetime) -> bool:
    return valid_from <= moment and (valid_to is None or moment < valid_to)

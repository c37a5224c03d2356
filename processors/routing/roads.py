"""Roads behind one signature: metres and seconds between places for a kind of vehicle, with their source named.

`StreetGraph` drives on streets given as lines that share end points (a city's own GeoJSON); `StraightLine` is an estimate, and its
source says so. The planner asks one of them for a matrix before it solves, and for paths to draw afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import cos, radians
from typing import Protocol

import numpy as np
import numpy.typing as npt

from processors.routing.problem import IntMatrix

Place = tuple[float, float]
"""Latitude and longitude in degrees."""

EARTH_RADIUS_M = 6_371_008.8
DETOUR_FACTOR = 1.3
"""Roads are longer than the straight line: the usual estimate for European cities."""


@dataclass(frozen=True, slots=True)
class RoadProfile:
    """How a vehicle drives. `closed_bridges` are avoided; `speed_factor` slows or speeds the streets' own speeds;
    `speed_km_h` is for streets without one and for straight lines."""

    name: str = "truck"
    speed_km_h: float = 30.0
    speed_factor: float = 1.0
    closed_bridges: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, eq=False)
class RoadMatrix:
    """Whole metres and whole seconds (rounded up) from each place to each other one, in the order asked, and where they are from.

    `estimated` is true when no road was looked at.
    """

    metres: IntMatrix
    seconds: IntMatrix
    source: str
    estimated: bool = False


class Roads(Protocol):
    """Asked by the planner. Pure and deterministic; may take seconds; raises `UserError` for places it cannot reach."""

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix: ...

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        """The way as points, both ends included."""
        ...


class StraightLine:
    """The straight line times 1.3 at one speed: an estimate, marked as such."""

    source = f"estimate: straight line × {DETOUR_FACTOR}"

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        metres = great_circle_m(places, places) * DETOUR_FACTOR
        seconds = metres / (profile.speed_km_h * profile.speed_factor / 3.6)
        return RoadMatrix(whole(metres), whole_up(seconds), self.source, estimated=True)

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        return [start, end]


def great_circle_m(starts: Sequence[Place], ends: Sequence[Place]) -> npt.NDArray[np.float64]:
    """Metres from each start to each end over the globe (haversine)."""
    first = np.radians(np.array(starts, dtype=float).reshape(-1, 2))
    second = np.radians(np.array(ends, dtype=float).reshape(-1, 2))
    lat1, lat2 = first[:, np.newaxis, 0], second[np.newaxis, :, 0]
    half_lat = np.sin((lat2 - lat1) / 2) ** 2
    half_lon = np.sin((second[np.newaxis, :, 1] - first[:, np.newaxis, 1]) / 2) ** 2
    chord = np.sqrt(np.clip(half_lat + np.cos(lat1) * np.cos(lat2) * half_lon, 0, 1))
    metres: npt.NDArray[np.float64] = 2 * EARTH_RADIUS_M * np.arcsin(chord)
    return metres


def plane_m(places: Sequence[Place], origin: Place) -> npt.NDArray[np.float64]:
    """Places as east and north metres from an origin: exact enough within a city."""
    at = np.array(places, dtype=float).reshape(-1, 2)
    per_degree = radians(1) * EARTH_RADIUS_M
    east = (at[:, 1] - origin[1]) * per_degree * cos(radians(origin[0]))
    north = (at[:, 0] - origin[0]) * per_degree
    return np.column_stack([east, north])


def whole(values: npt.NDArray[np.float64]) -> IntMatrix:
    """Rounded to the nearest: the one place where metres become whole."""
    return np.rint(values).astype(np.int64)


def whole_up(values: npt.NDArray[np.float64]) -> IntMatrix:
    """Rounded up: a travel time is never made shorter."""
    return np.ceil(np.round(values, 6)).astype(np.int64)

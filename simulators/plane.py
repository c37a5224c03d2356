"""Plane geometry for the made-up city: kilometres east and north of its centre, polylines and polygons as (n, 2) arrays.

Pure functions of numpy arrays, called by the files that build the city. Nothing here knows what a street is.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""Shape (n, 2): x kilometres east, y kilometres north."""

_KM_PER_DEGREE = 111.32


@dataclass(frozen=True, slots=True)
class Plane:
    """An equirectangular plane around one place; good to some metres over a city."""

    latitude: float
    longitude: float

    def to_degrees(self, points: Points) -> Points:
        """(longitude, latitude) rows, rounded to about a centimetre, of plane points."""
        scale = _KM_PER_DEGREE * math.cos(math.radians(self.latitude))
        degrees = np.column_stack((self.longitude + points[:, 0] / scale, self.latitude + points[:, 1] / _KM_PER_DEGREE))
        return np.round(degrees, 7)


def rotated(points: Points, angle: float) -> Points:
    """Points turned about the origin by `angle` radians, counter-clockwise."""
    cosine, sine = math.cos(angle), math.sin(angle)
    turned: Points = points @ np.array([[cosine, sine], [-sine, cosine]])
    return turned


def smooth_curve(control: Points, *, closed: bool, step_km: float = 0.12) -> Points:
    """A Catmull-Rom curve through the control points, about one point per `step_km`."""
    if closed:
        padded = np.vstack((control[-1:], control, control[:2]))
    else:
        padded = np.vstack((2 * control[0] - control[1], control, 2 * control[-1] - control[-2]))
    pieces = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        count = max(2, math.ceil(float(np.hypot(*(end - start))) / step_km))
        t = np.linspace(0, 1, count, endpoint=False)[:, None]
        pieces.append(
            0.5
            * (
                2 * start
                + (end - before) * t
                + (2 * before - 5 * start + 4 * end - after) * t**2
                + (3 * start - before - 3 * end + after) * t**3
            )
        )
    if not closed:
        pieces.append(control[-1:])
    return np.vstack(pieces)


def refined(line: Points, step_km: float) -> Points:
    """The same polyline with extra points, none farther apart than `step_km`."""
    pieces = []
    for start, end in itertools.pairwise(line):
        count = max(1, math.ceil(float(np.hypot(*(end - start))) / step_km))
        pieces.append(start + (end - start) * np.arange(count)[:, None] / count)
    pieces.append(line[-1:])
    return np.vstack(pieces)


def length_km(line: Points) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def point_along(line: Points, share: float) -> tuple[Points, Points]:
    """The point at `share` (0 to 1) of the polyline's length, and the unit direction there; each of shape (2,)."""
    steps = np.diff(line, axis=0)
    lengths = np.hypot(*steps.T)
    ends = np.cumsum(lengths)
    piece = min(int(np.searchsorted(ends, share * ends[-1])), len(steps) - 1)
    along = share * ends[-1] - (ends[piece] - lengths[piece])
    direction = steps[piece] / lengths[piece]
    return line[piece] + direction * along, direction


def inside(polygon: Points, points: Points) -> npt.NDArray[np.bool_]:
    """Which of the points lie inside the closed polygon (even-odd rule)."""
    x, y = points[:, 0][:, None], points[:, 1][:, None]
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    spans = (y0 > y) != (y1 > y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    crosses = spans & (x < (x1 - x0) * (y - y0) / rise + x0)
    odd: npt.NDArray[np.bool_] = crosses.sum(axis=1) % 2 == 1
    return odd


def near_line(line: Points, points: Points, limit_km: float) -> npt.NDArray[np.bool_]:
    """Which of the points lie within `limit_km` of the polyline."""
    start, end = line[:-1], line[1:]
    low, high = points.min(axis=0) - limit_km, points.max(axis=0) + limit_km
    close = ((np.minimum(start, end) <= high) & (np.maximum(start, end) >= low)).all(axis=1)
    if not close.any():
        return np.zeros(len(points), np.bool_)
    start, step = start[close], end[close] - start[close]
    squared = np.maximum((step**2).sum(axis=1), 1e-18)
    offset = points[:, None, :] - start[None]
    share = np.clip((offset * step).sum(axis=2) / squared, 0, 1)
    nearest = offset - share[..., None] * step
    near: npt.NDArray[np.bool_] = ((nearest**2).sum(axis=2) <= limit_km**2).any(axis=1)
    return near


def crossings(a: Points, b: Points) -> list[tuple[int, float, int, float]]:
    """Where the pieces of polyline `a` cross those of `b`: (piece of a, share of it, piece of b, share of it)."""
    start_a, step_a = a[:-1], np.diff(a, axis=0)
    start_b, step_b = b[:-1], np.diff(b, axis=0)
    determinant = step_a[:, None, 0] * step_b[None, :, 1] - step_a[:, None, 1] * step_b[None, :, 0]
    safe = np.where(np.abs(determinant) < 1e-15, np.inf, determinant)
    offset = start_b[None] - start_a[:, None]
    share_a = (offset[..., 0] * step_b[None, :, 1] - offset[..., 1] * step_b[None, :, 0]) / safe
    share_b = (offset[..., 0] * step_a[:, None, 1] - offset[..., 1] * step_a[:, None, 0]) / safe
    met = (share_a >= 0) & (share_a <= 1) & (share_b >= 0) & (share_b <= 1) & np.isfinite(safe)
    return [(int(i), float(share_a[i, j]), int(j), float(share_b[i, j])) for i, j in zip(*np.nonzero(met), strict=True)]

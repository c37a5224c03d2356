"""The lines along which the made-up city's streets run, before they are joined into a graph.

Main roads are given by hand. Each district gets a ring, distributor roads between its neighbourhoods, and in every
neighbourhood a grid of local streets with a direction and a block size of its own. Lines are bent a little and cut where
water or a park lies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import Voronoi

from simulators.city_shape import DISTRICTS, LAND, MAIN_ROADS, PARKS, WATERS, DistrictShape
from simulators.plane import Points, inside, near_line, refined, rotated, smooth_curve

MAIN, DISTRIBUTOR, LOCAL = "main", "distributor", "local"
SPEED_KM_H = {MAIN: 70, DISTRIBUTOR: 50, LOCAL: 30}

_STEP_KM = 0.06
_SHORE_KM = 0.05
_SHORTEST_KM = 0.12

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RoadLine:
    """One road from end to end; `district` is "" for a main road between districts, `neighbourhood` counts within it."""

    name_key: str
    road_class: str
    points: Points
    district: str = ""
    neighbourhood: int = -1


def road_lines(rng: np.random.Generator) -> list[RoadLine]:
    """All lines of the city, main roads first. The same generator state gives the same lines."""
    lines = [
        RoadLine(road.name, MAIN, piece)
        for road in MAIN_ROADS
        for piece in _runs(refined(road.points, _STEP_KM), _on_land(refined(road.points, _STEP_KM), shore_km=0.02, parks=False))
    ]
    for district in DISTRICTS:
        lines.extend(_district_lines(district, rng))
    lines.extend(_business_park(rng))
    return lines


def neighbourhood_seeds(district: DistrictShape, rng: np.random.Generator) -> Points:
    """Centres of the neighbourhoods, spread evenly over the land of the district (Lloyd's relaxation)."""
    low, high = district.outline.min(axis=0), district.outline.max(axis=0)
    ground = rng.uniform(low, high, size=(1500, 2))
    ground = ground[inside(district.outline, ground) & _on_land(ground)]
    seeds = ground[rng.choice(len(ground), district.neighbourhoods, replace=False)]
    for _ in range(30):
        nearest = _nearest(seeds, ground)
        seeds = np.array([ground[nearest == i].mean(axis=0) if (nearest == i).any() else seeds[i] for i in range(len(seeds))])
    return seeds


def _district_lines(district: DistrictShape, rng: np.random.Generator) -> Iterator[RoadLine]:
    seeds = neighbourhood_seeds(district, rng)
    bend = _bend(rng)
    centre = district.outline.mean(axis=0)
    ring = smooth_curve(centre + (district.outline - centre) * 0.965, closed=True, step_km=_STEP_KM)
    ring = np.vstack((ring, ring[:1]))
    for piece in _runs(ring, _on_land(ring)):
        yield RoadLine(f"{district.name} ring", DISTRIBUTOR, piece, district.name)
    for number, ridge in enumerate(_ridges(seeds)):
        line = refined(ridge, _STEP_KM)
        within = inside(ring, line)
        bent = bend(line)
        for piece in _runs(bent, _widened(within) & _on_land(bent)):
            yield RoadLine(f"{district.name} distributor {number}", DISTRIBUTOR, piece, district.name)
    for number in range(len(seeds)):
        yield from _neighbourhood_lines(district, seeds, number, ring, rng)


def _neighbourhood_lines(
    district: DistrictShape, seeds: Points, number: int, ring: Points, rng: np.random.Generator
) -> Iterator[RoadLine]:
    bend = _bend(rng)
    angle = rng.uniform(0, math.pi / 2)
    blocks = rng.uniform(0.21, 0.29), rng.uniform(0.32, 0.48)
    for turn, spacing in ((0.0, blocks[0]), (math.pi / 2, blocks[1])):
        for offset in np.arange(-1.2, 1.2, spacing) + rng.uniform(0, spacing):
            if rng.random() < 0.06:
                continue
            along = np.arange(-1.3, 1.3, _STEP_KM / 2)
            line = rotated(np.column_stack((along, np.full(len(along), offset))), angle + turn) + seeds[number]
            own = (_nearest(seeds, line) == number) & inside(ring, line)
            if not own.any():
                continue
            part = _span(own)
            bent, own = bend(line[part]), own[part]
            for piece in _runs(bent, _widened(own) & _on_land(bent)):
                key = f"{district.name} {number} {turn:.0f} {offset:.3f}"
                yield RoadLine(key, LOCAL, _shortened(piece, rng), district.name, number)


def _shortened(line: Points, rng: np.random.Generator) -> Points:
    """One street in five ends before it meets the last road: a grid without dead ends looks like no city."""
    if rng.random() > 0.2 or len(line) < 20:
        return line
    cut = int(rng.integers(5, len(line) // 3))
    return line[cut:] if rng.random() < 0.5 else line[:-cut]


def _business_park(rng: np.random.Generator) -> Iterator[RoadLine]:
    """De Vaart, in the north: depot and disposal site, no households."""
    bend = _bend(rng)
    for number, (x, y) in enumerate(((0.35, 3.85), (0.35, 3.62), (0.35, 3.1))):
        yield RoadLine(f"De Vaart {number}", LOCAL, bend(refined(np.array([(x, y), (2.35, y + 0.08)]), _STEP_KM)), "Buiten")
    for number, x in enumerate((0.5, 1.0, 1.5, 2.0, 2.3)):
        yield RoadLine(f"De Vaart kade {number}", LOCAL, bend(refined(np.array([(x, 2.95), (x + 0.05, 3.95)]), _STEP_KM)), "Buiten")


def _ridges(seeds: Points) -> list[Points]:
    """The borders between neighbouring seeds, as straight lines long enough to leave the district."""
    centre = seeds.mean(axis=0)
    far = centre + 60 * np.column_stack((np.cos(np.arange(8) * math.pi / 4), np.sin(np.arange(8) * math.pi / 4)))
    cells = Voronoi(np.vstack((seeds, far)))
    borders = zip(cells.ridge_points, cells.ridge_vertices, strict=True)
    return [
        _cut_long(np.array([cells.vertices[a], cells.vertices[b]]), centre)
        for (one, other), (a, b) in borders
        if max(one, other) < len(seeds) and min(a, b) >= 0
    ]


def _cut_long(line: Points, centre: Points) -> Points:
    """The part of a border within 8 km of the centre: outer borders run towards points far away."""
    line = line[np.argsort(np.hypot(*(line - centre).T))]
    step = line[1] - line[0]
    length = float(np.hypot(*step))
    return line if length < 8 else np.array([line[0], line[0] + step / length * 8])


def _bend(rng: np.random.Generator) -> Bend:
    return Bend(rng.uniform(0, 2 * math.pi, size=4), rng.uniform(2.2, 4.0, size=4))


@dataclass(frozen=True, slots=True)
class Bend:
    """A gentle wave over the plane, small enough that lines which do not cross stay so."""

    phases: npt.NDArray[np.float64]
    waves: npt.NDArray[np.float64]

    def __call__(self, points: Points) -> Points:
        x, y = points.T
        east = 0.045 * np.sin(self.waves[0] * y + self.phases[0]) + 0.03 * np.sin(self.waves[1] * (x + y) + self.phases[1])
        north = 0.045 * np.sin(self.waves[2] * x + self.phases[2]) + 0.03 * np.sin(self.waves[3] * (x - y) + self.phases[3])
        return np.column_stack((x + east, y + north))


def _on_land(points: Points, *, shore_km: float = _SHORE_KM, parks: bool = True) -> Mask:
    """Not in water nor within `shore_km` of it, and not in a park unless parks do not matter."""
    free = inside(LAND, points)
    for water in WATERS:
        near = _near(water.points, points, shore_km) & free
        if near.any():
            shore = np.vstack((water.points, water.points[:1]))
            free[near] = ~inside(water.points, points[near]) & ~near_line(shore, points[near], shore_km)
    for park in PARKS if parks else ():
        near = _near(park.points, points, 0.0) & free
        if near.any():
            free[near] = ~inside(park.points, points[near])
    return free


def _near(polygon: Points, points: Points, margin_km: float) -> Mask:
    """Which points lie in the polygon's bounding box, a margin around it included."""
    low, high = polygon.min(axis=0) - margin_km, polygon.max(axis=0) + margin_km
    near: Mask = ((points >= low) & (points <= high)).all(axis=1)
    return near


def _nearest(seeds: Points, points: Points) -> npt.NDArray[np.intp]:
    squared = ((points[:, None, :] - seeds[None]) ** 2).sum(axis=2)
    nearest: npt.NDArray[np.intp] = squared.argmin(axis=1)
    return nearest


def _span(mask: Mask) -> slice:
    """From one before the first to one after the last point of a mask."""
    found = np.flatnonzero(mask)
    return slice(max(0, int(found[0]) - 1), int(found[-1]) + 2)


def _widened(mask: Mask) -> Mask:
    """One point more at each end of a run, so that a street reaches over the road it ends at."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    return wide


def _runs(line: Points, keep: Mask) -> list[Points]:
    """The pieces of a line whose points are all kept, without the very short ones."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], keep, [False])).astype(np.int8)))
    pieces = [line[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True) if end - start >= 2]
    return [piece for piece in pieces if float(np.hypot(*np.diff(piece, axis=0).T).sum()) >= _SHORTEST_KM]

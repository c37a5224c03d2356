"""The street graph: lines joined where they meet, canals crossed by bridges only, one connected whole.

`build_streets` is pure: the same lines, canals and number of bridges give the same streets.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from simulators.plane import Points, crossings, length_km
from simulators.road_lines import DISTRIBUTOR, LOCAL, MAIN, SPEED_KM_H, RoadLine

_SNAP_KM = 0.05
_STUB_KM = 0.09
_BRIDGES_APART_KM = 0.22
_FEWEST_JUNCTIONS = 10


@dataclass(frozen=True, slots=True)
class Street:
    """One edge between two junctions. Streets that meet share the end point exactly.

    `canal` is the canal that a bridge edge crosses, at `bridge_at` (plane); both None elsewhere.
    """

    start: int
    end: int
    points: Points
    road_class: str
    name_key: str
    district: str
    neighbourhood: int
    canal: str | None = None
    bridge_at: tuple[float, float] | None = None

    @property
    def speed_km_h(self) -> int:
        return SPEED_KM_H[self.road_class]

    @property
    def length_km(self) -> float:
        return length_km(self.points)


@dataclass
class _Junctions:
    """Points nearer to each other than the snapping distance become one junction; the first one stays where it is."""

    places: list[Points] = field(default_factory=list)
    _cells: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def at(self, point: Points) -> int:
        column, row = (math.floor(float(v) / _SNAP_KM) for v in point)
        near = [i for c in (-1, 0, 1) for r in (-1, 0, 1) for i in self._cells[(column + c, row + r)]]
        found = [(float(np.hypot(*(self.places[i] - point))), i) for i in near]
        if found and min(found)[0] < _SNAP_KM:
            return min(found)[1]
        self.places.append(point)
        self._cells[(column, row)].append(len(self.places) - 1)
        return len(self.places) - 1


def build_streets(lines: list[RoadLine], canals: list[tuple[str, Points]], bridges: int) -> list[Street]:
    """Streets of the connected city with exactly `bridges` bridge edges. Raises ValueError when the canals cut the lines
    into more parts than that many bridges can join."""
    streets = _without_stubs(_joined(lines))
    dry, candidates = _split_by_canals(streets, canals)
    chosen = _choose_bridges(dry, candidates, bridges)
    return _straightened(_without_stubs(_largest_part(dry + chosen)))


def _joined(lines: list[RoadLine]) -> list[Street]:
    """Cuts every line where it meets another one and joins the pieces at common junctions."""
    cuts: list[list[tuple[int, float]]] = [[(0, 0.0), (len(line.points) - 2, 1.0)] for line in lines]
    low = np.array([line.points.min(axis=0) for line in lines])
    high = np.array([line.points.max(axis=0) for line in lines])
    touching = (low[:, None] <= high[None]).all(axis=2) & (low[None] <= high[:, None]).all(axis=2)
    for i, j in zip(*np.nonzero(np.triu(touching, 1)), strict=True):
        for piece_i, share_i, piece_j, share_j in crossings(lines[i].points, lines[j].points):
            cuts[i].append((piece_i, share_i))
            cuts[j].append((piece_j, share_j))
    junctions = _Junctions()
    edges: dict[tuple[int, int], Street] = {}
    for line, line_cuts in zip(lines, cuts, strict=True):
        for street in _pieces(line, sorted(line_cuts), junctions):
            key = min(street.start, street.end), max(street.start, street.end)
            if key not in edges:
                edges[key] = street
    return list(edges.values())


def _pieces(line: RoadLine, cuts: list[tuple[int, float]], junctions: _Junctions) -> list[Street]:
    ends = [(piece, share, junctions.at(_point(line.points, piece, share))) for piece, share in cuts]
    streets = []
    last = ends[0]
    for end in ends[1:]:
        if end[2] == last[2]:
            continue
        middle = line.points[last[0] + 1 : end[0] + 1]
        start_at, end_at = junctions.places[last[2]], junctions.places[end[2]]
        middle = middle[(np.hypot(*(middle - start_at).T) > 0.02) & (np.hypot(*(middle - end_at).T) > 0.02)]
        points = np.vstack((start_at, middle, end_at))
        streets.append(Street(last[2], end[2], points, line.road_class, line.name_key, line.district, line.neighbourhood))
        last = end
    return streets


def _point(line: Points, piece: int, share: float) -> Points:
    point: Points = line[piece] + (line[piece + 1] - line[piece]) * share
    return point


def _split_by_canals(streets: list[Street], canals: list[tuple[str, Points]]) -> tuple[list[Street], list[Street]]:
    """Streets that touch no canal, and those that cross exactly one, once, well away from their ends: places for a bridge."""
    dry, candidates = [], []
    boxes = [(name, canal, canal.min(axis=0), canal.max(axis=0)) for name, canal in canals]
    for street in streets:
        low, high = street.points.min(axis=0), street.points.max(axis=0)
        met = [
            (name, crossing)
            for name, canal, canal_low, canal_high in boxes
            if (canal_low <= high).all() and (low <= canal_high).all()
            for crossing in crossings(street.points, canal)
        ]
        if not met:
            dry.append(street)
        elif len(met) == 1:
            name, (piece, share, _, _) = met[0]
            at = _point(street.points, piece, share)
            if min(np.hypot(*(at - street.points[0])), np.hypot(*(at - street.points[-1]))) > 0.012:
                candidates.append(replace(street, canal=name, bridge_at=(float(at[0]), float(at[1]))))
    return dry, candidates


def _choose_bridges(dry: list[Street], candidates: list[Street], count: int) -> list[Street]:
    """First the bridges that join the parts of the city, main roads before others; then those farthest from all chosen."""
    parts = _Parts(dry)
    rank = {MAIN: 0, DISTRIBUTOR: 1, LOCAL: 2}
    candidates = [street for street in candidates if min(parts.size(street.start), parts.size(street.end)) >= _FEWEST_JUNCTIONS]
    candidates.sort(key=lambda street: (rank[street.road_class], street.bridge_at))
    chosen: list[Street] = []
    for street in candidates:
        if street.road_class == MAIN and _apart(street, chosen) > _BRIDGES_APART_KM:
            chosen.append(street)
            parts.join(street.start, street.end)
    for street in candidates:
        if parts.root(street.start) != parts.root(street.end):
            chosen.append(street)
            parts.join(street.start, street.end)
    if len(chosen) > count:
        raise ValueError(f"the canals need {len(chosen)} bridges, only {count} are wanted")
    while len(chosen) < count:
        distances = [_apart(street, chosen) - 0.15 * rank[street.road_class] for street in candidates]
        chosen.append(candidates[int(np.argmax(distances))])
    return chosen


def _apart(street: Street, chosen: list[Street]) -> float:
    if street.bridge_at is None:
        return 0.0
    x, y = street.bridge_at
    return min((math.hypot(x - other.bridge_at[0], y - other.bridge_at[1]) for other in chosen if other.bridge_at), default=99.0)


class _Parts:
    """Connected parts of a set of streets (union-find), with their number of junctions."""

    def __init__(self, streets: list[Street]) -> None:
        self._up: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        for street in streets:
            self.join(street.start, street.end)

    def root(self, junction: int) -> int:
        self._up.setdefault(junction, junction)
        self._sizes.setdefault(junction, 1)
        while self._up[junction] != junction:
            self._up[junction] = self._up[self._up[junction]]
            junction = self._up[junction]
        return junction

    def join(self, one: int, other: int) -> None:
        a, b = self.root(one), self.root(other)
        if a != b:
            self._up[b] = a
            self._sizes[a] += self._sizes[b]

    def size(self, junction: int) -> int:
        return self._sizes[self.root(junction)]


def _largest_part(streets: list[Street]) -> list[Street]:
    parts = _Parts(streets)
    largest = max((parts.root(street.start) for street in streets), key=parts.size)
    return [street for street in streets if parts.root(street.start) == largest]


def _without_stubs(streets: list[Street]) -> list[Street]:
    """Leaves out, again and again, dead ends shorter than a stub: what remains of lines that reach a little too far."""
    while True:
        degree: dict[int, int] = defaultdict(int)
        for street in streets:
            degree[street.start] += 1
            degree[street.end] += 1
        kept = [
            street
            for street in streets
            if min(degree[street.start], degree[street.end]) > 1
            or street.length_km >= (_STUB_KM if street.road_class == LOCAL else 4 * _STUB_KM)
        ]
        if len(kept) == len(streets):
            return kept
        streets = kept


def _straightened(streets: list[Street]) -> list[Street]:
    """Joins two streets of one line that meet where nothing else does, except at bridges."""
    at: dict[int, list[int]] = defaultdict(list)
    for number, street in enumerate(streets):
        at[street.start].append(number)
        at[street.end].append(number)
    merged: dict[int, Street] = dict(enumerate(streets))
    where = {number: number for number in merged}
    for junction, meeting in at.items():
        if len(meeting) != 2:
            continue
        a, b = where[meeting[0]], where[meeting[1]]
        first, second = merged[a], merged[b]
        if a == b or first.canal or second.canal or first.name_key != second.name_key:
            continue
        first = first if first.end == junction else _reversed(first)
        second = second if second.start == junction else _reversed(second)
        if first.start == second.end:
            continue
        merged[a] = replace(first, end=second.end, points=np.vstack((first.points, second.points[1:])))
        del merged[b]
        where = {number: a if place == b else place for number, place in where.items()}
    return list(merged.values())


def _reversed(street: Street) -> Street:
    return replace(street, start=street.end, end=street.start, points=street.points[::-1])

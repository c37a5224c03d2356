"""The street graph of a city: fastest ways on lines that share end points, from any point beside a street to any other.

Made from the map features of the registry (type `street`). Places are put on the nearest point of the nearest street that can be
driven to and from; a street on a closed bridge is left out. Ways are the fastest ones, and their metres are measured along them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from models.domain.failures import UserError
from processors.routing.roads import Place, RoadMatrix, RoadProfile, plane_m, whole, whole_up

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NOWHERE = -9999
SOURCES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Street:
    """A street as a line of at least two points; it meets others where end points are equal. `speed_km_h` None: the profile's."""

    street_id: str
    line: tuple[Place, ...]
    speed_km_h: float | None = None
    one_way: bool = False
    bridge_id: str | None = None


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The straight pieces of all streets: start, step to the end, its square, the street, and the metres of it that lie behind."""

    starts: Floats
    steps: Floats
    squares: Floats
    street: Ints
    behind: Floats

    @classmethod
    def of(cls, lines: tuple[Floats, ...]) -> _Pieces:
        steps = [np.diff(line, axis=0) for line in lines]
        lengths = [np.hypot(step[:, 0], step[:, 1]) for step in steps]
        every = np.concatenate(steps)
        return cls(
            starts=np.concatenate([line[:-1] for line in lines]),
            steps=every,
            squares=np.maximum((every**2).sum(axis=1), 1e-12),
            street=np.repeat(np.arange(len(lines)), [len(step) for step in steps]),
            behind=np.concatenate([length.cumsum() - length for length in lengths]),
        )


@dataclass(frozen=True, eq=False)
class _Network:
    """Directed edges between nodes for one profile, and the segments that places are put on."""

    weights: csr_matrix  # seconds [node, node]
    step_keys: Ints  # tail × nodes + head of each pair of neighbours, ascending, and the metres between them
    step_m: Floats
    street_of: dict[tuple[int, int], int]
    tails: Ints  # per drivable street: first and last node, lengths
    heads: Ints
    length_m: Floats
    seconds: Floats
    both_ways: npt.NDArray[np.bool_]
    lines: tuple[Floats, ...]  # planar points
    streets: tuple[Street, ...]
    pieces: _Pieces


@dataclass(frozen=True, slots=True)
class _Foot:
    """Where a place touches its street: the index of the street and the share of its length behind it."""

    street: int
    share: float


class StreetGraph:
    """Implements `Roads`. Immutable; networks per profile are kept."""

    def __init__(self, streets: Sequence[Street], name: str = "the city's street graph") -> None:
        self.streets = tuple(street for street in streets if len(street.line) >= 2)
        if not self.streets:
            raise UserError("there is no street in the map features: import the city's streets, or plan on straight lines")
        self.name = name
        self.origin = self.streets[0].line[0]
        self._network_of = lru_cache(maxsize=8)(self._network)

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        network = self._network_of(profile)
        feet = self._feet(network, places)
        seconds, metres = _between(network, feet)
        closed = f", without {len(profile.closed_bridges)} closed bridges" if profile.closed_bridges else ""
        return RoadMatrix(whole(metres), whole_up(seconds), f"{self.name}{closed}")

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        network = self._network_of(profile)
        first, last = self._feet(network, [start, end])
        return [start, *_way(network, first, last), end]

    def _network(self, profile: RoadProfile) -> _Network:
        """The largest part of the streets in which every place can be driven to and from."""
        kept = [s for s in self.streets if s.bridge_id is None or s.bridge_id not in profile.closed_bridges]
        nodes: dict[Place, int] = {}
        for street in kept:
            for place in (street.line[0], street.line[-1]):
                nodes.setdefault(place, len(nodes))
        tails = [nodes[s.line[0]] for s in kept]
        heads = [nodes[s.line[-1]] for s in kept]
        rows = tails + [head for head, s in zip(heads, kept, strict=True) if not s.one_way]
        columns = heads + [tail for tail, s in zip(tails, kept, strict=True) if not s.one_way]
        graph = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(nodes), len(nodes)))
        _, part = connected_components(graph, directed=True, connection="strong")
        largest = int(np.argmax(np.bincount(part)))
        inside = [i for i, (a, b) in enumerate(zip(tails, heads, strict=True)) if part[a] == largest and part[b] == largest]
        return self._assembled([kept[i] for i in inside], [(tails[i], heads[i]) for i in inside], len(nodes), profile)

    def _assembled(self, streets: list[Street], ends: list[tuple[int, int]], count: int, profile: RoadProfile) -> _Network:
        lines = tuple(plane_m(street.line, self.origin) for street in streets)
        length = np.array([float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines])
        speed = np.array([(s.speed_km_h or profile.speed_km_h) * profile.speed_factor / 3.6 for s in streets])
        seconds = length / speed
        fastest: dict[tuple[int, int], int] = {}
        for index, (street, (tail, head)) in enumerate(zip(streets, ends, strict=True)):
            for pair in ((tail, head),) if street.one_way else ((tail, head), (head, tail)):
                if pair not in fastest or seconds[index] < seconds[fastest[pair]]:
                    fastest[pair] = index
        pairs = sorted(pair for pair in fastest if pair[0] != pair[1])
        values = [max(float(seconds[fastest[pair]]), 1e-6) for pair in pairs]
        weights = csr_matrix((values, ([a for a, _ in pairs], [b for _, b in pairs])), shape=(count, count))
        return _Network(
            weights=weights,
            step_keys=np.array([tail * count + head for tail, head in pairs], dtype=np.int64),
            step_m=np.array([length[fastest[pair]] for pair in pairs]),
            street_of=fastest,
            tails=np.array([a for a, _ in ends], dtype=np.int64),
            heads=np.array([b for _, b in ends], dtype=np.int64),
            length_m=length,
            seconds=seconds,
            both_ways=np.array([not street.one_way for street in streets]),
            lines=lines,
            streets=tuple(streets),
            pieces=_Pieces.of(lines),
        )

    def _feet(self, network: _Network, places: Sequence[Place]) -> list[_Foot]:
        pieces = network.pieces
        feet = []
        for point in plane_m(places, self.origin):
            gaps = point - pieces.starts
            along = np.clip((gaps * pieces.steps).sum(axis=1) / pieces.squares, 0, 1)
            off = ((gaps - along[:, np.newaxis] * pieces.steps) ** 2).sum(axis=1)
            nearest = int(np.argmin(off))
            street = int(pieces.street[nearest])
            done = pieces.behind[nearest] + along[nearest] * np.sqrt(pieces.squares[nearest])
            feet.append(_Foot(street, float(np.clip(done / max(network.length_m[street], 1e-9), 0, 1))))
        return feet


def _between(network: _Network, feet: list[_Foot]) -> tuple[Floats, Floats]:
    """Seconds and metres between all feet, by the fastest ways."""
    street = np.array([foot.street for foot in feet], dtype=np.int64)
    share = np.array([foot.share for foot in feet])
    lengths, times = network.length_m[street], network.seconds[street]
    both = network.both_ways[street]
    # Leaving a foot: to the head always, to the tail where both ways are allowed. Arriving: from the tail always, from the head so.
    exits = [(network.heads[street], 1 - share, np.zeros(len(feet))), (network.tails[street], share, np.where(both, 0, np.inf))]
    entries = [(network.tails[street], share, np.zeros(len(feet))), (network.heads[street], 1 - share, np.where(both, 0, np.inf))]
    sources = np.unique(np.concatenate([exits[0][0], exits[1][0]]))
    node_s, node_m = _from_nodes(network, sources)
    row = np.searchsorted(sources, np.arange(network.weights.shape[0]))
    best_s = np.full((len(feet), len(feet)), np.inf)
    best_m = np.zeros((len(feet), len(feet)))
    for out_node, out_share, out_bar in exits:
        for in_node, in_share, in_bar in entries:
            grid = np.ix_(row[out_node], in_node)
            total = node_s[grid] + (out_share * times + out_bar)[:, np.newaxis] + (in_share * times + in_bar)[np.newaxis, :]
            metres = node_m[grid] + (out_share * lengths)[:, np.newaxis] + (in_share * lengths)[np.newaxis, :]
            better = total < best_s
            best_s[better], best_m[better] = total[better], metres[better]
    ahead = share[np.newaxis, :] - share[:, np.newaxis]
    same = (street[:, np.newaxis] == street[np.newaxis, :]) & ((ahead >= 0) | both[:, np.newaxis])
    direct = np.abs(ahead) * times[:, np.newaxis]
    better = same & (direct <= best_s)
    best_s[better] = direct[better]
    best_m[better] = (np.abs(ahead) * lengths[:, np.newaxis])[better]
    np.fill_diagonal(best_s, 0)
    np.fill_diagonal(best_m, 0)
    return best_s, best_m


def _from_nodes(network: _Network, sources: Ints) -> tuple[Floats, Floats]:
    """Seconds and metres from some nodes to all, in slices of sources; metres are added up along each fastest way."""
    count = network.weights.shape[0]
    seconds = np.empty((len(sources), count))
    metres = np.empty((len(sources), count))
    for begin in range(0, len(sources), SOURCES_AT_ONCE):
        part = sources[begin : begin + SOURCES_AT_ONCE]
        found, before = dijkstra(network.weights, directed=True, indices=part, return_predecessors=True)
        seconds[begin : begin + len(part)] = found
        metres[begin : begin + len(part)] = _along(before, network)
    return seconds, metres


def _along(before: npt.NDArray[np.int32], network: _Network) -> Floats:
    """Metres to each node along its predecessors, by doubling jumps: as many rounds as the logarithm of the longest way."""
    count = before.shape[1]
    rows = np.arange(len(before))[:, np.newaxis]
    nodes = np.broadcast_to(np.arange(count), before.shape)
    has = before != NOWHERE
    jump = np.where(has, before, nodes)
    total = np.zeros(before.shape)
    total[has] = network.step_m[np.searchsorted(network.step_keys, jump[has] * count + nodes[has])]
    while True:
        further = jump[rows, jump]
        if np.array_equal(further, jump):
            return total
        total = total + total[rows, jump]
        jump = further


def _way(network: _Network, first: _Foot, last: _Foot) -> list[Place]:
    """The points of the fastest way between two feet, without the feet's own points."""
    a, b = first.street, last.street
    if a == b and (last.share >= first.share or network.both_ways[a]):
        return _part(network.streets[a].line, network, a, first.share, last.share)
    exits = [(int(network.heads[a]), 1 - first.share, 1.0)]
    entries = [(int(network.tails[b]), last.share, 0.0)]
    if network.both_ways[a]:
        exits.append((int(network.tails[a]), first.share, 0.0))
    if network.both_ways[b]:
        entries.append((int(network.heads[b]), 1 - last.share, 1.0))
    found, before = dijkstra(network.weights, directed=True, indices=[node for node, _, _ in exits], return_predecessors=True)
    options = [
        (found[i, in_node] + out_share * network.seconds[a] + in_share * network.seconds[b], i, j)
        for i, (_, out_share, _) in enumerate(exits)
        for j, (in_node, in_share, _) in enumerate(entries)
    ]
    _, i, j = min(options)
    nodes = [entries[j][0]]
    while nodes[-1] != exits[i][0]:
        nodes.append(int(before[i, nodes[-1]]))
    nodes.reverse()
    points = _part(network.streets[a].line, network, a, first.share, exits[i][2])
    for tail, head in pairwise(nodes):
        index = network.street_of[tail, head]
        line = network.streets[index].line
        points.extend(line if network.tails[index] == tail else line[::-1])
    points.extend(_part(network.streets[b].line, network, b, entries[j][2], last.share))
    return [point for number, point in enumerate(points) if number == 0 or point != points[number - 1]]


def _part(line: tuple[Place, ...], network: _Network, index: int, begin: float, end: float) -> list[Place]:
    """The piece of a street between two shares of its length, in driving direction, ends included."""
    lengths = np.hypot(*np.diff(network.lines[index], axis=0).T)
    shares = np.concatenate([[0.0], lengths.cumsum()]) / max(float(lengths.sum()), 1e-9)
    low, high = min(begin, end), max(begin, end)
    middle = [point for point, share in zip(line, shares, strict=True) if low < share < high]
    at = np.array(line)
    ends = [tuple(float(np.interp(share, shares, at[:, axis])) for axis in (0, 1)) for share in (low, high)]
    points = [(ends[0][0], ends[0][1]), *middle, (ends[1][0], ends[1][1])]
    return points if begin <= end else points[::-1]

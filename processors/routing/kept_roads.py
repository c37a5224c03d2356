"""Matrices kept per map and profile: the same places are asked for every day, and again for every re-plan.

Wraps any `Roads`. What is kept is found by the content of the question (map version, profile, places), so that a new map or a closed
bridge is never answered with the old roads. Kept in memory, and on disk where a folder is given.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import orjson

from processors.routing.roads import Place, RoadMatrix, RoadProfile, Roads

MOST_KEPT = 16


class KeptRoads:
    """Implements `Roads`. `map_version` names the roads' content: the registry's version, an extract's hash; or asks for it at each matrix, as a
    server's data may be renewed at any time."""

    def __init__(
        self, roads: Roads, map_version: str | Callable[[Place], str], folder: Path | None = None, most_kept: int = MOST_KEPT
    ) -> None:
        self._roads = roads
        self._map_version = map_version
        self._folder = folder
        self._most_kept = most_kept
        self._kept: OrderedDict[str, RoadMatrix] = OrderedDict()

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        key = self._key(places, profile)
        if key not in self._kept:
            self._kept[key] = self._from_disk(key) or self._asked(key, places, profile)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
        return self._kept[key]

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        return self._roads.path(start, end, profile)

    def _key(self, places: Sequence[Place], profile: RoadProfile) -> str:
        *plain, closed = astuple(profile)
        version = self._map_version if isinstance(self._map_version, str) else self._map_version(places[0])
        question = [type(self._roads).__name__, version, *plain, sorted(closed), [list(place) for place in places]]
        return hashlib.sha256(orjson.dumps(question)).hexdigest()

    def _asked(self, key: str, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        found = self._roads.matrix(places, profile)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = self._folder / f"{key}.tmp.npz"
            np.savez(unfinished, metres=found.metres, seconds=found.seconds, source=found.source, estimated=found.estimated)
            unfinished.replace(self._folder / f"{key}.npz")
        return found

    def _from_disk(self, key: str) -> RoadMatrix | None:
        path = None if self._folder is None else self._folder / f"{key}.npz"
        if path is None or not path.exists():
            return None
        with np.load(path) as kept:
            return RoadMatrix(kept["metres"], kept["seconds"], str(kept["source"]), bool(kept["estimated"]))

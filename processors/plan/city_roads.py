"""The roads that plans are made on, as set: the registered streets, the straight line as an estimate, or an OSRM server.

Nothing is put in another's place silently: a plan whose server was away waits, or says in its source that it drives on the city's own map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx

from models.domain.registry import MapFeature
from processors.routing.kept_roads import KeptRoads
from processors.routing.osrm import Osrm, ServerAway
from processors.routing.roads import Place, RoadMatrix, RoadProfile, Roads, StraightLine
from processors.routing.street_graph import Street, StreetGraph
from runtime.settings import PlanSettings


def roads_from_features(features: Sequence[MapFeature]) -> Roads:
    """Roads of the features of type street; others are passed over."""
    lines = [item for item in features if item.feature_type == "street" and item.geometry_type == "LineString"]
    if not lines:
        return StraightLine()
    made_up = any(item.properties.get("made_up") for item in lines)
    return StreetGraph([_street(item) for item in lines], "the city's street graph" + (" (made up)" if made_up else ""))


def roads_as_set(features: Sequence[MapFeature], settings: PlanSettings, client: Callable[[], httpx.Client] | None = None) -> Roads:
    """The roads that `settings` name; matrices of a server are kept."""
    if settings.plan_roads == "straight_line":
        return StraightLine()
    own = roads_from_features(features)
    if settings.plan_roads == "streets":
        return own
    server = Osrm(settings.plan_roads, settings.plan_osrm_profile, settings.plan_osrm_places, client)
    kept = KeptRoads(server, server.data_version, settings.plan_roads_folder)
    return kept if settings.plan_roads_away == "wait" else OwnMapWhenAway(kept, own)


class OwnMapWhenAway:
    """Implements `Roads`: those of a server, and while it is away the city's own map. Its matrices then say so, and count as an estimate."""

    def __init__(self, server: Roads, own: Roads) -> None:
        self._server = server
        self._own = own
        self._away = False

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        try:
            found = self._server.matrix(places, profile)
        except ServerAway as error:
            self._away = True
            own = self._own.matrix(places, profile)
            return replace(own, source=f"{own.source}, as {error}", estimated=True)
        self._away = False
        return found

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        """Along the roads of the newest matrix; a straight line where the server went away since."""
        if self._away:
            return self._own.path(start, end, profile)
        try:
            return self._server.path(start, end, profile)
        except ServerAway:
            return [start, end]


def without_street(roads: Roads, street_id: str) -> Roads | None:
    """The roads without one street; None where they have no street of that id, so that it may be a bridge."""
    if not isinstance(roads, StreetGraph) or all(street.street_id != street_id for street in roads.streets):
        return None
    return StreetGraph([street for street in roads.streets if street.street_id != street_id], f"{roads.name}, without {street_id}")


def _street(feature: MapFeature) -> Street:
    speed = feature.properties.get("speed_km_h")
    bridge = feature.properties.get("bridge_id")
    return Street(
        street_id=feature.feature_id,
        line=tuple((float(point[1]), float(point[0])) for point in feature.coordinates),
        speed_km_h=float(speed) if speed else None,
        one_way=bool(feature.properties.get("one_way", False)),
        bridge_id=str(bridge) if bridge else None,
    )

"""`/v1/map`: the base map, from the registry's streets, canals and places, as GeoJSON (RFC 7946)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.dependencies import BackendOf
from storage.registry import depots, disposal_sites, map_features

router = APIRouter(tags=["map"])


@router.get("/map")
async def base_map(backend: BackendOf) -> dict[str, Any]:
    """Streets, canals, districts, depots and disposal sites as one feature collection (WGS84, longitude first)."""
    async with backend.connection() as connection:
        lines = await map_features(connection)
        places = [("depot", item.depot_id, item.name, item.longitude, item.latitude) for item in await depots(connection)] + [
            ("disposal_site", item.disposal_site_id, item.name, item.longitude, item.latitude)
            for item in await disposal_sites(connection)
        ]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": line.geometry_type, "coordinates": line.coordinates},
            "properties": {"type": line.feature_type, "id": line.feature_id, **line.properties},
        }
        for line in lines
    ]
    features += [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
            "properties": {"type": place_type, "id": place_id, "name": name},
        }
        for place_type, place_id, name, longitude, latitude in places
    ]
    return {"type": "FeatureCollection", "features": features}

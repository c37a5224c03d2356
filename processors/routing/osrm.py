"""Roads of an OSRM server, over HTTP: matrices by its `table` service, ways to draw by its `route` service.

Large matrices are asked for in squares, so that a server with its usual limit of places per request answers too. What the server does not
know is said in the source: it cannot leave out closed bridges by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np

from models.domain.failures import TransientError, UserError
from processors.routing.roads import Place, RoadMatrix, RoadProfile, whole, whole_up

PLACES_PER_REQUEST = 100
"""Sources and destinations together: the limit of a server that was started without another one."""
TIMEOUT_SECONDS = 30.0


class ServerAway(TransientError):
    """An OSRM server does not answer."""


class Osrm:
    """Implements `Roads`. `profile_name` is the server's own name of the vehicle (`driving` by default); its speeds are multiplied by
    the road profile's `speed_factor`. Raises `ServerAway` when the server is away, `UserError` for what it cannot answer."""

    def __init__(
        self,
        url: str,
        profile_name: str = "driving",
        places_per_request: int = PLACES_PER_REQUEST,
        client: Callable[[], httpx.Client] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.profile_name = profile_name
        self.side = max(1, places_per_request // 2)
        self._client = client or (lambda: httpx.Client(timeout=TIMEOUT_SECONDS))

    def matrix(self, places: Sequence[Place], profile: RoadProfile) -> RoadMatrix:
        count = len(places)
        seconds = np.zeros((count, count))
        metres = np.zeros((count, count))
        with self._client() as client:
            for top in range(0, count, self.side):
                for left in range(0, count, self.side):
                    rows, columns = range(top, min(top + self.side, count)), range(left, min(left + self.side, count))
                    square = np.ix_(rows, columns)
                    seconds[square], metres[square] = self._table(client, places, rows, columns)
        return RoadMatrix(whole(metres), whole_up(seconds / profile.speed_factor), self._source(profile))

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        with self._client() as client:
            answer = self._ask(client, "route", [start, end], {"overview": "full", "geometries": "geojson"})
        line = answer["routes"][0]["geometry"]["coordinates"]
        return [start, *((float(lat), float(lon)) for lon, lat in line), end]

    def data_version(self, place: Place) -> str:
        """Which server, vehicle and data: what matrices are kept by. Data without a version of their own are known by the address alone."""
        with self._client() as client:
            answer = self._ask(client, "nearest", [place], {"number": "1"})
        return f"{self.url} {self.profile_name} {answer.get('data_version', '')}".rstrip()

    def _source(self, profile: RoadProfile) -> str:
        bridges = f", which cannot leave out {len(profile.closed_bridges)} closed bridges" if profile.closed_bridges else ""
        return f"OSRM at {self.url}{bridges}"

    def _table(self, client: httpx.Client, places: Sequence[Place], rows: range, columns: range) -> tuple[Any, Any]:
        asked = sorted({*rows, *columns})
        number = {place: index for index, place in enumerate(asked)}
        parameters = {
            "annotations": "duration,distance",
            "sources": ";".join(str(number[row]) for row in rows),
            "destinations": ";".join(str(number[column]) for column in columns),
        }
        answer = self._ask(client, "table", [places[index] for index in asked], parameters)
        grids = []
        for name in ("durations", "distances"):
            grid = answer.get(name)
            if grid is None:
                raise UserError(f"the OSRM server at {self.url} gives no {name}; it must be version 5.20 or newer")
            for row, line in zip(rows, grid, strict=True):
                if None in line:
                    column = columns[line.index(None)]
                    raise UserError(f"OSRM knows no way from {places[row]} to {places[column]}; look at the two places on the map")
            grids.append(np.array(grid, dtype=float))
        return grids[0], grids[1]

    def _ask(self, client: httpx.Client, service: str, places: Sequence[Place], parameters: dict[str, str]) -> dict[str, Any]:
        """One answer with code Ok."""
        at = ";".join(f"{lon:.6f},{lat:.6f}" for lat, lon in places)
        try:
            response = client.get(f"{self.url}/{service}/v1/{self.profile_name}/{at}", params=parameters)
            answer = response.json()
        except httpx.HTTPError as error:
            raise ServerAway(f"the OSRM server at {self.url} does not answer: {type(error).__name__}") from error
        except ValueError as error:
            raise UserError(
                f"{self.url} answers {service} with status {response.status_code} and no JSON; is it an OSRM server?"
            ) from error
        if answer.get("code") != "Ok":
            raise UserError(
                f"the OSRM server at {self.url} refuses {service}: {answer.get('code')} {answer.get('message', '')}".rstrip()
            )
        return dict(answer)

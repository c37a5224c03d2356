"""Roads of an OSRM server: a scripted server that answers as OSRM does; and matrices that are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from models.domain.failures import TransientError, UserError
from processors.routing.kept_roads import KeptRoads
from processors.routing.osrm import Osrm
from processors.routing.roads import Place, RoadMatrix, RoadProfile, Roads, StraightLine

PLACES = [(60.0 + index / 100, 24.0 + index / 50) for index in range(5)]
Answer = Callable[[httpx.Request], httpx.Response]


def osrm(answer: Answer, places_per_request: int = 4) -> Osrm:
    transport = httpx.MockTransport(answer)
    return Osrm("http://osrm.test/", places_per_request=places_per_request, client=lambda: httpx.Client(transport=transport))


def as_osrm(request: httpx.Request) -> httpx.Response:
    """Durations 100 × the difference in longitude in hundredths, distances ten times as much."""
    service, *_, at = request.url.path.strip("/").split("/")
    lon = [float(pair.split(",")[0]) for pair in at.split(";")]
    if service == "route":
        return httpx.Response(200, json={"code": "Ok", "routes": [{"geometry": {"coordinates": [[24.0, 60.0], [24.01, 60.005]]}}]})
    rows, columns = ([int(item) for item in request.url.params[name].split(";")] for name in ("sources", "destinations"))
    assert len(lon) <= 4, "more places than the server allows"
    durations = [[round(abs(lon[a] - lon[b]) * 10_000, 1) for b in columns] for a in rows]
    return httpx.Response(
        200, json={"code": "Ok", "durations": durations, "distances": [[10 * x for x in line] for line in durations]}
    )


def test_matrix_is_put_together_from_squares() -> None:
    found = osrm(as_osrm).matrix(PLACES, RoadProfile(speed_factor=0.5))
    steps = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    assert (found.metres == steps * 2000).all()
    assert (found.seconds == steps * 400).all()
    assert (found.source, found.estimated) == ("OSRM at http://osrm.test", False)


def test_closed_bridges_are_said_to_be_unknown_to_the_server() -> None:
    found = osrm(as_osrm).matrix(PLACES, RoadProfile(closed_bridges=frozenset({"b-1"})))
    assert "cannot leave out 1 closed bridges" in found.source


def test_path_begins_and_ends_at_the_places() -> None:
    assert osrm(as_osrm).path(PLACES[0], PLACES[1], RoadProfile()) == [PLACES[0], (60.0, 24.0), (60.005, 24.01), PLACES[1]]


def away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (away, TransientError, "does not answer"),
        (lambda _: httpx.Response(404, text="nothing here"), UserError, "is it an OSRM server"),
        (lambda _: httpx.Response(400, json={"code": "TooBig", "message": "Too many table coordinates"}), UserError, "TooBig"),
        (lambda _: httpx.Response(200, json={"code": "Ok", "durations": [[0, None], [1, 0]]}), UserError, "knows no way"),
        (lambda _: httpx.Response(200, json={"code": "Ok", "durations": [[0, 1], [1, 0]]}), UserError, "gives no distances"),
    ],
)
def test_what_goes_wrong_is_said(answer: Answer, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        osrm(answer).matrix(PLACES[:2], RoadProfile())


class Counting:
    """Straight lines that count how often they are asked."""

    def __init__(self) -> None:
        self.asked = 0

    def matrix(self, places: list[Place], profile: RoadProfile) -> RoadMatrix:
        self.asked += 1
        return StraightLine().matrix(places, profile)

    def path(self, start: Place, end: Place, profile: RoadProfile) -> list[Place]:
        return [start, end]


def test_matrices_are_kept_per_map_profile_and_places(tmp_path: Path) -> None:
    behind = Counting()
    roads: Roads = KeptRoads(behind, "map 1", tmp_path)  # type: ignore[arg-type]
    first = roads.matrix(PLACES, RoadProfile())
    assert roads.matrix(PLACES, RoadProfile()) is first
    assert behind.asked == 1
    roads.matrix(PLACES, RoadProfile(closed_bridges=frozenset({"b-1"})))
    roads.matrix(PLACES[:3], RoadProfile())
    assert behind.asked == 3
    again = KeptRoads(behind, "map 1", tmp_path).matrix(PLACES, RoadProfile())  # type: ignore[arg-type]
    assert behind.asked == 3
    assert (again.metres == first.metres).all()
    assert (again.source, again.estimated) == (first.source, first.estimated)
    KeptRoads(behind, "map 2", tmp_path).matrix(PLACES, RoadProfile())  # type: ignore[arg-type]
    assert behind.asked == 4


def test_only_so_many_matrices_are_kept_in_memory() -> None:
    behind = Counting()
    roads = KeptRoads(behind, "map 1", most_kept=1)  # type: ignore[arg-type]
    for count in (2, 3, 2):
        roads.matrix(PLACES[:count], RoadProfile())
    assert behind.asked == 3

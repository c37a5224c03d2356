"""The roads of plans are a setting; an OSRM server that is away is said, never replaced silently."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from models.domain.plan import CollectionPlan
from models.domain.registry import MapFeature
from processors.plan.city_roads import roads_as_set
from processors.plan.day import fraction_days
from processors.plan.planner import plan_fraction
from processors.routing.osrm import ServerAway
from processors.routing.roads import RoadProfile, Roads
from runtime.settings import PlanSettings
from tests.unit.plan.small_city import MONDAY, NOW, ZONE, city

FULL = (0.97, 0.2)


class Server:
    """Answers as OSRM does, by longitude and latitude; can be away, and renew its data."""

    def __init__(self) -> None:
        self.away = False
        self.data_version = "2026-11-01"
        self.asked: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused", request=request)
        service, _, profile, at = request.url.path.strip("/").split("/")
        self.asked.append(service)
        assert profile == "truck"
        points = [tuple(float(part) for part in pair.split(",")) for pair in at.split(";")]
        if service == "nearest":
            return httpx.Response(200, json={"code": "Ok", "data_version": self.data_version, "waypoints": []})
        if service == "route":
            return httpx.Response(200, json={"code": "Ok", "routes": [{"geometry": {"coordinates": [list(p) for p in points]}}]})
        rows, columns = ([int(item) for item in request.url.params[name].split(";")] for name in ("sources", "destinations"))
        away = [[111_000 * (abs(points[a][1] - points[b][1]) + abs(points[a][0] - points[b][0])) for b in columns] for a in rows]
        durations = [[metres / 10 for metres in line] for line in away]
        return httpx.Response(200, json={"code": "Ok", "durations": durations, "distances": away})

    def roads(self, **settings: object) -> tuple[Roads, PlanSettings]:
        chosen = PlanSettings(plan_iterations=30, plan_roads="http://osrm.test", plan_osrm_profile="truck", **settings)  # type: ignore[arg-type]
        transport = httpx.MockTransport(self.answer)
        return roads_as_set([STREET], chosen, lambda: httpx.Client(transport=transport)), chosen


STREET = MapFeature(feature_id="s-1", feature_type="street", geometry_type="LineString", coordinates=[[5.2, 52.34], [5.2, 52.4]])


def planned(roads: Roads, settings: PlanSettings) -> CollectionPlan:
    (day,) = fraction_days(city({1: FULL, 2: FULL}), MONDAY, settings, ZONE, NOW)
    return plan_fraction(day, roads, RoadProfile(), settings, ZONE, NOW).plan


def test_a_plan_on_a_servers_roads_says_so() -> None:
    roads, settings = Server().roads()
    plan = planned(roads, settings)
    assert plan.matrix_source == "OSRM at http://osrm.test"
    assert plan.check_failures == ()


def test_the_registrys_streets_and_the_straight_line_are_settings_too() -> None:
    assert roads_as_set([STREET], PlanSettings()).matrix([(52.34, 5.2)], RoadProfile()).source == "the city's street graph"
    line = roads_as_set([STREET], PlanSettings(plan_roads="straight_line")).matrix([(52.34, 5.2)], RoadProfile())
    assert line.estimated
    assert line.source.startswith("estimate")
    with pytest.raises(ValidationError, match="plan_roads"):
        PlanSettings(plan_roads="osrm")


def test_without_its_server_there_is_no_plan_but_a_sentence() -> None:
    server = Server()
    server.away = True
    roads, settings = server.roads()
    with pytest.raises(ServerAway, match=r"the OSRM server at http://osrm.test does not answer"):
        planned(roads, settings)


def test_where_it_is_asked_for_the_citys_own_streets_stand_in_and_the_plan_says_so() -> None:
    server = Server()
    server.away = True
    roads, settings = server.roads(plan_roads_away="streets")
    plan = planned(roads, settings)
    assert plan.matrix_source == "the city's street graph, as the OSRM server at http://osrm.test does not answer: ConnectError"
    assert roads.matrix([(52.34, 5.2), (52.35, 5.2)], RoadProfile()).estimated
    server.away = False
    assert planned(roads, settings).matrix_source == "OSRM at http://osrm.test"


def test_matrices_of_a_server_are_kept_until_its_data_are_renewed(tmp_path: Path) -> None:
    server = Server()
    for _ in range(2):
        roads, settings = server.roads(plan_roads_folder=tmp_path)
        planned(roads, settings)
    assert server.asked.count("table") == 1
    server.data_version = "2026-12-01"
    planned(roads, settings)
    assert server.asked.count("table") == 2

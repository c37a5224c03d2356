"""A tour as GPX 1.1, GeoJSON, CSV and a sheet; the link on the sheet; and the reasons in both languages."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import orjson
import pytest

from api.crew_links import LinkRefused, crew_of, crew_token
from api.handed_out import HandedTour, NamedPlace
from api.tour_files import GPX_NAMESPACE, as_csv, geojson, gpx, sheet
from models.domain.plan import Route, Visit, VisitKind
from models.domain.plan_day import HandedOut

DAY = date(2026, 11, 23)
ZONE = ZoneInfo("Europe/Amsterdam")
GPX = {"gpx": GPX_NAMESPACE}


def tour(name: str = "Container <1> & more", *, timed: bool = True, limits: str = "") -> HandedTour:
    depot = Visit(kind=VisitKind.DEPOT, place_id="d-1", arrival_s=25_200, departure_s=25_200, load_l=0)
    stop = Visit(kind=VisitKind.STOP, place_id="c-1", container_ids=("c-1",), arrival_s=27_000, departure_s=27_150, load_l=3000)
    tip = Visit(kind=VisitKind.DISPOSAL, place_id="tip-1", arrival_s=28_000, departure_s=28_900, load_l=0)
    places = {
        "d-1": NamedPlace("Depot", 52.3, 5.2),
        "c-1": NamedPlace(name, 52.31, 5.21, limits=limits),
        "tip-1": NamedPlace("Tip", 52.32, 5.22),
    }
    path = ((52.3, 5.2), (52.31, 5.21), (52.32, 5.22), (52.3, 5.2))
    route = Route(truck_id="T-1", visits=(depot, stop, tip, depot), distance_m=12_300, duration_s=7200, path=path)
    return HandedTour(DAY, "T-1", ("glass",), route, places, {"c-1": "Must go."}, "The plan is handed out.", HandedOut.PLAN, timed)


def test_gpx_has_a_route_with_every_halt_and_a_track_along_the_roads() -> None:
    root = ElementTree.fromstring(gpx(tour()))
    assert (root.tag, root.get("version")) == (f"{{{GPX_NAMESPACE}}}gpx", "1.1")
    assert [child.tag.rpartition("}")[2] for child in root] == ["metadata", "rte", "trk"], "the order that GPX 1.1 prescribes"
    points = root.findall("gpx:rte/gpx:rtept", GPX)
    assert [point.findtext("gpx:type", namespaces=GPX) for point in points] == ["depot", "stop", "disposal", "depot"]
    assert points[1].findtext("gpx:name", namespaces=GPX) == "Container <1> & more"
    assert (points[1].get("lat"), points[1].get("lon")) == ("52.310000", "5.210000")
    assert [child.tag.rpartition("}")[2] for child in points[1]] == ["name", "cmt", "desc", "type"]
    assert len(root.findall("gpx:trk/gpx:trkseg/gpx:trkpt", GPX)) == 4


def test_geojson_has_longitude_first() -> None:
    line, *halts = orjson.loads(geojson(tour()))["features"]
    assert line["geometry"]["coordinates"][0] == [5.2, 52.3]
    assert [halt["properties"]["kind"] for halt in halts] == ["depot", "stop", "disposal", "depot"]
    assert halts[1]["properties"]["arrival"] == "07:30"


def test_csv_takes_no_name_for_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(tour("=1+1")).decode())))
    assert [row["kind"] for row in rows] == ["depot", "stop", "disposal", "depot"]
    assert (rows[1]["name"], rows[1]["arrival"], rows[1]["reason"]) == ("'=1+1", "07:30", "Must go.")


def test_the_sheet_says_what_is_handed_out_and_carries_the_code() -> None:
    page = sheet(tour(), "http://city/crew/#token", "Almere", "nl", "<style></style>")
    assert "Rijblad T-1, 2026-11-23" in page
    assert "The plan is handed out." in page
    assert "Container &lt;1&gt; &amp; more" in page
    assert 'class="segno"' in page
    assert "07:30" in page
    assert "07:30" not in sheet(tour(timed=False), "http://city/crew/#token", "Almere", "nl", "")


def test_sheet_and_files_say_when_a_container_may_be_collected_also_without_a_plan() -> None:
    limited = tour(timed=False, limits="only 07:00–11:00; trucks up to 2.30 m wide")
    assert "<strong>only 07:00–11:00; trucks up to 2.30 m wide</strong>" in sheet(
        limited, "http://city/crew/#token", "Almere", "en", ""
    )
    assert "<strong>" not in sheet(tour(), "http://city/crew/#token", "Almere", "en", "")
    rows = list(csv.DictReader(io.StringIO(as_csv(limited).decode())))
    assert [row["limits"] for row in rows] == ["", "only 07:00–11:00; trucks up to 2.30 m wide", "", ""]


def test_a_link_opens_its_truck_on_its_day_only() -> None:
    token = crew_token("key", DAY, "T-1 é")
    assert crew_of("key", token, datetime(2026, 11, 23, 8, tzinfo=UTC), ZONE) == (DAY, "T-1 é")
    assert crew_of("key", token, datetime(2026, 11, 24, 2, 59, tzinfo=UTC), ZONE) == (DAY, "T-1 é")
    with pytest.raises(LinkRefused, match="scan the code on today's sheet") as late:
        crew_of("key", token, datetime(2026, 11, 24, 3, tzinfo=UTC), ZONE)
    assert late.value.gone
    with pytest.raises(LinkRefused, match="opens on 2026-11-23"):
        crew_of("key", token, datetime(2026, 11, 22, 22, 59, tzinfo=UTC), ZONE)


@pytest.mark.parametrize("change", ["20261124.{1}.{2}", "{0}.VC0y.{2}", "{0}.{1}.{2}x", "{0}.{1}", "", "é.é.é", "{0}.!!.{2}"])
def test_a_forged_link_opens_nothing(change: str) -> None:
    token = change.format(*crew_token("key", DAY, "T-1").split("."))
    with pytest.raises(LinkRefused):
        crew_of("key", token, datetime(2026, 11, 23, 8, tzinfo=UTC) + timedelta(days="1124" in token), ZONE)
    with pytest.raises(LinkRefused):
        crew_of("", crew_token("", DAY, "T-1"), datetime(2026, 11, 23, 8, tzinfo=UTC), ZONE)

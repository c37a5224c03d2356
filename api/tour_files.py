"""A truck's tour as files: GPX 1.1 for navigation, GeoJSON for maps, CSV for spreadsheets, and a sheet to print. Pure."""

from __future__ import annotations

import csv
import io
from html import escape
from typing import Any
from xml.etree import ElementTree

import orjson
import segno

from api.handed_out import HandedTour
from models.domain.plan import Visit, VisitKind

GPX_NAMESPACE = "http://www.topografix.com/GPX/1/1"
_KINDS = {VisitKind.DEPOT: "depot", VisitKind.DISPOSAL: "disposal", VisitKind.BREAK: "break", VisitKind.STOP: "stop"}


def clock(seconds: int) -> str:
    """Seconds of a day as people read them."""
    minutes = round(seconds / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def gpx(tour: HandedTour) -> bytes:
    """GPX 1.1: the halts as a route with names, and the way along the roads as a track."""
    ElementTree.register_namespace("", GPX_NAMESPACE)
    root = ElementTree.Element(f"{{{GPX_NAMESPACE}}}gpx", {"version": "1.1", "creator": "Stadspuls"})
    metadata = _child(root, "metadata")
    _child(metadata, "name", f"{tour.truck_id} {tour.plan_date.isoformat()}")
    _child(metadata, "desc", tour.sentence)
    route = _child(root, "rte")
    _child(route, "name", f"{tour.truck_id} {tour.plan_date.isoformat()}")
    for visit in tour.route.visits:
        place = tour.places[visit.place_id]
        point = _child(route, "rtept", lat=f"{place.latitude:.6f}", lon=f"{place.longitude:.6f}")
        _child(point, "name", place.name)
        _child(point, "cmt", f"{visit.place_id} {clock(visit.arrival_s)}" if tour.timed else visit.place_id)
        if tour.reasons.get(visit.place_id):
            _child(point, "desc", tour.reasons[visit.place_id])
        _child(point, "type", _KINDS[visit.kind])
    if tour.route.path:
        track = _child(root, "trk")
        _child(track, "name", f"{tour.truck_id} {tour.plan_date.isoformat()}")
        segment = _child(track, "trkseg")
        for latitude, longitude in tour.route.path:
            _child(segment, "trkpt", lat=f"{latitude:.6f}", lon=f"{longitude:.6f}")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def geojson(tour: HandedTour) -> bytes:
    """A FeatureCollection (RFC 7946): the way as a line, every halt as a point."""
    line = [[longitude, latitude] for latitude, longitude in tour.route.path]
    features: list[dict[str, Any]] = []
    if len(line) > 1:
        told = {
            "truck_id": tour.truck_id,
            "plan_date": tour.plan_date.isoformat(),
            "distance_m": tour.route.distance_m,
            "duration_s": tour.route.duration_s,
            "handed_out": tour.what.value,
            "sentence": tour.sentence,
        }
        features.append({"type": "Feature", "geometry": {"type": "LineString", "coordinates": line}, "properties": told})
    for number, visit in enumerate(tour.route.visits):
        place = tour.places[visit.place_id]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [place.longitude, place.latitude]},
                "properties": {"number": number, "name": place.name, **_row(tour, visit)},
            }
        )
    return orjson.dumps({"type": "FeatureCollection", "features": features}, option=orjson.OPT_INDENT_2) + b"\n"


def as_csv(tour: HandedTour) -> bytes:
    """One line per halt, in order; UTF-8 with a header."""
    text = io.StringIO()
    columns = ["number", "name", "latitude", "longitude", *_row(tour, tour.route.visits[0])]
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    for number, visit in enumerate(tour.route.visits):
        place = tour.places[visit.place_id]
        at = {"latitude": place.latitude, "longitude": place.longitude}
        writer.writerow(
            {key: _cell(value) for key, value in {"number": number, "name": place.name, **at, **_row(tour, visit)}.items()}
        )
    return text.getvalue().encode("utf-8")


def _cell(value: Any) -> Any:
    """Text as a spreadsheet is to take it: what begins like a formula is none."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def _row(tour: HandedTour, visit: Visit) -> dict[str, Any]:
    return {
        "kind": _KINDS[visit.kind],
        "place_id": visit.place_id,
        "arrival": clock(visit.arrival_s) if tour.timed else "",
        "departure": clock(visit.departure_s) if tour.timed else "",
        "load_l": visit.load_l if tour.timed else "",
        "reason": tour.reasons.get(visit.place_id, "") if visit.kind is VisitKind.STOP else "",
        "limits": _limits(tour, visit),
    }


def _limits(tour: HandedTour, visit: Visit) -> str:
    """When a container may be collected, and by which trucks."""
    return tour.places[visit.place_id].limits if visit.kind is VisitKind.STOP else ""


_SHEET_WORDS = {
    "en": {
        "sheet": "Tour sheet",
        "time": "time",
        "where": "where",
        "load": "load",
        "why": "why",
        "done": "done",
        "depot": "depot",
        "disposal": "tip",
        "break": "break",
        "stop": "",
        "scan": "Scan to open this tour on a phone. The link holds for this day.",
        "total": "{stops} stops, {km} km, {hours} h",
    },
    "nl": {
        "sheet": "Rijblad",
        "time": "tijd",
        "where": "waar",
        "load": "lading",
        "why": "waarom",
        "done": "klaar",
        "depot": "remise",
        "disposal": "storten",
        "break": "pauze",
        "stop": "",
        "scan": "Scan om deze route op een telefoon te openen. De link geldt deze dag.",
        "total": "{stops} stops, {km} km, {hours} uur",
    },
}


def sheet(tour: HandedTour, link: str, city: str, language: str, style: str) -> str:
    """A page to print: times, loads and reasons in order, boxes to tick, and the code that opens the phone page. `style` is put in the
    head: a link, or the rules themselves."""
    words = _SHEET_WORDS[language]
    rows = "".join(_sheet_row(tour, visit, words) for visit in tour.route.visits)
    total = words["total"].format(
        stops=len(tour.stops), km=f"{tour.route.distance_m / 1000:.1f}", hours=f"{tour.route.duration_s / 3600:.1f}"
    )
    code = segno.make(link, error="m").svg_inline(scale=3, border=2)
    title = f"{words['sheet']} {tour.truck_id}, {tour.plan_date.isoformat()}"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>{style}</head><body>'
        f"<header><div><h1>{escape(title)}</h1><p>{escape(city)} · {escape(', '.join(tour.fractions))} · {escape(total if tour.timed else '')}</p>"
        f'<p class="handout">{escape(tour.sentence)}</p></div><figure>{code}<figcaption>{escape(words["scan"])}</figcaption></figure></header>'
        f"<table><thead><tr><th>{words['done']}</th><th>{words['time']}</th><th>{words['where']}</th><th>{words['load']}</th>"
        f"<th>{words['why']}</th></tr></thead><tbody>{rows}</tbody></table></body></html>\n"
    )


def _sheet_row(tour: HandedTour, visit: Visit, words: dict[str, str]) -> str:
    place = tour.places[visit.place_id]
    kind = words[_KINDS[visit.kind]]
    box = "☐" if visit.kind is VisitKind.STOP else ""
    load = f"{visit.load_l} l" if tour.timed and visit.kind is not VisitKind.DEPOT else ""
    where = escape(place.name) + (f" <small>{escape(visit.place_id)}</small>" if visit.kind is VisitKind.STOP else f" ({kind})")
    limits = escape(_limits(tour, visit))
    where += f" <strong>{limits}</strong>" if limits else ""
    why = escape(tour.reasons.get(visit.place_id, "")) if visit.kind is VisitKind.STOP else ""
    at = clock(visit.arrival_s) if tour.timed else ""
    return f'<tr class="{_KINDS[visit.kind]}"><td>{box}</td><td>{at}</td><td>{where}</td><td>{load}</td><td>{why}</td></tr>'


def _child(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    found = ElementTree.SubElement(parent, f"{{{GPX_NAMESPACE}}}{tag}", attributes)
    if text:
        found.text = text
    return found

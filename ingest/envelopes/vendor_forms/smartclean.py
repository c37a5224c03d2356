"""SmartClean: `{"v": {"p": 38, "d": 840}}`, where p is how EMPTY the container is, in per cent, and d the distance in mm.

Of SmartClean's form only an excerpt is public, which names no time of the measurement: it is expected in `time`, ISO 8601 with its zone.
"""

from __future__ import annotations

from typing import Any

from ingest.envelopes.json_document import moment_in, number_in, object_in, parse_objects, schema
from ingest.envelopes.uplink import Measured, Report
from ingest.envelopes.vendor_forms.form import VendorForm, each, unknown_in


def read(payload: bytes) -> Report:
    """One reading."""
    found = parse_objects(payload, "readings", one_alone=True)
    return Report("smartclean", "smartclean", "container_fill", each(found, _reading), unknown_in(found, frozenset({"v", "time"})))


def _reading(item: dict[str, Any]) -> Measured:
    if "v" not in item:
        raise schema("v is missing")
    measured = object_in(item, "v")
    values = {}
    empty, distance = number_in(measured, "p"), number_in(measured, "d")
    if empty is not None:
        values["reported_fill_ratio"] = round(1 - empty / 100, 9)
    if distance is not None:
        values["distance_mm"] = distance
    return Measured(moment_in(item, "time"), values)


SMARTCLEAN = VendorForm(
    name="smartclean",
    title="SmartClean",
    read=read,
    traps=("p is the EMPTY share in per cent: an inverted sense.", "Where both are sent, the distance and the geometry count."),
)

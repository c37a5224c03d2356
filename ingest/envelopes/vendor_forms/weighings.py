"""Weighings of a crane or truck as Welvaarts and Kilogram send them: a column array, `Fields` with names and `Records` with rows.

One container lifted is one weight. The net weight is the first weight less the second where no net weight is given.
"""

from __future__ import annotations

from typing import Any

from ingest.envelopes.json_document import kind_of, number_in, objects, parse_object, schema
from ingest.envelopes.local_time import local_moment
from ingest.envelopes.uplink import Measured, Report
from ingest.envelopes.vendor_forms.form import VendorForm, channel_in, each, unknown_in

_KNOWN = frozenset(
    {
        *(
            "SystemId",
            "Seq",
            "Date",
            "Time",
            "NoOfCont",
            "ContIds",
            "TotalVolume",
            "FillLevel",
            "FillChance",
            "Location",
            "District",
        ),
        *("Neighborhood", "FallbackNr", "FractionId", "FirstWeight", "SecondWeight", "NettWeight", "Latitude", "Longitude"),
    }
)


def read(payload: bytes) -> Report:
    """A reading per row that is of one container."""
    rows = _rows(parse_object(payload))
    return Report("weighings", "weighings", "container_fill", each(rows, _weighing), unknown_in(rows, _KNOWN))


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    names, records = document.get("Fields"), document.get("Records")
    if type(names) is not list or not names or any(type(name) is not str for name in names) or len(set(names)) < len(names):
        raise schema(f"Fields must be a list of different names, not {kind_of(names)}")
    if type(records) is not list or any(type(record) is not list or len(record) != len(names) for record in records):
        raise schema(f"Records must be a list of rows with {len(names)} values each, as Fields has names")
    return objects([dict(zip(names, record, strict=True)) for record in records], "Records")


def _weighing(row: dict[str, Any]) -> Measured:
    net = number_in(row, "NettWeight")
    first, second = number_in(row, "FirstWeight"), number_in(row, "SecondWeight")
    if net is None and first is not None and second is not None:
        net = first - second
    if net is None:
        raise schema("a weighing has neither NettWeight nor both FirstWeight and SecondWeight")
    if row.get("NoOfCont") not in (None, 1):
        raise schema(f"NoOfCont is {row['NoOfCont']!r:.20}: a weight of several containers is of none of them")
    day, time = row.get("Date"), row.get("Time")
    if type(day) is not str or type(time) is not str:
        raise schema("Date and Time must both be text")
    return Measured(local_moment(f"{day} {time}", "Date and Time"), {"weight_kg": net}, channel=channel_in(row, "ContIds"))


WEIGHINGS = VendorForm(
    name="weighings",
    title="Crane weights in Welvaarts / Kilogram's column arrays",
    read=read,
    traps=(
        "Column arrays hide names from a filter of keys: the column CustId is removed at the door with its values, and refused behind it.",
        "Columns may be missing or stand in another order per system: they are found by name.",
        "Date and Time are Dutch local time without a zone.",
        "A weight of several containers (NoOfCont above 1) is refused: it is of none of them.",
    ),
)

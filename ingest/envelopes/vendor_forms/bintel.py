"""Bintel over MQTT: a level from 0 to 1 that is called a percentage.

Of Bintel's form only an excerpt is public, which names no time of the measurement: it is expected in `time`, ISO 8601 with its zone.
"""

from __future__ import annotations

from typing import Any

from ingest.envelopes.json_document import moment_in, number_in, parse_objects, schema
from ingest.envelopes.uplink import Measured, Report
from ingest.envelopes.vendor_forms.form import VendorForm, each, unknown_in

_KNOWN = frozenset(
    {
        *("fill-percent", "fill-rate", "fill-state", "estimated-full-time", "last-emptied-time", "discrepancy", "device-offline"),
        *("pickup-requested", "temperature", "time"),
    }
)


def read(payload: bytes) -> Report:
    """One reading."""
    found = parse_objects(payload, "readings", one_alone=True)
    return Report("bintel", "bintel", "container_fill", each(found, _reading), unknown_in(found, _KNOWN))


def _reading(item: dict[str, Any]) -> Measured:
    if not item.keys() & _KNOWN:
        raise schema("the message has no field of Bintel's")
    values = {}
    level, temperature = number_in(item, "fill-percent"), number_in(item, "temperature")
    if level is not None:
        values["reported_fill_ratio"] = level
    if temperature is not None:
        values["temperature_c"] = temperature
    return Measured(moment_in(item, "time"), values)


BINTEL = VendorForm(
    name="bintel",
    title="Bintel",
    read=read,
    traps=(
        "fill-percent is 0 to 1, whatever its name: 62 is refused, not divided.",
        "The text says per cent per hour of fill-rate, its example is a fraction: it is not stored.",
        "estimated-full-time and last-emptied-time are not when the level was measured: without `time` a dead letter `identity`.",
    ),
)

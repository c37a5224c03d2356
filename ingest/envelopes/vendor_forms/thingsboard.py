"""ThingsBoard telemetry: `{"ts": ms, "values": {…}}`, a list of them, or bare values, which have no time.

`fullLevel` and `batteryLevel` are per cent; other keys are read where they are a quantity's own name, such as `distance_mm`.
"""

from __future__ import annotations

from typing import Any

from ingest.envelopes.json_document import number_in, object_in, parse_objects, schema, unix_moment
from ingest.envelopes.uplink import Measured, NamedValue, Report
from ingest.envelopes.vendor_forms.form import VendorForm, each

_PER_CENT = {"fullLevel": "reported_fill_ratio", "batteryLevel": "battery_ratio"}


def read(payload: bytes) -> Report:
    """A reading per time."""
    return Report("thingsboard", "thingsboard", "", each(parse_objects(payload, "telemetry", one_alone=True), _telemetry))


def _telemetry(item: dict[str, Any]) -> Measured:
    if not item:
        raise schema("the telemetry is empty")
    bare = "values" not in item
    values = item if bare else object_in(item, "values")
    named = []
    for key, value in values.items():
        if key in _PER_CENT:
            number = number_in(values, key)
            named.append(NamedValue(_PER_CENT[key], "", None if number is None else number / 100))
        else:
            named.append(NamedValue(key, "", value))
    milliseconds = None if bare else number_in(item, "ts")
    return Measured(None if milliseconds is None else unix_moment(milliseconds / 1000, "ts"), named=tuple(named))


THINGSBOARD = VendorForm(
    name="thingsboard",
    title="ThingsBoard telemetry",
    read=read,
    traps=(
        "ts is in milliseconds.",
        "Bare values have no time and nothing to be identified by: a dead letter `identity`.",
        "fullLevel and batteryLevel are in per cent.",
    ),
)

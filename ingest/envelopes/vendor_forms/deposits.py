"""Deposits ("klikken") as Groningen's files have them: a row per use of a container's lid, in local time to the minute.

Rows of one container and minute are one reading that counts the successful ones, as a minute has no more than one identity: a message
must have whole minutes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ingest.envelopes.json_document import parse_objects, schema, shown
from ingest.envelopes.local_time import local_moment
from ingest.envelopes.uplink import Measured, Report
from ingest.envelopes.vendor_forms.form import VendorForm, channel_in, unknown_in
from models.domain.failures import InvalidMessage

_KNOWN = frozenset({"DumpLocationNr", "RegMoment", "Successful"})
_SUCCESS = {True: 1, False: 0, "1": 1, "0": 0, "true": 1, "false": 0, "ja": 1, "nee": 0}


def read(payload: bytes) -> Report:
    """A reading per container and minute."""
    rows = parse_objects(payload, "deposits")
    counts: dict[tuple[str, datetime], int] = {}
    items: list[Measured | InvalidMessage] = []
    for row in rows:
        try:
            place = (channel_in(row, "DumpLocationNr"), local_moment(row.get("RegMoment"), "RegMoment"))
            counts[place] = counts.get(place, 0) + _successful(row.get("Successful"))
        except InvalidMessage as refused:
            items.append(refused)
    items += [Measured(moment, {"deposit_count": count}, channel=channel) for (channel, moment), count in counts.items()]
    return Report("deposits", "deposits", "container_fill", items, unknown_in(rows, _KNOWN))


def _successful(value: Any) -> int:
    found = _SUCCESS.get(value.lower() if type(value) is str else value) if isinstance(value, str | int | float) else None
    if found is None:
        raise schema(f"Successful must be true or false, not {shown(value)}")
    return found


DEPOSITS = VendorForm(
    name="deposits",
    title="Deposits of access-controlled containers (klikken)",
    read=read,
    traps=(
        "RegMoment (dd-mm-yyyy HH:MM) is Dutch local time without a zone.",
        "Two deposits in one minute are not a duplicate: rows of one container and minute are added up, so a message has whole minutes.",
        "An unsuccessful turn of the lid is no deposit; a minute with none but such counts 0.",
        "DumpLocationNr is the channel.",
    ),
)

"""Enevo / REEN, API version 3: `fillLevels`, a list of levels in per cent by container slot, which is the channel."""

from __future__ import annotations

from typing import Any

from ingest.envelopes.json_document import moment, number_in, objects, parse_object, schema
from ingest.envelopes.uplink import Measured, Report
from ingest.envelopes.vendor_forms.form import VendorForm, channel_in, each, unknown_in
from models.domain.failures import DeadLetterReason, InvalidMessage

_KNOWN = frozenset(
    {
        *("time", "fillLevel", "site", "siteName", "siteContentType", "contentType", "contentTypeName"),
        *("containerSlot", "containerSlotName", "confidence", "frozen", "id"),
    }
)


def read(payload: bytes) -> Report:
    """A reading per level."""
    document = parse_object(payload)
    if "fillLevels" not in document:
        raise schema("fillLevels is missing")
    levels = objects(document["fillLevels"], "fillLevels")
    return Report("enevo", "enevo", "container_fill", each(levels, _level), unknown_in(levels, _KNOWN))


def _level(item: dict[str, Any]) -> Measured:
    if item.get("frozen"):
        raise InvalidMessage(DeadLetterReason.RANGE, "the level is frozen: it is not a measurement of its time")
    level = number_in(item, "fillLevel")
    values = {} if level is None else {"reported_fill_ratio": level / 100}
    return Measured(moment(item.get("time"), "time"), values, channel=channel_in(item, "containerSlot"))


ENEVO = VendorForm(
    name="enevo",
    title="Enevo / REEN API v3, fill levels",
    read=read,
    traps=(
        "Levels are in per cent.",
        "A frozen level is an old one repeated: a dead letter `range`, not a measurement.",
        "confidence (0 to 100) is not how full anything is; it is not stored.",
    ),
)

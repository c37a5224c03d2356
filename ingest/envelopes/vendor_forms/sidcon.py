"""Sidcon, controllers of underground containers with press and card access: one flat object per container and moment.

Cards and addresses are taken out at the door (`STADSPULS_MQTT_TO_KAFKA_PRIVATE_FIELDS`); a message in which one is left is refused there.
"""

from __future__ import annotations

from typing import Any

from ingest.envelopes.json_document import number_in, parse_objects
from ingest.envelopes.local_time import local_moment
from ingest.envelopes.uplink import Measured, Report
from ingest.envelopes.vendor_forms.form import VendorForm, each, unknown_in

_KNOWN = frozenset(
    {
        *(
            "Filling",
            "LimitFull",
            "LimitNearFull",
            "LimitDetectionType",
            "DrumActionCount",
            "DrumPositionStatus",
            "LockPositionStatus",
        ),
        *("LockWhenFull", "NrPressStrokes", "NrPressStrokesToGo", "MaxNrPressStrokes", "TotalNrPressStrokes", "PressStatus"),
        *("PressCurrent", "TotalNrEmptyDetected", "MaxDumpCount", "MaxDumpCountOnDumpLocation", "SuccessfulTransactionsSinceReset"),
        *("UnsuccessfulTransactionsSinceReset", "NetworkStrength", "BatteryVoltage", "VolumeCorrectionFactor", "PitCapacity"),
        *("Capacity", "Litres", "SensorType", "StatusDevice", "StatusContainer", "StatusChipcards", "StatusIncidents"),
        *("StatusTriggerName", "StatusConfiguration", "Fraction", "DumpLocationId", "ContainerName", "CommunicationDateTime"),
        *("PlacementDate", "Lat", "Lon", "Id"),
    }
)


def read(payload: bytes) -> Report:
    """A reading per object. One alone has the default channel, several are told apart by their ContainerName."""
    found = parse_objects(payload, "containers", one_alone=True)
    several = payload.lstrip()[:1] == b"["
    items = each(found, lambda item: _container(item, str(item.get("ContainerName", "")) if several else ""))
    return Report("sidcon", "sidcon", "container_fill", items, unknown_in(found, _KNOWN))


def _container(item: dict[str, Any], channel: str) -> Measured:
    values = {}
    filling, battery = number_in(item, "Filling"), number_in(item, "BatteryVoltage")
    if filling is not None:
        values["reported_fill_ratio"] = filling / 100
    if battery is not None:
        values["battery_v"] = battery
    return Measured(local_moment(item.get("CommunicationDateTime"), "CommunicationDateTime"), values, channel=channel)


SIDCON = VendorForm(
    name="sidcon",
    title="Sidcon container controllers",
    read=read,
    traps=(
        "UserAddressId and what tells of cards are removed at the door and counted; behind it such a message is a dead letter `privacy`.",
        "CommunicationDateTime is Dutch local time without a zone: an hour that comes twice in autumn, one that is missing in spring.",
        "Filling is in per cent.",
        "Transactions and press strokes are totals since a reset, not deposits since the previous report: not stored as deposits.",
    ),
)

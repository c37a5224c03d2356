"""NDW's road traffic and bridge openings, DATEX II version 3 in XML: `ndw/trafficspeed/<site>` and `ndw/bridges/<bridge>`.

NDW publishes files for the whole country; `stadspuls pull-ndw` publishes what concerns the city, one message per measuring site or bridge.
A site's channel is the index of the value; which lane and vehicle class that is stands in NDW's table of sites, and in the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ingest.envelopes.json_document import moment, schema, sensor_in, shown
from ingest.envelopes.uplink import Address, Envelope, Measured, NoReading, Report
from ingest.envelopes.xml_document import Element, parse_xml
from models.domain.failures import DeadLetterReason, InvalidMessage

TRAFFIC, BRIDGES = "ndw_trafficspeed", "ndw_bridge_openings"
TRAFFIC_PREFIX, BRIDGES_PREFIX = "ndw/trafficspeed/", "ndw/bridges/"
WINDOW_S = 60
_NO_SPEED = -1.0
_SWING = "bridgeSwingInOperation"


def read_traffic(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The site by the topic, and a reading per value that the site vouches for."""
    sensor_id = sensor_in(mqtt_topic, TRAFFIC_PREFIX)
    items: list[Measured | InvalidMessage] = []
    sites = list(_parsed(payload).all("siteMeasurements"))
    if not sites:
        raise schema("the document has no siteMeasurements")
    for site in sites:
        reference = site.first("measurementSiteReference")
        named = reference.attributes.get("id", "") if reference else ""
        if named != sensor_id:
            raise schema(f"the document is of the site {shown(named)}, but the topic of {shown(sensor_id)}")
        observed_at = moment(_site_time(site), "measurementTimeDefault")
        items += _each(site.all("physicalQuantity"), lambda found, at=observed_at: _value(found, at))  # type: ignore[misc]  # bound now
    return Address(sensor_id, Report(TRAFFIC, TRAFFIC, "traffic_flow", items)) if items else NoReading("no value without an error")


def read_bridges(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The bridge by the topic, and when its road was closed and passable again, as far as that has happened."""
    sensor_id = sensor_in(mqtt_topic, BRIDGES_PREFIX)
    records = list(_parsed(payload).all("situationRecord"))
    if not records:
        raise schema("the document has no situationRecord")
    items: list[Measured | InvalidMessage] = []
    for record in records:
        try:
            items += _opening(record, sensor_id)
        except InvalidMessage as refused:
            items.append(refused)
    return Address(sensor_id, Report(BRIDGES, BRIDGES, "bridge_state", items)) if items else NoReading("announced")


def bridge_of(record_id: str) -> str:
    """The ISRS code of the bridge in a record's id, such as RWS05_NLIJM0233Y5126800143_3157135_01; "" if there is none."""
    parts = record_id.split("_")
    return parts[1] if len(parts) >= 3 else ""


def _parsed(payload: bytes) -> Element:
    root = parse_xml(payload)
    if root.name == "d2LogicalModel":
        raise schema("this is DATEX II version 2 (d2LogicalModel); version 3 is read")
    return root


def _each(found: Any, read: Callable[[Element], Measured | None]) -> list[Measured | InvalidMessage]:
    items: list[Measured | InvalidMessage] = []
    for element in found:
        try:
            item = read(element)
            if item is not None:
                items.append(item)
        except InvalidMessage as refused:
            items.append(refused)
    return items


def _site_time(site: Element) -> str:
    """The start of the measured minute: the element's text, or its timeValue."""
    found = site.first("measurementTimeDefault")
    if found is None:
        raise schema("measurementTimeDefault is missing")
    return found.text_of("timeValue") or found.text.strip()


def _value(quantity: Element, observed_at: datetime) -> Measured | None:
    """One value of a site; None where the site itself says that it has none."""
    index = quantity.attributes.get("index", "")
    if not index.isascii() or not index.isdigit():
        raise schema(f"index of a physicalQuantity must be a number, not {shown(index)}")
    basic = quantity.first("basicData")
    if basic is None or quantity.text_of("dataError") == "true":
        return None
    if basic.xsi_type == "TrafficFlow":
        flow = _number(basic, "vehicleFlowRate")
        if flow is None:
            return None
        values: dict[str, Any] = {"flow_per_h": flow, "window_s": WINDOW_S}
        if (flow * WINDOW_S / 3600).is_integer():
            values["vehicle_count"] = int(flow * WINDOW_S / 3600)
        return Measured(observed_at, values, channel=index)
    if basic.xsi_type == "TrafficSpeed":
        holder = basic.first("averageVehicleSpeed")
        speed = _number(basic, "speed")
        if (
            speed is None
            or speed == _NO_SPEED
            or (speed == 0 and holder and holder.attributes.get("numberOfInputValuesUsed") == "0")
        ):
            return None
        return Measured(observed_at, {"speed_km_h": speed, "window_s": WINDOW_S}, channel=index)
    return None


def _opening(record: Element, bridge: str) -> list[Measured]:
    record_id = record.attributes.get("id", "")
    if record.text_of("generalNetworkManagementType") != _SWING:
        raise schema(f"the record {shown(record_id)} is not {_SWING}")
    if bridge_of(record_id) != bridge:
        raise schema(f"the record {shown(record_id)} is of another bridge than {shown(bridge)}")
    if record.text_of("probabilityOfOccurrence") not in ("", "certain"):
        return []
    known_at = moment(record.text_of("situationRecordVersionTime"), "situationRecordVersionTime")
    begin, end = record.text_of("overallStartTime"), record.text_of("overallEndTime")
    begin_at = moment(begin, "overallStartTime")
    items = [Measured(begin_at, {"road_closed": True})] if begin_at <= known_at else []
    if end:
        end_at = moment(end, "overallEndTime")
        if end_at <= begin_at:
            raise InvalidMessage(DeadLetterReason.RANGE, f"the opening ends at {end}, not after its begin at {begin}")
        if end_at <= known_at:
            items.append(Measured(end_at, {"road_closed": False}))
    return items


def _number(holder: Element, name: str) -> float | None:
    text = holder.text_of(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number != number or number in (float("inf"), float("-inf")):
        raise schema(f"{name} must be a number, not {shown(text)}")
    return number


NDW_TRAFFIC = Envelope(
    name=TRAFFIC,
    title="NDW traffic speed and flow, DATEX II v3",
    topic_prefix=TRAFFIC_PREFIX,
    read=read_traffic,
    device_model=TRAFFIC,
    traps=(
        "Flow is in vehicles per hour, scaled up from one minute: 180 is 3 vehicles, stored as both.",
        "The time is the start of the minute.",
        "Speed -1, speed 0 of 0 vehicles and what is marked with dataError are no values; a site without any is a message without reading.",
        "index is the channel; what it means stands in the separate table of sites. Flow and speed of one lane have different indexes.",
        "XML with a document type is refused (entity bombs), as is version 2 (d2LogicalModel).",
    ),
)
NDW_BRIDGES = Envelope(
    name=BRIDGES,
    title="NDW bridge openings, DATEX II v3",
    topic_prefix=BRIDGES_PREFIX,
    read=read_bridges,
    device_model=BRIDGES,
    traps=(
        "A bridge that is open to ships has its road closed: `road_closed` is true from overallStartTime, the first signal.",
        "An announced opening (probable, or one that begins after its record was written) closes no road.",
        "An end after the record's version time is an estimate, not a road that is passable again.",
        "Each version of a record repeats its begin: a duplicate, not a second opening.",
        "The bridge is the ISRS code inside the record's id.",
    ),
)

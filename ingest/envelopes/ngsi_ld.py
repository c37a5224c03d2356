"""NGSI-LD and NGSIv2 entities of the Smart Data Models `WasteContainer` and `TrafficFlowObserved`: `ngsi-ld/<sensor_id>`.

The sensor is the context broker's subscription, the channel an entity's id: the registry says which thing each entity is. A payload is an
entity, a list of them, or a notification with `data`; NGSI-LD's MQTT binding wraps it into `body`. Attributes may be normalised
(`{"type": "Property", "value": …}`), concise, or plain key-values.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ingest.envelopes.json_document import kind_of, moment, objects, parse_objects, schema, sensor_in, shown
from ingest.envelopes.uplink import Address, Envelope, Measured, NoReading, Report
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.reading import TimeSource

NAME = DEVICE_MODEL = "ngsi_ld"
_TOPIC_PREFIX = "ngsi-ld/"
_PER_CENT = "P1"
_NOT_READ = frozenset(
    {
        *("id", "type", "@context", "location", "name", "alternateName", "description", "dataProvider", "owner"),
        *("source", "seeAlso", "areaServed", "dateCreated", "createdAt"),
    }
)
"""What all published models may have beside their own attributes."""
_WASTE_NOT_READ = frozenset(
    {
        *("methaneConcentration", "storedWasteKind", "storedWasteOrigin", "storedWasteCode", "category", "status", "serialNumber"),
        *("regulation", "responsible", "dateServiceStarted", "dateLastEmptying", "nextActuationDeadline", "actuationHours"),
        *("dateLastCleaning", "nextCleaningDeadline", "isleId", "refWasteContainerModel", "refWasteContainerIsle", "refDevice"),
        *(
            "binCapacity",
            "binColor",
            "binFullnessThreshold",
            "binRecommendedLoad",
            "binMaxLoad",
            "binId",
            "binLoggedTime",
            "wardId",
        ),
    }
)
_TRAFFIC_NOT_READ = frozenset(
    {
        *(
            "laneId",
            "laneDirection",
            "reversedLane",
            "averageVehicleLength",
            "averageHeadwayTime",
            "averageGapDistance",
            "congested",
        ),
        *("vehicleType", "vehicleSubType", "refRoadSegment"),
    }
)


def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The subscription by the topic, and a reading per entity."""
    sensor_id = sensor_in(mqtt_topic, _TOPIC_PREFIX)
    found = parse_objects(payload, "entities", one_alone=True)
    entities = [entity for document in found for entity in _entities(document)]
    kinds = {_READERS[_model(entity)][0] for entity in entities}
    if len(kinds) > 1:
        raise schema(f"entities of {' and '.join(sorted(kinds))} stand in one message: a subscription is for one type")
    items, unknown = [], 0
    for entity in entities:
        _, reader, known = _READERS[_model(entity)]
        unknown += len(entity.keys() - known - _NOT_READ)
        items.append(_read_with(reader, entity))
    return Address(sensor_id, Report(NAME, DEVICE_MODEL, kinds.pop(), items, unknown))


def _entities(document: dict[str, Any]) -> list[dict[str, Any]]:
    if type(document.get("body")) is dict:
        document = document["body"]
    if "data" in document and (document.get("type") == "Notification" or "subscriptionId" in document):
        return objects(document["data"], "data")
    return [document]


def _model(entity: dict[str, Any]) -> str:
    """The Smart Data Model, of a type that may be a whole IRI."""
    found = entity.get("type")
    model = found.replace("#", "/").rpartition("/")[2] if type(found) is str else ""
    if model not in _READERS:
        raise schema(f"type is {shown(found)}; entities of type {' and '.join(_READERS)} are read")
    return model


def _read_with(reader: Callable[[dict[str, Any]], Measured], entity: dict[str, Any]) -> Measured | InvalidMessage:
    try:
        entity_id = entity.get("id")
        if type(entity_id) is not str or not entity_id:
            raise schema(f"id must be text, not {shown(entity_id)}")
        return reader(entity)._replace(channel=entity_id)
    except InvalidMessage as refused:
        return refused


def _waste_container(entity: dict[str, Any]) -> Measured:
    values: dict[str, Any] = {}
    level = _number(entity, "fillingLevel")
    if level is not None:
        values["reported_fill_ratio"] = level / 100 if _unit(entity, "fillingLevel") == _PER_CENT else level
    for name, field in (("temperature", "temperature_c"), ("cargoWeight", "weight_kg")):
        found = _number(entity, name)
        if found is not None:
            values[field] = found
    return _observed(entity, ("fillingLevel", "temperature", "cargoWeight"), values)


def _traffic_flow(entity: dict[str, Any]) -> Measured:
    begin, end = _window(entity)
    if begin is None:
        return Measured(None)
    values: dict[str, Any] = {}
    intensity = _number(entity, "intensity")
    if end is not None:
        window_s = (end - begin).total_seconds()
        if window_s <= 0 or not window_s.is_integer():
            raise InvalidMessage(DeadLetterReason.RANGE, f"the observation lasts {window_s} s, from {begin} to {end}")
        values["window_s"] = int(window_s)
        if intensity is not None:
            values["flow_per_h"] = intensity * 3600 / window_s
    if intensity is not None:
        if not intensity.is_integer():
            raise schema(f"intensity counts vehicles in the window: {shown(intensity)} is no whole number")
        values["vehicle_count"] = int(intensity)
    for name, field in (("averageVehicleSpeed", "speed_km_h"), ("occupancy", "occupancy_ratio")):
        found = _number(entity, name)
        if found is not None:
            values[field] = found
    return Measured(begin, values)


def _window(entity: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Begin and end of the observation: two attributes, or an ISO 8601 interval in `dateObserved`."""
    begin, end = _value(entity, "dateObservedFrom"), _value(entity, "dateObservedTo")
    if begin is None:
        whole = _value(entity, "dateObserved")
        begin, slash, rest = whole.partition("/") if type(whole) is str else (whole, "", None)
        end = rest if slash else end
    return (
        None if begin is None else moment(begin, "dateObservedFrom"),
        None if end is None else moment(end, "dateObservedTo"),
    )


def _observed(entity: dict[str, Any], attributes: tuple[str, ...], values: dict[str, Any]) -> Measured:
    """With the attributes' own time, else the entity's, else the time at which the broker changed it, which is the network's."""
    for name in attributes:
        attribute = entity.get(name)
        if type(attribute) is dict:
            stated = attribute.get("observedAt") or _timestamp(attribute.get("metadata"))
            if stated is not None:
                return Measured(moment(stated, f"{name}.observedAt"), values)
    for name in ("dateObserved", "TimeInstant", "dateLastReading"):
        if _value(entity, name) is not None:
            return Measured(moment(_value(entity, name), name), values)
    for name in ("modifiedAt", "dateModified"):
        if _value(entity, name) is not None:
            return Measured(moment(_value(entity, name), name), values, time_source=TimeSource.NETWORK)
    return Measured(None, values)


def _timestamp(metadata: Any) -> Any:
    """The time in NGSIv2's metadata of an attribute."""
    if type(metadata) is not dict:
        return None
    found = metadata.get("TimeInstant") or metadata.get("timestamp")
    return found.get("value") if type(found) is dict else found


def _value(entity: dict[str, Any], name: str) -> Any:
    """The value of an attribute in any of the forms; None for one that is omitted."""
    found = entity.get(name)
    if type(found) is dict:
        found = found.get("value")
        if type(found) is dict and "@value" in found:
            found = found["@value"]
    return found


def _unit(entity: dict[str, Any], name: str) -> Any:
    found = entity.get(name)
    return found.get("unitCode") if type(found) is dict else None


def _number(entity: dict[str, Any], name: str) -> float | None:
    value = _value(entity, name)
    if value is None:
        return None
    if type(value) is not int and type(value) is not float:
        raise schema(f"{name} must be a number, not {shown(value) if type(value) is not dict else kind_of(value)}")
    return float(value)


_TIMES = frozenset(
    {"dateObserved", "TimeInstant", "dateModified", "modifiedAt", "dateLastReading", "dateObservedFrom", "dateObservedTo"}
)
_READERS: dict[str, tuple[str, Callable[[dict[str, Any]], Measured], frozenset[str]]] = {
    "WasteContainer": (
        "container_fill",
        _waste_container,
        _TIMES | _WASTE_NOT_READ | {"fillingLevel", "temperature", "cargoWeight"},
    ),
    "TrafficFlowObserved": (
        "traffic_flow",
        _traffic_flow,
        _TIMES | _TRAFFIC_NOT_READ | {"intensity", "averageVehicleSpeed", "occupancy"},
    ),
}
"""Smart Data Model → kind, how it is read, and the attributes that its published model has."""

NGSI_LD = Envelope(
    name=NAME,
    title="NGSI-LD / NGSIv2: WasteContainer and TrafficFlowObserved",
    topic_prefix=_TOPIC_PREFIX,
    read=read,
    device_model=DEVICE_MODEL,
    traps=(
        "fillingLevel is 0 to 1; 62 is refused unless its unitCode is P1 (per cent).",
        "intensity counts vehicles in the window, it is not vehicles per hour: the flow is computed from the window's length.",
        "A window is identified by its begin; dateObserved may be an interval with a slash.",
        "RFID, license_plate and address are in the published model and may be personal: they are removed at the door, and behind it such a "
        "message is a dead letter `privacy` without its bytes.",
        "modifiedAt is the broker's time: time source `network`. An entity's id is the channel; one bad entity does not take the others along.",
    ),
)

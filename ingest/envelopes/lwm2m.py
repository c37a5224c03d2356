"""LwM2M object 3435 (filling level sensor) as its server hands it on, SenML with paths as names: `lwm2m/<sensor_id>`.

    [{"bn": "/3435/0/", "bt": 1795341600, "n": "2", "u": "%", "v": 62}, {"n": "22", "vb": false}]

Each instance of the object is a channel; instance 0 is the default one.
"""

from __future__ import annotations

import re
from typing import Any

from ingest.envelopes.json_document import schema, sensor_in, shown, unix_moment
from ingest.envelopes.senml import Resolved, measured, parse_pack, resolve
from ingest.envelopes.uplink import Address, Envelope, Measured, NoReading, Report
from models.domain.failures import DeadLetterReason, InvalidMessage

NAME = "lwm2m"
DEVICE_MODEL = "lwm2m_3435"
OBJECT = 3435
HEIGHT_CM, FILL_PERCENT, LEVEL_CM, OUT_OF_POSITION, TIMESTAMP, QUALITY = 1, 2, 3, 13, 5518, 6042
REJECTED_BY_DEVICE = 1
_READ = frozenset({HEIGHT_CM, FILL_PERCENT, LEVEL_CM, OUT_OF_POSITION, TIMESTAMP, QUALITY})
_TOPIC_PREFIX = "lwm2m/"
_PATH = re.compile(r"/?(\d{1,5})/(\d{1,5})/(\d{1,5})", re.ASCII)


def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The sensor by the topic, and a reading per instance and time."""
    sensor_id = sensor_in(mqtt_topic, _TOPIC_PREFIX)
    records, unknown = resolve(parse_pack(payload))
    found: dict[tuple[str, float], dict[int, Any]] = {}
    for record in records:
        instance, resource = _path(record)
        if resource not in _READ:
            unknown += 1
            continue
        resources = found.setdefault(("" if instance == 0 else str(instance), record.time_s), {})
        if resource in resources:
            raise schema(f"resource {resource} of instance {instance} has two values at one time")
        resources[resource] = record.value
    items = [_reading(resources, channel, time_s) for (channel, time_s), resources in found.items()]
    return (
        Address(sensor_id, Report(NAME, DEVICE_MODEL, "container_fill", items, unknown)) if items else NoReading("other resources")
    )


def _path(record: Resolved) -> tuple[int, int]:
    """Instance and resource."""
    found = _PATH.fullmatch(record.name)
    if not found or int(found[1]) != OBJECT:
        raise schema(f"a record is named {shown(record.name)}, not /{OBJECT}/<instance>/<resource>")
    return int(found[2]), int(found[3])


def _reading(resources: dict[int, Any], channel: str, time_s: float) -> Measured | InvalidMessage:
    try:
        return _measured(resources, channel, time_s)
    except InvalidMessage as refused:
        return refused


def _measured(resources: dict[int, Any], channel: str, time_s: float) -> Measured:
    if resources.get(QUALITY) == REJECTED_BY_DEVICE:
        raise InvalidMessage(DeadLetterReason.RANGE, "the device itself rejects this measurement (resource 6042 is 1)")
    values: dict[str, Any] = {}
    if FILL_PERCENT in resources:
        values["reported_fill_ratio"] = _number(resources, FILL_PERCENT) / 100
    elif LEVEL_CM in resources and HEIGHT_CM in resources:
        height = _number(resources, HEIGHT_CM)
        if height <= 0:
            raise InvalidMessage(DeadLetterReason.RANGE, f"the container's height (resource {HEIGHT_CM}) is {shown(height)} cm")
        values["reported_fill_ratio"] = _number(resources, LEVEL_CM) / height
    if OUT_OF_POSITION in resources:
        values["tilted"] = resources[OUT_OF_POSITION]
    if TIMESTAMP in resources:
        return Measured(unix_moment(_number(resources, TIMESTAMP), f"resource {TIMESTAMP}"), values, channel=channel)
    found = measured(time_s, (), channel)
    if isinstance(found, InvalidMessage):
        raise found
    return found._replace(values=values)


def _number(resources: dict[int, Any], resource: int) -> float:
    value = resources[resource]
    if type(value) is not int and type(value) is not float:
        raise schema(f"resource {resource} must be a number, not {shown(value)}")
    return float(value)


LWM2M = Envelope(
    name=NAME,
    title="LwM2M object 3435, filling level sensor, in SenML",
    topic_prefix=_TOPIC_PREFIX,
    read=read,
    device_model=DEVICE_MODEL,
    traps=(
        "Filling level (2) is in per cent, height (1) and level (3) in cm: the level counts where there is no percentage.",
        "Quality 1 (6042) means that the device rejects its own measurement: a dead letter `range`.",
        "Its own timestamp (5518) goes before the record's time.",
        "The counter of filling operations (19) is a total, not deposits since the previous report: not stored as one.",
        "Each instance of the object is a channel; 0 is the default one. TLV is not read.",
    ),
)

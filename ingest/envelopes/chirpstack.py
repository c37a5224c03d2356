"""ChirpStack v4 with JSON: `application/{id}/device/{dev_eui}/event/{event}`.

Fields that have their default are left out, so an absent fCnt or fPort is 0. `time` is the network server's; gateways may
add their own (`gwTime`). Its `object` is another codec's opinion and is not read: we decode the device's bytes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from ingest.envelopes.json_document import (
    device_bytes_in,
    moment,
    moment_in,
    object_in,
    parse_object,
    schema,
    shown,
    text_in,
    whole_number_in,
)
from ingest.envelopes.uplink import Address, DeviceFrame, Envelope, NoReading
from models.domain.reading import TimeSource

NAME = "chirpstack_v4"
_TOPIC_PREFIX = "application/"
_WITHOUT_READING = frozenset({"status", "join", "ack", "txack", "log", "location", "integration"})
_DEV_EUI = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_KNOWN = frozenset(
    {
        *("deduplicationId", "time", "deviceInfo", "devAddr", "adr", "dr", "fCnt", "fPort", "confirmed", "data", "object"),
        *("rxInfo", "txInfo", "relayRxInfo", "joinServerContext", "regionConfigId"),
    }
)


def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The device by its DevEUI, and its bytes."""
    levels = mqtt_topic.split("/")
    if len(levels) != 6 or levels[2] != "device" or levels[4] not in ("event", "command"):
        raise schema(f"the topic must be application/<id>/device/<dev_eui>/event/<event>, not {shown(mqtt_topic)}")
    event = levels[5]
    if event in _WITHOUT_READING or levels[4] == "command":
        return NoReading(event)
    if event != "up":
        raise schema(f"ChirpStack has no event {shown(event)} that we know")
    document = parse_object(payload)
    sensor_id = _sensor_id(document, levels[3])
    if document.get("joinServerContext"):
        raise schema("the payload is still encrypted for the end application (joinServerContext is set), it cannot be decoded")
    frame = device_bytes_in(document, "data")
    if not frame:
        return NoReading("up without payload")
    observed_at, time_source = _time(document)
    return Address(
        sensor_id,
        DeviceFrame(
            NAME,
            frame,
            whole_number_in(document, "fPort", 255),
            whole_number_in(document, "fCnt", 0xFFFFFFFF),
            observed_at,
            time_source,
            unknown_fields=len(document.keys() - _KNOWN),
            session=text_in(document, "devAddr"),
        ),
    )


def _sensor_id(document: dict[str, Any], device: str) -> str:
    dev_eui = object_in(document, "deviceInfo").get("devEui")
    if dev_eui is None and "devEUI" in document:
        raise schema("this is ChirpStack v3 (devEUI at the top); v4 is read, with deviceInfo.devEui")
    if type(dev_eui) is not str or not _DEV_EUI.fullmatch(dev_eui):
        raise schema(f"deviceInfo.devEui must be 16 hex digits, not {shown(dev_eui)}")
    if dev_eui.lower() != device.lower():
        raise schema(f"deviceInfo.devEui is {dev_eui}, but the topic is of device {shown(device)}")
    return dev_eui.lower()


def _time(document: dict[str, Any]) -> tuple[datetime | None, TimeSource]:
    network = moment_in(document, "time")
    if network is not None:
        return network, TimeSource.NETWORK
    gateways = document.get("rxInfo")
    heard = [
        moment(gateway["gwTime"], "rxInfo.gwTime")
        for gateway in (gateways if type(gateways) is list else [])
        if type(gateway) is dict and gateway.get("gwTime")
    ]
    return min(heard, default=None), TimeSource.GATEWAY


CHIRPSTACK = Envelope(
    name=NAME,
    title="ChirpStack v4",
    topic_prefix=_TOPIC_PREFIX,
    read=read,
    traps=(
        "Fields with their default are left out: an absent fCnt or fPort is 0.",
        "With joinServerContext the payload is still encrypted for the end application: refused.",
        "Version 3 (devEUI at the top, in base64) is refused with a sentence.",
        "`object` is another codec's opinion and is not read.",
    ),
)

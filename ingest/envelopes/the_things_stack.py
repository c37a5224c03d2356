"""The Things Stack v3: `v3/{app}@{tenant}/devices/{device}/up`, also without `@{tenant}`.

Fields that are 0, "" or false are left out by the server, so an absent f_cnt or f_port is 0. The network server's time is
`uplink_message.received_at`; the outer `received_at` is the application server's and stands in for it.
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

NAME = "the_things_stack_v3"
_TOPIC_PREFIX = "v3/"
_WITHOUT_READING = frozenset({"join", "service/data", "location/solved"})
_DEV_EUI = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_KNOWN = frozenset({"end_device_ids", "correlation_ids", "received_at", "uplink_message", "simulated"})
_KNOWN_IN_UPLINK = frozenset(
    {
        *("session_key_id", "f_cnt", "f_port", "frm_payload", "decoded_payload", "decoded_payload_warnings", "confirmed"),
        *("normalized_payload", "normalized_payload_warnings", "rx_metadata", "settings", "received_at", "consumed_airtime"),
        *("locations", "version_ids", "network_ids", "attributes", "app_s_key", "last_a_f_cnt_down"),
        *("last_battery_percentage", "packet_error_rate"),
    }
)


def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The device by its DevEUI, and its bytes."""
    levels = mqtt_topic.split("/", 4)
    if len(levels) < 5 or levels[2] != "devices":
        raise schema(f"the topic must be v3/<application>/devices/<device>/up, not {shown(mqtt_topic)}")
    event = levels[4]
    if event in _WITHOUT_READING or event.startswith("down/"):
        return NoReading(event)
    if event != "up":
        raise schema(f"The Things Stack has no event {shown(event)} that we know")
    document = parse_object(payload)
    sensor_id = _sensor_id(object_in(document, "end_device_ids"), levels[3])
    uplink = object_in(document, "uplink_message")
    if not uplink:
        raise schema("uplink_message is missing")
    if uplink.get("app_s_key"):
        raise schema("the payload is still encrypted for the end application (app_s_key is set), it cannot be decoded")
    frame = device_bytes_in(uplink, "frm_payload")
    if not frame:
        return NoReading("up without payload")
    observed_at, time_source = _time(document, uplink)
    unknown = len(document.keys() - _KNOWN) + len(uplink.keys() - _KNOWN_IN_UPLINK)
    return Address(
        sensor_id,
        DeviceFrame(
            NAME,
            frame,
            whole_number_in(uplink, "f_port", 255),
            whole_number_in(uplink, "f_cnt", 0xFFFFFFFF),
            observed_at,
            time_source,
            _product(uplink),
            document.get("simulated") is True,
            unknown,
            text_in(uplink, "session_key_id"),
        ),
    )


def _sensor_id(ids: dict[str, Any], device: str) -> str:
    dev_eui = ids.get("dev_eui")
    if type(dev_eui) is not str or not _DEV_EUI.fullmatch(dev_eui):
        raise schema(f"end_device_ids.dev_eui must be 16 hex digits, not {shown(dev_eui)}")
    if ids.get("device_id", device) != device:
        raise schema(f"end_device_ids.device_id is {shown(ids['device_id'])}, but the topic is of device {shown(device)}")
    return dev_eui.lower()


def _product(uplink: dict[str, Any]) -> str:
    version_ids = object_in(uplink, "version_ids")
    brand, model = version_ids.get("brand_id"), version_ids.get("model_id")
    return f"{brand}/{model}" if brand and model and type(brand) is str and type(model) is str else ""


def _time(document: dict[str, Any], uplink: dict[str, Any]) -> tuple[datetime | None, TimeSource]:
    network = moment_in(uplink, "received_at") or moment_in(document, "received_at")
    if network is not None:
        return network, TimeSource.NETWORK
    gateways = uplink.get("rx_metadata")
    heard = [
        moment(gateway["time"], "rx_metadata.time")
        for gateway in (gateways if type(gateways) is list else [])
        if type(gateway) is dict and gateway.get("time")
    ]
    return min(heard, default=None), TimeSource.GATEWAY


THE_THINGS_STACK = Envelope(
    name=NAME,
    title="The Things Stack v3",
    topic_prefix=_TOPIC_PREFIX,
    read=read,
    traps=(
        'Fields that are 0, "" or false are left out: an absent f_cnt or f_port is 0.',
        "Messages marked `simulated` are refused from things that are not registered as simulated.",
        "version_ids name the product: they must be one of the registered model's, or be absent.",
        "With app_s_key the payload is still encrypted for the end application: refused, not decoded to nonsense.",
        "decoded_payload is another decoder's opinion and is not read.",
    ),
)

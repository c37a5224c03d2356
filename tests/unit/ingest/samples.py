"""Valid messages of every envelope and codec, and the registry that knows their senders.

Written from the vendors' published layouts, never with our decoders.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from annotated_types import Ge

from ingest.codecs import CODECS
from models.domain.message import RawMessage
from models.domain.registry import Assignment, ContainerGeometry, Sensor, SensorContext
from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.kind import SensorKind
from tests.unit.ingest import format_samples

RECEIVED_AT = datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC)
OBSERVED_AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DEV_EUI = "a81758fffe0abcde"


def context(
    sensor_id: str,
    device_model: str = "stadspuls_json",
    kind: str = "container_fill",
    *,
    thing_id: str = "c-0001",
    channels: tuple[str, ...] = ("",),
    geometry: tuple[float, float] | None = (2000.0, 300.0),
    accepts_history_from: datetime | None = None,
    simulated: bool = False,
) -> SensorContext:
    """A registered sensor with an assignment per channel; `geometry` is the empty and the full distance in mm."""
    return SensorContext(
        sensor=Sensor(sensor_id=sensor_id, device_model=device_model, kind=kind, accepts_history_from=accepts_history_from),
        assignments=tuple(
            Assignment(
                sensor_id=sensor_id,
                channel=channel,
                thing_id=thing_id,
                datastream_id=f"{thing_id}/{channel or 'main'}",
                valid_from=LONG_AGO,
            )
            for channel in channels
        ),
        geometries=(
            ContainerGeometry(thing_id=thing_id, valid_from=LONG_AGO, empty_distance_mm=geometry[0], full_distance_mm=geometry[1]),
        )
        if geometry
        else (),
        registry_version=1,
        simulated=simulated,
    )


def message(mqtt_topic: str, payload: bytes | dict[str, Any], *, retain: bool = False) -> RawMessage:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return RawMessage(mqtt_topic, body, RECEIVED_AT, retain=retain)


def own(sensor_id: str = "s-1", **fields: Any) -> RawMessage:
    """Our own JSON with one reading; a field given as None is left out."""
    body = {"v": 1, "kind": "container_fill", "observed_at": "2026-11-22T10:00:00Z", **fields}
    return message(f"stadspuls/v1/{sensor_id}/readings", {key: value for key, value in body.items() if value is not None})


def own_several(readings: list[Any], *, kind: str = "container_fill", sensor_id: str = "s-1") -> RawMessage:
    return message(f"stadspuls/v1/{sensor_id}/readings", {"v": 1, "kind": kind, "readings": readings})


def _gateway(number: int) -> dict[str, Any]:
    return {
        "gateway_ids": {"gateway_id": f"almere-{number}", "eui": "0016C001F10012AB"},
        "time": "2026-11-22T09:59:59.923456Z",
        "timestamp": 2643233132,
        "rssi": -98,
        "channel_rssi": -98,
        "snr": 7.2,
        "uplink_token": "CiIKIAoUZXVpLTAwMTZjMDAxZjEwMDEyYWISCAAWwAHxABKrEJzcwOwJGgsI",
        "channel_index": 3,
        "location": {"latitude": 52.35, "longitude": 5.26, "altitude": 20, "source": "SOURCE_REGISTRY"},
    }


def things_stack_body(frame_hex: str, f_port: int = 85, dev_eui: str = DEV_EUI) -> dict[str, Any]:
    """An uplink as The Things Stack v3 publishes it, heard by two gateways."""
    return {
        "end_device_ids": {
            "device_id": "bin-1",
            "application_ids": {"application_id": "waste"},
            "dev_eui": dev_eui.upper(),
            "join_eui": "0000000000000000",
            "dev_addr": "260B1234",
        },
        "correlation_ids": ["gs:uplink:01HXX"],
        "received_at": "2026-11-22T10:00:00.523456789Z",
        "uplink_message": {
            "session_key_id": "AYk",
            "f_cnt": 12,
            "f_port": f_port,
            "frm_payload": base64.b64encode(bytes.fromhex(frame_hex)).decode(),
            "decoded_payload": {"battery": 92, "distance": 836},
            "rx_metadata": [_gateway(1), _gateway(2)],
            "settings": {
                "data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 7, "coding_rate": "4/5"}},
                "frequency": "868300000",
                "timestamp": 2643233132,
            },
            "received_at": "2026-11-22T10:00:00.323456789Z",
            "consumed_airtime": "0.056576s",
            "network_ids": {"net_id": "000013", "tenant_id": "ttn", "cluster_id": "eu1"},
        },
    }


def things_stack(body: dict[str, Any]) -> RawMessage:
    return message("v3/waste@ttn/devices/bin-1/up", body)


def chirpstack_body(frame_hex: str, f_port: int = 85, dev_eui: str = DEV_EUI) -> dict[str, Any]:
    """An uplink as ChirpStack v4 publishes it in JSON."""
    return {
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2026-11-22T10:00:00.433+00:00",
        "deviceInfo": {
            "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
            "tenantName": "Almere",
            "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97",
            "applicationName": "waste",
            "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad",
            "deviceProfileName": "level sensor",
            "deviceName": "bin-1",
            "devEui": dev_eui,
            "tags": {"district": "Haven"},
        },
        "devAddr": "00189440",
        "dr": 1,
        "fCnt": 4,
        "fPort": f_port,
        "data": base64.b64encode(bytes.fromhex(frame_hex)).decode(),
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "uplinkId": 4217106255, "rssi": -36, "snr": 10.5}],
        "txInfo": {"frequency": 867100000, "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 11}}},
    }


def chirpstack(body: dict[str, Any], dev_eui: str = DEV_EUI) -> RawMessage:
    return message(f"application/17c82e96/device/{dev_eui}/event/up", body)


def sensor_of(codec_name: str) -> str:
    """The DevEUI of the registered sensor of a codec."""
    return f"a81758fffe{[codec.name for codec in CODECS].index(codec_name):06x}"


def own_values(kind: SensorKind) -> dict[str, Any]:
    """A possible value for each measured quantity of a kind: its lowest where it has one."""
    possible: dict[str, Any] = {"double precision": 1.0, "integer": 1, "boolean": True, "text": "some text"}
    values = {column.name: possible[column.sql_type] for column in kind.columns() if not column.quantity.derived}
    for name in values:
        bounds = [bound.ge for bound in kind.reading_type.model_fields[name].metadata if isinstance(bound, Ge)]
        values[name] = bounds[0] if bounds else values[name]
    return values


def registry() -> dict[str, SensorContext]:
    """A sensor of our own JSON per kind, with a second channel, and a LoRaWAN sensor per codec."""
    own_sensors = [context(f"own-{kind.name}", kind=kind.name, channels=("", "second")) for kind in SENSOR_KINDS]
    devices = [context(sensor_of(codec.name), codec.name, codec.kind) for codec in CODECS]
    formats = [
        context(sample.sensor_id, sample.device_model, sample.kind, channels=sample.channels) for sample in format_samples.SAMPLES
    ]
    return {found.sensor.sensor_id: found for found in [*own_sensors, *devices, *formats]}


def valid_messages() -> list[RawMessage]:
    """One message or more for each kind and each codec in each envelope, all of which decode with `registry()`."""
    found = []
    for kind in SENSOR_KINDS:
        values = own_values(kind)
        found.append(own(f"own-{kind.name}", kind=kind.name, seq=7, **values))
        readings = [
            {"observed_at": "2026-11-22T09:59:00+01:00", **values},
            {"observed_at": "2026-11-22T10:00:00Z", "channel": "second", **values},
        ]
        found.append(own_several(readings, kind=kind.name, sensor_id=f"own-{kind.name}"))
    for codec in CODECS:
        frame, f_port = codec.example
        dev_eui = sensor_of(codec.name)
        found.append(things_stack(things_stack_body(frame, f_port, dev_eui)))
        found.append(chirpstack(chirpstack_body(frame, f_port, dev_eui), dev_eui))
    return [*found, *(message(sample.mqtt_topic, sample.payload) for sample in format_samples.SAMPLES)]

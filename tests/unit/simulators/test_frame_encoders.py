"""Frames of the simulators against the makers' layouts, and each of them through the real decoder."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.codecs import CODECS, codec_by_name
from ingest.decode import decode_message
from models.domain.message import RawMessage
from simulators.batch import Batch, Device, sound_batch
from simulators.encoders.by_model import encoder_for, join_message
from simulators.encoders.decentlab_lid_frames import DlLidFrames
from simulators.encoders.dragino_frames import DATALOG_PORT, Ldds75Frames, Mds200Frames, datalog_frame
from simulators.encoders.milesight_frames import Em310TiltFrames, Em400UdlFrames
from simulators.encoders.sensoneo_frames import SensoneoFrames
from tests.unit.ingest.samples import RECEIVED_AT, context

AT_US = int(RECEIVED_AT.timestamp()) * 1_000_000 - 5_000_000
"""A whole minute: some forms say no more."""
VALUES = {
    "distance_mm": (1240.0, 300.0), "temperature_c": (21.0, -10.0), "battery_ratio": (0.92, 0.5), "battery_v": (3.5, 2.9),
    "tilted": (0.0, 1.0), "tilt_alarm": (0.0, 1.0), "inclination_x_deg": (-7.52, 0.0), "inclination_y_deg": (0.89, 1.0),
    "inclination_z_deg": (91.92, -90.0), "reported_fill_ratio": (0.62, 1.0), "deposit_count": (12.0, 0.0), "weight_kg": (140.0, 0.0),
    "speed_km_h": (52.5, 80.0), "flow_per_h": (420.0, 60.0), "window_s": (60.0, 60.0), "vehicle_count": (7.0, 1.0), "road_closed": (1.0, 0.0),
}  # fmt: skip
DECIMALS = {
    "container_fill": {"distance_mm": 0, "temperature_c": 1, "battery_v": 2, "tilted": -1, "deposit_count": 0},
    "traffic_flow": {"speed_km_h": 1, "flow_per_h": 0, "vehicle_count": 0, "window_s": 0},
    "bridge_state": {"road_closed": -1},
}


def two() -> Batch:
    return sound_batch(
        device=np.zeros(2, np.int64),
        observed_at_us=np.array([AT_US - 3_600_000_000, AT_US]),
        send_at_us=np.array([AT_US, AT_US]),
        sequence=np.array([0, 1]),
        values={name: np.array(pair) for name, pair in VALUES.items()},
        truth=np.zeros(2),
    )


@pytest.mark.parametrize(
    ("frames", "first"),
    [
        (Em400UdlFrames(), "01755c 0367d200 0482d804 050000"),
        (Em310TiltFrames(), "01755c 03cf 10fd 5900 e823 00"),
        (Ldds75Frames(), "0dac 04d8 00 00d2 01"),
        (Mds200Frames(), "0dac 04d8 0000 00"),
        (DlLidFrames(), "02 1000 0003 04da 04cf 04e3 04d8 04d2 04d6 04db 04e0 04d9 000a 0053 000a 0dac"),
        (SensoneoFrames(), "ffff2205 70110100 01 3e 3d 3f 00 64 15 00 00"),
    ],
    ids=lambda item: type(item).__name__,
)
def test_frames_have_the_published_layout(frames: Em400UdlFrames, first: str) -> None:
    assert frames.frames(two())[0] == bytes.fromhex(first)


@pytest.mark.parametrize("model", [codec.name for codec in CODECS])
def test_what_a_model_sends_is_read_by_its_codec(model: str) -> None:
    codec = codec_by_name(model)
    assert codec is not None
    dev_eui = "24e124713c00002a"
    encoder = encoder_for(model, codec.kind, {})
    topic = (
        f"v3/c@almere/devices/eui-{dev_eui}/up"
        if "Things" in type(encoder).__name__
        else f"application/c/device/{dev_eui}/event/up"
    )
    device = Device(dev_eui, model, codec.kind, "c-0001", "fill", topic)
    known = {dev_eui: context(dev_eui, model, codec.kind, geometry=None)}
    for place, payload in enumerate(encoder.payloads([device], two())):
        (reading,) = decode_message(RawMessage(topic, payload, RECEIVED_AT), known).readings
        assert {name: float(getattr(reading, name)) for name in encoder.decimals} == {
            name: VALUES[name][place] for name in encoder.decimals
        }
    assert join_message(device, "2026-11-22T10:00:00") is not None


def test_a_datalog_has_the_times_of_its_records() -> None:
    codec = codec_by_name("dragino_ldds75")
    assert codec is not None
    found = codec.decode(datalog_frame(two()), DATALOG_PORT)
    assert [int(fields.observed_at.timestamp()) for fields in found if fields.observed_at] == [
        AT_US // 1_000_000 - 3600,
        AT_US // 1_000_000,
    ]
    assert [fields.values["distance_mm"] for fields in found] == [1240.0, 300.0]
    assert [fields.values["temperature_c"] for fields in found] == [21.0, -10.0]


@pytest.mark.parametrize(
    ("model", "topic", "kind"),
    [
        ("senml", "senml/s-1", "container_fill"),
        ("senml", "senml/s-1", "traffic_flow"),
        ("lwm2m_3435", "lwm2m/s-1", "container_fill"),
        ("ngsi_ld", "ngsi-ld/s-1", "container_fill"),
        ("ngsi_ld", "ngsi-ld/s-1", "traffic_flow"),
        ("enevo", "vendor/enevo/s-1", "container_fill"),
        ("sidcon", "vendor/sidcon/s-1", "container_fill"),
        ("deposits", "vendor/deposits/s-1", "container_fill"),
        ("weighings", "vendor/weighings/s-1", "container_fill"),
        ("sparkplug_b", "sparkplug/g/DDATA/n/d", "container_fill"),
        ("sparkplug_b", "sparkplug/g/DDATA/n/d", "traffic_flow"),
        ("ndw_trafficspeed", "ndw/trafficspeed/s-1", "traffic_flow"),
        ("ndw_bridge_openings", "ndw/bridges/s-1", "bridge_state"),
    ],
)
def test_what_a_form_says_is_read_as_it_was_meant(model: str, topic: str, kind: str) -> None:
    encoder = encoder_for(model, kind, DECIMALS[kind])
    sensor_id = "g:n:d" if model == "sparkplug_b" else "s-1"
    device = Device(sensor_id, model, kind, "c-0001", "C-042", topic)
    known = {sensor_id: context(sensor_id, model, kind, channels=("", "C-042", "1"))}
    for place, payload in enumerate(encoder.payloads([device], two())):
        reading = decode_message(RawMessage(topic, payload, RECEIVED_AT), known).readings[-1]
        assert {name: float(getattr(reading, name)) for name in encoder.decimals} == {
            name: VALUES[name][place] for name in encoder.decimals
        }
        assert reading.observed_at.timestamp() == two().observed_at_us[place] // 60_000_000 * 60

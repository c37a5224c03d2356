"""Encoders give the bytes of the published layouts."""

from __future__ import annotations

import base64
import json

import numpy as np

from simulators.batch import Batch, Device, sound_batch
from simulators.encoders.by_model import encoder_for, join_message
from simulators.encoders.level_frames import DlMbxFrames, Em310UdlFrames

AT_US = 1_795_341_600_123_456


def one(sequence: int, **values: float) -> Batch:
    return sound_batch(
        device=np.zeros(1, np.int64),
        observed_at_us=np.array([AT_US]),
        send_at_us=np.array([AT_US]),
        sequence=np.array([sequence]),
        values={name: np.array([value]) for name, value in values.items()},
        truth=np.zeros(1),
    )


def device(model: str, topic: str) -> Device:
    return Device("24e124713c00002a", model, "container_fill", "c-0042", "fill", topic)


def test_em310_udl_frame_has_channel_type_value_in_little_endian() -> None:
    frame = Em310UdlFrames().frames(one(1, distance_mm=1234, battery_ratio=0.92, tilted=0))[0]
    assert frame.hex() == "01755c0382d204040000"


def test_dl_mbx_frame_has_protocol_device_flags_and_big_endian_words() -> None:
    frame = DlMbxFrames().frames(one(1, distance_mm=1234, battery_v=2.993))[0]
    assert frame.hex() == "021000000304d2000a0bb1"


def test_own_json_states_version_kind_time_and_quantities() -> None:
    encoder = encoder_for("stadspuls_json", "bridge_state", {"road_closed": -1, "strain_um_m": 1})
    sensor = device("stadspuls_json", "stadspuls/v1/x/readings")
    (payload,) = encoder.payloads([sensor], one(7, road_closed=1, strain_um_m=-12.3))
    assert json.loads(payload) == {
        "v": 1, "kind": "bridge_state", "observed_at": "2026-11-22T10:00:00Z", "seq": 7, "road_closed": True, "strain_um_m": -12.3,
    }  # fmt: skip


def test_the_things_stack_leaves_out_a_frame_counter_of_0() -> None:
    encoder = encoder_for("milesight_em310_udl", "container_fill", {})
    sensor = device("milesight_em310_udl", "v3/containers@almere/devices/eui-24e124713c00002a/up")
    values = {"distance_mm": 1234.0, "battery_ratio": 0.92, "tilted": 0.0}
    first, second = (json.loads(encoder.payloads([sensor], one(n, **values))[0]) for n in (0, 1))
    assert "f_cnt" not in first["uplink_message"]
    assert second["uplink_message"]["f_cnt"] == 1
    assert first["end_device_ids"]["dev_eui"] == "24E124713C00002A"
    assert first["end_device_ids"]["device_id"] == "eui-24e124713c00002a"
    assert first["uplink_message"]["received_at"].startswith("2026-11-22T10:00:00.123456")
    assert first["received_at"] > first["uplink_message"]["received_at"]
    assert base64.b64decode(first["uplink_message"]["frm_payload"]).hex() == "01755c0382d204040000"


def test_chirpstack_leaves_out_a_frame_counter_of_0() -> None:
    encoder = encoder_for("decentlab_dl_mbx", "container_fill", {})
    sensor = device("decentlab_dl_mbx", "application/a-b-c/device/24e124713c00002a/event/up")
    values = {"distance_mm": 1234.0, "battery_v": 2.993}
    first, second = (json.loads(encoder.payloads([sensor], one(n, **values))[0]) for n in (0, 1))
    assert "fCnt" not in first
    assert second["fCnt"] == 1
    assert first["deviceInfo"]["devEui"] == "24e124713c00002a"
    assert first["deduplicationId"] != second["deduplicationId"]
    assert first["time"].startswith("2026-11-22T10:00:00.123456")
    assert base64.b64decode(first["data"]).hex() == "021000000304d2000a0bb1"


def test_lorawan_devices_join_and_others_do_not() -> None:
    joined = join_message(device("milesight_em310_udl", "v3/containers@almere/devices/eui-1/up"), "2026-11-22T10:00:00")
    assert joined is not None
    assert joined[0] == "v3/containers@almere/devices/eui-1/join"
    assert "uplink_message" not in json.loads(joined[1])
    assert join_message(device("stadspuls_json", "stadspuls/v1/x/readings"), "2026-11-22T10:00:00") is None

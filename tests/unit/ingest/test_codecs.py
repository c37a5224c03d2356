"""Each codec against the maker's layout, vector by vector."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.codecs import (
    decentlab_dl_lid,
    decentlab_dl_mbx,
    dragino_ldds75,
    dragino_mds200,
    milesight_em310_tilt,
    milesight_em310_udl,
    milesight_em400_udl,
    sensoneo_single_sensor_3,
)
from ingest.codecs.codec import Codec, Part
from models.domain.failures import DeadLetterReason as Reason
from models.domain.failures import InvalidMessage

EM310 = milesight_em310_udl.MILESIGHT_EM310_UDL
EM400 = milesight_em400_udl.MILESIGHT_EM400_UDL
TILT = milesight_em310_tilt.MILESIGHT_EM310_TILT
DL_LID = decentlab_dl_lid.DECENTLAB_DL_LID
SENSONEO = sensoneo_single_sensor_3.SENSONEO_SINGLE_SENSOR_3
MDS200 = dragino_mds200.DRAGINO_MDS200
DL_MBX = decentlab_dl_mbx.DECENTLAB_DL_MBX
LDDS75 = dragino_ldds75.DRAGINO_LDDS75


def values(codec: Codec, frame: str, f_port: int = 0) -> dict[str, Any]:
    """The values of the only reading in a frame."""
    (fields,) = codec.decode(bytes.fromhex(frame), f_port)
    return fields.values


def assert_refused(codec: Codec, frame: str, reason: Reason, at_byte: int | None, *words: str, f_port: int = 0) -> None:
    with pytest.raises(InvalidMessage) as caught:
        codec.decode(bytes.fromhex(frame), f_port)
    assert (caught.value.reason, caught.value.at_byte) == (reason, at_byte), caught.value
    for word in words:
        assert word in caught.value.detail


# Milesight EM310-UDL


def test_milesight_published_vector() -> None:
    assert values(EM310, "01755c03824408040001") == {"battery_ratio": 0.92, "distance_mm": 2116.0, "tilted": True}


def test_milesight_parts_name_their_bytes() -> None:
    (fields,) = EM310.decode(bytes.fromhex("01755c03824408040000"), 85)
    assert fields.parts == [
        Part("battery_ratio", 2, 3, 0.92, True),
        Part("distance_mm", 5, 7, 2116.0, True),
        Part("tilted", 9, 10, False, True),
    ]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("017564", {"battery_ratio": 1.0}),
        ("03820000", {"distance_mm": 0.0}),
        ("0382ffff", {"distance_mm": 65535.0}),
        ("0382e803017500", {"distance_mm": 1000.0, "battery_ratio": 0.0}),
        ("ff0b ff 01755c", {"battery_ratio": 0.92}),
    ],
)
def test_milesight_items_in_any_order(frame: str, expected: dict[str, Any]) -> None:
    assert values(EM310, frame) == expected


def test_milesight_join_frame_has_no_reading() -> None:
    join = "ff0bff ff0101 ff166713a12345678901 ff090100 ff0a0102 ff0f00 ffff0100 fffe01"
    assert EM310.decode(bytes.fromhex(join), 85) == []
    assert EM310.decode(b"", 85) == []


def test_milesight_stops_at_an_unknown_channel_and_keeps_what_came_before() -> None:
    (fields,) = EM310.decode(bytes.fromhex("01755c 0467ee00 0382 4408"), 85)
    assert fields.values == {"battery_ratio": 0.92}
    assert fields.unknown_fields == 1


def test_milesight_frame_of_another_model_is_refused() -> None:
    """An EM400-UDL sends its distance as 04 82."""
    assert_refused(EM310, "04824408", Reason.MALFORMED, 0, "04 82")


@pytest.mark.parametrize(
    ("frame", "at_byte"), [("0175", 2), ("01755c03", 3), ("01755c038244", 6), ("ff16001122", 5), ("0382e8030382e803", 6)]
)
def test_milesight_frames_that_break_off_or_repeat_are_malformed(frame: str, at_byte: int) -> None:
    assert_refused(EM310, frame, Reason.MALFORMED, at_byte)


def test_milesight_position_must_be_a_known_one() -> None:
    assert_refused(EM310, "040002", Reason.RANGE, 2, "tilted is 2")


# Milesight EM400-UDL


def test_em400_udl_has_every_quantity_one_channel_further() -> None:
    frame = "01755c 03670101 04824408 050001"
    assert values(EM400, frame) == {"battery_ratio": 0.92, "temperature_c": 25.7, "distance_mm": 2116.0, "tilted": True}


def test_em400_udl_freezes() -> None:
    assert values(EM400, "0367 9cff") == {"temperature_c": -10.0}


def test_em400_udl_alarm_counts_once_beside_the_periodic_value_and_alone() -> None:
    assert values(EM400, "84824408 01") == {"distance_mm": 2116.0}
    assert values(EM400, "8367 9cff 00") == {"temperature_c": -10.0}
    (fields,) = EM400.decode(bytes.fromhex("04824408 84824508 01"), 85)
    assert fields.values == {"distance_mm": 2116.0}
    assert [part.value for part in fields.parts] == [2116.0, 2117.0, True]


def test_one_channel_is_another_quantity_on_another_milesight_model() -> None:
    """03 82 is an EM310-UDL's distance and nothing to an EM400-UDL; what came before it is kept."""
    (fields,) = EM400.decode(bytes.fromhex("01755c 03824408 040001"), 85)
    assert (fields.values, fields.unknown_fields) == ({"battery_ratio": 0.92}, 1)
    assert_refused(EM400, "03824408", Reason.MALFORMED, 0, "no EM400-UDL has channel and type 03 82")
    assert_refused(TILT, "04824408", Reason.MALFORMED, 0, "no EM310-TILT has channel and type 04 82")


def test_em400_udl_alarm_must_be_a_known_one() -> None:
    assert_refused(EM400, "8482 4408 02", Reason.RANGE, 4, "distance_alarm is 2")


# Milesight EM310-TILT


def test_em310_tilt_has_signed_hundredths_and_a_bit_per_axis() -> None:
    assert values(TILT, "017564 03cf 10fd 5900 e823 04") == {
        "battery_ratio": 1.0,
        "inclination_x_deg": -7.52,
        "inclination_y_deg": 0.89,
        "inclination_z_deg": 91.92,
        "tilt_alarm": True,
    }
    assert values(TILT, "03cf 0000 0000 0000 00")["tilt_alarm"] is False


def test_em310_tilt_knows_three_axes() -> None:
    assert_refused(TILT, "03cf 0000 0000 0000 08", Reason.RANGE, 8, "tilt_alarm", "bits 0 to 2")


# Decentlab DL-LID

LID_VECTOR = "023ec50003067a06360686067c0636067c068606860686000a0053000a0be6"


def test_dl_lid_published_vector() -> None:
    (fields,) = DL_LID.decode(bytes.fromhex(LID_VECTOR), 1)
    assert fields.values == {"distance_mm": 1660.0, "battery_v": 3.046}
    shown = {part.name: part.value for part in fields.parts}
    assert shown["device_id"] == 16069
    assert (shown["average_mm"], shown["minimum_mm"], shown["maximum_mm"]) == (1658, 1590, 1670)
    assert (shown["percentile_10_mm"], shown["percentile_90_mm"], shown["mode_mm"]) == (1590, 1670, 1670)
    assert (shown["valid_samples"], shown["total_samples"]) == (10, 10)
    assert round(shown["acquisition_ms"], 2) == 81.05


def test_dl_lid_without_a_valid_sample_has_no_distance() -> None:
    assert values(DL_LID, LID_VECTOR.replace("000a0053", "00000053")) == {"battery_v": 3.046}


def test_dl_lid_battery_alone_and_groups_of_another_sensor() -> None:
    assert values(DL_LID, "023ec500020be6") == {"battery_v": 3.046}
    assert_refused(DL_LID, "02012f000304d200010bb1", Reason.MALFORMED, 11)


# Sensoneo Single Sensor 3.0


def sensoneo(
    *,
    events: int = 1,
    echoes: tuple[int, ...] = (0x51, 0x52, 0x53, 0xF9),
    battery: int = 100,
    temperature: int = 21,
    head: str = "ffff2205",
) -> str:
    """Head, number 0x78563412 little endian, events, four echoes, battery, temperature, tilt, event count."""
    return bytes([*bytes.fromhex(head), 0x12, 0x34, 0x56, 0x78, events, *echoes, battery, temperature, 0, 7]).hex()


def test_sensoneo_layout() -> None:
    (fields,) = SENSONEO.decode(bytes.fromhex(sensoneo()), 1)
    assert fields.values == {"distance_mm": 1650.0, "battery_v": 3.5, "temperature_c": 21.0, "tilted": False}
    shown = {part.name: part.value for part in fields.parts}
    assert (shown["sensor_number"], shown["product_and_role"], shown["event_count"]) == (0x78563412, "standalone", 7)
    assert [shown[f"sonar_{number}_cm"] for number in range(4)] == [162, 164, 166, 498]


def test_sensoneo_stray_echo_and_missing_echoes_do_not_move_the_distance() -> None:
    assert values(SENSONEO, sensoneo(echoes=(0x51, 0, 0, 0)))["distance_mm"] == 1620.0
    assert values(SENSONEO, sensoneo(echoes=(0x52, 0x52, 0x52, 1)))["distance_mm"] == 1640.0
    assert "distance_mm" not in values(SENSONEO, sensoneo(echoes=(0, 0, 0, 0)))


def test_sensoneo_battery_is_an_offset_and_steps() -> None:
    assert values(SENSONEO, sensoneo(battery=0))["battery_v"] == 2.5
    assert values(SENSONEO, sensoneo(battery=255))["battery_v"] == 5.05


def test_sensoneo_temperature_below_zero_is_read_from_the_byte_that_is_declared_unsigned() -> None:
    assert values(SENSONEO, sensoneo(temperature=127))["temperature_c"] == 127.0
    assert values(SENSONEO, sensoneo(temperature=0xF6))["temperature_c"] == -10.0


def test_sensoneo_tilt_is_an_event() -> None:
    assert values(SENSONEO, sensoneo(events=0x05))["tilted"] is True


def test_sensoneo_other_events_are_shown_and_not_stored() -> None:
    (fields,) = SENSONEO.decode(bytes.fromhex(sensoneo(events=0xFB)), 1)
    assert fields.values == SENSONEO.decode(bytes.fromhex(sensoneo()), 1)[0].values
    assert {part.name: part.value for part in fields.parts}["events"] == 0xFB


@pytest.mark.parametrize(
    ("frame", "reason", "at_byte"),
    [
        (sensoneo()[:-2], Reason.MALFORMED, 16),
        (sensoneo(head="fffe2205"), Reason.MALFORMED, 0),
        (sensoneo(head="ffff1205"), Reason.RANGE, 2),
        (sensoneo(head="ffff2305"), Reason.RANGE, 2),
    ],
)
def test_sensoneo_frames_of_another_shape_are_refused(frame: str, reason: Reason, at_byte: int) -> None:
    assert_refused(SENSONEO, frame, reason, at_byte)


# Decentlab DL-MBX


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("02012f000304d200010bb1", {"distance_mm": 1234.0, "battery_v": 2.993}),
        ("02012f00020bb1", {"battery_v": 2.993}),
        ("02012f000104d20001", {"distance_mm": 1234.0}),
        ("02012f000304d200000bb1", {"battery_v": 2.993}),
    ],
)
def test_decentlab_vectors(frame: str, expected: dict[str, Any]) -> None:
    assert values(DL_MBX, frame) == expected


def test_decentlab_shows_device_and_samples() -> None:
    (fields,) = DL_MBX.decode(bytes.fromhex("02012f000304d200010bb1"), 1)
    shown = {part.name: part.value for part in fields.parts if not part.quantity}
    assert shown == {"protocol_version": 2, "device_id": 303, "flags": 3, "valid_samples": 1}


def test_decentlab_without_any_group_has_no_reading() -> None:
    assert DL_MBX.decode(bytes.fromhex("02012f0000"), 1) == []


@pytest.mark.parametrize(
    ("frame", "at_byte"),
    [("", 0), ("01012f000304d200010bb1", 0), ("02012f00", 4), ("02012f000704d200010bb10001", 3), ("02012f000304d200", 8)],
)
def test_decentlab_frames_of_another_shape_are_malformed(frame: str, at_byte: int) -> None:
    assert_refused(DL_MBX, frame, Reason.MALFORMED, at_byte)


def test_decentlab_bytes_beyond_the_announced_are_malformed() -> None:
    assert_refused(DL_MBX, "02012f00020bb100", Reason.MALFORMED, 7, "announce 7 bytes", "has 8")


# Dragino LDDS75


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("0ce40b050000e401", {"battery_v": 3.3, "distance_mm": 2821.0, "temperature_c": 22.8}),
        ("cce40b0501ff9c01", {"battery_v": 3.3, "distance_mm": 2821.0, "temperature_c": -10.0}),
        ("0ce40000007fff01", {"battery_v": 3.3}),
        ("0ce40014 0000e401", {"battery_v": 3.3, "temperature_c": 22.8}),
        ("0ce40b050000e400", {"battery_v": 3.3, "temperature_c": 22.8}),
    ],
)
def test_dragino_measurements(frame: str, expected: dict[str, Any]) -> None:
    """0 and 20 mm are no distance, nor is any without a sensor; the battery's upper two bits are flags."""
    assert values(LDDS75, frame, 2) == expected


def test_dragino_datalog_has_readings_with_their_own_old_times() -> None:
    first, second = LDDS75.decode(bytes.fromhex("0ce4 0b05 00e4 02 6af2fd00 0ce4 0014 ff9c 02 6af30b10"), 3)
    assert first.values == {"battery_v": 3.3, "distance_mm": 2821.0, "temperature_c": 22.8}
    assert first.observed_at == datetime.fromtimestamp(0x6AF2FD00, UTC)
    assert second.values == {"battery_v": 3.3, "temperature_c": -10.0}
    assert second.observed_at == datetime.fromtimestamp(0x6AF30B10, UTC)
    assert [part.start for part in second.parts] == [11, 13, 15, 17, 18]


def test_dragino_device_information_has_no_reading() -> None:
    assert LDDS75.decode(bytes.fromhex("27010001000ce4"), 5) == []


SAMPLES = "1ce4 000000000000 0b05 0b07 0000 0014 0bff 00 00e4 01"


def test_dragino_frame_with_several_samples_is_one_reading_at_their_median() -> None:
    """Of 2821, 2823, 0, 20 and 3071 mm the two in the middle are no distances; the battery has twelve bits here."""
    (fields,) = LDDS75.decode(bytes.fromhex(SAMPLES), 2)
    assert fields.values == {"battery_v": 3.3, "distance_mm": 2823.0, "temperature_c": 22.8}
    assert fields.observed_at is None
    shown = {part.name: part.value for part in fields.parts}
    assert [shown[f"sample_{number}_mm"] for number in range(5)] == [2821.0, 2823.0, None, None, 3071.0]
    assert values(LDDS75, SAMPLES[:-2] + "00", 2) == {"battery_v": 3.3, "temperature_c": 22.8}
    assert values(LDDS75, "1ce4 000000000000 0000 00 ff9c 01", 2) == {"battery_v": 3.3, "temperature_c": -10.0}


def test_dragino_frame_has_at_most_twenty_samples() -> None:
    assert values(LDDS75, "1ce4 000000000000" + "0b05" * 20 + "00 00e4 01", 2)["distance_mm"] == 2821.0
    for samples in ("", "0b", "0b05" * 21):
        frame = "1ce4 000000000000" + samples + "00 00e4 01"
        assert_refused(LDDS75, frame, Reason.MALFORMED, 12 + len(samples) // 2, "1 to 20", f_port=2)


def test_dragino_battery_over_4_volt_is_no_frame_with_samples() -> None:
    assert values(LDDS75, "1068 0b05 00 00e4 01", 2) == {"battery_v": 4.2, "distance_mm": 2821.0, "temperature_c": 22.8}


def test_dragino_detections_are_one_reading_at_their_median() -> None:
    (fields,) = LDDS75.decode(bytes.fromhex("0b05 0b07 0bff"), 6)
    assert (fields.values, fields.observed_at) == ({"distance_mm": 2823.0}, None)
    assert LDDS75.decode(bytes.fromhex("0000 0014"), 6) == []
    for frame in ("", "0b"):
        assert_refused(LDDS75, frame, Reason.MALFORMED, len(frame) // 2, "detections", f_port=6)


@pytest.mark.parametrize(
    ("f_port", "frame", "at_byte"), [(2, "", 0), (2, "0ce40b05", 4), (2, "0ce40b050000e40100", 8), (3, "", 0), (3, "00" * 12, 11)]
)
def test_dragino_frames_of_another_length_are_malformed(f_port: int, frame: str, at_byte: int) -> None:
    assert_refused(LDDS75, frame, Reason.MALFORMED, at_byte, f_port=f_port)


@pytest.mark.parametrize("f_port", [0, 1, 4, 85])
def test_dragino_ports_that_are_not_read_are_named(f_port: int) -> None:
    assert_refused(LDDS75, "0ce40b050000e401", Reason.SCHEMA, None, f"f_port is {f_port}", f_port=f_port)


# Dragino MDS200-LB


def test_mds200_closest_object_counts_and_the_one_behind_it_is_shown() -> None:
    """3.3 V, 1234 mm, 1950 mm behind it; bit 1 of the last byte is the distance alarm, the bits from 2 on count alarms."""
    (fields,) = MDS200.decode(bytes.fromhex("0ce4 04d2 079e 16"), 2)
    assert fields.values == {"battery_v": 3.3, "distance_mm": 1234.0}
    shown = {part.name: part.value for part in fields.parts}
    assert (shown["second_distance_mm"], shown["alarms"]) == (1950.0, "interrupt 0, distance 1, distance alarms counted 5")
    assert values(MDS200, "0ce4 0000 0000 01", 2) == {"battery_v": 3.3}


def test_mds200_battery_has_no_flags() -> None:
    assert values(MDS200, "4ce4 04d2 0000 00", 2) == {"battery_v": 19.684, "distance_mm": 1234.0}


def test_mds200_datalog_has_readings_with_their_own_old_times() -> None:
    first, second = MDS200.decode(bytes.fromhex("0ce4 04d2 079e 02 6af2fd00 0ce4 0000 0000 02 6af30b10"), 3)
    assert first.values == {"battery_v": 3.3, "distance_mm": 1234.0}
    assert (first.observed_at, second.observed_at) == tuple(datetime.fromtimestamp(at, UTC) for at in (0x6AF2FD00, 0x6AF30B10))
    assert second.values == {"battery_v": 3.3}


def test_mds200_device_information_has_no_reading_and_other_frames_are_refused() -> None:
    assert MDS200.decode(bytes.fromhex("0004b0 14 0000 0000 00"), 4) == MDS200.decode(bytes.fromhex("2b0100 01 ff 0ce4"), 5) == []
    assert_refused(MDS200, "0ce404d2079e0200", Reason.MALFORMED, 7, f_port=2)
    assert_refused(MDS200, "00" * 12, Reason.MALFORMED, 11, f_port=3)
    assert_refused(MDS200, "0ce404d2079e02", Reason.SCHEMA, None, "f_port is 6", f_port=6)

"""Each codec against the maker's layout, vector by vector."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.codecs import decentlab_dl_mbx, dragino_ldds75, milesight_em310_udl
from ingest.codecs.codec import Codec, Part
from models.domain.failures import DeadLetterReason as Reason
from models.domain.failures import InvalidMessage

EM310 = milesight_em310_udl.MILESIGHT_EM310_UDL
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


def test_dragino_frames_that_say_no_time_for_their_samples_are_refused() -> None:
    assert_refused(LDDS75, "1ce40b050000e401", Reason.SCHEMA, 0, "multi-sample", f_port=2)


@pytest.mark.parametrize(
    ("f_port", "frame", "at_byte"), [(2, "", 0), (2, "0ce40b05", 4), (2, "0ce40b050000e40100", 8), (3, "", 0), (3, "00" * 12, 11)]
)
def test_dragino_frames_of_another_length_are_malformed(f_port: int, frame: str, at_byte: int) -> None:
    assert_refused(LDDS75, frame, Reason.MALFORMED, at_byte, f_port=f_port)


@pytest.mark.parametrize("f_port", [0, 1, 6, 85])
def test_dragino_ports_that_are_not_read_are_named(f_port: int) -> None:
    assert_refused(LDDS75, "0ce40b050000e401", Reason.SCHEMA, None, f"f_port is {f_port}", f_port=f_port)

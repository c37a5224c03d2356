"""Our own JSON: what is taken over, what is counted, what is refused and at which byte."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.decode import MAX_PAYLOAD_BYTES, decode_message
from ingest.envelopes.json_document import MAX_READINGS_PER_MESSAGE
from models.domain.failures import DeadLetterReason as Reason
from models.domain.reading import TimeSource
from models.sensor_kinds.container_fill import ContainerFill
from tests.unit.ingest.asserting import assert_refused, contexts, only_reading
from tests.unit.ingest.samples import OBSERVED_AT, context, message, own, own_several

TOPIC = "stadspuls/v1/s-1/readings"
START = b'{"v":1,"kind":"container_fill","observed_at":"2026-11-22T10:00:00Z"'


def test_a_reading_is_taken_over_and_its_level_derived() -> None:
    reading = only_reading(own(seq=123, distance_mm=840.0, battery_v=3.6))
    assert reading == ContainerFill(
        thing_id="c-0001",
        datastream_id="c-0001/main",
        observed_at=OBSERVED_AT,
        time_source=TimeSource.DEVICE,
        distance_mm=840.0,
        battery_v=3.6,
        fill_ratio=(2000 - 840) / 1700,
    )


def test_whole_numbers_are_taken_for_quantities_with_fractions() -> None:
    reading = only_reading(own(distance_mm=840))
    assert isinstance(reading, ContainerFill)
    assert reading.distance_mm == 840.0
    assert isinstance(reading.distance_mm, float)


def test_null_is_a_quantity_that_is_not_there() -> None:
    body = START + b',"distance_mm":840,"battery_v":null}'
    assert only_reading(message(TOPIC, body)).model_dump()["battery_v"] is None


@pytest.mark.parametrize(
    "stated", ["2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00.000000000Z", "2026-11-22 10:00:00Z", "20261122T100000Z"]
)
def test_times_in_any_zone_become_utc(stated: str) -> None:
    assert only_reading(own(observed_at=stated, distance_mm=1)).observed_at == OBSERVED_AT


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("2026-11-22T10:00:00", "no time zone"),
        ("2026-11-22", "no time zone"),
        ("2026-10-25T02:30:00 Europe/Amsterdam", "must be a time"),
        ("yesterday", "must be a time"),
        ("", "must be a time"),
        (1795341600, "must be a time"),
        ("0001-01-01T00:00:00+23:59", "must be a time"),
        ("2026-11-22T10:00:60Z", "must be a time"),
    ],
)
def test_a_time_that_says_no_moment_is_refused_where_it_stands(stated: object, words: str) -> None:
    refused = own(observed_at=stated, distance_mm=1)
    assert_refused(refused, Reason.SCHEMA, "observed_at", words, at_byte=refused.payload.index(b'"observed_at"'))


@pytest.mark.parametrize(
    ("body", "at_byte"),
    [
        (b"", 0),
        (b"  ", 0),
        (b"\xff\xfe", 0),
        (START + b',"channel":"\xc3\x28"}', len(START) + 12),
        (START, len(START)),
        (START + b',"distance_mm":NaN}', len(START) + 15),
        (START + b',"distance_mm":1e999}', len(START) + 15),
        (START + b',"distance_mm":-Infinity}', len(START) + 16),
        (START + "…".encode() + b"}", len(START)),
        (b'{"v":1,"name":"\xe2\x80\xa6",}', 19),
        (START + b"}}", len(START) + 1),
        (b'"text"', 0),
        (b"[]", 0),
        (b"null", 0),
        (b'{"v":1,"kind":"\\ud800"}', 15),
    ],
)
def test_what_is_no_json_object_is_malformed_from_a_byte_on(body: bytes, at_byte: int) -> None:
    assert_refused(message(TOPIC, body), Reason.MALFORMED, at_byte=at_byte)


def test_deep_nesting_and_great_size_are_refused() -> None:
    deep = START + b',"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert_refused(message(TOPIC, deep), Reason.MALFORMED, at_byte=-1)
    shallow = START + b',"distance_mm":1,"x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    assert len(decode_message(message(TOPIC, shallow), contexts()).readings) == 1
    large = START + b',"x":"' + b"x" * 2**20 + b'"}'
    assert_refused(message(TOPIC, large), Reason.TOO_LARGE, str(MAX_PAYLOAD_BYTES))


def test_of_a_repeated_key_the_last_one_counts() -> None:
    reading = only_reading(message(TOPIC, START + b',"distance_mm":1,"distance_mm":840}'))
    assert reading.model_dump()["distance_mm"] == 840.0


@pytest.mark.parametrize("version", [0, 2, "1", 1.0, True, None])
def test_another_version_is_refused(version: object) -> None:
    assert_refused(own(v=version, distance_mm=1), Reason.SCHEMA, "v must be 1")


@pytest.mark.parametrize("kind", [None, "", 7, "bridge_state", "x\x00y"])
def test_another_kind_than_the_registered_is_refused(kind: object) -> None:
    assert_refused(own(kind=kind, distance_mm=1), Reason.SCHEMA, "kind")


def test_unknown_fields_are_counted_and_not_fatal() -> None:
    decoded = decode_message(own(distance_mm=840, firmware="1.2", nested={"a": [1]}), contexts())
    assert len(decoded.readings) == 1
    assert decoded.unknown_fields == 2


def test_a_derived_quantity_is_not_taken_over() -> None:
    decoded = decode_message(own(distance_mm=2000, fill_ratio=0.9), contexts())
    assert decoded.readings[0].model_dump()["fill_ratio"] == 0.0
    assert decoded.unknown_fields == 1
    assert_refused(own(fill_ratio=0.9), Reason.SCHEMA, "no quantity", "fill_ratio is derived", "reported_fill_ratio")


def test_a_reading_without_any_quantity_is_refused() -> None:
    assert_refused(own(), Reason.SCHEMA, "no quantity of container_fill")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("distance_mm", 20_000.5, "distance_mm is 20000.5 mm, allowed is 0 to 20000 mm"),
        ("distance_mm", -1, "distance_mm is -1 mm, allowed is 0 to 20000 mm"),
        ("reported_fill_ratio", 55, "reported_fill_ratio is 55, allowed is 0 to 1"),
        ("deposit_count", 2**63, "deposit_count is"),
        ("weight_kg", 10**30, "weight_kg is 1e+30 kg"),
        ("temperature_c", -273, "temperature_c is -273 Cel, allowed is -60 to 200 Cel"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(field: str, value: Any, words: str) -> None:
    refused = own(**{field: value})
    assert_refused(refused, Reason.RANGE, words, at_byte=refused.payload.index(field.encode()) - 1)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("distance_mm", "840", "distance_mm must be a number, not '840'"),
        ("distance_mm", True, "distance_mm must be a number, not True"),
        ("distance_mm", [840], "distance_mm must be a number, not a list"),
        ("deposit_count", 1.5, "deposit_count must be a whole number, not 1.5"),
        ("tilted", 1, "tilted must be true or false, not 1"),
        ("reported_fill_ratio", "0.5", "reported_fill_ratio must be a number"),
    ],
)
def test_a_value_of_another_type_is_named(field: str, value: Any, words: str) -> None:
    refused = own(**{field: value})
    assert_refused(refused, Reason.SCHEMA, words, at_byte=refused.payload.index(field.encode()) - 1)


def test_exceeding_range_of_traffic_window_says_more_than() -> None:
    traffic = context("s-1", kind="traffic_flow")
    refused = own(kind="traffic_flow", window_s=0)
    assert_refused(refused, Reason.RANGE, "window_s is 0 s, allowed is more than 0 to 86400 s", at_byte=-1, by=traffic)


def test_good_readings_are_kept_where_others_are_rejected_one_by_one() -> None:
    readings = [
        {"observed_at": "2026-11-22T09:00:00Z", "distance_mm": 1000},
        {"observed_at": "2026-11-22T09:15:00Z", "distance_mm": 99_000},
        {"observed_at": "2026-11-22T09:30:00Z", "distance_mm": 1010, "surprise": 1},
        {"distance_mm": 1020},
        7,
    ]
    decoded = decode_message(own_several(readings), contexts())
    assert [reading.observed_at.minute for reading in decoded.readings] == [0, 30]
    assert decoded.indexes == [0, 2]
    assert [(rejected.index, rejected.reason) for rejected in decoded.rejected] == [
        (1, Reason.RANGE),
        (3, Reason.IDENTITY),
        (4, Reason.SCHEMA),
    ]
    assert decoded.unknown_fields == 1
    assert not decoded.without_reading


def test_channels_choose_the_datastream_even_at_the_same_second() -> None:
    detector = context("s-1", kind="traffic_flow", thing_id="t-0001", channels=("speed", "occupancy"))
    at = "2026-11-22T10:00:00Z"
    readings = [
        {"observed_at": at, "channel": "speed", "speed_km_h": 51.5},
        {"observed_at": at, "channel": "occupancy", "occupancy_ratio": 0.07},
        {"observed_at": at, "flow_per_h": 300},
    ]
    decoded = decode_message(own_several(readings, kind="traffic_flow"), contexts(detector))
    assert [reading.datastream_id for reading in decoded.readings] == ["t-0001/speed", "t-0001/occupancy"]
    assert [rejected.reason for rejected in decoded.rejected] == [Reason.UNKNOWN_THING]


@pytest.mark.parametrize("readings", [[], {}, "x", None, [1] * (MAX_READINGS_PER_MESSAGE + 1)])
def test_a_list_of_readings_must_be_one_and_not_endless(readings: Any) -> None:
    assert_refused(own_several(readings), Reason.SCHEMA, "readings must be a list of 1 to")


@pytest.mark.parametrize(
    "topic", ["stadspuls/v1/s-1", "stadspuls/v1//readings", "stadspuls/v1/s-1/readings/x", "stadspuls/v2/s/readings", ""]
)
def test_other_topics_are_refused(topic: str) -> None:
    assert_refused(message(topic, {"v": 1}), Reason.SCHEMA, "topic")


def test_a_channel_must_be_text() -> None:
    assert_refused(own(distance_mm=1, channel=7), Reason.SCHEMA, "channel must be text", at_byte=-1)


def test_a_sensor_registered_with_a_codec_does_not_speak_our_json() -> None:
    assert_refused(own(distance_mm=1), Reason.SCHEMA, "milesight_em310_udl", by=context("s-1", "milesight_em310_udl"))


def test_refusals_never_hold_nul_or_surrogates() -> None:
    refused = message("stadspuls/v1/a\x00b/readings", own(distance_mm=1).payload)
    assert_refused(refused, Reason.UNKNOWN_THING, r"a\x00b")


def test_readings_at_daylight_saving_keep_their_moment() -> None:
    """Two o'clock comes twice that night; the offsets tell the two apart."""
    clock = context("s-1", accepts_history_from=datetime(2026, 1, 1, tzinfo=UTC))
    readings = [{"observed_at": f"2026-10-25T02:30:00+0{hours}:00", "distance_mm": 1} for hours in (2, 1)]
    decoded = decode_message(own_several(readings), contexts(clock))
    assert [reading.observed_at.hour for reading in decoded.readings] == [0, 1]

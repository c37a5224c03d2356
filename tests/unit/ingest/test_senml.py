"""SenML (RFC 8428): base fields, times, units, and what must be understood; and LwM2M's filling level sensor, which comes in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.decode import Decoded, decode_message
from ingest.field_names import UNITS
from models.domain.failures import DeadLetterReason as Reason
from models.domain.registry import SensorContext
from models.sensor_kinds import SENSOR_KINDS
from tests.unit.ingest.asserting import assert_refused
from tests.unit.ingest.format_samples import AT_S, LWM2M_PACK, SENML_CBOR, SENML_PACK, as_json
from tests.unit.ingest.samples import context, message

SENSOR = context("s-1", "senml", channels=("", "lane-1"))
ROAD = context("s-1", "senml", "traffic_flow", channels=("", "lane-1"))
LEVEL = context("s-1", "lwm2m_3435", channels=("", "1"))


def decoded(pack: Any, by: SensorContext = SENSOR, prefix: str = "senml") -> Decoded:
    return decode_message(message(f"{prefix}/s-1", as_json(pack)), {"s-1": by})


def values(pack: Any, by: SensorContext = SENSOR, prefix: str = "senml") -> dict[str, Any]:
    """The quantities of the only reading."""
    found = decoded(pack, by, prefix)
    (reading,) = found.readings
    return {name: value for name in reading.MEASURED_FIELDS if (value := getattr(reading, name)) is not None}


def refused(pack: Any, reason: Reason, *words: str, by: SensorContext = SENSOR, prefix: str = "senml") -> None:
    assert_refused(message(f"{prefix}/s-1", as_json(pack)), reason, *words, by=by)


def test_records_of_one_time_are_one_reading_in_our_units() -> None:
    earlier, later = sorted(decoded(SENML_PACK).readings, key=lambda reading: reading.observed_at)
    assert later.model_dump(include={"distance_mm", "temperature_c", "battery_ratio", "tilted"}) == {
        "distance_mm": 840.0, "temperature_c": -2.5, "battery_ratio": 0.92, "tilted": False,
    }  # fmt: skip
    assert later.observed_at == datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    assert (earlier.observed_at.minute, earlier.distance_mm) == (50, 900.0)  # type: ignore[attr-defined]  # a fill reading
    assert later.time_source == "device"


def test_base_fields_hold_for_later_records_until_they_change() -> None:
    pack = [
        {"bn": "urn:dev:x:", "bt": AT_S, "bu": "cm", "bv": 100, "n": "distance", "v": 5},
        {"bu": "V", "bv": 3, "n": "battery", "v": 0.25},
    ]
    assert values(pack) == {"distance_mm": 1050.0, "battery_v": 3.25}


def test_a_base_name_alone_names_the_quantity() -> None:
    assert values([{"bn": "urn:dev:x:distance_mm", "bt": AT_S, "v": 840}]) == {"distance_mm": 840}


def test_what_stands_before_the_quantity_in_a_name_is_the_channel() -> None:
    (reading,) = decoded([{"bn": "urn:dev:x:", "bt": AT_S, "n": "lane-1/speed", "u": "m/s", "v": 10}], ROAD).readings
    assert (reading.datastream_id, reading.speed_km_h) == ("c-0001/lane-1", 36.0)  # type: ignore[attr-defined]  # a traffic reading


@pytest.mark.parametrize("time", [{}, {"t": 0}, {"t": -60}, {"bt": 2**28 - 1}])
def test_a_relative_time_identifies_nothing(time: dict[str, Any]) -> None:
    refused([{"n": "distance", "u": "m", "v": 1, **time}], Reason.IDENTITY, "no time")


@pytest.mark.parametrize(
    ("unit", "value", "field", "expected"),
    [
        ("m", 1.5, "distance_mm", 1500.0), ("cm", 150, "distance_mm", 1500), ("mm", 1500, "distance_mm", 1500),
        ("K", 283.15, "temperature_c", 10.0), ("Cel", 10, "temperature_c", 10), ("%", 62, "reported_fill_ratio", 0.62),
        ("/", 0.62, "reported_fill_ratio", 0.62), ("g", 1500, "weight_kg", 1.5), ("count", 3.0, "deposit_count", 3),
        ("mV", 3500, "battery_v", 3.5), ("%EL", 50, "battery_ratio", 0.5),
    ],
)  # fmt: skip
def test_units_are_converted(unit: str, value: float, field: str, expected: float) -> None:
    name = {"reported_fill_ratio": "fill"}.get(field, field.rpartition("_")[0])
    assert values([{"bt": AT_S, "n": name if unit != "count" else field, "u": unit, "v": value}]) == {field: expected}


def test_a_unit_that_does_not_fit_and_a_missing_one_are_refused() -> None:
    refused([{"bt": AT_S, "n": "distance", "u": "kg", "v": 1}], Reason.SCHEMA, "distance", "kg", "distance_mm in mm")
    refused([{"bt": AT_S, "n": "distance", "v": 1}], Reason.SCHEMA, "says no unit", "distance_mm")
    refused([{"bt": AT_S, "n": "fill_ratio", "u": "/", "v": 62}], Reason.RANGE, "reported_fill_ratio is 62")


def test_one_bad_record_does_not_take_the_others_with_it() -> None:
    found = decoded([{"bt": AT_S, "n": "distance", "u": "m", "v": 1}, {"t": -60, "n": "distance", "u": "kg", "v": 1}])
    assert (len(found.readings), [item.reason for item in found.rejected]) == (1, [Reason.SCHEMA])


def test_what_is_not_a_value_of_ours_is_counted() -> None:
    pack = [{"bt": AT_S, "n": "distance", "u": "m", "v": 1, "ut": 60, "x": 1}, {"n": "energy", "s": 5}, {"n": "blob", "vd": "AA"}]
    found = decoded([*pack, {"n": "humidity", "u": "%RH", "v": 40}])
    assert (len(found.readings), found.unknown_fields) == (1, 4)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"n": "distance", "v": 1, "future_": 1}, "must be understood"),
        ({"bver": 11, "n": "distance", "v": 1}, "bver is 11"),
        ({"n": "distance", "v": 1, "vs": "x"}, "v and vs"),
        ({"v": 1}, "neither n nor bn"),
        ({"n": "distance", "v": "1"}, "must be a number"),
        ({"n": "tilted", "vb": 1}, "true or false"),
        ({"n": "distance", "v": 1, "t": "now"}, "must be a number"),
    ],
)
def test_packs_that_break_the_rules_are_refused(record: dict[str, Any], words: str) -> None:
    refused([record], Reason.SCHEMA, words)


def test_a_time_out_of_any_calendar_is_refused() -> None:
    refused([{"bt": 1e300, "n": "distance_mm", "v": 1}], Reason.SCHEMA, "is no time")


def test_our_units_are_reached_by_the_table_of_units() -> None:
    ours = {column.quantity.unit for kind in SENSOR_KINDS for column in kind.columns()} - {"um/m", "dB"}
    assert ours <= {conversion.unit for found in UNITS.values() for conversion in found}


# CBOR


def cbor(payload: bytes) -> Decoded:
    return decode_message(message("senml/s-1", payload), {"s-1": SENSOR})


def test_cbor_says_the_same_as_json() -> None:
    (reading,) = cbor(SENML_CBOR).readings
    assert (reading.distance_mm, reading.tilted) == (840.0, False)  # type: ignore[attr-defined]  # a fill reading
    assert reading.observed_at == datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_cbor_of_indefinite_length_with_a_tag_and_a_half_float() -> None:
    """[_ {_ -3: 1(1795341600), 0: "distance", 1: "m", 2: 1.5 in two bytes}]"""
    pack = "9f bf 22 c1 1a" + f"{AT_S:08x}" + "00 68" + b"distance".hex() + "01 61 6d 02 f9 3e00 ff ff"
    assert cbor(bytes.fromhex(pack)).readings[0].distance_mm == 1500.0  # type: ignore[attr-defined]  # a fill reading


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("81", Reason.MALFORMED),
        ("9a ffffffff", Reason.MALFORMED),
        ("81 a1 02 fb 7ff0000000000000", Reason.MALFORMED),
        ("81 a2 00 61 61 00 61 62", Reason.MALFORMED),
        ("81 a1 80 00", Reason.MALFORMED),
        ("81" * 30, Reason.MALFORMED),
        ("81 a0 00", Reason.MALFORMED),
        ("81 5f ff", Reason.MALFORMED),
        ("81 61 ff", Reason.MALFORMED),
        ("81 fc", Reason.MALFORMED),
        ("80", Reason.SCHEMA),
        ("81 00", Reason.SCHEMA),
        ("81 a1 09 00", Reason.SCHEMA),
        ("81 a1 00 80", Reason.SCHEMA),
        ("81 a1 66 636172644964 01", Reason.PRIVACY),
    ],
)
def test_cbor_that_is_broken_or_not_senml_is_refused(payload: str, reason: Reason) -> None:
    assert_refused(message("senml/s-1", bytes.fromhex(payload)), reason, at_byte=-1, by=SENSOR)


# LwM2M object 3435


def test_filling_level_in_per_cent() -> None:
    assert values(LWM2M_PACK, LEVEL, "lwm2m") == {"reported_fill_ratio": 0.62, "tilted": False}


def test_level_in_cm_counts_where_there_is_no_percentage() -> None:
    pack = [{"bn": "/3435/1/", "bt": AT_S, "n": "1", "v": 200}, {"n": "3", "v": 50}]
    assert values(pack, LEVEL, "lwm2m") == {"reported_fill_ratio": 0.25}
    assert values([*pack, {"n": "2", "v": 40}], LEVEL, "lwm2m") == {"reported_fill_ratio": 0.4}


def test_each_instance_of_the_object_is_a_channel() -> None:
    found = decoded([*LWM2M_PACK, {"bn": "/3435/1/", "n": "2", "v": 10}], LEVEL, "lwm2m")
    assert [item.datastream_id for item in found.readings] == ["c-0001/main", "c-0001/1"]


def test_tlv_is_not_read() -> None:
    """Resource 2 with one byte of value, as LwM2M's own encoding has it."""
    assert_refused(message("lwm2m/s-1", bytes.fromhex("c1 02 3e")), Reason.MALFORMED, at_byte=-1, by=LEVEL)


def test_the_devices_own_timestamp_goes_first() -> None:
    (reading,) = decoded([*LWM2M_PACK, {"n": "5518", "v": AT_S - 3600}], LEVEL, "lwm2m").readings
    assert reading.observed_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_what_the_device_itself_rejects_is_refused() -> None:
    refused([LWM2M_PACK[0], {"n": "6042", "v": 1}], Reason.RANGE, "rejects", by=LEVEL, prefix="lwm2m")


def test_the_counter_of_filling_operations_is_a_total_and_not_deposits() -> None:
    found = decoded([*LWM2M_PACK, {"n": "19", "v": 4711}], LEVEL, "lwm2m")
    assert found.unknown_fields == 1
    assert found.readings[0].deposit_count is None  # type: ignore[attr-defined]  # a fill reading


def test_a_percentage_over_100_and_another_object_are_refused() -> None:
    refused([{"bn": "/3435/0/", "bt": AT_S, "n": "2", "v": 162}], Reason.RANGE, "1.62", by=LEVEL, prefix="lwm2m")
    refused([{"bn": "/3303/0/", "bt": AT_S, "n": "5700", "v": 21}], Reason.SCHEMA, "/3303/0/5700", by=LEVEL, prefix="lwm2m")
    refused([{"bn": "/3435/0/", "n": "2", "v": 62}], Reason.IDENTITY, "no time", by=LEVEL, prefix="lwm2m")


def test_a_message_of_another_form_than_registered_is_refused() -> None:
    refused(LWM2M_PACK, Reason.SCHEMA, "registered as", by=SENSOR, prefix="lwm2m")

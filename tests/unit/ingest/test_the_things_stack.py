"""The Things Stack v3: omitted zeros, times in order of preference, marks that forbid decoding, events without readings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingest.decode import address_of, decode_message
from ingest.envelopes.uplink import Address, DeviceFrame, NoReading
from models.domain.failures import DeadLetterReason as Reason
from models.domain.reading import TimeSource
from tests.unit.ingest.asserting import assert_refused, contexts, only_reading
from tests.unit.ingest.samples import DEV_EUI, OBSERVED_AT, context, message, things_stack, things_stack_body

FRAME = "01755c03824408040001"
SENSOR = context(DEV_EUI, "milesight_em310_udl")


def changed(**in_uplink: Any) -> dict[str, Any]:
    """A body whose uplink_message has these fields; None takes one away."""
    body = things_stack_body(FRAME)
    body["uplink_message"].update(in_uplink)
    body["uplink_message"] = {key: value for key, value in body["uplink_message"].items() if value is not None}
    return body


def frame_of(body: dict[str, Any]) -> DeviceFrame:
    address = address_of(things_stack(body))
    assert isinstance(address, Address)
    assert isinstance(address.uplink, DeviceFrame)
    return address.uplink


def test_an_uplink_becomes_a_reading_at_the_network_servers_time() -> None:
    reading = only_reading(things_stack(things_stack_body(FRAME)), SENSOR)
    assert reading.observed_at == OBSERVED_AT + timedelta(microseconds=323456)
    assert reading.time_source is TimeSource.NETWORK
    assert reading.model_dump()["distance_mm"] == 2116.0


def test_zeros_that_the_server_left_out_are_zero() -> None:
    frame = frame_of(changed(f_cnt=None, f_port=None))
    assert (frame.f_cnt, frame.f_port) == (0, 0)


@pytest.mark.parametrize("topic", ["v3/waste/devices/bin-1/up", "v3/waste@ttn/devices/bin-1/up"])
def test_the_tenant_in_the_topic_may_be_missing(topic: str) -> None:
    assert only_reading(message(topic, things_stack_body(FRAME)), SENSOR)


@pytest.mark.parametrize(
    "event",
    ["join", "down/queued", "down/sent", "down/ack", "down/nack", "down/failed", "down/push", "service/data", "location/solved"],
)
def test_events_without_readings_are_not_even_read(event: str) -> None:
    decoded = decode_message(message(f"v3/waste@ttn/devices/bin-1/{event}", b"\xff not json"), {})
    assert decoded.without_reading
    assert not decoded.readings


@pytest.mark.parametrize("topic", ["v3/waste@ttn/devices/bin-1/upp", "v3/waste@ttn/devices/bin-1", "v3/waste/gateways/g/up", "v3/"])
def test_other_topics_are_refused(topic: str) -> None:
    assert_refused(message(topic, things_stack_body(FRAME)), Reason.SCHEMA)


def test_another_decoders_opinion_is_not_read() -> None:
    """The Things Stack's own decoder says 836 mm and 2 s more of anything; the bytes say 2116 mm."""
    body = changed(decoded_payload={"distance": 836, "frm_payload": "AXVcA4JEAwQAAA=="}, normalized_payload=[{"distance": 836}])
    assert only_reading(things_stack(body), SENSOR).model_dump()["distance_mm"] == 2116.0


def test_the_application_servers_time_stands_in_for_the_network_servers() -> None:
    frame = frame_of(changed(received_at=None))
    assert frame.observed_at == OBSERVED_AT + timedelta(microseconds=523456)
    assert frame.time_source is TimeSource.NETWORK


def test_a_gateways_time_is_the_last_resort_and_the_earliest_counts() -> None:
    body = changed(received_at=None)
    del body["received_at"]
    body["uplink_message"]["rx_metadata"][1]["time"] = "2026-11-22T09:59:58Z"
    reading = only_reading(things_stack(body), SENSOR)
    assert reading.observed_at == OBSERVED_AT - timedelta(seconds=2)
    assert reading.time_source is TimeSource.GATEWAY


def test_without_any_time_the_session_and_its_counter_identify_and_an_absent_counter_is_zero() -> None:
    body = changed(received_at=None, rx_metadata=[])
    del body["received_at"]
    (counted,) = decode_message(things_stack(body), contexts(SENSOR)).marks.values()
    del body["uplink_message"]["f_cnt"]
    (absent,) = decode_message(things_stack(body), contexts(SENSOR)).marks.values()
    assert [(mark.session, mark.number) for mark in (counted, absent)] == [("AYk", 12), ("AYk", 0)]


def test_a_time_that_cannot_be_read_is_not_replaced_by_another() -> None:
    assert_refused(things_stack(changed(received_at="noon")), Reason.SCHEMA, "received_at", by=SENSOR)


def test_simulated_uplinks_are_only_taken_for_simulated_things() -> None:
    body = {**things_stack_body(FRAME), "simulated": True}
    assert_refused(things_stack(body), Reason.SCHEMA, "simulated", by=SENSOR)
    assert only_reading(things_stack(body), context(DEV_EUI, "milesight_em310_udl", simulated=True))


def test_a_payload_encrypted_for_the_application_is_not_decoded() -> None:
    assert_refused(things_stack(changed(app_s_key={"key": "x"})), Reason.SCHEMA, "encrypted", by=SENSOR)


@pytest.mark.parametrize("frm_payload", [None, ""])
def test_an_uplink_without_payload_has_no_reading(frm_payload: str | None) -> None:
    body = changed(frm_payload=frm_payload)
    assert address_of(things_stack(body)) == NoReading("up without payload")


@pytest.mark.parametrize("frm_payload", ["AXVc*", "AXV", "été=", "AXVcA4JECAQAAQ"])
def test_a_payload_that_is_not_base64_is_malformed(frm_payload: str) -> None:
    assert_refused(things_stack(changed(frm_payload=frm_payload)), Reason.MALFORMED, "frm_payload is not base64", by=SENSOR)


@pytest.mark.parametrize("wrong", [{"f_port": "85"}, {"f_port": 256}, {"f_cnt": -1}, {"f_cnt": 2**32}, {"f_cnt": True}])
def test_counters_and_ports_must_be_whole_numbers(wrong: dict[str, Any]) -> None:
    assert_refused(things_stack(changed(**wrong)), Reason.SCHEMA, "must be a whole number", by=SENSOR)


@pytest.mark.parametrize("dev_eui", [None, "", "A81758FFFE0ABCD", "A81758FFFE0ABCDEF", "A81758FFFE0ABCDG", "a81758fffe0abcd\n", 7])
def test_the_device_is_known_by_16_hex_digits(dev_eui: object) -> None:
    body = things_stack_body(FRAME)
    body["end_device_ids"]["dev_eui"] = dev_eui
    assert_refused(things_stack(body), Reason.SCHEMA, "dev_eui must be 16 hex digits", by=SENSOR)


def test_another_device_than_the_topics_is_refused() -> None:
    body = things_stack_body(FRAME)
    body["end_device_ids"]["device_id"] = "bin-2"
    assert_refused(things_stack(body), Reason.SCHEMA, "'bin-2'", "'bin-1'", by=SENSOR)


def test_version_ids_confirm_the_registered_model_or_contradict_it() -> None:
    confirming = changed(version_ids={"brand_id": "milesight-iot", "model_id": "em310-udl"})
    assert only_reading(things_stack(confirming), SENSOR)
    contradicting = changed(version_ids={"brand_id": "decentlab", "model_id": "dl-mbx"})
    assert_refused(things_stack(contradicting), Reason.SCHEMA, "milesight_em310_udl", "decentlab/dl-mbx", by=SENSOR)


def test_a_device_model_without_codec_or_of_another_kind_is_refused() -> None:
    assert_refused(things_stack(things_stack_body(FRAME)), Reason.SCHEMA, "no codec", by=context(DEV_EUI))
    other = context(DEV_EUI, "milesight_em310_udl", "bridge_state")
    assert_refused(things_stack(things_stack_body(FRAME)), Reason.SCHEMA, "bridge_state", "container_fill", by=other)


def test_what_the_frame_lacks_is_refused_at_its_byte_of_the_frame() -> None:
    assert_refused(things_stack(things_stack_body("01755c038244")), Reason.MALFORMED, "distance_mm", at_byte=6, by=SENSOR)
    assert_refused(things_stack(things_stack_body("01757f03824408")), Reason.RANGE, "battery_ratio is 1.27", at_byte=2, by=SENSOR)


def test_unknown_fields_are_counted_on_both_levels() -> None:
    body = {**changed(news=1), "more": 2}
    assert decode_message(things_stack(body), contexts(SENSOR)).unknown_fields == 2


def test_personal_fields_in_the_decoded_payload_are_seen() -> None:
    body = changed(decoded_payload={"last_user": {"Card-ID": "04A2"}})
    assert_refused(things_stack(body), Reason.PRIVACY, "cardid", by=SENSOR)


@pytest.mark.parametrize("wrong", [{"uplink_message": None}, {"uplink_message": []}, {"end_device_ids": "x"}])
def test_parts_of_another_shape_are_refused(wrong: dict[str, Any]) -> None:
    assert_refused(things_stack({**things_stack_body(FRAME), **wrong}), Reason.SCHEMA, by=SENSOR)

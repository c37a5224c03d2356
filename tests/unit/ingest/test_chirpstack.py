"""ChirpStack v4: omitted defaults, its events, what stays encrypted, and that v3 is told apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingest.decode import address_of, decode_message
from ingest.envelopes.uplink import Address, DeviceFrame, NoReading
from models.domain.failures import DeadLetterReason as Reason
from models.domain.reading import TimeSource
from tests.unit.ingest.asserting import assert_refused, contexts, only_reading
from tests.unit.ingest.samples import DEV_EUI, OBSERVED_AT, chirpstack, chirpstack_body, context, message

FRAME = "02012f000304d200010bb1"
SENSOR = context(DEV_EUI, "decentlab_dl_mbx")


def changed(**fields: Any) -> dict[str, Any]:
    """A body with these fields; None takes one away."""
    body = {**chirpstack_body(FRAME, 1), **fields}
    return {key: value for key, value in body.items() if value is not None}


def test_an_uplink_becomes_a_reading_at_the_network_servers_time() -> None:
    reading = only_reading(chirpstack(chirpstack_body(FRAME, 1)), SENSOR)
    assert reading.observed_at == OBSERVED_AT + timedelta(milliseconds=433)
    assert reading.time_source is TimeSource.NETWORK
    assert reading.model_dump()["distance_mm"] == 1234.0


def test_another_codecs_opinion_is_not_read() -> None:
    body = changed(object={"distance": 836, "data": "AgEvAAED6AAB"})
    assert only_reading(chirpstack(body), SENSOR).model_dump()["distance_mm"] == 1234.0


def test_defaults_that_the_server_left_out_are_zero() -> None:
    address = address_of(chirpstack(changed(fCnt=None, fPort=None)))
    assert isinstance(address, Address)
    assert isinstance(address.uplink, DeviceFrame)
    assert (address.uplink.f_cnt, address.uplink.f_port) == (0, 0)


@pytest.mark.parametrize("event", ["status", "join", "ack", "txack", "log", "location", "integration"])
def test_events_without_readings_are_not_even_read(event: str) -> None:
    decoded = decode_message(message(f"application/1/device/{DEV_EUI}/event/{event}", b"\xff not json"), {})
    assert decoded.without_reading


def test_a_downlink_command_is_no_reading() -> None:
    assert address_of(message(f"application/1/device/{DEV_EUI}/command/down", b"{}")) == NoReading("down")


@pytest.mark.parametrize(
    "topic", [f"application/1/device/{DEV_EUI}/event/new", "application/1/device/x/up", "application/1/rx", "application/"]
)
def test_other_topics_are_refused(topic: str) -> None:
    assert_refused(message(topic, chirpstack_body(FRAME, 1)), Reason.SCHEMA)


def test_with_a_join_server_context_the_payload_is_not_decoded() -> None:
    body = changed(joinServerContext={"sessionKeyId": "011234"})
    assert_refused(chirpstack(body), Reason.SCHEMA, "joinServerContext", by=SENSOR)


def test_a_gateways_time_is_the_last_resort() -> None:
    body = changed(time=None, rxInfo=[{"gwTime": "2026-11-22T09:59:59Z"}, {"gatewayId": "x"}])
    reading = only_reading(chirpstack(body), SENSOR)
    assert (reading.observed_at, reading.time_source) == (OBSERVED_AT - timedelta(seconds=1), TimeSource.GATEWAY)
    assert only_reading(chirpstack(changed(time=None)), SENSOR).time_source is TimeSource.SEQUENCE


@pytest.mark.parametrize("data", [None, ""])
def test_an_uplink_without_payload_has_no_reading(data: str | None) -> None:
    assert address_of(chirpstack(changed(data=data))) == NoReading("up without payload")


def test_version_3_is_told_apart() -> None:
    body = {"applicationID": "1", "deviceName": "bin-1", "devEUI": "qBdY//4KvN4=", "fPort": 1, "data": "AgEvAAME0gABC7E="}
    assert_refused(chirpstack(body), Reason.SCHEMA, "ChirpStack v3", by=SENSOR)


def test_another_device_than_the_topics_is_refused() -> None:
    assert_refused(chirpstack(chirpstack_body(FRAME, 1), "0000000000000001"), Reason.SCHEMA, "0000000000000001", by=SENSOR)
    upper = chirpstack(chirpstack_body(FRAME, 1, DEV_EUI.upper()))
    assert only_reading(upper, SENSOR)


def test_personal_fields_in_tags_are_seen_and_other_unknown_fields_counted() -> None:
    body = chirpstack_body(FRAME, 1)
    assert decode_message(chirpstack({**body, "novelty": 1}), contexts(SENSOR)).unknown_fields == 1
    body["deviceInfo"]["tags"]["home address"] = "Stadhuisplein 1"
    assert_refused(chirpstack(body), Reason.PRIVACY, "homeaddress", by=SENSOR)

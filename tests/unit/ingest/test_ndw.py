"""NDW's DATEX II v3: traffic of sites, bridge openings, XML that is meant badly, and the cutting of whole files."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import Decoded, decode_message
from ingest.pull.ndw_cut import cut, unpacked
from models.domain.failures import DeadLetterReason as Reason
from models.domain.failures import UserError
from models.domain.message import RawMessage
from models.domain.reading import Reading
from models.domain.registry import SensorContext
from models.sensor_kinds.bridge_state import BridgeState
from models.sensor_kinds.traffic_flow import TrafficFlow
from simulators.encoders.ndw import bridge_opening, publication, site_measurements
from tests.unit.ingest.asserting import assert_refused
from tests.unit.ingest.format_samples import NDW_SITE, NDW_TRAFFIC
from tests.unit.ingest.samples import RECEIVED_AT, context

BRIDGE = "NLIJM0233Y5126800143"
SITE = context(NDW_SITE, "ndw_trafficspeed", "traffic_flow", channels=("1", "2", "3", "4"))
SWING = context(BRIDGE, "ndw_bridge_openings", "bridge_state")
AT = "2026-11-22T09:58:00Z"

Kind = TypeVar("Kind", bound=Reading)


def traffic(payload: bytes) -> RawMessage:
    return RawMessage(f"ndw/trafficspeed/{NDW_SITE}", payload, RECEIVED_AT)


def site(values: dict[int, tuple[str, float]]) -> bytes:
    return publication("roa:MeasuredDataPublication", [site_measurements(NDW_SITE, AT, values)], AT)


def decoded(message: RawMessage, by: SensorContext) -> Decoded:
    return decode_message(message, {by.sensor.sensor_id: by})


def readings_of(kind: type[Kind], message: RawMessage, by: SensorContext) -> list[Kind]:
    """What was decoded, all of one kind."""
    found = decoded(message, by).readings
    assert all(isinstance(item, kind) for item in found)
    return [item for item in found if isinstance(item, kind)]


def opening(version_at: str, begin: str, end: str = "", **more: Any) -> RawMessage:
    record = bridge_opening(BRIDGE, 3157135, version_at, begin, end, **more)
    return RawMessage(f"ndw/bridges/{BRIDGE}", publication("sit:SituationPublication", [record], AT), RECEIVED_AT)


def roads(message: RawMessage) -> list[tuple[str, bool | None]]:
    return [(f"{item.observed_at:%H:%M}", item.road_closed) for item in readings_of(BridgeState, message, SWING)]


def test_published_layout_of_a_site() -> None:
    flow, speed = readings_of(TrafficFlow, traffic(NDW_TRAFFIC), SITE)
    assert (flow.flow_per_h, flow.vehicle_count, flow.window_s) == (180.0, 3, 60)
    assert (speed.speed_km_h, speed.window_s) == (95.5, 60)
    assert flow.observed_at == speed.observed_at == datetime(2026, 11, 22, 9, 58, tzinfo=UTC)
    assert (flow.datastream_id, speed.datastream_id) == ("c-0001/1", "c-0001/3")


def test_a_flow_that_is_no_count_of_a_minute_has_no_count() -> None:
    (reading,) = readings_of(TrafficFlow, traffic(site({1: ("flow", 100)})), SITE)
    assert (reading.flow_per_h, reading.vehicle_count) == (100.0, None)


def test_what_the_site_does_not_vouch_for_is_no_reading() -> None:
    error = NDW_TRAFFIC.replace(b"<com:vehicleFlowRate>180", b"<com:dataError>true</com:dataError><com:vehicleFlowRate>180")
    assert [item.datastream_id for item in decoded(traffic(error), SITE).readings] == ["c-0001/3"]
    assert decoded(traffic(site({1: ("speed", -1)})), SITE).without_reading
    nobody = site({1: ("speed", 0)}).replace(b'ValuesUsed="3"', b'ValuesUsed="0"')
    assert decoded(traffic(nobody), SITE).without_reading
    assert len(decoded(traffic(site({1: ("speed", 0)})), SITE).readings) == 1


def test_an_index_that_the_registry_does_not_know_does_not_take_the_others_along() -> None:
    found = decoded(traffic(site({1: ("flow", 60), 9: ("flow", 60)})), SITE)
    assert (len(found.readings), [item.reason for item in found.rejected]) == (1, [Reason.UNKNOWN_THING])


def test_another_site_and_an_older_version_are_refused() -> None:
    other = NDW_TRAFFIC.replace(NDW_SITE.encode(), b"RWS01_X")
    assert_refused(traffic(other), Reason.SCHEMA, "RWS01_X", by=SITE)
    assert_refused(traffic(b"<d2LogicalModel/>"), Reason.SCHEMA, "version 2", by=SITE)
    assert_refused(traffic(b"<x/>"), Reason.SCHEMA, "no siteMeasurements", by=SITE)


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize("payload", [BOMB, OUTSIDE, b"<!DOCTYPE x SYSTEM 'http://127.0.0.1/x.dtd'><x/>"])
def test_document_types_are_refused_whatever_is_in_them(payload: bytes) -> None:
    assert_refused(traffic(payload), Reason.MALFORMED, "document type", at_byte=-1, by=SITE)
    with pytest.raises(UserError, match="document type"):
        list(cut(payload))


def test_deep_and_broken_xml_is_refused() -> None:
    assert_refused(traffic(b"<x>" * 70 + b"</x>" * 70), Reason.MALFORMED, "nested", at_byte=-1, by=SITE)
    assert_refused(traffic(NDW_TRAFFIC[:-5]), Reason.MALFORMED, "not XML", at_byte=-1, by=SITE)
    assert_refused(traffic(b'<?xml version="1.0" encoding="shift_jis"?><x/>'), Reason.MALFORMED, "not XML", at_byte=-1, by=SITE)


def test_an_open_bridge_is_a_closed_road() -> None:
    assert roads(opening("2026-11-22T09:50:05Z", "2026-11-22T09:50:00Z")) == [("09:50", True)]
    whole = opening("2026-11-22T09:55:05Z", "2026-11-22T09:50:00Z", "2026-11-22T09:55:00Z")
    assert roads(whole) == [("09:50", True), ("09:55", False)]


def test_an_announced_opening_closes_no_road() -> None:
    assert decoded(opening("2026-11-22T09:00:00Z", "2026-11-22T09:50:00Z"), SWING).without_reading
    probable = opening("2026-11-22T09:51:00Z", "2026-11-22T09:50:00Z", probability="probable")
    assert decoded(probable, SWING).without_reading


def test_an_estimated_end_opens_no_road() -> None:
    assert roads(opening("2026-11-22T09:51:00Z", "2026-11-22T09:50:00Z", "2026-11-22T09:56:00Z")) == [("09:50", True)]


def test_each_version_of_a_record_repeats_its_begin_under_the_same_identity() -> None:
    first, second, third = (
        decoded(opening(f"2026-11-22T09:5{minute}:05Z", "2026-11-22T09:50:00Z"), SWING).readings[0] for minute in (0, 3, 9)
    )
    assert first == second == third


def test_openings_that_cannot_be_are_refused() -> None:
    backwards = opening("2026-11-22T09:55:05Z", "2026-11-22T09:50:00Z", "2026-11-22T09:49:00Z")
    assert_refused(backwards, Reason.RANGE, "not after its begin", by=SWING)
    message = opening("2026-11-22T09:55:05Z", "2026-11-22T09:50:00Z")
    assert_refused(
        RawMessage(message.mqtt_topic, message.payload.replace(BRIDGE.encode(), b"NLOTHER"), RECEIVED_AT),
        Reason.SCHEMA, "another bridge", by=SWING,
    )  # fmt: skip
    works = RawMessage(message.mqtt_topic, message.payload.replace(b"bridgeSwingInOperation", b"contraflow"), RECEIVED_AT)
    assert_refused(works, Reason.SCHEMA, "is not bridgeSwing", by=SWING)


FILE = publication(
    "roa:MeasuredDataPublication",
    [site_measurements(name, AT, {1: ("flow", 60), 2: ("speed", 50)}) for name in (NDW_SITE, "RWS01_A", "RWS01_B")],
    AT,
)


def test_a_file_is_cut_into_messages_that_decode() -> None:
    cuts = list(cut(unpacked(gzip.compress(FILE))))
    assert [item.mqtt_topic for item in cuts] == [f"ndw/trafficspeed/{name}" for name in (NDW_SITE, "RWS01_A", "RWS01_B")]
    assert len(decoded(traffic(cuts[0].payload), SITE).readings) == 2
    assert [item.mqtt_topic for item in cut(FILE, {"RWS01_B"})] == ["ndw/trafficspeed/RWS01_B"]


def test_a_file_of_openings_is_cut_by_bridge() -> None:
    records = [bridge_opening(name, 7, AT, "2026-11-22T09:50:00Z") for name in (BRIDGE, "NLOTHER0001")]
    first, second = cut(publication("sit:SituationPublication", records, AT))
    assert (first.mqtt_topic, second.mqtt_topic) == (f"ndw/bridges/{BRIDGE}", "ndw/bridges/NLOTHER0001")
    assert roads(RawMessage(first.mqtt_topic, first.payload, RECEIVED_AT)) == [("09:50", True)]


def test_files_that_are_torn_or_too_large_are_refused() -> None:
    with pytest.raises(UserError, match="ends in the middle"):
        unpacked(gzip.compress(FILE)[:-20])
    with pytest.raises(UserError, match="more than 100 bytes"):
        unpacked(gzip.compress(FILE), max_bytes=100)
    with pytest.raises(UserError, match="not whole XML"):
        list(cut(FILE[:-20]))


@pytest.mark.parametrize("encoding", [b"ATF-8", b"base64", b"utf-7", b"gb2312"])
def test_files_in_encodings_that_no_xml_has_are_refused(encoding: bytes) -> None:
    assert b'"UTF-8"' in FILE
    with pytest.raises(UserError, match="not whole XML"):
        list(cut(FILE.replace(b'"UTF-8"', b'"' + encoding + b'"', 1)))


@settings(max_examples=60, deadline=None, database=None)
@given(name=st.text(max_size=12), place=st.integers(0, len(FILE)), odd=st.binary(max_size=3))
def test_any_bytes_are_cut_or_refused(name: str, place: int, odd: bytes) -> None:
    try:
        cuts = list(cut(FILE[:place] + odd + FILE[place + len(odd) :], None))
    except UserError:
        return
    assert all(item.mqtt_topic.startswith("ndw/") and len(item.mqtt_topic) > len("ndw/trafficspeed/") - 6 for item in cuts)

"""Sparkplug B: births, aliases, sequence gaps, historical values, and numbers that travel in other numbers' fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import Decoded, decode_message
from ingest.sparkplug.payload import read_payload, with_names
from ingest.sparkplug.sessions import HandedOn, Sessions
from models.domain.failures import DeadLetterReason as Reason
from models.domain.failures import InvalidMessage
from models.domain.message import RawMessage
from simulators.encoders.sparkplug import BOOLEAN, DOUBLE, FLOAT, INT8, INT32, INT64, STRING, field, metric, payload
from tests.unit.ingest.format_samples import AT_S, SPARKPLUG
from tests.unit.ingest.samples import RECEIVED_AT, context

AT_MS = AT_S * 1000
BIN = context("g:n:d", "sparkplug_b", channels=("", "left"))
BRIDGE = context("g:n:d", "sparkplug_b", "bridge_state")
NBIRTH, DBIRTH, NDATA, DDATA, NDEATH = (f"spBv1.0/g/{kind}/n" for kind in ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH"))


def decoded(data: bytes, by: Any = BIN, kind: str = "DDATA") -> Decoded:
    return decode_message(RawMessage(f"sparkplug/g/{kind}/n/d", data, RECEIVED_AT), {"g:n:d": by})


def one(*metrics: bytes, by: Any = BIN, at_ms: int | None = AT_MS) -> Any:
    (reading,) = decoded(payload(metrics, at_ms=at_ms, seq=1), by).readings
    return reading


def refused(*metrics: bytes, at_ms: int | None = AT_MS) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as caught:
        decoded(payload(metrics, at_ms=at_ms, seq=1))
    return caught.value


def test_the_published_wire_layout() -> None:
    (reading,) = decode_message(
        RawMessage("sparkplug/almere/DDATA/gateway-1/bin-42", SPARKPLUG, RECEIVED_AT),
        {"almere:gateway-1:bin-42": context("almere:gateway-1:bin-42", "sparkplug_b")},
    ).readings
    assert (reading.distance_mm, reading.observed_at) == (840.0, datetime(2026, 11, 22, 10, 0, tzinfo=UTC))  # type: ignore[attr-defined]  # a fill reading
    assert read_payload(SPARKPLUG).seq == 7


def test_metrics_of_one_time_and_channel_are_one_reading() -> None:
    found = decoded(
        payload(
            [
                metric(840.0, DOUBLE, name="distance_mm"),
                metric(True, BOOLEAN, name="tilted"),
                metric(12, INT32, name="deposit_count"),
                metric(900.0, DOUBLE, name="left/distance_mm"),
            ],
            at_ms=AT_MS,
            seq=0,
        )
    )
    first, second = found.readings
    assert (first.distance_mm, first.tilted, first.deposit_count) == (840.0, True, 12)  # type: ignore[attr-defined]  # a fill reading
    assert (second.distance_mm, second.datastream_id) == (900.0, "c-0001/left")  # type: ignore[attr-defined]  # a fill reading


def test_signed_numbers_travel_in_unsigned_fields() -> None:
    assert one(metric(-5, INT8, name="strain_um_m"), by=BRIDGE).strain_um_m == -5
    assert one(metric(-70_000, INT32, name="strain_um_m"), by=BRIDGE).strain_um_m == -70_000
    assert one(metric(-2, INT64, name="strain_um_m"), by=BRIDGE).strain_um_m == -2


def test_a_float_has_as_many_digits_as_it_holds() -> None:
    assert one(metric(0.62, FLOAT, name="reported_fill_ratio")).reported_fill_ratio == 0.62


def test_a_historical_metric_keeps_its_own_old_time() -> None:
    old = one(metric(840.0, DOUBLE, name="distance_mm", at_ms=AT_MS - 86_400_000, historical=True))
    assert old.observed_at == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    error = refused(metric(840.0, DOUBLE, name="distance_mm", historical=True))
    assert error.reason is Reason.IDENTITY


def test_null_transient_and_control_metrics_are_no_readings() -> None:
    none = [
        metric(None, DOUBLE, name="distance_mm"),
        metric(1.0, DOUBLE, name="distance_mm", transient=True),
        metric(False, BOOLEAN, name="Node Control/Rebirth"),
        metric(3, INT64, name="bdSeq"),
    ]
    assert decoded(payload(none, at_ms=AT_MS, seq=0)).without_reading


def test_what_is_not_read_is_counted() -> None:
    odd = field(1, 2, b"table") + field(4, 0, b"\x10") + field(17, 2, b"\x08\x01")
    found = decoded(
        payload([odd, metric("x", STRING, name="firmware"), metric(1.0, DOUBLE, name="distance_mm")], at_ms=AT_MS, seq=0)
    )
    assert (len(found.readings), found.unknown_fields) == (1, 2)


def test_an_alias_that_nobody_named_is_refused_and_named_metrics_are_kept() -> None:
    error = refused(metric(840.0, DOUBLE, alias=7))
    assert error.reason is Reason.SCHEMA
    assert "alias 7" in error.detail
    found = decoded(payload([metric(1.0, DOUBLE, alias=7), metric(2.0, DOUBLE, name="distance_mm")], at_ms=AT_MS, seq=0))
    assert (len(found.readings), len(found.rejected)) == (1, 1)


def test_deaths_and_commands_have_no_reading() -> None:
    for kind in ("NDEATH", "DDEATH", "NCMD", "DCMD"):
        assert decoded(payload([], at_ms=AT_MS, seq=None), kind=kind).without_reading


@pytest.mark.parametrize(
    "data", ["08", "0affffffff0f", "12ff01", "0b", "00", "0880808080808080808080808001", "1a020a05", "12030a01ff"]
)
def test_bytes_that_are_no_payload_are_refused_with_their_byte(data: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        decoded(bytes.fromhex(data))
    assert caught.value.reason is Reason.MALFORMED
    assert caught.value.at_byte is not None
    assert caught.value.at_byte <= len(bytes.fromhex(data))


# The host application's sessions


def take(sessions: Sessions, mqtt_topic: str, given: bytes, now_s: float = 0.0) -> HandedOn | None:
    return sessions.take(mqtt_topic, given, now_s)


def births(sessions: Sessions) -> None:
    take(sessions, NBIRTH, payload([metric(1, INT64, name="bdSeq", alias=1)], at_ms=AT_MS, seq=0))
    take(
        sessions,
        f"{DBIRTH}/d",
        payload(
            [metric(1.0, DOUBLE, name="distance_mm", alias=2), metric(-1, INT8, name="strain_um_m", alias=3)], at_ms=AT_MS, seq=1
        ),
    )


def data(sessions: Sessions, seq: int, *metrics: bytes) -> HandedOn:
    given = metrics or (metric(840.0, DOUBLE, alias=2, typed=False),)
    found = take(sessions, f"{DDATA}/d", payload(given, at_ms=AT_MS, seq=seq))
    assert found is not None
    return found


def test_aliases_become_the_names_and_types_of_the_birth() -> None:
    sessions = Sessions()
    births(sessions)
    found = data(sessions, 2)
    assert (found.mqtt_topic, found.missing, found.unresolved, found.rebirth) == ("sparkplug/g/DDATA/n/d", 0, 0, None)
    assert decoded(found.payload).readings[0].distance_mm == 840.0  # type: ignore[attr-defined]  # a fill reading
    signed = data(sessions, 3, metric(-5, INT8, alias=3, typed=False))
    assert decoded(signed.payload, BRIDGE).readings[0].strain_um_m == -5  # type: ignore[attr-defined]  # a bridge reading


def test_an_unknown_alias_asks_once_for_a_rebirth_and_nothing_is_kept_back() -> None:
    sessions = Sessions()
    found, again = data(sessions, 2), data(sessions, 3)
    assert (found.unresolved, again.unresolved) == (1, 1)
    assert found.rebirth is not None
    assert again.rebirth is None
    topic, command = found.rebirth
    assert topic == "spBv1.0/g/NCMD/n"
    assert [(item.name, item.value) for item in read_payload(command).metrics] == [("Node Control/Rebirth", True)]
    births(sessions)
    assert data(sessions, 2).unresolved == 0


def test_a_rebirth_that_does_not_come_is_asked_for_again() -> None:
    sessions = Sessions()
    unknown = payload([metric(840.0, DOUBLE, alias=2)], at_ms=AT_MS, seq=2)
    asked = [take(sessions, f"{DDATA}/d", unknown, now_s) for now_s in (0.0, 59.0, 60.0, 61.0)]
    assert [item is not None and item.rebirth is not None for item in asked] == [True, False, True, False]


def test_a_gap_in_the_sequence_is_counted_over_the_wrap() -> None:
    sessions = Sessions()
    births(sessions)
    assert data(sessions, 2).missing == 0
    found = data(sessions, 5)
    assert (found.missing, found.rebirth is not None) == (2, True)
    births(sessions)
    assert [data(sessions, seq % 256).missing for seq in range(2, 260)] == [0] * 258
    assert data(sessions, 6).missing == 2


def test_a_redelivery_is_no_gap() -> None:
    sessions = Sessions()
    births(sessions)
    assert (data(sessions, 2).missing, data(sessions, 2).missing) == (0, 0)


def test_a_rebirth_changes_what_an_alias_means_and_a_death_forgets_it() -> None:
    sessions = Sessions()
    births(sessions)
    take(sessions, NBIRTH, payload([metric(1.0, DOUBLE, name="weight_kg", alias=2)], at_ms=AT_MS, seq=0))
    assert decoded(data(sessions, 1).payload).readings[0].weight_kg == 840.0  # type: ignore[attr-defined]  # a fill reading
    take(sessions, NDEATH, payload([metric(1, INT64, name="bdSeq")], at_ms=AT_MS, seq=None))
    assert data(sessions, 2).unresolved == 1


def test_topics_of_no_edge_node_are_left_alone_and_garbage_is_handed_on() -> None:
    sessions = Sessions()
    assert take(sessions, "spBv1.0/STATE/host", b"{}") is None
    assert take(sessions, "other/g/NDATA/n", b"") is None
    assert take(sessions, "spBv1.0/g/NCMD/n", b"") is None
    found = take(sessions, NDATA, b"\xff\xff")
    assert found is not None
    assert (found.payload, found.rebirth) == (b"\xff\xff", None)


SOUND = payload([metric(840.0, DOUBLE, alias=2, typed=False), metric(1.5, FLOAT, name="x")], at_ms=AT_MS, seq=3)


@settings(max_examples=200, deadline=None, database=None)
@given(place=st.integers(0, len(SOUND)), odd=st.binary(max_size=4))
def test_names_are_put_in_or_the_payload_is_refused_and_nothing_else_changes(place: int, odd: bytes) -> None:
    changed = SOUND[:place] + odd + SOUND[place + len(odd) :]
    try:
        before = read_payload(changed)
        after = read_payload(with_names(changed, {2: ("distance_mm", DOUBLE)}))
    except InvalidMessage:
        return
    assert (before.seq, before.timestamp_ms) == (after.seq, after.timestamp_ms)
    assert [item._replace(name="", datatype=0, wire=b"", value=None) for item in before.metrics] == [
        item._replace(name="", datatype=0, wire=b"", value=None) for item in after.metrics
    ]
    assert with_names(changed, {}) == changed

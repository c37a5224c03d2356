"""Rules that hold in every envelope: clock window, assignments, geometry, missing time, privacy first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.build_reading import ACCEPTED_FUTURE, ACCEPTED_PAST
from ingest.decode import decode_message
from models.domain.failures import DeadLetterReason as Reason
from models.domain.registry import Assignment, ContainerGeometry
from models.sensor_kinds.container_fill import ContainerFill
from tests.unit.ingest.asserting import assert_refused, contexts, only_reading
from tests.unit.ingest.samples import (
    DEV_EUI,
    LONG_AGO,
    OBSERVED_AT,
    RECEIVED_AT,
    context,
    message,
    own,
    own_several,
    things_stack,
    things_stack_body,
)

SECOND = timedelta(seconds=1)


def at(moment: datetime) -> str:
    return moment.isoformat()


@pytest.mark.parametrize("moment", [RECEIVED_AT - ACCEPTED_PAST, RECEIVED_AT + ACCEPTED_FUTURE])
def test_the_clock_window_includes_its_ends(moment: datetime) -> None:
    assert only_reading(own(observed_at=at(moment), distance_mm=1)).observed_at == moment


@pytest.mark.parametrize("moment", [RECEIVED_AT - ACCEPTED_PAST - SECOND, RECEIVED_AT + ACCEPTED_FUTURE + SECOND])
def test_beyond_the_clock_window_a_reading_is_refused(moment: datetime) -> None:
    refused = own(observed_at=at(moment), distance_mm=1)
    assert_refused(refused, Reason.CLOCK, moment.isoformat(), at_byte=-1)


def test_a_sensor_with_a_recorded_history_accepts_it_from_its_start_on() -> None:
    opened = datetime(2018, 7, 1, tzinfo=UTC)
    sensor = context("s-1", accepts_history_from=opened).model_copy(
        update={"assignments": (assignment(valid_from=opened - timedelta(days=9)),)}
    )
    assert only_reading(own(observed_at=at(opened), distance_mm=1), sensor).observed_at == opened
    assert_refused(own(observed_at=at(opened - SECOND), distance_mm=1), Reason.CLOCK, "2018-07-01", at_byte=-1, by=sensor)


def test_opening_history_later_than_the_window_does_not_narrow_it() -> None:
    sensor = context("s-1", accepts_history_from=RECEIVED_AT)
    assert only_reading(own(observed_at=at(RECEIVED_AT - timedelta(days=44)), distance_mm=1), sensor)


def assignment(valid_from: datetime = LONG_AGO, valid_to: datetime | None = None, thing_id: str = "c-0001") -> Assignment:
    return Assignment(
        sensor_id="s-1", thing_id=thing_id, datastream_id=f"{thing_id}/fill", valid_from=valid_from, valid_to=valid_to
    )


def test_a_moved_sensor_feeds_the_thing_that_it_was_on_at_the_time() -> None:
    moved = OBSERVED_AT - timedelta(days=1)
    sensor = context("s-1").model_copy(
        update={"assignments": (assignment(valid_to=moved), assignment(valid_from=moved, thing_id="c-0002"))}
    )
    readings = [{"observed_at": at(moment), "distance_mm": 1} for moment in (moved - SECOND, moved, OBSERVED_AT)]
    decoded = decode_message(own_several(readings), contexts(sensor))
    assert [reading.thing_id for reading in decoded.readings] == ["c-0001", "c-0002", "c-0002"]


def test_an_unregistered_sensor_and_one_without_assignment_are_unknown_things() -> None:
    assert_refused(own("nobody", distance_mm=1), Reason.UNKNOWN_THING, "'nobody'")
    later = context("s-1").model_copy(update={"assignments": (assignment(valid_from=OBSERVED_AT + SECOND),)})
    assert_refused(own(distance_mm=1), Reason.UNKNOWN_THING, "no assignment", by=later)


def test_the_level_comes_from_the_geometry_valid_then() -> None:
    raised = OBSERVED_AT - timedelta(hours=1)
    old = ContainerGeometry(thing_id="c-0001", valid_from=LONG_AGO, valid_to=raised, empty_distance_mm=2000, full_distance_mm=0)
    new = ContainerGeometry(thing_id="c-0001", valid_from=raised, empty_distance_mm=4000, full_distance_mm=0)
    other = ContainerGeometry(thing_id="c-0009", valid_from=LONG_AGO, empty_distance_mm=9000, full_distance_mm=0)
    sensor = context("s-1").model_copy(update={"geometries": (other, old, new)})
    readings = [{"observed_at": at(moment), "distance_mm": 1000} for moment in (raised - SECOND, raised)]
    decoded = decode_message(own_several(readings), contexts(sensor))
    assert [reading.model_dump()["fill_ratio"] for reading in decoded.readings] == [0.5, 0.75]


@pytest.mark.parametrize(("distance_mm", "fill_ratio"), [(2500, 0.0), (2000, 0.0), (300, 1.0), (0, 1.0)])
def test_the_level_stays_between_empty_and_full(distance_mm: float, fill_ratio: float) -> None:
    assert only_reading(own(distance_mm=distance_mm)).model_dump()["fill_ratio"] == fill_ratio


def test_without_geometry_there_is_no_level_and_without_distance_the_devices_own() -> None:
    bare = context("s-1", geometry=None)
    assert only_reading(own(distance_mm=840, reported_fill_ratio=0.4), bare).model_dump()["fill_ratio"] is None
    reading = only_reading(own(reported_fill_ratio=0.4), bare)
    assert isinstance(reading, ContainerFill)
    assert (reading.fill_ratio, reading.reported_fill_ratio) == (0.4, 0.4)


def test_a_reading_without_time_has_no_identity() -> None:
    timeless = own(observed_at=None, distance_mm=1)
    assert_refused(timeless, Reason.IDENTITY, "no time")
    assert_refused(message(timeless.mqtt_topic, timeless.payload, retain=True), Reason.IDENTITY, "retained")


def test_a_retained_message_with_a_time_of_its_own_is_a_reading() -> None:
    timed = own(distance_mm=1)
    assert only_reading(message(timed.mqtt_topic, timed.payload, retain=True)).observed_at == OBSERVED_AT


@pytest.mark.parametrize(
    "spoilt",
    [
        own(distance_mm=1, card_id="0123"),
        own(distance_mm="x", cardId="0123"),
        own("nobody", distance_mm=1, kenteken="AB-12-CD"),
        own(v=2, user={"Licence-Plate": "x"}),
        own(observed_at=None, extra=[[{"huisnummer": 4}]]),
        message("stadspuls/v1/s-1/readings", b'{"v":1,"distance_mm":1,"CARD_NUMBER" : "12'),
        message("elsewhere", b'{"rfid":"12"}'),
        message("elsewhere", b'[{"rfid":"12"}]'),
        message("stadspuls/v1/s-1/readings", b'{"e-mail":"' + b"x" * 300_000),
    ],
)
def test_a_field_for_personal_data_makes_it_a_matter_of_privacy_whatever_else_is_wrong(spoilt: object) -> None:
    assert_refused(spoilt, Reason.PRIVACY, "personal data", at_byte=-1)  # type: ignore[arg-type]  # pytest loses the type


def test_a_privacy_refusal_names_fields_and_no_values() -> None:
    assert_refused(own(distance_mm=1, card_id="SECRET", Kenteken="AB-12"), Reason.PRIVACY, "cardid, kenteken")
    with pytest.raises(Exception, match="cardid") as caught:
        decode_message(own(distance_mm=1, card_id="SECRET"), contexts())
    assert "SECRET" not in str(caught.value)


def test_a_datalog_of_which_one_record_has_an_unset_clock_keeps_the_others() -> None:
    """The first record was measured a day before its reception, the second says 1970."""
    frame = "0ce40b0500e4026b016ba0" + "0ce40b0500e40200000000"
    decoded = decode_message(
        things_stack(things_stack_body(frame, 3)), {DEV_EUI: context(DEV_EUI, "dragino_ldds75", "container_fill")}
    )
    assert [reading.observed_at for reading in decoded.readings] == [OBSERVED_AT - timedelta(days=1)]
    assert decoded.readings[0].time_source == "device"
    assert [(item.index, item.reason) for item in decoded.rejected] == [(1, Reason.CLOCK)]


def test_a_frame_counter_that_starts_again_changes_no_identity() -> None:
    """After a reboot the same numbers come again; a reading is identified by its time, so none of them is a duplicate."""
    known = {DEV_EUI: context(DEV_EUI, "dragino_ldds75", "container_fill")}
    before, after = things_stack_body("0ce40b050000e401", 2), things_stack_body("0ce40b050000e401", 2)
    del after["uplink_message"]["f_cnt"]
    after["uplink_message"]["received_at"] = "2026-11-22T10:00:03Z"
    first, second = (decode_message(things_stack(body), known).readings[0] for body in (before, after))
    assert (first.datastream_id, first.measured()) == (second.datastream_id, second.measured())
    assert first.observed_at != second.observed_at

"""Devices that count what they send and say no time: one reading is one row however often it is delivered, and a counter may start anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import decode_message
from models.domain.failures import DeadLetterReason as Reason
from models.domain.reading import TimeSource
from models.domain.sequences import REDELIVERY_REACH, Accepted, Asked, SequenceMark, Source, moments_by_record, settle
from tests.unit.ingest.asserting import assert_refused, contexts, only_reading
from tests.unit.ingest.samples import DEV_EUI, RECEIVED_AT, context, message, own, own_several, things_stack, things_stack_body

LIFE = UUID(int=3)
MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class Line:
    """What was accepted so far, and the offset of the next record."""

    known: list[Accepted] = field(default_factory=list)
    offset: int = 0

    def take(
        self, *numbers: int, at: datetime = NOW, content: int = 0, session: str = "", again: bool = False, sensor: str = "s-1"
    ) -> list[datetime]:
        """The moments of readings that arrive in messages of their own, in one batch. The content is the number's own unless it is given."""
        asked = []
        for number in numbers:
            mark = SequenceMark(sensor, "", session, number, 0, content or number + 1000, session.startswith("boot"))
            asked.append(Asked(mark, Source(LIFE, 0, self.offset, 0), at, again))
            self.offset += 1
        return self.ask(asked)

    def ask(self, asked: list[Asked]) -> list[datetime]:
        found, new = settle(asked, self.known)
        self.known += new
        return [found[one.source].observed_at for one in asked]


def test_a_reading_keeps_the_moment_of_its_first_reception() -> None:
    line = Line()
    assert line.take(5) == [NOW]
    assert line.take(5, at=NOW + 5 * MINUTE) == [NOW]
    assert line.take(5, at=NOW + 55 * MINUTE) == [NOW]
    assert len(line.known) == 1


def test_a_redelivery_in_the_same_batch_is_the_same_reading() -> None:
    line = Line()
    assert line.take(5, 5, 6) == [NOW, NOW, NOW + timedelta(microseconds=1)]


def test_readings_that_mqtt_delivered_together_have_moments_of_their_own_in_the_order_of_their_numbers() -> None:
    line = Line()
    moments = line.take(1, 2, 3)
    assert moments == sorted(set(moments))
    assert line.take(4)[0] > moments[-1], "another batch of the same time of reception"
    marks = [SequenceMark("s-1", "", "", number, 0, number) for number in (9, 8)]
    one_message = [Asked(mark, Source(LIFE, 0, 99, index), NOW, False) for index, mark in enumerate(marks)]
    ninth, eighth = line.ask(one_message)
    assert eighth < ninth


def test_the_broker_marks_a_redelivery_that_comes_long_after() -> None:
    line = Line()
    line.take(5)
    assert line.take(5, at=NOW + timedelta(days=2), again=True) == [NOW]


def test_a_reboot_begins_anew_and_merges_no_two_readings() -> None:
    line = Line()
    before = line.take(0, 1, 2)
    rebooted = [moment for number in range(3) for moment in line.take(number, at=NOW + (10 + number) * MINUTE, content=77 + number)]
    assert len({*before, *rebooted}) == 6
    assert line.take(1, at=NOW + 13 * MINUTE, content=78) == [rebooted[1]], "the redelivery of the second run's reading"
    assert line.take(1, at=NOW + 13 * MINUTE) == [before[1]], "the redelivery of the first run's reading"


def test_after_the_reach_of_redeliveries_the_same_bytes_are_another_reading() -> None:
    """A counter that wraps, or a device that was started again, may say the same under the same number."""
    line = Line()
    line.take(5)
    later = NOW + REDELIVERY_REACH + timedelta(microseconds=1)
    assert line.take(5, at=later) == [later]
    assert line.take(5, at=later + MINUTE) == [later]


def test_a_counter_that_wraps_goes_on() -> None:
    line = Line()
    first = [moment for number in range(256) for moment in line.take(number, at=NOW + number * MINUTE)]
    second = [moment for number in range(256) for moment in line.take(number, at=NOW + (256 + number) * MINUTE)]
    assert len({*first, *second}) == 512


def test_numbers_out_of_order_are_each_stored_once() -> None:
    line = Line()
    late = [moment for place, number in enumerate((7, 6, 8, 5, 6, 8)) for moment in line.take(number, at=NOW + place * MINUTE)]
    assert len(line.known) == 4
    assert (late[4], late[5]) == (late[1], late[2])


def test_a_named_session_tells_starts_apart_and_recognises_a_redelivery_at_any_time() -> None:
    line = Line()
    line.take(1, session="boot-1", content=5)
    assert line.take(1, session="boot-2", content=5) == [NOW + timedelta(microseconds=1)]
    assert line.take(1, session="boot-1", content=5, at=NOW + timedelta(days=30)) == [NOW]


def test_a_network_servers_session_may_outlive_a_start_of_the_device() -> None:
    """A device without a join procedure keeps its address and its keys when its frame counter starts anew."""
    line = Line()
    line.take(1, session="260B1234")
    assert line.take(1, session="260B1234", at=NOW + MINUTE) == [NOW]
    assert line.take(1, session="260B1234", at=NOW + timedelta(days=1)) == [NOW + timedelta(days=1)]


def test_the_record_itself_finds_its_moment_again_whatever_came_after() -> None:
    """What replays and redecoding rely on: they read the same records, in any order."""
    line = Line()
    source = Source(LIFE, 0, 0, 0)
    mark = SequenceMark("s-1", "", "", 5, 0, 1)
    (first,) = line.ask([Asked(mark, source, NOW, False)])
    line.offset = 1
    line.take(5, content=1, at=NOW + 3 * REDELIVERY_REACH)
    assert line.ask([Asked(mark, source, NOW, False)]) == [first]
    assert len(line.known) == 2


def test_sensors_do_not_share_their_numbers_or_moments() -> None:
    line = Line()
    assert line.take(1) == line.take(1, sensor="s-2") == [NOW]
    assert len(line.known) == 2


deliveries = st.lists(
    st.tuples(st.sampled_from(("s-1", "s-2")), st.integers(0, 3), st.integers(1, 2), st.integers(0, 100), st.booleans()),
    max_size=30,
)


@pytest.mark.lengthy
@settings(max_examples=300, deadline=None, database=None)
@given(sent=deliveries, cut=st.integers(0, 30))
def test_reading_the_log_again_gives_every_record_the_same_moment_however_it_is_cut(sent: list[Any], cut: int) -> None:
    asked = [
        Asked(SequenceMark(sensor, "", "", number, 0, content), Source(LIFE, 0, offset, 0), NOW + minutes * MINUTE, again)
        for offset, (sensor, number, content, minutes, again) in enumerate(sent)
    ]
    line = Line()
    first = [*line.ask(asked[:cut]), *line.ask(asked[cut:])]
    accepted = list(line.known)
    again = line.ask(asked)
    owners = {item.source for item in accepted}
    assert line.known == accepted, "nothing is accepted a second time"
    assert [moment for one, moment in zip(asked, again, strict=True) if one.source in owners] == [
        moment for one, moment in zip(asked, first, strict=True) if one.source in owners
    ]
    moments = [(item.key.sensor_id, item.observed_at) for item in accepted]
    assert len(set(moments)) == len(moments), "no two readings of a sensor at one moment"
    assert {one.source: moment for one, moment in zip(asked, first, strict=True)}.keys() == {one.source for one in asked}


# Decoding


def test_a_payload_with_a_number_and_no_time_is_a_reading_with_a_mark() -> None:
    decoded = decode_message(own(observed_at=None, distance_mm=840, seq=4), contexts())
    (reading,) = decoded.readings
    assert (reading.observed_at, reading.time_source) == (RECEIVED_AT, TimeSource.SEQUENCE)
    (mark,) = decoded.marks.values()
    assert mark[:5] == ("s-1", "", "", 4, 0)
    fixed = RECEIVED_AT - timedelta(days=1)
    again = decode_message(own(observed_at=None, distance_mm=840, seq=4), contexts(), {mark: fixed})
    assert again.readings[0].observed_at == fixed


def test_a_mark_is_of_the_bytes_and_not_of_what_a_decoder_makes_of_them() -> None:
    def mark(**fields: Any) -> SequenceMark:
        return decode_message(own(observed_at=None, **fields), contexts()).marks[0]

    assert mark(distance_mm=840, seq=4) == mark(seq=4, distance_mm=840)
    assert mark(distance_mm=840, seq=4) != mark(distance_mm=841, seq=4)
    assert mark(distance_mm=840, seq=4, boot=2).session == mark(distance_mm=840, seq=4, boot="2").session == "2"


def test_a_reading_with_a_time_has_no_mark() -> None:
    assert decode_message(own(distance_mm=840, seq=4), contexts()).marks == {}


def test_the_thing_is_the_one_of_the_moment_that_was_fixed() -> None:
    """A redelivery after the sensor moved does not become a reading of the other thing."""
    moved = RECEIVED_AT - timedelta(hours=1)
    sensor = context("s-1")
    old = sensor.assignments[0].model_copy(update={"valid_to": moved})
    new = sensor.assignments[0].model_copy(update={"valid_from": moved, "thing_id": "c-0002", "datastream_id": "c-0002/main"})
    sensor = sensor.model_copy(update={"assignments": (old, new)})
    sent = own(observed_at=None, distance_mm=840, seq=4)
    (mark,) = decode_message(sent, contexts(sensor)).marks.values()
    again = decode_message(sent, contexts(sensor), {mark: moved - MINUTE})
    assert again.readings[0].thing_id == "c-0001"


def test_several_readings_of_one_message_have_their_own_numbers() -> None:
    decoded = decode_message(
        own_several([{"seq": 8, "distance_mm": 1}, {"seq": 7, "distance_mm": 2}, {"distance_mm": 3}]), contexts()
    )
    assert [mark.number for mark in decoded.marks.values()] == [8, 7]
    assert [(item.index, item.reason) for item in decoded.rejected] == [(2, Reason.IDENTITY)]


@pytest.mark.parametrize("seq", [-1, 1.5, "4", True, 2**63, [1]])
def test_what_is_no_number_is_refused(seq: Any) -> None:
    assert_refused(own(observed_at=None, distance_mm=1, seq=seq), Reason.SCHEMA, "seq must be a whole number", at_byte=-1)


@pytest.mark.parametrize("boot", [1.5, "a\x00b", "x" * 65, ["a"], True])
def test_a_session_that_is_no_short_text_is_refused(boot: Any) -> None:
    assert_refused(own(observed_at=None, distance_mm=1, seq=1, boot=boot), Reason.SCHEMA, "boot must be", at_byte=-1)


def test_a_retained_message_with_a_number_and_no_time_may_be_of_any_age() -> None:
    timeless = own(observed_at=None, distance_mm=1, seq=4)
    assert_refused(message(timeless.mqtt_topic, timeless.payload, retain=True), Reason.IDENTITY, "retained", at_byte=-1)


def test_a_frame_without_any_time_is_known_by_its_session_and_counter() -> None:
    sensor = context(DEV_EUI, "milesight_em310_udl")
    body = things_stack_body("01755c03824408040001")
    del body["received_at"], body["uplink_message"]["received_at"], body["uplink_message"]["rx_metadata"]
    reading = only_reading(things_stack(body), sensor)
    assert (reading.observed_at, reading.time_source) == (RECEIVED_AT, TimeSource.SEQUENCE)
    (mark,) = decode_message(things_stack(body), contexts(sensor)).marks.values()
    assert mark[:5] == (DEV_EUI, "", "AYk", 12, 0)


def test_moments_are_handed_on_by_record() -> None:
    marks = [SequenceMark("s-1", "", "", number, 0, number) for number in (1, 2)]
    asked = [Asked(mark, Source(LIFE, 4, 9, index), NOW, False) for index, mark in enumerate(marks)]
    found, _ = settle(asked, [])
    assert moments_by_record(asked, found) == {(4, 9): {marks[0]: NOW, marks[1]: NOW + timedelta(microseconds=1)}}

"""Which records a consumer takes, and when it says that the log is not the one it expects."""

from __future__ import annotations

import pytest

from models.domain.failures import OffsetGap
from runtime.consumer_batch import Batch, Partition, Span
from runtime.consumer_positions import ConsumerPositions
from runtime.memory_kafka import MemoryRecord


def records(partition: int, offsets: range) -> dict[Partition, list[MemoryRecord]]:
    return {Partition("t", partition): [MemoryRecord("t", partition, offset, offset * 1000, None, b"") for offset in offsets]}


def positioned(offsets: dict[int, int]) -> ConsumerPositions:
    positions = ConsumerPositions("t")
    positions.assign(offsets)
    positions.sought(offsets)
    return positions


def test_records_before_the_seek_is_done_are_dropped() -> None:
    positions = ConsumerPositions("t")
    positions.assign([0, 1])
    batch = Batch("t")
    assert positions.must_seek
    assert positions.take(batch, records(0, range(5))) == 0
    assert not batch.records


def test_records_that_follow_are_taken_and_their_span_is_known() -> None:
    positions = positioned({0: 10, 1: 0})
    batch = Batch("t")
    assert positions.take(batch, records(0, range(10, 13))) == 3
    assert positions.take(batch, records(0, range(13, 15))) == 2
    assert batch.spans() == {0: Span(10, 15)}
    assert positions.next_offsets == {0: 15, 1: 0}
    assert positions.durable_offsets == {0: 10, 1: 0}


@pytest.mark.parametrize("offsets", [range(11, 14), range(9, 12), range(10, 20, 2)], ids=["ahead", "behind", "with a hole"])
def test_records_that_do_not_follow_are_a_gap(offsets: range) -> None:
    with pytest.raises(OffsetGap, match="10 is to be read next"):
        positioned({0: 10}).take(Batch("t"), records(0, offsets))


def test_a_new_assignment_and_a_lost_fence_start_new_generations() -> None:
    positions = positioned({0: 10})
    first = positions.generation
    positions.seek_again()
    second = positions.generation
    positions.revoke()
    assert first < second < positions.generation
    assert positions.next_offsets == {}


def test_what_is_durable_leaves_out_lost_partitions_and_those_no_longer_assigned() -> None:
    positions = positioned({0: 0, 1: 0})
    batch = Batch("t")
    positions.take(batch, records(0, range(4)) | records(1, range(6)) | records(2, range(3)))
    assert positions.durable(batch, batch.spans(), lost={1}) == 4
    assert positions.durable_offsets == {0: 4, 1: 0}
    positions.revoke()
    assert positions.durable(batch, batch.spans(), lost=set()) == 10
    assert positions.durable_offsets == {}


def test_lag_is_what_the_log_holds_and_is_not_durable() -> None:
    positions = positioned({0: 10, 1: 5})
    assert positions.lag(positions.durable_offsets, {0: 15, 1: 5}) == 5


def test_the_oldest_waiting_record_is_not_older_than_the_last_durable_one_of_its_partition() -> None:
    positions = positioned({0: 0, 1: 0})
    batch = Batch("t")
    positions.take(batch, records(0, range(4)) | records(1, range(6)))
    positions.durable(batch, batch.spans(), lost=set())
    assert positions.oldest_waiting_timestamp({0: 4, 1: 9}) == 5000
    assert positions.oldest_waiting_timestamp({0: 4, 1: 6}) is None


def test_a_log_that_does_not_hold_the_next_offset_is_a_gap() -> None:
    positions = positioned({0: 10})
    positions.check_log({0: 10}, {0: 10}, {0: 10})
    with pytest.raises(OffsetGap, match="2 records were deleted"):
        positions.check_log({0: 10}, {0: 12}, {0: 20})
    with pytest.raises(OffsetGap, match="the log ends at 9"):
        positions.check_log({0: 10}, {0: 0}, {0: 9})

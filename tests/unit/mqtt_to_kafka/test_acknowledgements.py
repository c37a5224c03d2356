"""Acknowledgements go out in order of arrival, only for what Kafka has, only on the connection that delivered."""

from __future__ import annotations

from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt_to_kafka.acknowledgements import AcknowledgementWindow

RECEIVE = st.lists(st.integers(0, 5), max_size=6)
"""Packet ids, used again and again; 0 is QoS 0."""
WRITE = st.integers(0, 2**20)
"""Which of the held messages Kafka has now, one bit each."""
LOSE = st.none()


@given(st.lists(RECEIVE | WRITE | WRITE | LOSE, max_size=30))
def test_acknowledgements_are_the_oldest_written_messages_of_the_connection_whatever_the_order(
    steps: list[list[int] | int | None],
) -> None:
    window = AcknowledgementWindow()
    arrived = 0
    connection: list[tuple[int, int]] = []  # (number, packet id) of this connection
    acknowledged: list[int] = []
    held: list[int] = []
    written: set[int] = set()
    for step in steps:
        if step is None:
            window.connection_lost()
            connection.clear()
            acknowledged.clear()
            assert len(window) == 0
        elif isinstance(step, list):
            window.received(step)
            connection += [(arrived + place, mid) for place, mid in enumerate(step)]
            held += range(arrived, arrived + len(step))
            arrived += len(step)
        else:
            batch = [number for place, number in enumerate(held) if step >> place & 1]
            held = [number for number in held if number not in batch]
            written.update(batch)
            acknowledged += window.written(reversed(batch))
            prefix = list(takewhile(lambda entry: entry[0] in written, connection))
            assert acknowledged == [mid for _, mid in prefix if mid]
            assert len(window) == len(connection) - len(prefix)


def test_late_news_of_an_earlier_connection_acknowledges_nothing_on_the_new_one() -> None:
    window = AcknowledgementWindow()
    window.received([1, 2])
    window.connection_lost()
    window.received([1, 2])
    assert window.written([0, 1]) == []
    assert window.written([2]) == [1]
    assert window.written([3]) == [2]


def test_a_message_waits_for_those_before_it() -> None:
    window = AcknowledgementWindow()
    window.received([10, 11, 12])
    assert window.written([2, 1]) == []
    assert window.written([0]) == [10, 11, 12]

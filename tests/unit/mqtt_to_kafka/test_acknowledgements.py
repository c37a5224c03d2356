"""Acknowledgements go out in order of arrival, only for what Kafka has, only on the connection that delivered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt_to_kafka.acknowledgements import AcknowledgementWindow


@given(st.data())
def test_acknowledgements_are_the_oldest_written_messages_of_the_connection_whatever_the_order(data: st.DataObject) -> None:
    window = AcknowledgementWindow()
    arrived = 0
    connection: list[tuple[int, int]] = []  # (number, packet id) of this connection
    acknowledged: list[int] = []
    held: set[int] = set()
    written: set[int] = set()
    for _ in range(data.draw(st.integers(1, 30), "steps")):
        step = data.draw(st.sampled_from(["receive", "write", "write", "lose"]), "step")
        if step == "receive":
            mids = data.draw(st.lists(st.integers(0, 5), max_size=6), "packet ids, used again and again; 0 is QoS 0")
            window.received(mids)
            connection += [(arrived + place, mid) for place, mid in enumerate(mids)]
            held |= set(range(arrived, arrived + len(mids)))
            arrived += len(mids)
        elif step == "write" and held:
            batch = data.draw(st.lists(st.sampled_from(sorted(held)), unique=True), "records that Kafka has now")
            held -= set(batch)
            written |= set(batch)
            acknowledged += window.written(batch)
            prefix = []
            for number, mid in connection:
                if number not in written:
                    break
                prefix.append(mid)
            assert acknowledged == [mid for mid in prefix if mid]
            assert len(window) == len(connection) - len(prefix)
        elif step == "lose":
            window.connection_lost()
            connection.clear()
            acknowledged.clear()
            assert len(window) == 0


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

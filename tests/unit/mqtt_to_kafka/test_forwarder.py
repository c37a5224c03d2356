"""What arrives goes to Kafka, what Kafka has is acknowledged, and reading stops while too much is held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from ingest.mqtt_to_kafka.forwarder import DROPPED_TOPIC, Forwarder, HoldLimits
from ingest.mqtt_to_kafka.private_fields import PrivateFields
from ingest.mqtt_to_kafka.raw_records import RawRecord, RecordMaker
from runtime import metrics
from runtime.clock import ManualClock
from runtime.mqtt import Publish


class Connection:
    def __init__(self) -> None:
        self.connected = True
        self.reading = True
        self.acknowledged: list[int] = []

    def acknowledge(self, mids: Sequence[int]) -> None:
        self.acknowledged += mids

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Writer:
    def __init__(self) -> None:
        self.held: list[RawRecord] = []

    @property
    def held_messages(self) -> int:
        return len(self.held)

    @property
    def held_bytes(self) -> int:
        return sum(len(record.value) for record in self.held)

    def add(self, records: Sequence[RawRecord]) -> None:
        self.held += records

    def take(self, count: int) -> list[RawRecord]:
        taken, self.held = self.held[:count], self.held[count:]
        return taken


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def forwarder(connection: Connection, writer: Writer) -> Forwarder:
    made = Forwarder(
        RecordMaker("epoch", 24, PrivateFields({})), HoldLimits(10, 1000), ManualClock(datetime(2026, 11, 22, tzinfo=UTC))
    )
    made.connection, made.writer = connection, writer
    return made


def messages(mids: Sequence[int], payload: bytes = b"x") -> list[Publish]:
    return [Publish(0x32 if mid else 0x30, mid, b"stadspuls/v1/a/readings", payload) for mid in mids]


def test_a_message_is_acknowledged_when_kafka_has_it_and_not_before(
    forwarder: Forwarder, connection: Connection, writer: Writer
) -> None:
    forwarder.received(messages([5, 6, 0, 7]))
    assert connection.acknowledged == []
    assert len(writer.held) == 4
    last = writer.held.pop()
    forwarder.written([last])
    assert connection.acknowledged == []
    forwarder.written(writer.take(3))
    assert connection.acknowledged == [5, 6, 7]


def test_nothing_is_acknowledged_for_an_earlier_connection(forwarder: Forwarder, connection: Connection, writer: Writer) -> None:
    forwarder.received(messages([5, 6]))
    forwarder.connection_lost()
    forwarder.written(writer.take(2))
    forwarder.received(messages([5]))
    assert connection.acknowledged == []
    forwarder.written(writer.take(1))
    assert connection.acknowledged == [5]


def test_nothing_is_acknowledged_while_disconnected(forwarder: Forwarder, connection: Connection, writer: Writer) -> None:
    forwarder.received(messages([5]))
    connection.connected = False
    forwarder.written(writer.take(1))
    assert connection.acknowledged == []


@pytest.mark.parametrize(("mids", "payload"), [(range(1, 12), b"x"), (range(1, 3), b"x" * 600), ([0] * 11, b"x")])
def test_reading_stops_while_too_much_is_held(
    forwarder: Forwarder, connection: Connection, writer: Writer, mids: Sequence[int], payload: bytes
) -> None:
    forwarder.received(messages(mids, payload))
    assert not connection.reading
    forwarder.written(writer.take(1))
    assert not connection.reading
    forwarder.written(writer.take(len(mids)))
    assert connection.reading


def test_reading_is_not_resumed_while_stopping(forwarder: Forwarder, connection: Connection, writer: Writer) -> None:
    forwarder.received(messages(range(1, 12)))
    forwarder.stop_reading()
    forwarder.written(writer.take(11))
    assert not connection.reading
    assert connection.acknowledged == list(range(1, 12))


def test_the_brokers_own_counts_are_watched_and_not_forwarded(forwarder: Forwarder, writer: Writer) -> None:
    forwarder.received([Publish(0x30, 0, DROPPED_TOPIC, b"17"), *messages([3])])
    assert [record.key for record in writer.held] == [b"stadspuls/v1/a/readings"]
    assert metrics.MQTT_BROKER_DROPPED._value.get() == 17
    forwarder.received([Publish(0x30, 0, DROPPED_TOPIC, b"nonsense")])
    assert len(writer.held) == 1

"""Between the MQTT connection and the Kafka writer: what arrives becomes records, what Kafka has is acknowledged.

Every method is a callback of the event loop and only hands over. What is held is bounded by MQTT's Receive Maximum, and by a limit of our
own above which nothing is read: bytes, QoS 0 messages that no window limits, and brokers that overrun the window (Mosquitto 2.0.11 was
measured to send a whole window more for each acknowledgement).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ingest.mqtt_to_kafka.acknowledgements import AcknowledgementWindow
from ingest.mqtt_to_kafka.raw_records import RawRecord, RecordMaker
from runtime import logs, metrics
from runtime.clock import Clock
from runtime.mqtt import DUP, Publish

DROPPED_TOPIC = b"$SYS/broker/publish/messages/dropped"
LONG_PAUSE_SECONDS = 5.0


class Acknowledger(Protocol):
    """The part of the MQTT connection that the forwarder uses."""

    @property
    def connected(self) -> bool: ...

    def acknowledge(self, mids: Sequence[int]) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Holder(Protocol):
    """The part of the Kafka writer that the forwarder uses."""

    @property
    def held_messages(self) -> int: ...

    @property
    def held_bytes(self) -> int: ...

    def add(self, records: Sequence[RawRecord]) -> None: ...


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """Above either, nothing more is read from MQTT until both are below a half."""

    max_held_messages: int
    max_held_bytes: int


class Forwarder:
    """`connection` and `writer` are set before anything arrives."""

    connection: Acknowledger
    writer: Holder

    def __init__(self, maker: RecordMaker, limits: HoldLimits, clock: Clock) -> None:
        self._maker = maker
        self._limits = limits
        self._clock = clock
        self._window = AcknowledgementWindow()
        self._paused_at: datetime | None = None
        self._stopping = False
        self._broker_dropped = 0
        self._log = logs.get_logger()

    def received(self, publishes: list[Publish]) -> None:
        """Messages arrived, in this order."""
        if any(publish.mqtt_topic[:1] == b"$" for publish in publishes):
            publishes = [publish for publish in publishes if not self._about_the_broker(publish)]
        made = self._maker.make(publishes, int(self._clock.now().timestamp() * 1_000_000))
        self._window.received([publish.mid for publish in publishes])
        self.writer.add(made.records)
        metrics.MQTT_RECEIVED.inc(len(publishes))
        redelivered = sum([publish.flags & DUP for publish in publishes]) // DUP
        if redelivered:
            metrics.MQTT_REDELIVERED.inc(redelivered)
        if made.too_large:
            metrics.MQTT_TOO_LARGE.inc(made.too_large)
            self._log.warning("mqtt_message_too_large", messages=made.too_large)
        if made.fields_removed or made.withheld:
            metrics.MQTT_FIELDS_REMOVED.inc(made.fields_removed)
            self._log.info("private_fields_removed", fields=made.fields_removed, payloads_withheld=made.withheld)
        metrics.MQTT_IN_FLIGHT.set(self.writer.held_messages)
        self._hold_back()

    def written(self, records: Sequence[RawRecord]) -> None:
        """Kafka has these."""
        mids = self._window.written([record.number for record in records])
        if mids and self.connection.connected:
            self.connection.acknowledge(mids)
            metrics.MQTT_ACKNOWLEDGED.inc(len(mids))
        metrics.MQTT_IN_FLIGHT.set(self.writer.held_messages)
        self._hold_back()

    def connection_lost(self) -> None:
        """The broker will send again what was not acknowledged; what we hold is written all the same."""
        self._window.connection_lost()

    def stop_reading(self) -> None:
        """Takes nothing more, for good."""
        self._stopping = True
        self.connection.pause_reading()

    def _hold_back(self) -> None:
        """Pauses and resumes reading. That is daily work while a backlog drains, so only a long pause is told."""
        if self._stopping:
            return
        messages, size = self.writer.held_messages, self.writer.held_bytes
        limits = self._limits
        if self._paused_at is None:
            if messages > limits.max_held_messages or size > limits.max_held_bytes:
                self._paused_at = self._clock.now()
                self.connection.pause_reading()
        elif 2 * messages < limits.max_held_messages and 2 * size < limits.max_held_bytes:
            seconds = (self._clock.now() - self._paused_at).total_seconds()
            self._paused_at = None
            self.connection.resume_reading()
            if seconds > LONG_PAUSE_SECONDS:
                self._log.warning("mqtt_reading_was_paused", seconds=round(seconds, 1))

    def _about_the_broker(self, publish: Publish) -> bool:
        """Takes the broker's own count of dropped messages; True for anything that is about the broker."""
        if publish.mqtt_topic == DROPPED_TOPIC and publish.payload.isdigit():
            dropped = int(publish.payload)
            if dropped > self._broker_dropped:
                self._log.warning("mqtt_broker_dropped_messages", dropped=dropped)
            self._broker_dropped = dropped
            metrics.MQTT_BROKER_DROPPED.set(dropped)
        return publish.mqtt_topic.startswith(b"$")

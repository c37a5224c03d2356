"""Sends a simulation: its history as fast as the broker takes it, then its life, faster than the wall clock but never past it.

Called by `stadspuls simulate` and the demo with an MQTT publisher, by tests and dry runs with a sink of their own. Each message
is booked in the ledger once the sink has it for certain.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from runtime.clock import Clock
from simulators.sensor_simulator import HOUR_S
from simulators.simulation import Position, Simulation
from simulators.stream import HourOfMessages

_HOURS_AT_ONCE = 24
LIVE_STEP_SECONDS = 0.5
SAVE_EVERY_SECONDS = 5.0


class Sink(Protocol):
    """Where messages go: `runtime.mqtt_publisher.MqttPublisher`, or a file. After `drain` everything published is there for certain."""

    async def publish(self, topic: str, payload: bytes) -> None: ...

    async def drain(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: messages sent in all, messages that the history will have, and the simulated moment (seconds since 1970)."""

    phase: str
    sent: int
    history_messages: int
    simulated_s: float


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """For callers that do not watch."""


async def send_history(simulation: Simulation, sink: Sink, stop: asyncio.Event, on_progress: OnProgress = ignore_progress) -> None:
    """Sends what is left of the history. Returns when the sink has it all, or earlier, at a whole hour, when `stop` is set."""
    stream = simulation.stream
    expected = simulation.expected_history_messages()
    while stream.next_hour_s < stream.history_to_s and not stop.is_set():
        again_until = simulation.intent
        first_s = max(stream.next_hour_s, stream.history_from_s)
        beyond_s = min(first_s + _HOURS_AT_ONCE * HOUR_S, stream.history_to_s)
        simulation.intend(Position(max(beyond_s, again_until.hour_s)))
        while stream.next_hour_s < beyond_s and not stop.is_set():
            hour = stream.next_hour()
            await _publish(hour, 0, len(hour.messages), sink)
            _book(simulation, hour, 0, len(hour.messages), again_until)
            on_progress(Progress("history", _sent(simulation), expected, hour.start_s + HOUR_S))
        await sink.drain()
        simulation.confirm(Position(stream.next_hour_s))
        simulation.save()
    simulation.flush_truth()


async def live(
    simulation: Simulation,
    sink: Sink,
    clock: Clock,
    stop: asyncio.Event,
    *,
    speed: float = 60.0,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Lives on from where the simulation stopped until `stop` is set: simulated time runs at `speed` until it reaches the wall
    clock, and with it from then on."""
    began = clock.now().timestamp()
    position = simulation.position
    hour, sent = simulation.stream.next_hour(), position.sent
    first_us = hour.send_at_us[sent - 1] if 0 < sent <= len(hour.messages) else position.hour_s * 1_000_000
    from_s = float(first_us) / 1e6
    again_until = simulation.intent
    expected = simulation.expected_history_messages()
    saved_at = began
    while not stop.is_set():
        wall = clock.now().timestamp()
        simulated_s = min(from_s + speed * (wall - began), wall)
        while True:
            due = int(np.searchsorted(hour.send_at_us, simulated_s * 1e6, side="right"))
            if due > sent:
                simulation.intend(Position(hour.start_s, due))
                await _publish(hour, sent, due, sink)
                await sink.drain()
                _book(simulation, hour, sent, due, again_until)
                sent = due
                simulation.confirm(Position(hour.start_s, sent))
            if simulated_s < hour.start_s + HOUR_S:
                break
            if not hour.messages:
                hour.count_into(simulation.ledger, simulation.stream.kinds, 0, 0)
            hour, sent = simulation.stream.next_hour(), 0
            simulation.confirm(Position(hour.start_s))
            simulation.flush_truth()
        if wall - saved_at >= SAVE_EVERY_SECONDS:
            simulation.save()
            saved_at = wall
        on_progress(Progress("live", _sent(simulation), expected, simulated_s))
        await _sleep(clock, LIVE_STEP_SECONDS, stop)
    simulation.save()
    simulation.flush_truth()


async def _publish(hour: HourOfMessages, first: int, beyond: int, sink: Sink) -> None:
    for topic, payload, _ in hour.messages[first:beyond]:
        await sink.publish(topic, payload)


def _book(simulation: Simulation, hour: HourOfMessages, first: int, beyond: int, again_until: Position) -> None:
    hour.count_into(simulation.ledger, simulation.stream.kinds, first, beyond)
    if hour.start_s < again_until.hour_s:
        simulation.ledger.possibly_sent_twice += beyond - first
    elif hour.start_s == again_until.hour_s:
        simulation.ledger.possibly_sent_twice += max(0, min(beyond, again_until.sent) - first)


def _sent(simulation: Simulation) -> int:
    return simulation.ledger.total().messages_sent


async def _sleep(clock: Clock, seconds: float, stop: asyncio.Event) -> None:
    """Sleeps, but not beyond a stop."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        stopping.cancel()


class FileSink:
    """Writes messages to a file, one JSON object per line: topic, and payload in base64 (spoilt ones are no text)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("w", encoding="utf-8")

    async def publish(self, topic: str, payload: bytes) -> None:
        line = {"mqtt_topic": topic, "payload_base64": base64.b64encode(payload).decode()}
        self._file.write(json.dumps(line) + "\n")

    async def drain(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

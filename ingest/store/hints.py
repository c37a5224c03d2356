"""Hints on changed things to Kafka's `things.changed`, after a commit. A hint may be lost; the database is what is true.

Hints are coalesced per thing and sent about once a second by a task of their own, so that neither a slow Kafka nor a batch with
thousands of readings of one thing holds up the store. Readings older than the lateness window raise none: the sweep finds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from models.domain.reading import Reading
from runtime import logs
from runtime.clock import Clock


class HintProducer(Protocol):
    """The part of aiokafka's producer that is used."""

    async def send(self, topic: str, value: bytes, key: bytes) -> Any: ...


class Hints:
    """`note` takes what was committed, `run` sends until cancelled, `flush` sends what is there."""

    def __init__(
        self, producer: HintProducer, kafka_topic: str, clock: Clock, *, lateness: timedelta, interval_seconds: float = 1.0
    ) -> None:
        self._producer = producer
        self._kafka_topic = kafka_topic
        self._clock = clock
        self._lateness = lateness
        self._interval_seconds = interval_seconds
        self._waiting: dict[tuple[str, str], datetime] = {}
        self._log = logs.get_logger()

    @property
    def waiting(self) -> int:
        """Hints not sent yet."""
        return len(self._waiting)

    def note(self, kind: str, readings: Iterable[Reading]) -> None:
        """The newest observation of each thing, unless it is older than the lateness window. Bounded by the number of things."""
        oldest = self._clock.now() - self._lateness
        waiting = self._waiting
        for reading in readings:
            observed_at = reading.observed_at
            if observed_at >= oldest:
                name = (reading.thing_id, kind)
                known = waiting.get(name)
                if known is None or known < observed_at:
                    waiting[name] = observed_at

    def note_corrected(self, kind: str, things: Mapping[str, datetime]) -> None:
        """Things whose stored readings were corrected, however old those are: what rests on them is to be made anew."""
        for thing_id, observed_at in things.items():
            self._waiting[thing_id, kind] = max(observed_at, self._waiting.get((thing_id, kind), observed_at))

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._interval_seconds)
            await self.flush()

    async def flush(self, *, timeout_seconds: float = 5.0) -> None:
        """Sends what waits; what Kafka does not take in time is lost, and said so."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                for (thing_id, kind), observed_at in waiting.items():
                    value = orjson.dumps({"thing_id": thing_id, "kind": kind, "observed_at": observed_at})
                    sent = await self._producer.send(self._kafka_topic, value, key=thing_id.encode())
                    sent.add_done_callback(_forget)
        except Exception as error:
            # The one place where something is allowed to be lost: a hint is not a truth.
            self._log.warning("hints_lost", hints=len(waiting), error=repr(error))


def _forget(sent: asyncio.Future[Any]) -> None:
    """Takes note of the outcome, so that a failed hint is not reported as an error nobody looked at."""
    if not sent.cancelled():
        sent.exception()

"""Sees a consumer that hangs: with records waiting and none handled for too long, the process ends and is started again.

The Kafka client can stop fetching without an error after a broker restart, and a deleted topic leaves it without partitions, waiting.
The watchdog also measures lag, and notices a log that ends before the offset to be read next or that is another one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterator
from datetime import datetime

from models.domain.failures import OffsetGap, StadspulsError, TransientError
from runtime import logs, metrics
from runtime.clock import Clock
from runtime.consumer_batch import ConfirmLog, ConsumerLimits, Partition
from runtime.consumer_positions import ConsumerPositions


class StalledConsumer(StadspulsError):
    """Records wait and none was handled for longer than the limit: the client or the handler hangs."""


class ProgressWatchdog:
    """`run` raises `StalledConsumer` or `OffsetGap`; it never returns."""

    def __init__(
        self,
        name: str,
        positions: ConsumerPositions,
        ends: Callable[[Collection[Partition]], Awaitable[dict[int, int]]],
        limits: ConsumerLimits,
        clock: Clock,
        confirm_log: ConfirmLog | None = None,
    ) -> None:
        self._name = name
        self._positions = positions
        self._ends = ends
        self._limits = limits
        self._clock = clock
        self._confirm_log = confirm_log
        self._progress_at: datetime = clock.now()
        self._excuses = 0
        self._log = logs.get_logger().bind(consumer=name)

    def progressed(self) -> None:
        """Something was handled, or the place to read from was found."""
        self._progress_at = self._clock.now()

    @contextlib.contextmanager
    def excused(self) -> Iterator[None]:
        """While waiting for something outside that has a bound of its own, standing still is right."""
        self._excuses += 1
        try:
            yield
        finally:
            self._excuses -= 1
            self._progress_at = self._clock.now()

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._limits.watch_interval_seconds)
            await self.look()

    async def look(self) -> None:
        """One look. An end of the log that cannot be had counts as standing still."""
        durable = dict(self._positions.durable_offsets)
        try:
            if self._confirm_log is not None:
                await self._confirm_log()
            lag = await self._lag(durable)
        except TransientError as error:
            self._log.warning("lag_unknown", error=str(error))
            lag = None
        if lag == 0 or self._excuses:
            self._progress_at = self._clock.now()
        still = (self._clock.now() - self._progress_at).total_seconds()
        if still > self._limits.progress_timeout_seconds:
            waiting = "an unknown number of" if lag is None else str(lag)
            raise StalledConsumer(
                f"{self._name} handled nothing for {still:.0f} s while {waiting} records wait: the Kafka client or the handler hangs"
            )

    async def _lag(self, durable: dict[int, int]) -> int | None:
        positions = self._positions
        if not positions.joined or positions.must_seek:
            return None
        partitions = positions.partitions
        if not partitions:
            self._show(0, None)
            return 0
        generation = positions.generation
        fetched = dict(positions.next_offsets)
        ends = await self._ends(partitions)
        if generation != positions.generation:
            return None
        for number, offset in fetched.items():
            if ends[number] < offset:
                raise OffsetGap(
                    f"{positions.kafka_topic}[{number}] ends at {ends[number]} though offset {offset - 1} was read: the topic lost records "
                    "or was created again"
                )
        lag = positions.lag(durable, ends)
        self._show(lag, positions.oldest_waiting_timestamp(ends))
        return lag

    def _show(self, lag: int, oldest_ms: int | None) -> None:
        metrics.LAG_RECORDS.labels(self._name).set(lag)
        age = self._clock.now().timestamp() - oldest_ms / 1000 if lag and oldest_ms is not None else 0.0
        metrics.LAG_SECONDS.labels(self._name).set(max(0.0, age))

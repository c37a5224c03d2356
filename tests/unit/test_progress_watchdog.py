"""When a consumer counts as hanging, and when standing still is right."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from models.domain.failures import OffsetGap, TransientError
from runtime.clock import ManualClock
from runtime.consumer_batch import ConsumerLimits, Partition
from runtime.consumer_positions import ConsumerPositions
from runtime.progress_watchdog import ProgressWatchdog, StalledConsumer

LIMITS = ConsumerLimits(progress_timeout_seconds=60.0)


class Kafka:
    """Says where the log ends, or that it cannot."""

    def __init__(self, end: int) -> None:
        self.end: int | None = end

    async def ends(self, partitions: Collection[Partition]) -> dict[int, int]:
        if self.end is None:
            raise TransientError("Kafka is away")
        return {partition.partition: self.end for partition in partitions}


def watched(end: int, next_offset: int = 10) -> tuple[ProgressWatchdog, ManualClock, ConsumerPositions, Kafka]:
    clock = ManualClock(datetime(2026, 11, 22, tzinfo=UTC))
    positions = ConsumerPositions("t")
    positions.assign([0])
    positions.sought({0: next_offset})
    kafka = Kafka(end)
    return ProgressWatchdog("test", positions, kafka.ends, LIMITS, clock), clock, positions, kafka


async def test_without_lag_nothing_has_to_happen() -> None:
    watchdog, clock, _, _ = watched(end=10)
    for _ in range(5):
        clock.advance(59)
        await watchdog.look()


async def test_lag_without_progress_ends_the_process() -> None:
    watchdog, clock, _, _ = watched(end=30)
    clock.advance(59)
    await watchdog.look()
    clock.advance(2)
    with pytest.raises(StalledConsumer, match="20 records wait"):
        await watchdog.look()


async def test_progress_starts_the_time_anew() -> None:
    watchdog, clock, _, _ = watched(end=30)
    for _ in range(5):
        clock.advance(59)
        await watchdog.look()
        watchdog.progressed()


async def test_a_kafka_that_does_not_answer_counts_as_standing_still() -> None:
    watchdog, clock, _, kafka = watched(end=10)
    kafka.end = None
    clock.advance(61)
    with pytest.raises(StalledConsumer, match="an unknown number of"):
        await watchdog.look()


async def test_waiting_for_the_database_is_excused() -> None:
    watchdog, clock, _, _ = watched(end=30)
    with watchdog.excused():
        clock.advance(600)
        await watchdog.look()
    clock.advance(59)
    await watchdog.look()


async def test_a_member_that_never_joins_its_group_hangs_but_a_spare_one_without_partitions_does_not() -> None:
    watchdog, clock, positions, _ = watched(end=10)
    positions.assign([])
    clock.advance(600)
    await watchdog.look()
    positions.revoke()
    clock.advance(61)
    with pytest.raises(StalledConsumer):
        await watchdog.look()


async def test_a_log_that_became_shorter_is_a_gap() -> None:
    watchdog, _, _, kafka = watched(end=10)
    kafka.end = 4
    with pytest.raises(OffsetGap, match="ends at 4"):
        await watchdog.look()

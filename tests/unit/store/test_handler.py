"""What the store does with a batch before it is written, while the registry changes under it."""

from __future__ import annotations

import asyncio
from typing import Any

from ingest.store.handler import StoreHandler
from models.domain.registry import SensorContext
from runtime.clock import ManualClock
from runtime.consumer_batch import Batch
from tests.unit.store.test_decoding import CONTEXTS, LIFE, NOW, payload, records


class ChangingRegistry:
    """Has no sensor at first; another task loads version 2 as soon as the event loop is free."""

    def __init__(self) -> None:
        self.version = 1
        self.contexts: dict[str, SensorContext] = {}
        self.looks = 0

    async def change(self) -> None:
        self.contexts, self.version = CONTEXTS, 2

    async def load(self) -> bool:
        self.looks += 1
        return False


async def test_a_registry_that_changes_while_a_batch_is_decoded_counts_for_that_batch() -> None:
    registry: Any = ChangingRegistry()
    nothing: Any = None
    handler = StoreHandler(
        nothing, registry, nothing, nothing, nothing, ManualClock(NOW), incarnation=LIFE, privacy_key=b"key"
    )  # fmt: skip
    batch = Batch("telemetry.raw")
    batch.add(5, records(*[payload(distance_mm=float(number)) for number in range(500)]))
    change = asyncio.create_task(registry.change())
    prepared = await handler.prepare(batch)
    await change
    part = prepared.work.partitions[5]
    assert not part.letters
    assert sum(len(readings) for readings in part.readings.values()) == 500
    assert registry.looks == 1

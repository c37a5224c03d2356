"""The store's handler: what the consumer loop calls for every batch, and where its offsets are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from ingest.store.breaker import ReadabilityBreaker
from ingest.store.decoding import Decoding
from ingest.store.hints import Hints
from ingest.store.measuring import measure
from ingest.store.registry_snapshot import RegistrySnapshot
from ingest.store.work import Work
from ingest.store.writing import Writer
from models.domain.failures import DeadLetterReason
from runtime.clock import Clock
from runtime.consumer_batch import Batch
from storage.offset_fence import begin_offsets


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A decoded batch and what decoded it."""

    work: Work
    decoding: Decoding


class StoreHandler:
    """Decodes while the batch before is being written, writes in one transaction, hints and measures after the commit."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        registry: RegistrySnapshot,
        writer: Writer,
        breaker: ReadabilityBreaker,
        hints: Hints,
        clock: Clock,
        *,
        incarnation: UUID,
        privacy_key: bytes,
    ) -> None:
        self._pool = pool
        self._registry = registry
        self._writer = writer
        self._breaker = breaker
        self._hints = hints
        self._clock = clock
        self._incarnation = incarnation
        self._privacy_key = privacy_key

    async def prepare(self, batch: Batch) -> PreparedBatch:
        """Decodes. A sensor that is not registered makes it look at the registry again and, if that has changed, decode again."""
        version = self._registry.version
        prepared = await self._decode(batch)
        if _has_unknown_things(prepared.work):
            await self._registry.load()
            # The registry may also have changed while the batch was decoded: what counts is which version the decoding saw.
            if self._registry.version != version:
                prepared = await self._decode(batch)
        return prepared

    async def _decode(self, batch: Batch) -> PreparedBatch:
        decoding = Decoding(self._registry.contexts, self._registry.version, self._incarnation, self._privacy_key)
        return PreparedBatch(await decoding.work(batch), decoding)

    async def handle(self, batch: Batch, prepared: PreparedBatch) -> frozenset[int]:
        """One transaction. Raises `TooManyUnreadable` or `Unaccounted` with nothing written."""
        work = prepared.work
        whole = work.merged(work.partitions)
        self._breaker.check(whole.readable, whole.unreadable)
        async with self._pool.acquire() as connection:
            written = await self._writer.write(connection, batch.spans(), work, prepared.decoding)
        self._breaker.note(written.part.readable, written.part.unreadable)
        for group, readings in written.part.readings.items():
            self._hints.note(group.kind, [item.reading for item in readings])
        measure(written, self._clock.now())
        return written.lost


class DatabaseOffsets:
    """Where the loop asks at which offsets to go on."""

    def __init__(self, pool: asyncpg.Pool, consumer: str, incarnation: UUID) -> None:
        self._pool = pool
        self._consumer = consumer
        self._incarnation = incarnation

    async def positions(self, beginnings: Mapping[int, int]) -> dict[int, int]:
        async with self._pool.acquire() as connection, connection.transaction():
            return await begin_offsets(connection, self._consumer, self._incarnation, beginnings)


def _has_unknown_things(work: Work) -> bool:
    return any(
        any(letter.reason is DeadLetterReason.UNKNOWN_THING for letter in part.letters)
        or any(item.has_unknown_things for item in part.timeless)
        for part in work.partitions.values()
    )

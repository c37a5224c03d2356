"""The registry as decoders see it, at one version: loaded at start, looked at every few seconds and when a sensor is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg

from models.domain.failures import TransientError
from models.domain.registry import SensorContext
from runtime import logs
from runtime.clock import Clock
from storage.registry import registry_version, sensor_contexts


class RegistrySnapshot:
    """`contexts` is replaced as a whole when the registry's version has changed, never altered."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, *, check_seconds: float = 3.0) -> None:
        self._pool = pool
        self._clock = clock
        self._check_seconds = check_seconds
        self._log = logs.get_logger()
        self._loading = asyncio.Lock()
        self.version = -1
        self.contexts: Mapping[str, SensorContext] = {}

    async def load(self) -> bool:
        """Looks at the version and loads the registry if it is another one; True then. May raise `TransientError`. Cheap enough
        for every batch with an unknown sensor."""
        # One at a time: an older look that ends last must not replace a newer one.
        async with self._loading:
            async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
                version = await registry_version(connection)
                if version == self.version:
                    return False
                contexts = await sensor_contexts(connection)
            self.contexts, self.version = contexts, version
            self._log.info("registry_loaded", version=version, sensors=len(contexts))
            return True

    async def run(self) -> None:
        """Until cancelled. While the database is away the snapshot stays as it is."""
        while True:
            await self._clock.sleep(self._check_seconds)
            try:
                await self.load()
            except TransientError as error:
                self._log.warning("registry_not_checked", error=str(error))

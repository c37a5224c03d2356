"""What every endpoint needs, carried by the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from runtime.clock import Clock
from runtime.postgres import transient_errors
from runtime.settings import CitySettings


@dataclass(frozen=True)
class Backend:
    """A database pool, a clock and the city."""

    pool: Any
    clock: Clock
    city: CitySettings

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool; raises `TransientError` when the database does not answer."""
        with transient_errors():
            async with self.pool.acquire(timeout=5) as connection:
                yield connection

    def now(self) -> datetime:
        return self.clock.now()


def _backend(request: Request) -> Backend:
    found: Backend = request.app.state.backend
    return found


BackendOf = Annotated[Backend, Depends(_backend)]

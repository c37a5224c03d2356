"""What every endpoint needs, carried by the application."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from runtime.clock import Clock
from runtime.postgres import transient_errors
from runtime.settings import AccessSettings, CitySettings, PlanSettings


@dataclass(frozen=True)
class Backend:
    """A database pool, a clock, the city, the hours of its plans, and who may write."""

    pool: Any
    clock: Clock
    city: CitySettings
    plan: PlanSettings = field(default_factory=PlanSettings)
    access: AccessSettings = field(default_factory=AccessSettings)

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


def bearer(request: Request) -> str:
    """The token that a request shows in its Authorization header; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _planner(request: Request, backend: BackendOf) -> str:
    expected = backend.access.api_planner_token.get_secret_value()
    if not expected:
        raise HTTPException(403, "Writing is closed: no planner's token is set. Set-up makes one (STADSPULS_API_PLANNER_TOKEN).")
    if not hmac.compare_digest(bearer(request).encode(), expected.encode()):
        raise HTTPException(401, "A planner's token is needed: send it as Authorization: Bearer.", {"WWW-Authenticate": "Bearer"})
    return "planner"


PlannerRole = Annotated[str, Depends(_planner)]
"""The role that is stored with what a planner does; 401 without the token."""

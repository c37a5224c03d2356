"""The api service: one database pool, uvicorn, graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvicorn
from pydantic import Field

from api.application import make_application
from api.dependencies import Backend
from runtime.postgres import open_pool
from runtime.service import ServiceContext
from runtime.settings import AccessSettings, CitySettings, DatabaseSettings, PlanSettings, Settings


class ApiSettings(Settings):
    """Where the API and the page are served."""

    api_host: str = Field("127.0.0.1", description="Address that the API binds to")
    api_port: int = Field(8080, description="Port of the API and the page")


async def main(context: ServiceContext) -> None:
    """Serves until asked to stop."""
    settings = context.settings(ApiSettings)
    pool = await open_pool(context.settings(DatabaseSettings), application_name="stadspuls-api", max_size=8)
    try:
        backend = Backend(
            pool, context.clock, context.settings(CitySettings), context.settings(PlanSettings), context.settings(AccessSettings)
        )
        config = uvicorn.Config(
            make_application(backend),
            host=settings.api_host,
            port=settings.api_port,
            log_level="warning",
            access_log=False,
            lifespan="off",
        )
        await serve(uvicorn.Server(config), context.stop)
    finally:
        await pool.close()


async def serve(server: uvicorn.Server, stop: asyncio.Event, sockets: list[socket.socket] | None = None) -> None:
    """Serves until `stop`, on its configured address or on sockets that listen already."""
    # Signals belong to the caller; uvicorn would take them over and raise them again when it is done.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # it has no setting for that
    serving = asyncio.create_task(server.serve(sockets))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving

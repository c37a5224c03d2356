"""Start and graceful stop of one service process.

`run_service` configures logs, shows metrics, turns SIGTERM and SIGINT into a stop event, and lets anything unexpected end the
process with status 1, so that its supervisor starts it again.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from prometheus_client import start_http_server

from runtime import logs
from runtime.city_clock import clock_by
from runtime.clock import Clock, SystemClock
from runtime.settings import CitySettings, MetricsSettings, SomeSettings, load


@dataclass(frozen=True)
class ServiceContext:
    """What a service's main function gets: its name, the event that asks it to drain and stop, time, and its settings."""

    name: str
    stop: asyncio.Event
    clock: Clock = field(default_factory=SystemClock)
    """The city's time: the wall clock, except in a simulated city that lags behind it."""
    wall: Clock = field(default_factory=SystemClock)
    """The time that stamps what is received and measures how long things take."""

    def settings(self, settings_type: type[SomeSettings]) -> SomeSettings:
        """Settings of this service; raises `UserError` when they are wrong."""
        return load(settings_type, self.name)


ServiceMain = Callable[[ServiceContext], Awaitable[None]]


def run_service(name: str, main: ServiceMain) -> None:
    """Runs `main` until it returns. Returns normally only after a clean stop; errors propagate."""
    logs.configure(name)
    asyncio.run(_supervised(name, main))


async def _supervised(name: str, main: ServiceMain) -> None:
    log = logs.get_logger()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    city = load(CitySettings, name)
    context = ServiceContext(name, stop, clock_by(city.city_clock_file))
    metrics = context.settings(MetricsSettings)
    if metrics.metrics_port:
        start_http_server(metrics.metrics_port, addr=metrics.metrics_host)
    log.info("service_started", metrics_port=metrics.metrics_port)
    try:
        await main(context)
    except Exception:
        log.exception("service_failed")
        raise
    log.info("service_stopped")

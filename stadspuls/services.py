"""The services by name: what `stadspuls run NAME` starts and the local stack supervises."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from models.domain.failures import UserError
from runtime.service import ServiceMain

# Name → module; each has `async def main(context: ServiceContext) -> None`. Imported when run, so that one service
# does not load another's libraries.
SERVICE_MODULES: dict[str, str] = {
    "mqtt-to-kafka": "ingest.mqtt_to_kafka.service",
    "store": "ingest.store.service",
    "forecast": "processors.forecast.service",
    "plan": "processors.plan.service",
    "maintain": "processors.maintain.service",
    "api": "api.service",
    "canary": "api.canary",
}


def service_main(name: str) -> ServiceMain:
    """The main function of a service; `UserError` for a name that is none."""
    if name not in SERVICE_MODULES:
        raise UserError(f"there is no service {name!r}; the services are {', '.join(SERVICE_MODULES)}")
    found: Callable[..., object] = import_module(SERVICE_MODULES[name]).main
    return found  # type: ignore[return-value]  # the module's main is checked where it is defined

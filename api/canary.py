"""The canary service: sends a reading of its own to MQTT every few seconds and watches for it at the API.

What it measures, from the moment of sending to the answer of `/v1/health`, is the best single figure of whether
the whole line works.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import httpx
from pydantic import Field

from runtime import logs, metrics
from runtime.mqtt_publisher import MqttPublisher
from runtime.service import ServiceContext
from runtime.settings import MqttSettings, Settings

CANARY_MQTT_TOPIC = "stadspuls/v1/canary/readings"


class CanarySettings(Settings):
    """How often the canary is sent, and where it is looked for."""

    canary_interval_seconds: float = Field(5.0, gt=0, description="Seconds between two canary readings")
    canary_api_address: str = Field("http://127.0.0.1:8080", description="Address of the API that is asked")


async def main(context: ServiceContext) -> None:
    """Sends and watches until asked to stop."""
    settings = context.settings(CanarySettings)
    publisher = MqttPublisher(context.settings(MqttSettings), client_id="stadspuls-canary")
    await publisher.start()
    watching = asyncio.create_task(_watch(context, settings))
    sequence = 0
    try:
        while not context.stop.is_set():
            await publisher.publish(CANARY_MQTT_TOPIC, canary_payload(context.clock.now(), sequence))
            metrics.CANARY_SENT.inc()
            sequence += 1
            await _wait(context.stop, settings.canary_interval_seconds)
    finally:
        watching.cancel()
        await publisher.stop()


def canary_payload(now: datetime, sequence: int) -> bytes:
    """One canary in our own JSON."""
    return json.dumps({"v": 1, "kind": "canary", "observed_at": now.isoformat(), "sequence": sequence}).encode()


async def _watch(context: ServiceContext, settings: CanarySettings) -> None:
    """Asks the API four times a second for the newest canary it knows; what is new there has just come through."""
    log = logs.get_logger()
    seen: str | None = None
    async with httpx.AsyncClient(base_url=settings.canary_api_address, timeout=5) as http:
        while True:
            try:
                answer = await http.get("/v1/health")
                newest = answer.json().get("canary_observed_at") if answer.status_code == 200 else None
            except httpx.HTTPError as error:
                # Not an end of this service: that the API does not answer is just what it is there to notice.
                log.warning("canary_api_unreachable", error=str(error))
                newest = None
                await asyncio.sleep(settings.canary_interval_seconds)
            if newest is not None and newest != seen:
                seen = newest
                seconds = (context.clock.now() - datetime.fromisoformat(newest)).total_seconds()
                metrics.CANARY_SEEN.inc()
                metrics.CANARY_SECONDS.set(seconds)
            await asyncio.sleep(0.25)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return

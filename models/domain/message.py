"""One MQTT message as `telemetry.raw` holds it. Made by ingest's consumer, read by every decoder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A payload with what the MQTT side knew about it. A dataclass, not a pydantic model: it is made a million times and
    carries nothing to validate.

    `received_at` is aware UTC, stamped when our MQTT client got it; it is never part of a reading's identity.
    """

    mqtt_topic: str
    payload: bytes
    received_at: datetime
    dup: bool = False
    retain: bool = False
    partition: int = 0
    offset: int = 0

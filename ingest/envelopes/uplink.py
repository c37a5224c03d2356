"""What an envelope is and what it hands on: who sent the message, and either a device's bytes or our own JSON readings.

Named tuples, because one of each is made for every message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from models.domain.reading import TimeSource


class DeviceFrame(NamedTuple):
    """The bytes that a device sent, out of a network server's envelope.

    `observed_at` is the network server's or else the gateway's time; None if the envelope has neither. `product` is
    "brand/model" as the network server knows the device, "" if it does not say. `simulated` is the server's own mark.
    """

    envelope: str
    frame: bytes
    f_port: int
    f_cnt: int
    observed_at: datetime | None
    time_source: TimeSource
    product: str = ""
    simulated: bool = False
    unknown_fields: int = 0


class OwnReport(NamedTuple):
    """Our own JSON: one kind and its readings as they came, nothing in them checked yet. With `single` the one reading is
    the whole document, and so has the message's own fields too."""

    envelope: str
    kind: str
    items: list[Any]
    single: bool
    unknown_fields: int = 0


class Address(NamedTuple):
    """Who sent a message, as the registry knows it, and what was in the envelope."""

    sensor_id: str
    uplink: DeviceFrame | OwnReport


class NoReading(NamedTuple):
    """A message of a known form that never carries a reading: a join, a status, an acknowledgement."""

    event: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A form in which messages arrive, recognised by the start of its MQTT topic.

    `read(mqtt_topic, payload)` is pure and raises `InvalidMessage` and nothing else, whatever the topic and the bytes.
    """

    name: str
    title: str
    topic_prefix: str
    read: Callable[[str, bytes], Address | NoReading]

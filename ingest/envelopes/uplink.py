"""What an envelope is and what it hands on: who sent the message, and a device's bytes, our own JSON, or values of another form.

Named tuples, because one of each is made for every message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from models.domain.failures import InvalidMessage
from models.domain.reading import TimeSource


class DeviceFrame(NamedTuple):
    """The bytes that a device sent, out of a network server's envelope.

    `observed_at` is the network server's or else the gateway's time; None if the envelope has neither. `product` is
    "brand/model" as the network server knows the device, "" if it does not say. `simulated` is the server's own mark. `session` is the
    run of the frame counter, which starts anew with each.
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
    session: str = ""


class OwnReport(NamedTuple):
    """Our own JSON: one kind and its readings as they came, nothing in them checked yet. With `single` the one reading is
    the whole document, and so has the message's own fields too."""

    envelope: str
    kind: str
    items: list[Any]
    single: bool
    unknown_fields: int = 0


class NamedValue(NamedTuple):
    """A value under the sender's name and unit ("" where it says none): which quantity it is, is found with the sensor's kind."""

    name: str
    unit: str
    value: Any


class Measured(NamedTuple):
    """One reading of a report. `values` have the names and units of the kind already, `named` are yet to be found.

    `observed_at` without a zone is local time of the Netherlands; None where the sender says no time.
    """

    observed_at: datetime | None
    values: dict[str, Any] = {}  # noqa: RUF012  # never changed: a default of a named tuple
    named: tuple[NamedValue, ...] = ()
    channel: str = ""
    time_source: TimeSource = TimeSource.DEVICE


class Report(NamedTuple):
    """Readings in a form that is neither ours nor a device's bytes. The registry must know the sensor as a `device_model`.

    `kind` is "" where the form says none and the registry's counts. An item that the form itself makes invalid stands as its refusal.
    """

    envelope: str
    device_model: str
    kind: str
    items: list[Measured | InvalidMessage]
    unknown_fields: int = 0


class Address(NamedTuple):
    """Who sent a message, as the registry knows it, and what was in the envelope."""

    sensor_id: str
    uplink: DeviceFrame | OwnReport | Report


class NoReading(NamedTuple):
    """A message of a known form that never carries a reading: a join, a status, an acknowledgement."""

    event: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A form in which messages arrive, recognised by the start of its MQTT topic.

    `read(mqtt_topic, payload)` is pure and raises `InvalidMessage` and nothing else, whatever the topic and the bytes. `device_model` is
    what the registry calls its sensors, "" where that names a codec; `traps` are what is easily read wrong, for docs/formats.md.
    """

    name: str
    title: str
    topic_prefix: str
    read: Callable[[str, bytes], Address | NoReading]
    device_model: str = ""
    traps: tuple[str, ...] = ()

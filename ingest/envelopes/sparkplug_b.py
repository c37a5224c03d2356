"""Sparkplug B behind its host application: `sparkplug/<group>/<type>/<edge node>[/<device>]`, protobuf in which every metric has its name.

The sensor is `group:node` or `group:node:device`. The last part of a metric's name is a quantity under our own name, with its unit in it
(`distance_mm`); what stands before it is the channel. Metrics of one time and channel are one reading.
"""

from __future__ import annotations

from ingest.envelopes.json_document import schema, shown, unix_moment
from ingest.envelopes.uplink import Address, Envelope, Measured, NamedValue, NoReading, Report
from ingest.sparkplug.payload import Metric, read_payload
from ingest.sparkplug.sessions import HANDED_ON_PREFIX
from models.domain.failures import DeadLetterReason, InvalidMessage

NAME = DEVICE_MODEL = "sparkplug_b"
_WITH_READINGS = frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA"})
_WITHOUT_READING = frozenset({"NDEATH", "DDEATH", "NCMD", "DCMD", "STATE"})
_CONTROL = ("Node Control/", "Device Control/", "bdSeq")


def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The edge node or device by the topic, and its metrics as readings by channel and time."""
    levels = mqtt_topic.split("/")
    if len(levels) not in (4, 5) or not all(levels):
        raise schema(f"the topic must be sparkplug/<group>/<type>/<edge node>[/<device>], not {shown(mqtt_topic)}")
    group, message_type, *who = levels[1:]
    if message_type in _WITHOUT_READING:
        return NoReading(message_type)
    if message_type not in _WITH_READINGS:
        raise schema(f"Sparkplug B has no message type {shown(message_type)} that we know")
    found = read_payload(payload)
    if found.seq is None and found.timestamp_ms is None and not found.metrics:
        raise InvalidMessage(DeadLetterReason.MALFORMED, "not a Sparkplug payload: it has nothing in it", at_byte=0)
    values: dict[tuple[str, int], list[NamedValue]] = {}
    refused: list[Measured | InvalidMessage] = []
    unknown = 0
    for metric in found.metrics:
        if metric.name.startswith(_CONTROL) or metric.is_transient or metric.is_null:
            continue
        if metric.value is None and metric.name:
            unknown += 1
            continue
        try:
            at_ms = _time(metric, found.timestamp_ms)
        except InvalidMessage as error:
            refused.append(error)
            continue
        channel, _, name = metric.name.rpartition("/")
        values.setdefault((channel, at_ms), []).append(NamedValue(name, "", metric.value))
    items = refused + [_reading(at_ms, tuple(named), channel) for (channel, at_ms), named in values.items()]
    if not items:
        return NoReading(message_type)
    return Address(":".join((group, *who)), Report(NAME, DEVICE_MODEL, "", items, unknown))


def _time(metric: Metric, sent_ms: int | None) -> int:
    """The metric's own time, else the payload's; an old value has to have its own."""
    if not metric.name:
        raise schema(
            f"a metric has the alias {metric.alias} and no name: the birth that names it was not seen by the host application"
        )
    if metric.timestamp_ms is not None:
        return metric.timestamp_ms
    if metric.is_historical or sent_ms is None:
        raise InvalidMessage(
            DeadLetterReason.IDENTITY, f"the metric {shown(metric.name)} is historical, or has no time, and no time of its own"
        )
    return sent_ms


def _reading(at_ms: int, named: tuple[NamedValue, ...], channel: str) -> Measured | InvalidMessage:
    try:
        return Measured(unix_moment(at_ms / 1000, "the timestamp of a metric"), named=named, channel=channel)
    except InvalidMessage as refused:
        return refused


SPARKPLUG_B = Envelope(
    name=NAME,
    title="Sparkplug B",
    topic_prefix=HANDED_ON_PREFIX,
    read=read,
    device_model=DEVICE_MODEL,
    traps=(
        "Between births, metrics have aliases and no names: `stadspuls sparkplug-host` keeps the births and puts names in; what it cannot "
        "name is a dead letter `schema`, and a rebirth is asked for.",
        "seq counts 0 to 255 per edge node over all its messages: a gap is counted as lost messages, and a rebirth is asked for.",
        "A historical metric is stored at its own old time, what is latest stays latest; without a time of its own it is a dead letter.",
        "Signed whole numbers travel in unsigned fields: the data type says which.",
        "A float has seven digits: 0.62 is stored, not 0.6200000047683716.",
        "Null and transient metrics are no readings; data sets, templates, arrays and bytes are counted as unknown fields.",
    ),
)

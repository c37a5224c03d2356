"""From a raw message to readings, pure: the registry comes in as values, `InvalidMessage` is all that is ever raised.

The store calls `decode_message` for every record. The MQTT topic chooses the envelope, the envelope says which sensor, the registry
says which codec. Time is the device's, else the network server's, else the gateway's, always out of the payload. A reading with a sequence
number and no time has a mark instead, and the moment that the caller has for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from ingest.build_reading import FIELDS_OF_A_READING, KIND_FIELDS, KindFields, build_reading
from ingest.codecs import codec_by_name
from ingest.codecs.codec import Codec, DecodedFields
from ingest.envelopes import ENVELOPES, envelope_of
from ingest.envelopes.json_document import kind_of, moment, schema, shown
from ingest.envelopes.local_time import to_utc
from ingest.envelopes.own_json import OWN_DEVICE_MODEL
from ingest.envelopes.uplink import Address, DeviceFrame, Measured, NoReading, OwnReport, Report
from ingest.field_names import field_of
from ingest.privacy import forbidden_in, forbidden_in_bytes
from ingest.sequence_marks import mark_of_frame, mark_of_item, no_time
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from models.domain.reading import Reading, TimeSource
from models.domain.registry import SensorContext
from models.domain.sequences import SequenceMark

DECODER_VERSION = 1
"""Stored with every row; goes up when the same bytes would become other readings."""
MAX_PAYLOAD_BYTES = 256 * 1024
NO_MOMENTS: Mapping[SequenceMark, datetime] = {}


@dataclass(frozen=True, slots=True)
class RejectedReading:
    """A reading that cannot be stored, in a message whose others can. `index` is its place among all of the message."""

    index: int
    reason: DeadLetterReason
    detail: str
    at_byte: int | None = None


class _Given(NamedTuple):
    """What a message is decoded with."""

    message: RawMessage
    context: SensorContext
    fields: KindFields
    moments: Mapping[SequenceMark, datetime]


@dataclass(slots=True)
class Decoded:
    """What a message became. `indexes[n]` is the place of `readings[n]` among all of the message, rejected ones counted;
    it and `RejectedReading.index` never meet. `without_reading` marks joins, status and the like; their `kind` is "".
    `sensor_id` is who sent it, "" where no address was looked up. `marks` are of readings that have no time of their own, by index."""

    readings: list[Reading] = field(default_factory=list)
    rejected: list[RejectedReading] = field(default_factory=list)
    unknown_fields: int = 0
    without_reading: bool = False
    kind: str = ""
    indexes: list[int] = field(default_factory=list)
    sensor_id: str = ""
    marks: dict[int, SequenceMark] = field(default_factory=dict)


def decode_message(
    message: RawMessage, contexts: Mapping[str, SensorContext], moments: Mapping[SequenceMark, datetime] = NO_MOMENTS
) -> Decoded:
    """Readings of a message whose sensor is looked up in `contexts` by its id.

    `moments` are those of readings without a time; one that is not in it is taken to be received now for the first time.

    Good readings are kept where others of the same message are rejected; a message with one reading is rejected whole. Raises
    `InvalidMessage` for a whole message; its reason is privacy whenever any field for personal data can be seen in it.
    """
    try:
        address = address_of(message)
        if isinstance(address, NoReading):
            return Decoded(without_reading=True)
        context = contexts.get(address.sensor_id)
        if context is None:
            raise InvalidMessage(DeadLetterReason.UNKNOWN_THING, f"no sensor {shown(address.sensor_id)} is registered")
        decoded = decode(message, address, context, moments)
    except InvalidMessage as error:
        raise _privacy_first(message.payload, error) from None
    decoded.sensor_id = address.sensor_id
    return decoded


def address_of(message: RawMessage) -> Address | NoReading:
    """Who sent a message and what its envelope holds. Raises `InvalidMessage`."""
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise InvalidMessage(
            DeadLetterReason.TOO_LARGE, f"the payload has {len(message.payload)} bytes, {MAX_PAYLOAD_BYTES} are allowed"
        )
    envelope = envelope_of(message.mqtt_topic)
    if envelope is None:
        prefixes = ", ".join(known.topic_prefix for known in ENVELOPES)
        raise schema(f"no envelope is known for the topic {shown(message.mqtt_topic)}: they start with {prefixes}")
    return envelope.read(message.mqtt_topic, message.payload)


def decode(
    message: RawMessage, address: Address, context: SensorContext, moments: Mapping[SequenceMark, datetime] = NO_MOMENTS
) -> Decoded:
    """Readings of an addressed message of a registered sensor. Raises `InvalidMessage`."""
    fields = KIND_FIELDS.get(context.sensor.kind)
    if fields is None:
        raise schema(f"sensor {address.sensor_id} is registered with the unknown kind {shown(context.sensor.kind)}")
    given = _Given(message, context, fields, moments)
    if isinstance(address.uplink, OwnReport):
        return _decode_own(given, address.uplink)
    if isinstance(address.uplink, Report):
        return _decode_report(given, address.uplink)
    return _decode_frame(given, address.uplink)


def codec_for(uplink: DeviceFrame, context: SensorContext) -> Codec:
    """The codec of the registered device model; what the envelope says of the device may only confirm it."""
    device_model = context.sensor.device_model
    codec = codec_by_name(device_model)
    if codec is None:
        raise schema(
            f"the message came through {uplink.envelope}, but the sensor is registered as {shown(device_model)}, which has no codec"
        )
    if codec.kind != context.sensor.kind:
        raise schema(f"the sensor is registered for {context.sensor.kind}, but a {codec.name} measures {codec.kind}")
    if uplink.product and uplink.product not in codec.products:
        raise schema(f"the sensor is registered as {codec.name}, but the network server says that it is a {shown(uplink.product)}")
    return codec


def _decode_own(given: _Given, report: OwnReport) -> Decoded:
    sensor, fields = given.context.sensor, given.fields
    if sensor.device_model != OWN_DEVICE_MODEL:
        raise schema(f"the message is our own JSON, but the sensor is registered as {shown(sensor.device_model)}")
    if report.kind != sensor.kind:
        raise schema(f"the message says kind {shown(report.kind)}, but the sensor is registered for {sensor.kind}")
    decoded = Decoded(kind=sensor.kind, unknown_fields=report.unknown_fields)
    allowed = fields.in_single if report.single else fields.in_list
    for index, item in enumerate(report.items):
        try:
            decoded.readings.append(_own_reading(given, item, index, allowed, decoded))
            decoded.indexes.append(index)
        except InvalidMessage as error:
            if len(report.items) == 1:
                error.at_byte = _only_place(given.message.payload, error, fields)
                raise
            decoded.rejected.append(RejectedReading(index, error.reason, error.detail))
    return decoded


def _own_reading(given: _Given, item: Any, index: int, allowed: frozenset[str], decoded: Decoded) -> Reading:
    message, context, fields, moments = given
    if type(item) is not dict:
        raise schema(f"a reading must be an object, not {kind_of(item)}")
    known = fields.measured
    measured = {name: value for name, value in item.items() if name in known}
    if not item.keys() <= allowed:
        decoded.unknown_fields += len(item.keys() - allowed)
    channel = item.get("channel", "")
    if type(channel) is not str:
        raise schema(f"channel must be text, not {shown(channel)}")
    stated = item.get("observed_at")
    if stated is not None:
        observed_at = moment(stated, "observed_at")
        return build_reading(fields, context, measured, observed_at, TimeSource.DEVICE, message.received_at, channel)
    mark = mark_of_item(message, context.sensor.sensor_id, item, channel)
    observed_at = moments.get(mark, message.received_at)
    reading = build_reading(fields, context, measured, observed_at, TimeSource.SEQUENCE, message.received_at, channel)
    decoded.marks[index] = mark
    return reading


def _decode_report(given: _Given, report: Report) -> Decoded:
    sensor = given.context.sensor
    if sensor.device_model != report.device_model:
        raise schema(
            f"the message came as {report.envelope}, whose sensors are registered as {report.device_model}, but the sensor is "
            f"registered as {shown(sensor.device_model)}"
        )
    if report.kind not in ("", sensor.kind):
        raise schema(f"the message is about {report.kind}, but the sensor is registered for {sensor.kind}")
    decoded = Decoded(kind=sensor.kind, unknown_fields=report.unknown_fields)
    for index, item in enumerate(report.items):
        try:
            if isinstance(item, InvalidMessage):
                raise item
            decoded.readings.append(_report_reading(given, item, decoded))
            decoded.indexes.append(index)
        except InvalidMessage as error:
            if len(report.items) == 1:
                raise
            decoded.rejected.append(RejectedReading(index, error.reason, error.detail))
    decoded.without_reading = not report.items
    return decoded


def _report_reading(given: _Given, item: Measured, decoded: Decoded) -> Reading:
    message, context, fields, _ = given
    measured = dict(item.values)
    for sent in item.named:
        name, value = field_of(fields.kind, sent)
        if not name:
            decoded.unknown_fields += 1
            continue
        if name in measured:
            raise schema(f"{name} has two values at one time")
        measured[name] = value
    if item.observed_at is None:
        raise no_time(message)
    observed_at = to_utc(item.observed_at, message.received_at)
    return build_reading(fields, context, measured, observed_at, item.time_source, message.received_at, item.channel)


def _decode_frame(given: _Given, uplink: DeviceFrame) -> Decoded:
    context = given.context
    if uplink.simulated and not context.simulated:
        raise schema("the network server marks the message as simulated, but the sensor's thing is not registered as simulated")
    codec = codec_for(uplink, context)
    found = codec.decode(uplink.frame, uplink.f_port)
    if not found:
        return Decoded(without_reading=True, unknown_fields=uplink.unknown_fields)
    decoded = Decoded(kind=codec.kind, unknown_fields=uplink.unknown_fields + sum(item.unknown_fields for item in found))
    for index, item in enumerate(found):
        try:
            decoded.readings.append(_frame_reading(given, uplink, item, index, decoded))
            decoded.indexes.append(index)
        except InvalidMessage as error:
            if len(found) == 1:
                raise
            decoded.rejected.append(RejectedReading(index, error.reason, error.detail, error.at_byte))
    return decoded


def _frame_reading(given: _Given, uplink: DeviceFrame, item: DecodedFields, index: int, decoded: Decoded) -> Reading:
    message, context, fields, moments = given
    mark = None
    observed_at, time_source = item.observed_at, TimeSource.DEVICE
    if observed_at is None:
        observed_at, time_source = uplink.observed_at, uplink.time_source
    if observed_at is None:
        mark = mark_of_frame(message, context.sensor.sensor_id, uplink, index)
        observed_at, time_source = moments.get(mark, message.received_at), TimeSource.SEQUENCE
    try:
        reading = build_reading(fields, context, item.values, observed_at, time_source, message.received_at)
    except InvalidMessage as error:
        named = error.detail.split(" ", 1)[0]
        error.at_byte = next((part.start for part in item.parts if part.name == named), None)
        raise
    if mark is not None:
        decoded.marks[index] = mark
    return reading


def _only_place(payload: bytes, error: InvalidMessage, fields: KindFields) -> int | None:
    """The byte of the field that the sentence begins with, if the payload has that key exactly once."""
    named = error.detail.split(" ", 1)[0]
    if named not in fields.measured and named not in FIELDS_OF_A_READING:
        return None
    key = f'"{named}"'.encode()
    return payload.find(key) if payload.count(key) == 1 else None


def _privacy_first(payload: bytes, error: InvalidMessage) -> InvalidMessage:
    """A dead letter keeps its bytes unless its reason is privacy: so whatever else is wrong, that is looked for first."""
    if error.reason is DeadLetterReason.PRIVACY:
        return error
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        personal = forbidden_in_bytes(payload)
    else:
        personal = forbidden_in(document) if isinstance(document, dict | list) else []
    if not personal:
        return error
    return InvalidMessage(DeadLetterReason.PRIVACY, f"the payload has fields for personal data: {', '.join(personal)}")

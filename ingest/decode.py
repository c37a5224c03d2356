"""From a raw message to readings, pure: the registry comes in as values, `InvalidMessage` is all that is ever raised.

The store calls `decode_message` for every record. The MQTT topic chooses the envelope, the envelope says which sensor, the registry
says which codec. Time is the device's, else the network server's, else the gateway's, always out of the payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ingest.build_reading import FIELDS_OF_A_READING, KIND_FIELDS, KindFields, build_reading
from ingest.codecs import codec_by_name
from ingest.codecs.codec import Codec, DecodedFields
from ingest.envelopes import ENVELOPES, envelope_of
from ingest.envelopes.json_document import kind_of, moment, schema, shown
from ingest.envelopes.own_json import OWN_DEVICE_MODEL
from ingest.envelopes.uplink import Address, DeviceFrame, Measured, NoReading, OwnReport, Report
from ingest.field_names import field_of
from ingest.local_time import to_utc
from ingest.privacy import forbidden_in, forbidden_in_bytes
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from models.domain.reading import Reading, TimeSource
from models.domain.registry import SensorContext

DECODER_VERSION = 1
"""Stored with every row; goes up when the same bytes would become other readings."""
MAX_PAYLOAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class RejectedReading:
    """A reading that cannot be stored, in a message whose others can. `index` is its place among all of the message."""

    index: int
    reason: DeadLetterReason
    detail: str
    at_byte: int | None = None


@dataclass(slots=True)
class Decoded:
    """What a message became. `indexes[n]` is the place of `readings[n]` among all of the message, rejected ones counted;
    it and `RejectedReading.index` never meet. `without_reading` marks joins, status and the like; their `kind` is "".
    `sensor_id` is who sent it, "" where no address was looked up."""

    readings: list[Reading] = field(default_factory=list)
    rejected: list[RejectedReading] = field(default_factory=list)
    unknown_fields: int = 0
    without_reading: bool = False
    kind: str = ""
    indexes: list[int] = field(default_factory=list)
    sensor_id: str = ""


def decode_message(message: RawMessage, contexts: Mapping[str, SensorContext]) -> Decoded:
    """Readings of a message whose sensor is looked up in `contexts` by its id.

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
        decoded = decode(message, address, context)
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


def decode(message: RawMessage, address: Address, context: SensorContext) -> Decoded:
    """Readings of an addressed message of a registered sensor. Raises `InvalidMessage`."""
    fields = KIND_FIELDS.get(context.sensor.kind)
    if fields is None:
        raise schema(f"sensor {address.sensor_id} is registered with the unknown kind {shown(context.sensor.kind)}")
    if isinstance(address.uplink, OwnReport):
        return _decode_own(message, address.uplink, context, fields)
    if isinstance(address.uplink, Report):
        return _decode_report(message, address.uplink, context, fields)
    return _decode_frame(message, address.uplink, context, fields)


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


def _decode_own(message: RawMessage, report: OwnReport, context: SensorContext, fields: KindFields) -> Decoded:
    sensor = context.sensor
    if sensor.device_model != OWN_DEVICE_MODEL:
        raise schema(f"the message is our own JSON, but the sensor is registered as {shown(sensor.device_model)}")
    if report.kind != sensor.kind:
        raise schema(f"the message says kind {shown(report.kind)}, but the sensor is registered for {sensor.kind}")
    decoded = Decoded(kind=sensor.kind, unknown_fields=report.unknown_fields)
    allowed = fields.in_single if report.single else fields.in_list
    for index, item in enumerate(report.items):
        try:
            decoded.readings.append(_own_reading(message, item, allowed, context, fields, decoded))
            decoded.indexes.append(index)
        except InvalidMessage as error:
            if len(report.items) == 1:
                error.at_byte = _only_place(message.payload, error, fields)
                raise
            decoded.rejected.append(RejectedReading(index, error.reason, error.detail))
    return decoded


def _own_reading(
    message: RawMessage, item: Any, allowed: frozenset[str], context: SensorContext, fields: KindFields, decoded: Decoded
) -> Reading:
    if type(item) is not dict:
        raise schema(f"a reading must be an object, not {kind_of(item)}")
    known = fields.measured
    measured = {name: value for name, value in item.items() if name in known}
    if not item.keys() <= allowed:
        decoded.unknown_fields += len(item.keys() - allowed)
    stated = item.get("observed_at")
    if stated is None:
        raise _no_time(message, sequence=item.get("seq"))
    channel = item.get("channel", "")
    if type(channel) is not str:
        raise schema(f"channel must be text, not {shown(channel)}")
    observed_at = moment(stated, "observed_at")
    return build_reading(fields, context, measured, observed_at, TimeSource.DEVICE, message.received_at, channel)


def _decode_report(message: RawMessage, report: Report, context: SensorContext, fields: KindFields) -> Decoded:
    sensor = context.sensor
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
            decoded.readings.append(_report_reading(message, item, context, fields, decoded))
            decoded.indexes.append(index)
        except InvalidMessage as error:
            if len(report.items) == 1:
                raise
            decoded.rejected.append(RejectedReading(index, error.reason, error.detail))
    decoded.without_reading = not report.items
    return decoded


def _report_reading(message: RawMessage, item: Measured, context: SensorContext, fields: KindFields, decoded: Decoded) -> Reading:
    measured = dict(item.values)
    for given in item.named:
        name, value = field_of(fields.kind, given)
        if not name:
            decoded.unknown_fields += 1
            continue
        if name in measured:
            raise schema(f"{name} has two values at one time")
        measured[name] = value
    if item.observed_at is None:
        raise _no_time(message, sequence=None)
    observed_at = to_utc(item.observed_at, message.received_at)
    return build_reading(fields, context, measured, observed_at, item.time_source, message.received_at, item.channel)


def _decode_frame(message: RawMessage, uplink: DeviceFrame, context: SensorContext, fields: KindFields) -> Decoded:
    if uplink.simulated and not context.simulated:
        raise schema("the network server marks the message as simulated, but the sensor's thing is not registered as simulated")
    codec = codec_for(uplink, context)
    found = codec.decode(uplink.frame, uplink.f_port)
    if not found:
        return Decoded(without_reading=True, unknown_fields=uplink.unknown_fields)
    decoded = Decoded(kind=codec.kind, unknown_fields=uplink.unknown_fields + sum(item.unknown_fields for item in found))
    for index, item in enumerate(found):
        try:
            decoded.readings.append(_frame_reading(message, uplink, item, found, context, fields))
            decoded.indexes.append(index)
        except InvalidMessage as error:
            if len(found) == 1:
                raise
            decoded.rejected.append(RejectedReading(index, error.reason, error.detail, error.at_byte))
    return decoded


def _frame_reading(
    message: RawMessage,
    uplink: DeviceFrame,
    item: DecodedFields,
    found: Sequence[DecodedFields],
    context: SensorContext,
    fields: KindFields,
) -> Reading:
    observed_at, time_source = item.observed_at, TimeSource.DEVICE
    if observed_at is None:
        observed_at, time_source = uplink.observed_at, uplink.time_source
    if observed_at is None:
        raise _no_time(message, sequence=uplink.f_cnt)
    try:
        return build_reading(fields, context, item.values, observed_at, time_source, message.received_at)
    except InvalidMessage as error:
        named = error.detail.split(" ", 1)[0]
        error.at_byte = next((part.start for part in item.parts if part.name == named), None)
        raise


def _no_time(message: RawMessage, *, sequence: Any) -> InvalidMessage:
    """There is no observed_at to be identified by, whatever else the message has."""
    detail = "the payload has no time, and nothing else tells one reading of it from the next"
    if message.retain:
        detail = "a retained message without a time of its own may be of any age"
    elif sequence is not None:
        detail = f"the payload has a sequence number ({shown(sequence)}) but no time; a reading is identified by its time"
    return InvalidMessage(DeadLetterReason.IDENTITY, detail)


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

"""What `stadspuls explain-payload` prints: pure, from bytes to lines, by the very functions that the store decodes with.

A registry is made up for the one message: its sensor is taken to be registered as the options say or as the payload suggests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from ingest.build_reading import KIND_FIELDS
from ingest.codecs import CODECS, codec_by_name
from ingest.codecs.codec import Codec, DecodedFields
from ingest.decode import Decoded, RejectedReading, address_of, decode, decode_message
from ingest.device_models import DEVICE_MODELS
from ingest.envelopes import envelope_of, envelope_of_model
from ingest.envelopes.json_document import shown
from ingest.envelopes.own_json import OWN_DEVICE_MODEL
from ingest.envelopes.uplink import Address, DeviceFrame, Measured, NoReading, OwnReport, Report
from models.domain.failures import DeadLetterReason, InvalidMessage, UserError
from models.domain.message import RawMessage
from models.domain.reading import Quantity, Reading, TimeSource
from models.domain.registry import Assignment, ContainerGeometry, Sensor, SensorContext
from models.sensor_kinds import SENSOR_KINDS, kind_by_name
from stadspuls.byte_pictures import letter, marked_dump, marked_text
from stadspuls.dead_letter_texts import ADVICE

EXAMPLE_SENSOR = EXAMPLE_THING = "example"
MAX_READINGS_SHOWN = 100
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLE_TOPIC = "stadspuls/v1/example/readings"


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be explained: a payload or a bare frame of a device, and what is known beside it."""

    payload: bytes
    received_at: datetime
    mqtt_topic: str = ""
    device_model: str = ""
    f_port: int | None = None
    geometry: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Lines to print, and whether at least one reading would be stored."""

    lines: list[str]
    accepted: bool


def explain(question: Question) -> Explanation:
    """Raises `UserError` when the options name what does not exist."""
    if question.device_model and question.device_model not in DEVICE_MODELS:
        known = ", ".join(sorted(DEVICE_MODELS))
        raise UserError(f"there is no device model {question.device_model!r}; there are {known}")
    if question.mqtt_topic or envelope_of_model(question.device_model) or question.payload.lstrip()[:1] in (b"{", b"["):
        return _explain_message(question)
    return _explain_frame(question)


def _explain_message(question: Question) -> Explanation:
    topic = question.mqtt_topic or _likely_topic(question.payload)
    envelope = envelope_of(topic)
    lines = [f"MQTT topic  {topic}{'' if question.mqtt_topic else '   (guessed from the payload: --topic says it for sure)'}"]
    lines.append(f"Envelope    {envelope.title if envelope else 'none'}")
    message = RawMessage(topic, question.payload, question.received_at)
    try:
        address = address_of(message)
    except InvalidMessage:
        return _with_outcome(lines, message, _outcome(message, {}))
    if isinstance(address, NoReading):
        return Explanation([*lines, f"Event       {address.event}: such a message never carries a reading"], False)
    lines.append(f"Sensor      {address.sensor_id}, taken to be registered")
    uplink = address.uplink
    if isinstance(uplink, OwnReport):
        if kind_by_name(uplink.kind) is None:
            kinds = ", ".join(kind.name for kind in SENSOR_KINDS)
            refused = InvalidMessage(DeadLetterReason.SCHEMA, f"there is no kind {shown(uplink.kind)}; there are {kinds}")
            return _with_outcome(lines, message, refused)
        context = _made_up(question, address, question.device_model or OWN_DEVICE_MODEL, uplink.kind)
        return _with_outcome(lines, message, _outcome(message, {address.sensor_id: context}), _unknown_names(uplink))
    if isinstance(uplink, Report):
        possible = [uplink.kind] if uplink.kind else [kind.name for kind in SENSOR_KINDS]
        made_up = [_made_up(question, address, uplink.device_model, kind) for kind in possible]
        return _with_outcome(
            lines, message, max((_outcome(message, {address.sensor_id: item}) for item in made_up), key=_readings_in)
        )
    lines.append(_uplink_line(uplink))
    codecs = [_named_codec(question.device_model, uplink)] if question.device_model or uplink.product else []
    found = [codec for codec in codecs if codec] or _readers(uplink.frame, uplink.f_port)
    if not found:
        return Explanation([*lines, *_nobody_reads(uplink.frame, uplink.f_port)], False)
    explained = []
    for codec in found:
        outcome = _outcome(message, {address.sensor_id: _made_up(question, address, codec.name, codec.kind)})
        explained.append(_with_frame(codec, uplink, message, outcome))
    return _joined(lines, explained)


def _readings_in(outcome: Decoded | InvalidMessage) -> int:
    return len(outcome.readings) if isinstance(outcome, Decoded) else -1


def _explain_frame(question: Question) -> Explanation:
    """A frame without an envelope: one is made up around it, with the time of now."""
    frame = question.payload
    named = codec_by_name(question.device_model)
    codecs = [named] if named else _readers(frame, question.f_port)
    lines = [f"Frame       {len(frame)} bytes of a device without an envelope: the time of now stands in for the network server's"]
    if not codecs:
        return Explanation([*lines, *_nobody_reads(frame, question.f_port)], False)
    explained = []
    for codec in codecs:
        f_port = codec.example[1] if question.f_port is None else question.f_port
        uplink = DeviceFrame("made-up", frame, f_port, 0, question.received_at, TimeSource.NETWORK)
        address = Address(EXAMPLE_SENSOR, uplink)
        message = RawMessage("", frame, question.received_at)
        outcome: Decoded | InvalidMessage
        try:
            outcome = decode(message, address, _made_up(question, address, codec.name, codec.kind))
        except InvalidMessage as refused:
            outcome = refused
        explained.append(_with_frame(codec, uplink, message, outcome))
    return _joined(lines, explained)


def _outcome(message: RawMessage, contexts: dict[str, SensorContext]) -> Decoded | InvalidMessage:
    """What the store would get, with this registry."""
    try:
        return decode_message(message, contexts)
    except InvalidMessage as refused:
        return refused


def _made_up(question: Question, address: Address, device_model: str, kind: str) -> SensorContext:
    """A registry's entry in which everything is as the message needs it: each channel is assigned, for ever."""
    items = address.uplink.items if isinstance(address.uplink, OwnReport) else []
    channels = {item["channel"] for item in items if isinstance(item, dict) and isinstance(item.get("channel"), str)}
    if isinstance(address.uplink, Report):
        channels = {item.channel for item in address.uplink.items if isinstance(item, Measured)}
    sensor_id = EXAMPLE_SENSOR
    geometries: tuple[ContainerGeometry, ...] = ()
    if question.geometry:
        empty, full = question.geometry
        made = ContainerGeometry(thing_id=EXAMPLE_THING, valid_from=_ALWAYS, empty_distance_mm=empty, full_distance_mm=full)
        geometries = (made,)
    return SensorContext(
        sensor=Sensor(sensor_id=sensor_id, device_model=device_model, kind=kind),
        assignments=tuple(
            Assignment(
                sensor_id=sensor_id,
                channel=channel,
                thing_id=EXAMPLE_THING,
                datastream_id=f"{EXAMPLE_THING}/{number}",
                valid_from=_ALWAYS,
            )
            for number, channel in enumerate(sorted({"", *channels}))
        ),
        geometries=geometries,
        registry_version=0,
        simulated=True,
    )


def _likely_topic(payload: bytes) -> str:
    """The topic that such a payload usually comes on, by the keys that tell network servers apart."""
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _EXAMPLE_TOPIC
    if isinstance(document, list) and document and isinstance(document[0], dict) and document[0].keys() & {"n", "bn"}:
        return "lwm2m/example" if "/3435/" in str(document[0].get("bn", "")) + str(document[0].get("n", "")) else "senml/example"
    if not isinstance(document, dict):
        return _EXAMPLE_TOPIC
    ids, info = document.get("end_device_ids"), document.get("deviceInfo")
    if isinstance(ids, dict):
        return f"v3/example/devices/{ids.get('device_id', 'example')}/up"
    if isinstance(info, dict):
        return f"application/example/device/{info.get('devEui', 'example')}/event/up"
    return _EXAMPLE_TOPIC


def _named_codec(device_model: str, uplink: DeviceFrame) -> Codec | None:
    return codec_by_name(device_model) or next((codec for codec in CODECS if uplink.product in codec.products), None)


def _readers(frame: bytes, f_port: int | None) -> list[Codec]:
    """The codecs that make a reading of these bytes."""
    return [codec for codec in CODECS if _parts(codec, frame, codec.example[1] if f_port is None else f_port)]


def _parts(codec: Codec, frame: bytes, f_port: int) -> list[DecodedFields]:
    try:
        return codec.decode(frame, f_port)
    except InvalidMessage:
        return []


def _nobody_reads(frame: bytes, f_port: int | None) -> Iterator[str]:
    yield from marked_dump(frame, [])
    yield "No codec reads these bytes:"
    for codec in CODECS:
        port = codec.example[1] if f_port is None else f_port
        try:
            codec.decode(frame, port)
            why = "a frame without any reading, such as one that is sent when joining"
        except InvalidMessage as refused:
            why = refused.detail
        yield f"  {codec.name} (port {port}): {why}"


def _joined(lines: list[str], explained: Sequence[Explanation]) -> Explanation:
    if len(explained) > 1:
        lines = [
            *lines,
            f"{len(explained)} codecs read these bytes; the registry's device model decides. --device-model says which.",
        ]
    return Explanation([*lines, *(line for one in explained for line in one.lines)], any(one.accepted for one in explained))


def _with_frame(codec: Codec, uplink: DeviceFrame, message: RawMessage, outcome: Decoded | InvalidMessage) -> Explanation:
    """The frame's bytes value by value, then what came of them."""
    readings = _parts(codec, uplink.frame, uplink.f_port)
    parts = [part for fields in readings for part in fields.parts]
    at_byte = outcome.at_byte if isinstance(outcome, InvalidMessage) else None
    lines = ["", f"Codec       {codec.name}: {codec.title}, port {uplink.f_port}", *marked_dump(uplink.frame, parts, at_byte)]
    quantities = _quantities(codec.kind)
    stored = {name for fields in readings for name in fields.values}
    for place, part in enumerate(parts):
        bytes_ = f"byte {part.start}" if part.end == part.start + 1 else f"bytes {part.start}–{part.end - 1}"
        note = "" if part.name in stored else "   (not stored)"
        lines.append(f"  {letter(place)}  {bytes_:<12} {part.name:<20} {_value(part.value, quantities.get(part.name))}{note}")
    if any(fields.unknown_fields for fields in readings):
        read_to = max(part.end for part in parts)
        lines.append(f"  From byte {read_to} on nothing was read: what comes there is not in the layout.")
    return _with_outcome(lines, message, outcome, in_text=False)


def _with_outcome(
    lines: list[str],
    message: RawMessage,
    outcome: Decoded | InvalidMessage,
    unknown_names: Sequence[str] = (),
    *,
    in_text: bool = True,
) -> Explanation:
    """`in_text` says whether a refusal's byte counts in the payload's text or in the frame inside it."""
    if isinstance(outcome, InvalidMessage):
        return Explanation([*lines, *_refusal_lines(message, outcome, in_text=in_text)], False)
    if outcome.without_reading:
        return Explanation([*lines, "", "No reading: nothing in it is a quantity."], False)
    return Explanation([*lines, *_outcome_lines(outcome, unknown_names)], bool(outcome.readings))


def _refusal_lines(message: RawMessage, refused: InvalidMessage, *, in_text: bool) -> Iterator[str]:
    yield ""
    at = "" if refused.at_byte is None else f", byte {refused.at_byte}{'' if in_text else ' of the frame'}"
    yield f"Rejected    {refused.reason.value}{at}: {refused.detail}"
    if in_text and refused.at_byte is not None:
        yield from marked_text(message.payload, refused.at_byte)
    yield f"What to do  {ADVICE[refused.reason]}"


def _outcome_lines(decoded: Decoded, unknown_names: Sequence[str]) -> Iterator[str]:
    found: dict[int, Reading | RejectedReading] = dict(zip(decoded.indexes, decoded.readings, strict=True))
    found |= {item.index: item for item in decoded.rejected}
    for index, item in sorted(found.items())[:MAX_READINGS_SHOWN]:
        yield ""
        if isinstance(item, RejectedReading):
            yield f"Reading {index}   rejected: {item.reason.value}: {item.detail}"
        else:
            yield f"Reading {index}   {decoded.kind}"
            yield from _reading_lines(decoded.kind, item)
    if len(found) > MAX_READINGS_SHOWN:
        yield f"… and {len(found) - MAX_READINGS_SHOWN} more readings"
    if decoded.unknown_fields:
        yield ""
        named = f": {', '.join(unknown_names)}" if unknown_names else ""
        yield f"Not known   {decoded.unknown_fields} field{'s' if decoded.unknown_fields > 1 else ''}, counted and left out{named}"


def _reading_lines(kind: str, reading: Reading) -> Iterator[str]:
    whose = f"{reading.time_source.value} time"
    if reading.time_source is TimeSource.SEQUENCE:
        whose = "no time in the payload: a reading is known by its sequence number and keeps the time of its first reception"
    yield f"  {'observed_at':<24} {reading.observed_at.isoformat()}   ({whose})"
    for name, quantity in _quantities(kind).items():
        value = getattr(reading, name)
        if value is not None:
            yield f"  {name:<24} {_value(value, quantity)}{'   (derived)' if quantity.derived else ''}"
        elif quantity.derived:
            yield f"  {name:<24} not derived: --geometry EMPTY:FULL gives the distances in mm that it needs"


def _quantities(kind: str) -> dict[str, Quantity]:
    found = kind_by_name(kind)
    return found.reading_type.quantities() if found else {}


def _value(value: Any, quantity: Quantity | None) -> str:
    if value is None:
        return "no value"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{text} {quantity.unit}" if quantity and quantity.unit not in ("", "1") else text


def _unknown_names(report: OwnReport) -> list[str]:
    fields = KIND_FIELDS[report.kind]
    allowed = fields.in_single if report.single else fields.in_list
    return sorted({shown(key) for item in report.items if isinstance(item, dict) for key in item.keys() - allowed})


def _uplink_line(uplink: DeviceFrame) -> str:
    when = f"{uplink.observed_at.isoformat()} ({uplink.time_source.value} time)" if uplink.observed_at else "no time"
    product = f", a {uplink.product}" if uplink.product else ""
    return f"Uplink      frame {uplink.f_cnt} on port {uplink.f_port}{product}, {when}{', simulated' if uplink.simulated else ''}"

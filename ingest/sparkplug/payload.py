"""Sparkplug B's payload, read from and written to protobuf's wire format.

Read by hand: two messages with scalar fields are 60 lines, every failure becomes an `InvalidMessage` with its byte, and what is not read is
skipped without being built. protobuf's own runtime would need a descriptor of the whole schema and be one more native package.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from models.domain.failures import DeadLetterReason, InvalidMessage

MAX_METRICS = 4096
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data types Int8 to Int64: signed numbers that travel in unsigned fields."""
_UNSIGNED, _FLOAT, _DOUBLE, _BOOLEAN, _TEXTS, _DATETIME = (5, 6, 7, 8), 9, 10, 11, (12, 14, 15), 13
_READ_TYPES = {*_SIGNED_BITS, *_UNSIGNED, _FLOAT, _DOUBLE, _BOOLEAN, *_TEXTS, _DATETIME}
_NAME, _ALIAS, _TIMESTAMP, _DATATYPE, _HISTORICAL, _TRANSIENT, _NULL = 1, 2, 3, 4, 5, 6, 7
_INT, _LONG, _FLOAT_VALUE, _DOUBLE_VALUE, _BOOLEAN_VALUE, _STRING = 10, 11, 12, 13, 14, 15
FIRST_VALUE, LAST_VALUE = 10, 18


class Metric(NamedTuple):
    """One metric. `name` is "" and `datatype` 0 where the payload leaves them out; `value` None where it has none that is read.

    `wire` are the metric's own bytes.
    """

    name: str
    alias: int | None
    timestamp_ms: int | None
    datatype: int
    is_historical: bool
    is_transient: bool
    is_null: bool
    value: Any
    wire: bytes


class Payload(NamedTuple):
    """A payload; `seq` is None where it has none, as in a death."""

    timestamp_ms: int | None
    metrics: list[Metric]
    seq: int | None


def read_payload(data: bytes) -> Payload:
    """Raises `InvalidMessage` malformed for anything but a payload."""
    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = []
    for number, wire_type, value, at_byte in _fields(data):
        if number == 1:
            timestamp = _whole(wire_type, value, at_byte)
        elif number == 2:
            if len(metrics) == MAX_METRICS:
                raise _malformed(f"the payload has more than {MAX_METRICS} metrics", at_byte)
            metrics.append(_metric(_bytes(wire_type, value, at_byte), at_byte))
        elif number == 3:
            seq = _whole(wire_type, value, at_byte)
    return Payload(timestamp, metrics, seq)


def _metric(data: bytes, at_byte: int) -> Metric:
    found: dict[int, tuple[int, Any]] = {}
    for number, wire_type, value, _ in _fields(data, at_byte):
        found[number] = (wire_type, value)
    datatype = _number_of(found, _DATATYPE, at_byte) or 0
    return Metric(
        name=_text(found[_NAME], at_byte) if _NAME in found else "",
        alias=_number_of(found, _ALIAS, at_byte),
        timestamp_ms=_number_of(found, _TIMESTAMP, at_byte),
        datatype=datatype,
        is_historical=bool(_number_of(found, _HISTORICAL, at_byte)),
        is_transient=bool(_number_of(found, _TRANSIENT, at_byte)),
        is_null=bool(_number_of(found, _NULL, at_byte)),
        value=_value(found, datatype, at_byte),
        wire=data,
    )


def _value(found: dict[int, tuple[int, Any]], datatype: int, at_byte: int) -> Any:
    """The value of a type that is read; without a type (it stood in the birth) as the field itself says."""
    if datatype and datatype not in _READ_TYPES:
        return None
    if _BOOLEAN_VALUE in found:
        return bool(_whole(*found[_BOOLEAN_VALUE], at_byte))
    if _FLOAT_VALUE in found:
        (single,) = struct.unpack("<f", _fixed(found[_FLOAT_VALUE], _FIXED32, at_byte))
        return float(f"{single:.7g}")  # as many digits as four bytes hold: 0.62, not 0.6200000047683716
    if _DOUBLE_VALUE in found:
        return struct.unpack("<d", _fixed(found[_DOUBLE_VALUE], _FIXED64, at_byte))[0]
    if _STRING in found:
        return _text(found[_STRING], at_byte)
    for field in (_INT, _LONG):
        if field in found:
            number = _whole(*found[field], at_byte)
            bits = _SIGNED_BITS.get(datatype)
            if bits is None:
                return number
            number &= 2**bits - 1
            return number - 2**bits if number >= 2 ** (bits - 1) else number
    return None


def _fields(data: bytes, offset: int = 0) -> Iterator[tuple[int, int, Any, int]]:
    """Field number, wire type, value (a number, or bytes), and the byte of the payload at which it begins."""
    position = 0
    while position < len(data):
        start = position
        tag, position = _varint(data, position, offset)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise _malformed("a field has the number 0", offset + start)
        if wire_type == _VARINT:
            value, position = _varint(data, position, offset)
            yield number, wire_type, value, offset + start
            continue
        if wire_type == _BYTES:
            length, position = _varint(data, position, offset)
        elif wire_type in (_FIXED32, _FIXED64):
            length = 4 if wire_type == _FIXED32 else 8
        else:
            raise _malformed(f"field {number} has the wire type {wire_type}, which Sparkplug does not use", offset + start)
        if length > len(data) - position:
            raise _malformed(f"field {number} says {length} bytes, {len(data) - position} are left", offset + start)
        yield number, wire_type, data[position : position + length], offset + position
        position += length


def _varint(data: bytes, position: int, offset: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise _malformed("the payload ends in the middle of a number", offset + len(data))
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value & (2**64 - 1), position
    raise _malformed("a number has more than ten bytes", offset + position)


def _number_of(found: dict[int, tuple[int, Any]], field: int, at_byte: int) -> int | None:
    return _whole(*found[field], at_byte) if field in found else None


def _whole(wire_type: int, value: Any, at_byte: int) -> int:
    if wire_type != _VARINT:
        raise _malformed("a number has another wire type than a number's", at_byte)
    return int(value)


def _bytes(wire_type: int, value: Any, at_byte: int) -> bytes:
    if wire_type != _BYTES:
        raise _malformed("a text or metric has another wire type than bytes", at_byte)
    return bytes(value)


def _text(found: tuple[int, Any], at_byte: int) -> str:
    try:
        return _bytes(*found, at_byte).decode()
    except UnicodeDecodeError:
        raise _malformed("a text is not UTF-8", at_byte) from None


def _fixed(found: tuple[int, Any], wire_type: int, at_byte: int) -> bytes:
    if found[0] != wire_type:
        raise _malformed("a float or double has another wire type", at_byte)
    return bytes(found[1])


def _malformed(detail: str, at_byte: int) -> InvalidMessage:
    return InvalidMessage(DeadLetterReason.MALFORMED, f"not a Sparkplug payload: {detail}", at_byte=at_byte)


def varint(value: int) -> bytes:
    """A number as it is written."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def with_names(data: bytes, names: dict[int, tuple[str, int]]) -> bytes:
    """The payload with name and data type put into each metric that has an alias and no name; everything else byte for byte.

    `names` is alias → name and data type. A metric whose alias is not in it stays as it is. Raises `InvalidMessage`.
    """
    out = bytearray()
    position = 0
    for number, wire_type, value, _ in _fields(data):
        end = _end_of_field(data, position)
        if number == 2 and wire_type == _BYTES:
            metric = _metric(value, 0)
            known = names.get(metric.alias) if metric.alias is not None and not metric.name else None
            if known is not None:
                name = known[0].encode()
                added = varint(_NAME << 3 | _BYTES) + varint(len(name)) + name
                if not metric.datatype:
                    added += varint(_DATATYPE << 3) + varint(known[1])
                out += varint(2 << 3 | _BYTES) + varint(len(value) + len(added)) + value + added
                position = end
                continue
        out += data[position:end]
        position = end
    return bytes(out)


def _end_of_field(data: bytes, position: int) -> int:
    """Where the field that begins at `position` ends; `_fields` has checked it."""
    tag, position = _varint(data, position, 0)
    wire_type = tag & 7
    if wire_type == _VARINT:
        return _varint(data, position, 0)[1]
    if wire_type == _BYTES:
        length, position = _varint(data, position, 0)
        return position + length
    return position + (4 if wire_type == _FIXED32 else 8)

"""What a codec is: from the bytes of one device model to named values, with the byte range that each value came from.

A codec is a data layout: a few `Item`s in the order or under the codes that the vendor published, read by a `FrameReader`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from models.domain.failures import DeadLetterReason, InvalidMessage


class Part(NamedTuple):
    """One value and the bytes it was read from: `start` ≤ byte < `end`. `quantity` says whether it goes into the reading."""

    name: str
    start: int
    end: int
    value: Any
    quantity: bool


@dataclass(slots=True)
class DecodedFields:
    """One reading out of a frame: quantities by the names of the kind's reading type, and where each stood.

    `observed_at` is the device's own time, None when it sends none. `unknown_fields` counts what the layout does not know.
    """

    values: dict[str, Any] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    observed_at: datetime | None = None
    unknown_fields: int = 0


@dataclass(frozen=True, slots=True)
class Codec:
    """One device model. `name` is the registry's `device_model`; `kind` the sensor kind it measures.

    `products` are the "brand/model" ids that LoRaWAN's device repository has for it. `decode(frame, f_port)` is pure; it gives one
    `DecodedFields` per reading, none for a frame without any (device information), and raises `InvalidMessage` and
    nothing else. `example` is a frame in hex and its port; `traps` are what is easily read wrong, a sentence each, for docs/formats.md.
    """

    name: str
    title: str
    kind: str
    products: frozenset[str]
    decode: Callable[[bytes, int], list[DecodedFields]]
    example: tuple[str, int]
    traps: tuple[str, ...] = ()


class Item(NamedTuple):
    """A value of a layout. `convert` gets the number in the bytes and gives the value in the unit of the name, or None
    for "no value"; it raises `ValueError` with a sentence for a number that the vendor gave no meaning."""

    name: str
    layout: struct.Struct
    convert: Callable[[Any], Any] | None
    quantity: bool


def quantity(name: str, layout: str, convert: Callable[[Any], Any] | None = None) -> Item:
    """A value that goes into the reading; `layout` as in `struct`, one value, such as ">H"."""
    return Item(name, struct.Struct(layout), convert, True)


def shown_only(name: str, layout: str, convert: Callable[[Any], Any] | None = None) -> Item:
    """A value that is explained to developers and not stored."""
    return Item(name, struct.Struct(layout), convert, False)


class FrameReader:
    """Reads a frame item by item and keeps where it is; running past the end is an `InvalidMessage` with the byte."""

    __slots__ = ("decoded", "frame", "position")

    def __init__(self, frame: bytes, position: int = 0) -> None:
        self.frame = frame
        self.position = position
        self.decoded = DecodedFields()

    def take(self, item: Item) -> Any:
        """The next item's value; a quantity that has one goes into the reading."""
        start = self.position
        end = start + item.layout.size
        if end > len(self.frame):
            raise malformed(
                f"the frame ends at byte {len(self.frame)}, in the middle of {item.name} (bytes {start} to {end - 1})",
                at_byte=len(self.frame),
            )
        (value,) = item.layout.unpack_from(self.frame, start)
        if item.convert is not None:
            try:
                value = item.convert(value)
            except ValueError as error:
                raise InvalidMessage(DeadLetterReason.RANGE, f"{item.name} {error}", at_byte=start) from None
        decoded = self.decoded
        if item.quantity and value is not None:
            if item.name in decoded.values:
                raise malformed(f"{item.name} comes twice, the second time at byte {start}", at_byte=start)
            decoded.values[item.name] = value
        decoded.parts.append(Part(item.name, start, end, value, item.quantity))
        self.position = end
        return value


def require_length(frame: bytes, length: int, what: str) -> None:
    """`InvalidMessage` unless the frame has exactly this length."""
    if len(frame) != length:
        raise malformed(f"{what} has {length} bytes, this frame has {len(frame)}", at_byte=min(len(frame), length))


def malformed(detail: str, *, at_byte: int | None) -> InvalidMessage:
    return InvalidMessage(DeadLetterReason.MALFORMED, detail, at_byte=at_byte)

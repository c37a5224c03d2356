"""What all Milesight codecs share: channel byte, type byte, value, again and again; little endian.

The same channel means different things on other models, so each model has its own table and the registry's device model chooses.
After a code that is not in the table nothing can be read on, as its length is unknown: what came before it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingest.codecs.codec import DecodedFields, FrameReader, Item, malformed, quantity, shown_only

Layout = Mapping[tuple[int, int], tuple[Item, ...]]
"""Channel and type → the values that follow them."""

_CODE_LENGTH = 2
_ALARM_CHANNEL = 0x80
"""Set in the channel of a value that is sent again because it crossed a threshold."""


def tilted(position: int) -> bool:
    """The position byte of level sensors."""
    if position not in (0, 1):
        raise ValueError(f"is {position}, the vendor knows 0 (normal) and 1 (tilted)")
    return position == 1


BATTERY: Layout = {(0x01, 0x75): (quantity("battery_ratio", "<B", lambda percent: percent / 100),)}
JOIN: Layout = {
    (0xFF, 0x01): (shown_only("protocol_version", "<B"),),
    (0xFF, 0x09): (shown_only("hardware_version", "<2s", bytes.hex),),
    (0xFF, 0x0A): (shown_only("firmware_version", "<2s", bytes.hex),),
    (0xFF, 0x0B): (shown_only("device_status", "<B"),),
    (0xFF, 0x0F): (shown_only("lorawan_class", "<B"),),
    (0xFF, 0x16): (shown_only("serial_number", "<8s", bytes.hex),),
    (0xFF, 0xFE): (shown_only("reset_event", "<B"),),
    (0xFF, 0xFF): (shown_only("tsl_version", "<2s", bytes.hex),),
}
"""Sent when joining."""


def decode_tlv(frame: bytes, layout: Layout, model: str) -> list[DecodedFields]:
    """One reading, or none from a frame that only has what is sent when joining. The port can be changed on the device
    (85 by default), so it is not looked at."""
    reader = FrameReader(frame)
    while reader.position < len(frame):
        start = reader.position
        if len(frame) - start < _CODE_LENGTH:
            raise malformed(f"the frame ends at byte {len(frame)}, in the middle of a channel and type", at_byte=start)
        items = layout.get((frame[start], frame[start + 1]))
        if items is None:
            if not reader.decoded.values:
                code = frame[start : start + _CODE_LENGTH].hex(" ")
                raise malformed(f"no {model} has channel and type {code}, at byte {start}", at_byte=start)
            reader.decoded.unknown_fields += 1
            break
        again = bool(frame[start] & _ALARM_CHANNEL)
        reader.position = start + _CODE_LENGTH
        for item in items:
            # An alarm repeats a value that the same frame may have had: the first one counts.
            reader.take(item._replace(quantity=False) if again and item.name in reader.decoded.values else item)
    return [reader.decoded] if reader.decoded.values else []

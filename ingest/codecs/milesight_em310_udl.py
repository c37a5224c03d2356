"""Milesight EM310-UDL, an ultrasonic level sensor: channel byte, type byte, value, again and again; little endian.

The same channel means different things on other models, so the registry's device model decides that this layout is read.
After a code that is not in the table nothing can be read on, as its length is unknown: what came before it is kept.
"""

from __future__ import annotations

from ingest.codecs.codec import Codec, DecodedFields, FrameReader, Item, malformed, quantity, shown_only


def _tilted(position: int) -> bool:
    if position not in (0, 1):
        raise ValueError(f"is {position}, the vendor knows 0 (normal) and 1 (tilted)")
    return position == 1


LAYOUT: dict[tuple[int, int], Item] = {
    (0x01, 0x75): quantity("battery_ratio", "<B", lambda percent: percent / 100),
    (0x03, 0x82): quantity("distance_mm", "<H", float),
    (0x04, 0x00): quantity("tilted", "<B", _tilted),
    # sent when joining
    (0xFF, 0x01): shown_only("protocol_version", "<B"),
    (0xFF, 0x09): shown_only("hardware_version", "<2s", bytes.hex),
    (0xFF, 0x0A): shown_only("firmware_version", "<2s", bytes.hex),
    (0xFF, 0x0B): shown_only("device_status", "<B"),
    (0xFF, 0x0F): shown_only("lorawan_class", "<B"),
    (0xFF, 0x16): shown_only("serial_number", "<8s", bytes.hex),
    (0xFF, 0xFE): shown_only("reset_event", "<B"),
    (0xFF, 0xFF): shown_only("tsl_version", "<2s", bytes.hex),
}
_CODE_LENGTH = 2


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading, or none from a frame that only has what is sent when joining. The port can be changed on the device
    (85 by default), so it is not looked at."""
    reader = FrameReader(frame)
    while reader.position < len(frame):
        start = reader.position
        if len(frame) - start < _CODE_LENGTH:
            raise malformed(f"the frame ends at byte {len(frame)}, in the middle of a channel and type", at_byte=start)
        item = LAYOUT.get((frame[start], frame[start + 1]))
        if item is None:
            if not reader.decoded.values:
                code = frame[start : start + _CODE_LENGTH].hex(" ")
                raise malformed(f"no EM310-UDL has channel and type {code}, at byte {start}", at_byte=start)
            reader.decoded.unknown_fields += 1
            break
        reader.position = start + _CODE_LENGTH
        reader.take(item)
    return [reader.decoded] if reader.decoded.values else []


MILESIGHT_EM310_UDL = Codec(
    name="milesight_em310_udl",
    title="Milesight EM310-UDL ultrasonic level sensor",
    kind="container_fill",
    products=frozenset({"milesight-iot/em310-udl"}),
    decode=decode,
    example=("01755c03824408040001", 85),
)

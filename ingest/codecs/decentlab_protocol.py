"""What all Decentlab codecs share: protocol 2, big endian.

Byte 0 is the protocol, 1–2 the device, 3–4 flags; each flag, from the lowest bit on, says that a group of 16-bit words follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.codecs.codec import FrameReader, Item, malformed, quantity, shown_only

PROTOCOL = 2
_PROTOCOL = shown_only("protocol_version", ">B")
_DEVICE = shown_only("device_id", ">H")
_FLAGS = shown_only("flags", ">H")
BATTERY = quantity("battery_v", ">H", lambda millivolt: millivolt / 1000)


def read_groups(frame: bytes, groups: Sequence[Sequence[Item]], model: str) -> FrameReader:
    """All values of the frame's announced groups, by name in the reader's parts. Raises `InvalidMessage` for another shape."""
    reader = FrameReader(frame)
    protocol = reader.take(_PROTOCOL)
    if protocol != PROTOCOL:
        raise malformed(f"the protocol in byte 0 is {protocol}, a {model} speaks {PROTOCOL}", at_byte=0)
    reader.take(_DEVICE)
    flags_at = reader.position
    flags = reader.take(_FLAGS)
    if flags >> len(groups):
        raise malformed(f"the flags {flags:016b} announce groups that a {model} does not have", at_byte=flags_at)
    for bit, group in enumerate(groups):
        if flags >> bit & 1:
            for item in group:
                reader.take(item)
    if reader.position != len(frame):
        raise malformed(f"the flags announce {reader.position} bytes, the frame has {len(frame)}", at_byte=reader.position)
    return reader


def without_valid_sample(reader: FrameReader) -> bool:
    """Whether the frame says that none of its samples was valid."""
    return any(part.name == "valid_samples" and part.value == 0 for part in reader.decoded.parts)

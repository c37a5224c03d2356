"""Decentlab DL-MBX, an ultrasonic distance sensor: protocol 2, big endian.

Byte 0 is the protocol, 1–2 the device, 3–4 flags; each flag, from the lowest bit on, says that a group of 16-bit words follows.
"""

from __future__ import annotations

from ingest.codecs.codec import Codec, DecodedFields, FrameReader, Item, malformed, quantity, shown_only

PROTOCOL = 2
_PROTOCOL = shown_only("protocol_version", ">B")
_DEVICE = shown_only("device_id", ">H")
_FLAGS = shown_only("flags", ">H")
_DISTANCE = quantity("distance_mm", ">H", float)
_VALID_SAMPLES = shown_only("valid_samples", ">H")
GROUPS: tuple[tuple[Item, ...], ...] = (
    (_DISTANCE, _VALID_SAMPLES),
    (quantity("battery_v", ">H", lambda millivolt: millivolt / 1000),),
)


def decode(frame: bytes, f_port: int) -> list[DecodedFields]:
    """One reading, or none when no flag is set. A distance of which no sample was valid is no distance."""
    reader = FrameReader(frame)
    protocol = reader.take(_PROTOCOL)
    if protocol != PROTOCOL:
        raise malformed(f"the protocol in byte 0 is {protocol}, a DL-MBX speaks {PROTOCOL}", at_byte=0)
    reader.take(_DEVICE)
    flags_at = reader.position
    flags = reader.take(_FLAGS)
    if flags >> len(GROUPS):
        raise malformed(f"the flags {flags:016b} announce groups that a DL-MBX does not have", at_byte=flags_at)
    for bit, group in enumerate(GROUPS):
        if flags >> bit & 1:
            for item in group:
                value = reader.take(item)
                if item is _VALID_SAMPLES and value == 0:
                    reader.decoded.values.pop(_DISTANCE.name, None)
    if reader.position != len(frame):
        raise malformed(
            f"the flags announce {reader.position} bytes, the frame has {len(frame)}",
            at_byte=reader.position,
        )
    return [reader.decoded] if reader.decoded.values else []


DECENTLAB_DL_MBX = Codec(
    name="decentlab_dl_mbx",
    title="Decentlab DL-MBX ultrasonic distance sensor",
    kind="container_fill",
    products=frozenset({"decentlab/dl-mbx"}),
    decode=decode,
    example=("02012f000304d200010bb1", 1),
)

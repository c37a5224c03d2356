"""Faults that show in the bytes of a message: a field too many, a version that nobody knows, a session begun anew, damage on the way.

Called by the stream for the few rows that were struck, after the encoders: an encoder knows sound messages only.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from simulators.faults import UnknownFields, UnknownVersion, spoilt

_FRAME = re.compile(rb'"data":"([^"]+)"')


def disturbed(payload: bytes, *, fault: int, restarts: int, damage: float) -> bytes:
    """The payload (a JSON object) with everything in its bytes that its faults did to it. Pure."""
    if restarts:
        payload = _in_another_session(payload, restarts)
    if fault & UnknownFields.bit:
        payload = b'{"modem_uptime_s":86399,' + payload[1:]
    if fault & UnknownVersion.bit:
        payload = _of_another_version(payload)
    return spoilt(payload, damage) if damage > 0 else payload


def _in_another_session(payload: bytes, restarts: int) -> bytes:
    """A device that joins again gets another session key (The Things Stack) and address (ChirpStack)."""
    letter = bytes([ord("A") + restarts % 26])
    payload = payload.replace(b'"session_key_id":"AY', b'"session_key_id":"B' + letter, 1)
    return payload.replace(b'"devAddr":"01', b'"devAddr":"%02d' % (1 + restarts % 99), 1)


def _of_another_version(payload: bytes) -> bytes:
    """Version 2 of our own JSON, a successor of the model that the network server names, or protocol 3 in the device's frame."""
    if payload.find(b'"v":1,', 0, 64) >= 0:
        return payload.replace(b'"v":1,', b'"v":2,', 1)
    if b'"model_id":"' in payload:
        return payload.replace(b'"model_id":"', b'"model_id":"next-', 1)
    found = _FRAME.search(payload)
    if found is None:
        raise ValueError("this simulator does not know how a newer version of this message looks")
    frame = b64decode(found[1])
    return payload[: found.start(1)] + b64encode(bytes([frame[0] + 1]) + frame[1:]) + payload[found.end(1) :]

"""Sparkplug B payloads as an edge node sends them: births with names, aliases and data types, data with aliases only. Protobuf written
by hand from the published schema: Payload {1 timestamp, 2 metrics, 3 seq}, Metric {1 name, 2 alias, 3 timestamp, 4 datatype,
5 is_historical, 6 is_transient, 7 is_null, 10 int, 11 long, 12 float, 13 double, 14 boolean, 15 string}."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from simulators.batch import Batch, Device

INT8, INT32, INT64, FLOAT, DOUBLE, BOOLEAN, STRING = 1, 3, 4, 9, 10, 11, 12


def number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def field(place: int, wire_type: int, content: bytes) -> bytes:
    return number(place * 8 + wire_type) + (number(len(content)) if wire_type == 2 else b"") + content


def metric(
    value: float | int | bool | str | None,
    datatype: int,
    *,
    name: str = "",
    alias: int | None = None,
    at_ms: int | None = None,
    typed: bool = True,
    historical: bool = False,
    transient: bool = False,
) -> bytes:
    """One metric; with `typed` False it leaves out its data type, as data may; a value of None is null."""
    out = field(1, 2, name.encode()) if name else b""
    for place, given in ((2, alias), (3, at_ms), (4, datatype if typed else None), (5, historical or None), (6, transient or None)):
        if given is not None:
            out += field(place, 0, number(int(given)))
    if value is None:
        return out + field(7, 0, number(1))
    if datatype == FLOAT:
        return out + field(12, 5, struct.pack("<f", value))
    if datatype == DOUBLE:
        return out + field(13, 1, struct.pack("<d", value))
    if datatype == BOOLEAN:
        return out + field(14, 0, number(int(bool(value))))
    if datatype == STRING:
        return out + field(15, 2, str(value).encode())
    whole = int(value)
    if datatype == INT64:
        return out + field(11, 0, number(whole % 2**64))
    return out + field(10, 0, number(whole % 2**32))  # an Int8 of -1 travels as 4294967295


def payload(metrics: Sequence[bytes], *, at_ms: int | None, seq: int | None) -> bytes:
    out = field(1, 0, number(at_ms)) if at_ms is not None else b""
    out += b"".join(field(2, 2, item) for item in metrics)
    return out + (field(3, 0, number(seq)) if seq is not None else b"")


class SparkplugEncoder:
    """A DDATA per reading, with names in place of aliases, as it comes from behind the host application; see `Encoder`."""

    def __init__(self, decimals: Mapping[str, int]) -> None:
        self.decimals = decimals

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        payloads = []
        for row, at_us in enumerate(batch.observed_at_us.tolist()):
            metrics = []
            for name, digits in self.decimals.items():
                value = float(batch.values[name][row])
                if not np.isnan(value):
                    datatype = BOOLEAN if digits < 0 else DOUBLE
                    metrics.append(metric(round(value, max(digits, 0)), datatype, name=name, at_ms=at_us // 1000))
            payloads.append(payload(metrics, at_ms=at_us // 1000, seq=int(batch.sequence[row]) % 256))
        return payloads

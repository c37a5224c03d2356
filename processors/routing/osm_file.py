"""Streets of an OpenStreetMap extract (`.osm.pbf`) for `StreetGraph`: real roads on one machine, without a routing server.

Reads the format by itself (https://wiki.openstreetmap.org/wiki/PBF_Format): length-prefixed blobs of zlib-packed protocol buffers.
Only ways that a truck may drive are kept, cut where they meet, so that streets share end points.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.domain.failures import UserError
from processors.routing.roads import Place
from processors.routing.street_graph import Street

SPEED_KM_H = {
    "motorway": 80.0, "motorway_link": 50.0, "trunk": 70.0, "trunk_link": 45.0, "primary": 50.0, "primary_link": 40.0,
    "secondary": 45.0, "secondary_link": 35.0, "tertiary": 40.0, "tertiary_link": 30.0, "unclassified": 30.0, "residential": 30.0,
    "living_street": 15.0, "service": 15.0,
}  # fmt: skip
"""Speeds of a collection truck by type of way, where the way has no lower limit of its own; other types are not driven."""

CLOSED = frozenset({"no", "private"})
LARGEST_BLOB_BYTES = 64 * 1024 * 1024

Fields = dict[int, list[int | bytes]]


@dataclass(frozen=True, slots=True)
class _Way:
    way_id: int
    nodes: tuple[int, ...]
    tags: dict[str, str]


def read_osm_streets(path: Path) -> list[Street]:
    """The streets of an extract, ids `way-part`. Raises `UserError` when it cannot be read or has no street."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    at: dict[int, Place] = {}
    ways: list[_Way] = []
    try:
        for block in _blocks(raw):
            _read_block(block, at, ways)
    except (IndexError, ValueError, KeyError, struct.error, zlib.error) as error:
        raise UserError(f"{path} is not an .osm.pbf that can be read: {type(error).__name__} {error}") from error
    streets = list(_streets([way for way in ways if _is_drivable(way.tags)], at))
    if not streets:
        raise UserError(f"{path} holds no street that a truck may drive")
    return streets


def street_features(streets: Sequence[Street]) -> dict[str, Any]:
    """The streets as GeoJSON that the registry imports. Bridges of OpenStreetMap are not the registry's own, so they are not named."""
    features = []
    for street in streets:
        properties: dict[str, Any] = {"type": "street", "id": f"osm-{street.street_id}", "speed_km_h": street.speed_km_h}
        if street.one_way:
            properties["one_way"] = True
        line = [[lon, lat] for lat, lon in street.line]
        features.append({"type": "Feature", "geometry": {"type": "LineString", "coordinates": line}, "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def _streets(ways: list[_Way], at: dict[int, Place]) -> Iterator[Street]:
    """Ways cut at every node that more than one of them has, and at their ends."""
    uses = Counter(node for way in ways for node in way.nodes)
    for way in ways:
        one_way = way.tags.get("oneway") in ("yes", "1", "true", "-1") or way.tags.get("junction") == "roundabout"
        nodes = [node for node in way.nodes if node in at]
        if way.tags.get("oneway") == "-1":
            nodes.reverse()
        part: list[int] = []
        number = 0
        for index, node in enumerate(nodes):
            part.append(node)
            if len(part) > 1 and (uses[node] > 1 or index == len(nodes) - 1):
                yield Street(
                    street_id=f"{way.way_id}-{number}",
                    line=tuple(at[item] for item in part),
                    speed_km_h=_speed(way.tags),
                    one_way=one_way,
                    bridge_id=f"osm-{way.way_id}" if way.tags.get("bridge", "no") != "no" else None,
                )
                part, number = [node], number + 1


def _is_drivable(tags: dict[str, str]) -> bool:
    if tags.get("highway") not in SPEED_KM_H or tags.get("area") == "yes":
        return False
    return not any(tags.get(key) in CLOSED for key in ("access", "vehicle", "motor_vehicle", "hgv"))


def _speed(tags: dict[str, str]) -> float:
    usual = SPEED_KM_H[tags["highway"]]
    limit = tags.get("maxspeed", "").split(" ")[0]
    return min(usual, float(limit)) if limit.isdigit() and int(limit) > 0 else usual


def _blocks(raw: bytes) -> Iterator[Fields]:
    """The primitive blocks of a file, unpacked."""
    offset = 0
    while offset < len(raw):
        (length,) = struct.unpack_from(">I", raw, offset)
        header = _fields(raw[offset + 4 : offset + 4 + length])
        offset += 4 + length
        size = _number(header, 3)
        blob = _fields(raw[offset : offset + size])
        offset += size
        if _bytes(header, 1) != b"OSMData":
            continue
        if 1 in blob:
            yield _fields(_bytes(blob, 1))
        elif 3 in blob:
            yield _fields(zlib.decompressobj().decompress(_bytes(blob, 3), LARGEST_BLOB_BYTES))
        else:
            raise ValueError("it is packed in another way than zlib")


def _read_block(block: Fields, at: dict[int, Place], ways: list[_Way]) -> None:
    strings = [_as_bytes(item).decode("utf-8", "replace") for item in _fields(_bytes(block, 1)).get(1, [])]
    grain, lat0, lon0 = _number(block, 17, 100), _signed(block, 19), _signed(block, 20)
    for group in block.get(2, []):
        fields = _fields(_as_bytes(group))
        for dense in fields.get(2, []):
            _read_dense(_fields(_as_bytes(dense)), grain, lat0, lon0, at)
        for node in fields.get(1, []):
            part = _fields(_as_bytes(node))
            place = _place(_zigzag(_number(part, 8)), _zigzag(_number(part, 9)), grain, lat0, lon0)
            at[_zigzag(_number(part, 1))] = place
        for way in fields.get(3, []):
            ways.append(_way(_fields(_as_bytes(way)), strings))


def _read_dense(dense: Fields, grain: int, lat0: int, lon0: int, at: dict[int, Place]) -> None:
    """Nodes in columns, each value the difference from the one before."""
    node = lat = lon = 0
    columns = (_packed(_bytes(dense, 1)), _packed(_bytes(dense, 8)), _packed(_bytes(dense, 9)))
    for more_id, more_lat, more_lon in zip(*columns, strict=True):
        node, lat, lon = node + _zigzag(more_id), lat + _zigzag(more_lat), lon + _zigzag(more_lon)
        at[node] = _place(lat, lon, grain, lat0, lon0)


def _way(fields: Fields, strings: list[str]) -> _Way:
    keys, values = _packed(_bytes(fields, 2, b"")), _packed(_bytes(fields, 3, b""))
    node, nodes = 0, []
    for more in _packed(_bytes(fields, 8, b"")):
        node += _zigzag(more)
        nodes.append(node)
    tags = {strings[key]: strings[value] for key, value in zip(keys, values, strict=True)}
    return _Way(_number(fields, 1), tuple(nodes), tags)


def _place(lat: int, lon: int, grain: int, lat0: int, lon0: int) -> Place:
    return round((lat0 + grain * lat) * 1e-9, 9), round((lon0 + grain * lon) * 1e-9, 9)


def _fields(raw: bytes) -> Fields:
    """A protocol buffer's fields by number, undecoded: whole numbers and bytes."""
    found: Fields = {}
    offset = 0
    while offset < len(raw):
        tag, offset = _varint(raw, offset)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, offset = _varint(raw, offset)
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            value, offset = raw[offset : offset + width], offset + width
        elif kind == 2:
            length, offset = _varint(raw, offset)
            if offset + length > len(raw):
                raise ValueError("it ends too early")
            value, offset = raw[offset : offset + length], offset + length
        else:
            raise ValueError(f"unknown wire type {kind}")
        found.setdefault(tag >> 3, []).append(value)
    return found


def _varint(raw: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[offset]
        value |= (byte & 0x7F) << shift
        offset += 1
        if byte < 0x80:
            return value, offset
        shift += 7


def _packed(raw: bytes) -> list[int]:
    values, offset = [], 0
    while offset < len(raw):
        value, offset = _varint(raw, offset)
        values.append(value)
    return values


def _zigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where bytes belong")
    return value


def _bytes(fields: Fields, number: int, default: bytes | None = None) -> bytes:
    if number not in fields and default is not None:
        return default
    return _as_bytes(fields[number][-1])


def _number(fields: Fields, number: int, default: int | None = None) -> int:
    if number not in fields and default is not None:
        return default
    value = fields[number][-1]
    if not isinstance(value, int):
        raise ValueError("bytes stand where a number belongs")
    return value


def _signed(fields: Fields, number: int) -> int:
    """An int64 of two's complement; 0 when it is not there."""
    value = _number(fields, number, 0)
    return value - (1 << 64) if value >= 1 << 63 else value

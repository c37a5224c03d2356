"""SenML (RFC 8428) in JSON or CBOR: `senml/<sensor_id>`, a list of records whose base fields hold for those that follow.

    [{"bn": "urn:dev:mac:24e1:", "bt": 1795341600, "n": "distance", "u": "m", "v": 0.84}, {"n": "battery", "u": "V", "v": 3.5}]

The last part of a record's name, after / or :, is a quantity; parts of `n` before it are the channel. Records of one time and channel
are one reading. A record without an absolute time cannot be identified.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ingest.envelopes.cbor_document import parse_cbor
from ingest.envelopes.json_document import objects, parse_objects, refuse_personal, schema, sensor_in, shown, unix_moment
from ingest.envelopes.uplink import Address, Envelope, Measured, NamedValue, NoReading, Report
from models.domain.failures import InvalidMessage

NAME = DEVICE_MODEL = "senml"
VERSION = 10
_TOPIC_PREFIX = "senml/"
_RELATIVE_BELOW = 2**28
_BASE = frozenset({"bn", "bt", "bu", "bv", "bs", "bver"})
_CBOR_ARRAY = 4
_LABELS: dict[Any, str] = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""CBOR's labels."""
_VALUES = ("v", "vs", "vb", "vd")
_KNOWN = _BASE | {"n", "u", "s", "t", "ut", *_VALUES}


class Resolved(NamedTuple):
    """A record with its base fields taken in. `name` is in full, `local` without the base name; `time_s` 0 or small is relative."""

    name: str
    local: str
    unit: str
    value: Any
    time_s: float


def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The sensor by the topic, and its records as readings by channel and time."""
    sensor_id = sensor_in(mqtt_topic, _TOPIC_PREFIX)
    records, unknown = resolve(parse_pack(payload))
    found: dict[tuple[str, float], list[NamedValue]] = {}
    for record in records:
        channel, field = _split(record)
        found.setdefault((channel, record.time_s), []).append(NamedValue(field, record.unit, record.value))
    items = [measured(time_s, tuple(values), channel) for (channel, time_s), values in found.items()]
    if not items:
        return NoReading("records without a value")
    return Address(sensor_id, Report(NAME, DEVICE_MODEL, "", items, unknown))


def parse_pack(payload: bytes) -> list[dict[str, Any]]:
    """The records of a pack, in JSON or in CBOR with its labels as numbers. Raises `InvalidMessage`."""
    if not payload or payload[0] >> 5 != _CBOR_ARRAY:
        return parse_objects(payload, "SenML records")
    records: list[dict[Any, Any]] = objects(parse_cbor(payload), "SenML records")
    pack: list[dict[Any, Any]] = [{_LABELS.get(label, label): value for label, value in record.items()} for record in records]
    for place, record in enumerate(pack):
        if any(type(label) is int for label in record):
            raise schema(f"record {place} has a numbered label that SenML does not have")
        if any(type(value) in (dict, list) for value in record.values()):
            raise schema(f"record {place} has a list or map as a value")
    refuse_personal(pack)
    return pack


def measured(time_s: float, named: tuple[NamedValue, ...], channel: str = "") -> Measured | InvalidMessage:
    """One reading; its time is None if it is relative to a reception that nobody can repeat."""
    if time_s < _RELATIVE_BELOW:
        return Measured(None, named=named, channel=channel)
    try:
        return Measured(unix_moment(time_s, "the time of a record"), named=named, channel=channel)
    except InvalidMessage as refused:
        return refused


def resolve(pack: list[dict[str, Any]]) -> tuple[list[Resolved], int]:
    """The records that have a value, and how many fields of the pack are not known or not read. Raises `InvalidMessage` schema."""
    base: dict[str, Any] = {"bn": "", "bt": 0, "bu": "", "bv": 0, "bver": VERSION}
    records, unknown = [], 0
    for place, record in enumerate(pack):
        for label in record.keys() - _KNOWN:
            if label.endswith("_"):
                raise schema(f"record {place} has {shown(label)}, which must be understood and is not known")
            unknown += 1
        base.update({label: record[label] for label in _BASE & record.keys()})
        if type(base["bver"]) is not int or base["bver"] > VERSION:
            raise schema(f"bver is {shown(base['bver'])}, version {VERSION} is read")
        given = [label for label in _VALUES if label in record]
        if len(given) > 1:
            raise schema(f"record {place} has {' and '.join(given)}, of which there may be one")
        if not given or given == ["vd"]:
            unknown += "s" in record or "vd" in record
            continue
        records.append(_resolved(record, given[0], base, place))
    return records, unknown


def _resolved(record: dict[str, Any], label: str, base: dict[str, Any], place: int) -> Resolved:
    local = _text(record.get("n", ""), "n", place)
    name = _text(base["bn"], "bn", place) + local
    if not name:
        raise schema(f"record {place} has neither n nor bn: a value without a name")
    value = record[label]
    if label == "v":
        value = _number(value, "v", place)
        if base["bv"] != 0:
            value += _number(base["bv"], "bv", place)
    elif label == "vb" and type(value) is not bool:
        raise schema(f"vb of record {place} must be true or false, not {shown(value)}")
    elif label == "vs":
        _text(value, "vs", place)
    time_s = _number(base["bt"], "bt", place) + _number(record.get("t", 0), "t", place)
    return Resolved(name, local, _text(record.get("u", base["bu"]), "u", place), value, float(time_s))


def _split(record: Resolved) -> tuple[str, str]:
    """Channel and quantity."""
    channel, slash, field = record.local.rpartition("/")
    if slash:
        return channel.strip("/"), field
    return "", record.name.rstrip("/:").replace(":", "/").rpartition("/")[2]


def _text(value: Any, label: str, place: int) -> str:
    if type(value) is not str:
        raise schema(f"{label} of record {place} must be text, not {shown(value)}")
    return value


def _number(value: Any, label: str, place: int) -> float | int:
    if type(value) is not int and type(value) is not float:
        raise schema(f"{label} of record {place} must be a number, not {shown(value)}")
    return float(value) if type(value) is int and abs(value) > 2**53 else value


SENML = Envelope(
    name=NAME,
    title="SenML in JSON or CBOR, RFC 8428",
    topic_prefix=_TOPIC_PREFIX,
    read=read,
    device_model=DEVICE_MODEL,
    traps=(
        "Base fields (bn, bt, bu, bv, bver) hold for the records after them, not for one record.",
        "A time below 2^28 is relative to the reception, which is another one at each redelivery: a dead letter `identity`.",
        "The unit of a record, or else of the base, is converted (m, cm, %, K, m/s …); one that does not fit the quantity is refused.",
        "Sums (s) and data (vd) are no values of ours: counted as unknown fields. A label that ends in _ must be understood: refused.",
        "Exactly one of v, vs, vb, vd.",
        "In CBOR the labels are numbers (bn is -2, v is 2); the first byte tells CBOR from JSON.",
    ),
)

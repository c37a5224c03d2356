"""Our own JSON, for devices and gateways that can be taught: `stadspuls/v1/<sensor_id>/readings`.

    {"v": 1, "kind": "container_fill", "observed_at": "2026-11-22T10:00:00Z", "distance_mm": 840.0}
    {"v": 1, "kind": "traffic_flow", "readings": [{"observed_at": …, "channel": "lane-1", "flow_per_h": 420}, …]}

The quantities are those of the kind's reading type. `channel` (default "") is optional. A device without a clock leaves out `observed_at` and
counts its readings in `seq`; `boot`, a text or number that is another one after each start, says where the counter began anew.
"""

from __future__ import annotations

from typing import Any

from ingest.envelopes.json_document import MAX_READINGS_PER_MESSAGE, kind_of, parse_object, schema, shown
from ingest.envelopes.uplink import Address, Envelope, NoReading, OwnReport

OWN_DEVICE_MODEL = "stadspuls_json"
PAYLOAD_VERSION = 1
_TOPIC_PREFIX = "stadspuls/v1/"
_SEVERAL = frozenset({"v", "kind", "readings"})


def read(mqtt_topic: str, payload: bytes) -> Address | NoReading:
    """The sensor by the topic, and the readings as they came."""
    sensor_id, _, verb = mqtt_topic[len(_TOPIC_PREFIX) :].partition("/")
    if verb != "readings" or not sensor_id:
        raise schema(f"the topic must be stadspuls/v1/<sensor_id>/readings, not {shown(mqtt_topic)}")
    document = parse_object(payload)
    version = document.get("v")
    if type(version) is not int or version != PAYLOAD_VERSION:
        raise schema(f"v must be {PAYLOAD_VERSION}, {'but it is missing' if version is None else 'not ' + shown(version)}")
    kind = document.get("kind")
    if type(kind) is not str:
        raise schema(f"kind must be text, {'but it is missing' if kind is None else 'not ' + kind_of(kind)}")
    if "readings" not in document:
        return Address(sensor_id, OwnReport(OWN_DEVICE_MODEL, kind, [document], single=True))
    unknown = len(document.keys() - _SEVERAL)
    return Address(sensor_id, OwnReport(OWN_DEVICE_MODEL, kind, _items(document["readings"]), single=False, unknown_fields=unknown))


def _items(readings: Any) -> list[Any]:
    if type(readings) is not list or not 1 <= len(readings) <= MAX_READINGS_PER_MESSAGE:
        got = f"one of {len(readings)}" if type(readings) is list else kind_of(readings)
        raise schema(f"readings must be a list of 1 to {MAX_READINGS_PER_MESSAGE} readings, not {got}")
    return readings


OWN_JSON = Envelope(
    name="stadspuls_json",
    title="Stadspuls JSON, version 1",
    topic_prefix=_TOPIC_PREFIX,
    read=read,
    device_model=OWN_DEVICE_MODEL,
    traps=(
        "Names have their unit in them; a derived quantity such as fill_ratio is not taken over.",
        "A version (v) that is not known is refused, an unknown field is counted and left out.",
        "A time must have its zone.",
    ),
)

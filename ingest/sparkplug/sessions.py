"""The sessions of Sparkplug edge nodes: what each alias means since the last birth, and whether a message is missing. Pure.

Kept by `stadspuls sparkplug-host`, the one that has to be stateful, so that everything behind it reads messages that say all they mean.
An alias holds for an edge node with all its devices, from one birth to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.sparkplug.payload import Metric, Payload, read_payload, varint, with_names
from models.domain.failures import InvalidMessage

HOST_PREFIX = "spBv1.0/"
HANDED_ON_PREFIX = "sparkplug/"
MAX_NODES = 10_000
MAX_ALIASES = 100_000
ASK_AGAIN_SECONDS = 60.0
"""A command goes out with QoS 0: if no birth follows, it is asked for again."""
_DATA = frozenset({"NDATA", "DDATA"})
_COUNTED = frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"})
_BORN = frozenset({"NBIRTH", "DBIRTH"})
_REBIRTH_METRIC = "Node Control/Rebirth"
_BOOLEAN = 11


class HandedOn(NamedTuple):
    """What to do about a message: hand it on under a topic, and ask for a rebirth (topic and payload) or not.

    `missing` counts the messages that the sequence says were lost before it; `unresolved` the metrics whose alias nobody knows.
    """

    mqtt_topic: str
    payload: bytes
    rebirth: tuple[str, bytes] | None = None
    missing: int = 0
    unresolved: int = 0


@dataclass
class _Node:
    """What is known of an edge node. `seq` is None until its birth was seen; `asked_at_s` is when a rebirth was asked for that has not come."""

    seq: int | None = None
    asked_at_s: float | None = None
    names: dict[int, tuple[str, int]] = field(default_factory=dict)


class Sessions:
    """All edge nodes that were heard of since this host started; the one heard of longest ago is forgotten first."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def take(self, mqtt_topic: str, payload: bytes, now_s: float) -> HandedOn | None:
        """What is to be done about a message; None for a topic of no edge node. Garbage is handed on as it is: it is not ours to judge.

        `now_s` is any clock that only goes forward.
        """
        levels = mqtt_topic.split("/")
        if not mqtt_topic.startswith(HOST_PREFIX) or len(levels) not in (4, 5) or levels[1] == "STATE":
            return None
        on = HANDED_ON_PREFIX + mqtt_topic[len(HOST_PREFIX) :]
        group, message_type, edge_node = levels[1:4]
        if message_type == "NDEATH":
            self._nodes.pop(f"{group}/{edge_node}", None)
            return HandedOn(on, payload)
        if message_type not in _COUNTED:
            return None
        try:
            found = read_payload(payload)
        except InvalidMessage:
            return HandedOn(on, payload)
        node = self._node(f"{group}/{edge_node}")
        missing, unresolved = self._follow(node, message_type, found), 0
        if message_type in _DATA:
            unresolved = sum(1 for metric in found.metrics if _nameless(metric) and metric.alias not in node.names)
            payload = with_names(payload, node.names)
        rebirth = None
        wanted = (missing or unresolved or node.seq is None) and message_type != "NBIRTH"
        if wanted and (node.asked_at_s is None or now_s - node.asked_at_s >= ASK_AGAIN_SECONDS):
            node.asked_at_s = now_s
            rebirth = (f"{HOST_PREFIX}{group}/NCMD/{edge_node}", rebirth_command(found.timestamp_ms or 0))
        return HandedOn(on, payload, rebirth, missing, unresolved)

    def _node(self, key: str) -> _Node:
        node = self._nodes.pop(key, None) or _Node()
        if len(self._nodes) >= MAX_NODES:
            del self._nodes[next(iter(self._nodes))]
        self._nodes[key] = node
        return node

    def _follow(self, node: _Node, message_type: str, payload: Payload) -> int:
        """Moves the sequence on and learns aliases; how many messages are missing. The same number again is a redelivery."""
        if message_type == "NBIRTH":
            node.names, node.asked_at_s, node.seq = {}, None, payload.seq if payload.seq is not None else 0
            self._learn(node, payload)
            return 0
        missing = 0
        if node.seq is not None and payload.seq is not None and payload.seq != node.seq:
            missing = (payload.seq - node.seq - 1) % 256
            node.seq = payload.seq
        if message_type in _BORN:
            self._learn(node, payload)
        return missing

    @staticmethod
    def _learn(node: _Node, payload: Payload) -> None:
        for metric in payload.metrics:
            if metric.alias is not None and metric.name and (len(node.names) < MAX_ALIASES or metric.alias in node.names):
                node.names[metric.alias] = (metric.name, metric.datatype)


def _nameless(metric: Metric) -> bool:
    return not metric.name and metric.alias is not None


def rebirth_command(timestamp_ms: int) -> bytes:
    """The payload of an NCMD that asks an edge node for its births."""
    name = _REBIRTH_METRIC.encode()
    metric = b"\x0a" + varint(len(name)) + name + b"\x20" + varint(_BOOLEAN) + b"\x70\x01"
    return b"\x08" + varint(timestamp_ms) + b"\x12" + varint(len(metric)) + metric

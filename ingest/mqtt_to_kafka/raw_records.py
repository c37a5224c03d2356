"""Makes the records of `telemetry.raw` from MQTT messages: bytes as they came, with what MQTT knew about them in headers.

Pure apart from its cache. Headers: `mqtt_topic`, `received_at_us`, `dup`, `retain`, and `epoch` with `sequence`: the process and the
message's number in it, by which the MQTT stage's part of the ledger is proved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from ingest.mqtt_to_kafka.private_fields import PrivateFields, remove_fields
from runtime.mqtt import DUP, RETAIN, Publish

MAX_PAYLOAD_BYTES = 262_144
STUB_BYTES = 4096
"""What remains of a payload over the limit, so that a person can see what it was."""
MAX_CACHED_TOPICS = 100_000

Header = tuple[str, bytes]
_DUP: tuple[Header, Header] = (("dup", b"0"), ("dup", b"1"))
_RETAIN: tuple[Header, Header] = (("retain", b"0"), ("retain", b"1"))


class RawRecord(NamedTuple):
    """One record for Kafka. `number` is the message's number in this process, its `sequence` header."""

    number: int
    partition: int
    timestamp_ms: int
    key: bytes
    value: bytes
    headers: list[Header]


class Made(NamedTuple):
    """Records in order of arrival, and what was done to them on the way."""

    records: list[RawRecord]
    too_large: int
    fields_removed: int
    withheld: int


class _Topic(NamedTuple):
    """What every record of an MQTT topic has in common."""

    partition: int
    header: Header
    private_fields: frozenset[str]


class RecordMaker:
    """Numbers messages from 0 in order of arrival. `epoch` names the process."""

    def __init__(self, epoch: str, partitions: int, private_fields: PrivateFields) -> None:
        self._epoch: Header = ("epoch", epoch.encode())
        self._partitions = partitions
        self._private_fields = private_fields
        self._next = 0
        self._topics: dict[bytes, _Topic] = {}

    def make(self, publishes: Sequence[Publish], received_at_us: int) -> Made:
        """One record per message. Never raises, whatever the bytes."""
        received_at: Header = ("received_at_us", b"%d" % received_at_us)
        timestamp_ms = received_at_us // 1000
        epoch, topics, number = self._epoch, self._topics, self._next
        records: list[RawRecord] = []
        add = records.append
        too_large = fields_removed = withheld = 0
        for flags, _, key, payload in publishes:
            topic = topics.get(key)
            if topic is None:
                topic = self._new_topic(key)
            partition, topic_header, private = topic
            headers = [
                topic_header,
                received_at,
                _DUP[1 if flags & DUP else 0],
                _RETAIN[flags & RETAIN],
                epoch,
                ("sequence", b"%d" % number),
            ]
            value = payload
            if len(payload) > MAX_PAYLOAD_BYTES:
                too_large += 1
                value = b"" if private else payload[:STUB_BYTES]
                headers.append(("too_large", _too_large(payload)))
            elif private:
                filtered = remove_fields(payload, private)
                fields_removed += filtered.removed
                if filtered.payload is None:
                    withheld += 1
                    headers.append(("withheld", json.dumps({"length": len(payload)}).encode()))
                value = filtered.payload or b""
            add(RawRecord(number, partition, timestamp_ms, key, value, headers))
            number += 1
        self._next = number
        return Made(records, too_large, fields_removed, withheld)

    def _new_topic(self, key: bytes) -> _Topic:
        if len(self._topics) >= MAX_CACHED_TOPICS:
            self._topics.clear()
        fields = self._private_fields.of(key.decode("utf-8", "replace"))
        topic = _Topic(partition_of(key, self._partitions), ("mqtt_topic", key), fields)
        self._topics[key] = topic
        return topic


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's own clients choose for a key."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def _too_large(payload: bytes) -> bytes:
    return json.dumps({"length": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}).encode()

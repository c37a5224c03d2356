"""What a message looks like in Kafka: the bytes as they came, what MQTT knew in headers, stubs and withheld payloads."""

from __future__ import annotations

import hashlib
import json

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt_to_kafka.private_fields import PrivateFields
from ingest.mqtt_to_kafka.raw_records import MAX_PAYLOAD_BYTES, RecordMaker, partition_of
from runtime.mqtt import Publish

EPOCH = "2b0d1c5a-1111-4222-8333-444455556666"
AT_US = 1_763_800_000_123_456
TOPIC = b"stadspuls/v1/c-0001/readings"


def maker(private: dict[str, tuple[str, ...]] | None = None) -> RecordMaker:
    return RecordMaker(EPOCH, 24, PrivateFields(private or {}))


def test_a_record_holds_the_bytes_and_everything_that_mqtt_knew() -> None:
    (record,) = maker().make([Publish(0x3B, 7, TOPIC, b'{"v":1}')], AT_US).records
    assert record.key == TOPIC
    assert record.value == b'{"v":1}'
    assert record.timestamp_ms == 1_763_800_000_123
    assert record.headers == [
        ("mqtt_topic", TOPIC),
        ("received_at_us", b"1763800000123456"),
        ("dup", b"1"),
        ("retain", b"1"),
        ("epoch", EPOCH.encode()),
        ("sequence", b"0"),
    ]


def test_dup_and_retain_are_told_apart() -> None:
    flags = {0x32: (b"0", b"0"), 0x3A: (b"1", b"0"), 0x33: (b"0", b"1"), 0x30: (b"0", b"0")}
    for first_byte, (dup, retain) in flags.items():
        (record,) = maker().make([Publish(first_byte, 7, TOPIC, b"")], AT_US).records
        assert (dict(record.headers)["dup"], dict(record.headers)["retain"]) == (dup, retain)


def test_messages_are_numbered_without_a_gap_over_calls() -> None:
    made = maker()
    first = made.make([Publish(0x32, 1, TOPIC, b"a"), Publish(0x32, 2, b"other", b"b")], AT_US).records
    second = made.make([Publish(0x32, 1, TOPIC, b"c")], AT_US).records
    assert [record.number for record in first + second] == [0, 1, 2]
    assert [dict(record.headers)["sequence"] for record in first + second] == [b"0", b"1", b"2"]


@given(st.text(min_size=1))
def test_a_topic_has_the_partition_that_every_kafka_client_chooses(mqtt_topic: str) -> None:
    partitions = list(range(24))
    assert partition_of(mqtt_topic.encode(errors="replace"), 24) == DefaultPartitioner()(
        mqtt_topic.encode(errors="replace"), partitions, partitions
    )


def test_a_payload_over_the_limit_goes_on_as_a_stub() -> None:
    payload = bytes(range(256)) * 1025
    made = maker().make([Publish(0x32, 1, TOPIC, payload), Publish(0x32, 2, TOPIC, payload[:MAX_PAYLOAD_BYTES])], AT_US)
    stub, whole = made.records
    assert made.too_large == 1
    assert stub.value == payload[:4096]
    stated = json.loads(dict(stub.headers)["too_large"])
    assert stated == {"length": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    assert whole.value == payload[:MAX_PAYLOAD_BYTES]
    assert "too_large" not in dict(whole.headers)


def test_personal_fields_of_a_listed_source_are_removed_and_the_reading_goes_on() -> None:
    made = maker({"v3/#": ("card_id",)}).make(
        [Publish(0x32, 1, b"v3/a/devices/b/up", b'{"cardId": "04", "fill": 0.5}'), Publish(0x32, 2, TOPIC, b'{"cardId": "04"}')],
        AT_US,
    )
    assert [record.value for record in made.records] == [b'{"fill":0.5}', b'{"cardId": "04"}']
    assert (made.fields_removed, made.withheld) == (1, 0)


def test_bytes_of_a_listed_source_that_cannot_be_read_do_not_go_on() -> None:
    made = maker({"v3/#": ("card_id",)}).make(
        [Publish(0x32, 1, b"v3/x", b'{"cardId": "04'), Publish(0x32, 2, b"v3/x", b'{"cardId": "04"}' + b" " * MAX_PAYLOAD_BYTES)],
        AT_US,
    )
    garbled, large = made.records
    assert garbled.value == large.value == b""
    assert json.loads(dict(garbled.headers)["withheld"]) == {"length": 14}
    assert made.withheld == 1
    assert made.too_large == 1

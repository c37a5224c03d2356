"""What the Kafka topics must be like, and the sentence that refuses one that is not."""

from __future__ import annotations

import pytest

from ingest.mqtt_to_kafka import raw_records
from ingest.topics import MAX_PAYLOAD_BYTES, TopicSpec, complaint, topic_specs
from runtime.kafka import MAX_BATCH_BYTES
from runtime.settings import KafkaSettings, TopicSettings

DAY_MS = 86_400_000


def specs(replication_factor: int = 1) -> list[TopicSpec]:
    return topic_specs(KafkaSettings(), TopicSettings(kafka_replication_factor=replication_factor))


def test_raw_messages_and_hints_have_their_topics() -> None:
    raw, changed = specs()
    assert (raw.kafka_topic, raw.partitions) == ("telemetry.raw", 24)
    assert (changed.kafka_topic, changed.partitions) == ("things.changed", 24)
    assert int(raw.configuration["retention.ms"]) == 45 * DAY_MS
    assert int(changed.configuration["retention.ms"]) < DAY_MS
    for spec in (raw, changed):
        assert spec.configuration["message.timestamp.type"] == "CreateTime"
        assert spec.configuration["cleanup.policy"] == "delete"
        assert int(spec.configuration["max.message.bytes"]) >= 2 * 262_144


def test_the_payload_limit_is_one_number_and_a_batch_fits_the_topic() -> None:
    assert raw_records.MAX_PAYLOAD_BYTES == MAX_PAYLOAD_BYTES
    assert 2 * max(MAX_PAYLOAD_BYTES, MAX_BATCH_BYTES) <= int(specs()[0].configuration["max.message.bytes"])


@pytest.mark.parametrize(("factor", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_an_acknowledgement_of_a_replicated_topic_means_more_than_one_copy(factor: int, in_sync: str) -> None:
    assert specs(factor)[0].configuration["min.insync.replicas"] == in_sync


def test_a_topic_as_it_was_made_is_accepted_and_so_is_one_that_keeps_more() -> None:
    raw = specs()[0]
    assert complaint(raw, 24, raw.configuration) is None
    assert complaint(raw, 24, {**raw.configuration, "retention.ms": "-1", "max.message.bytes": "10000000"}) is None


@pytest.mark.parametrize(
    ("changes", "partitions", "expected"),
    [
        ({}, 12, "12 partitions, not 24"),
        ({"retention.ms": "1000"}, 24, "retention.ms=1000, but it must be at least 3888000000"),
        ({"retention.bytes": "1000"}, 24, "retention.bytes=1000, but it must be -1"),
        ({"max.message.bytes": "1000"}, 24, "max.message.bytes=1000"),
        ({"message.timestamp.type": "LogAppendTime"}, 24, "message.timestamp.type=LogAppendTime, but it must be CreateTime"),
        ({"cleanup.policy": "compact"}, 24, "cleanup.policy=compact"),
    ],
)
def test_a_topic_that_would_lose_something_is_refused_with_a_sentence(
    changes: dict[str, str], partitions: int, expected: str
) -> None:
    raw = specs()[0]
    sentence = complaint(raw, partitions, {**raw.configuration, **changes})
    assert sentence is not None
    assert expected in sentence
    assert "telemetry.raw" in sentence

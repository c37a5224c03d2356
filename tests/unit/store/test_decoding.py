"""From records to readings, dead letters and counts: every record ends in exactly one column of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from ingest.store.decoding import Decoding
from ingest.store.work import PartitionWork, Work
from models.domain.failures import DeadLetterReason
from models.domain.registry import Assignment, ContainerGeometry, Sensor, SensorContext
from runtime.consumer_batch import Batch
from runtime.memory_kafka import MemoryRecord
from storage.dead_letters import WHOLE_MESSAGE, DeadLetter

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LIFE = UUID(int=7)


def context(sensor_id: str) -> SensorContext:
    thing_id = f"c-{sensor_id}"
    return SensorContext(
        sensor=Sensor(sensor_id=sensor_id, device_model="stadspuls_json", kind="container_fill"),
        assignments=(Assignment(sensor_id=sensor_id, thing_id=thing_id, datastream_id=f"{thing_id}/fill", valid_from=LONG_AGO),),
        geometries=(ContainerGeometry(thing_id=thing_id, valid_from=LONG_AGO, empty_distance_mm=2000, full_distance_mm=200),),
        registry_version=4,
    )


CONTEXTS = {"s1": context("s1"), "s2": context("s2")}


def payload(**changes: Any) -> bytes:
    return orjson.dumps({"v": 1, "kind": "container_fill", "observed_at": "2026-11-22T12:00:00Z", "distance_mm": 840.0, **changes})


def several(*items: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"v": 1, "kind": "container_fill", "readings": list(items)})


def records(
    *values: bytes, topic: str = "stadspuls/v1/s1/readings", extra: Mapping[str, bytes] | None = None
) -> list[MemoryRecord]:
    headers = {"mqtt_topic": topic.encode(), "received_at_us": b"%d" % NOW_US, "dup": b"0", "retain": b"0", **(extra or {})}
    return [
        MemoryRecord("telemetry.raw", 5, 100 + place, 0, topic.encode(), value, tuple(headers.items()))
        for place, value in enumerate(values)
    ]


async def decoded(made: list[MemoryRecord]) -> Work:
    batch = Batch("telemetry.raw")
    batch.add(5, made)
    return await Decoding(CONTEXTS, 4, LIFE, b"key").work(batch)


def figures(part: PartitionWork) -> tuple[int, int, int, int, int, int]:
    (counts,) = part.counts.values()
    assert counts.received == counts.decoded + counts.without_reading + counts.dead_lettered
    return (
        counts.received,
        counts.decoded,
        counts.without_reading,
        counts.dead_lettered,
        counts.readings,
        counts.readings_rejected,
    )


def only_letter(part: PartitionWork) -> DeadLetter:
    (letter,) = part.letters
    return letter


async def test_a_valid_message_becomes_a_reading_with_its_source() -> None:
    part = (await decoded(records(payload()))).partitions[5]
    assert figures(part) == (1, 1, 0, 0, 1, 0)
    ((group, (stored,)),) = part.readings.items()
    assert group.kind == "container_fill"
    assert group.account.envelope == "stadspuls_json"
    assert (stored.source.partition, stored.source.offset, stored.source.index) == (5, 100, 0)
    assert (stored.received_at, stored.registry_version) == (NOW, 4)
    assert part.readable == {"s1"}


async def test_a_garbled_message_becomes_a_dead_letter_with_its_bytes_and_source() -> None:
    part = (await decoded(records(b'{"v":1,"ki', topic="stadspuls/v1/s2/readings"))).partitions[5]
    assert figures(part) == (1, 0, 0, 1, 0, 0)
    letter = only_letter(part)
    assert (letter.reason, letter.payload, letter.source) == (DeadLetterReason.MALFORMED, b'{"v":1,"ki', "s2")
    assert (letter.incarnation, letter.partition, letter.offset, letter.index) == (LIFE, 5, 100, WHOLE_MESSAGE)
    assert letter.headers["received_at_us"] == str(NOW_US)
    assert part.unreadable == ["s2"]


async def test_what_is_not_registered_shares_a_source_and_counts_for_no_sensor() -> None:
    part = (await decoded(records(payload(), b"\xff", topic="stadspuls/v1/nobody/readings"))).partitions[5]
    assert figures(part) == (2, 0, 0, 2, 0, 0)
    assert {letter.source for letter in part.letters} == {"unregistered:stadspuls_json"}
    assert part.unreadable == []


async def test_a_message_with_good_and_bad_readings_is_decoded_and_the_bad_ones_are_letters() -> None:
    good = {"observed_at": "2026-11-22T12:00:00Z", "distance_mm": 1.0}
    bad = {"observed_at": "2026-11-22T12:01:00Z", "distance_mm": -1.0}
    part = (await decoded(records(several(bad, good, bad)))).partitions[5]
    assert figures(part) == (1, 1, 0, 0, 3, 2)
    assert [(letter.index, letter.reason) for letter in part.letters] == [(0, DeadLetterReason.RANGE), (2, DeadLetterReason.RANGE)]
    ((_, (stored,)),) = part.readings.items()
    assert stored.source.index == 1


async def test_a_message_of_which_no_reading_is_good_is_dead_lettered() -> None:
    bad = {"observed_at": "2026-11-22T12:01:00Z", "distance_mm": -1.0}
    part = (await decoded(records(several(bad, bad)))).partitions[5]
    assert figures(part) == (1, 0, 0, 1, 2, 2)
    assert part.dead_lettered == {DeadLetterReason.RANGE: 1}
    assert part.unreadable == ["s1"]


async def test_a_join_is_counted_as_without_reading() -> None:
    part = (await decoded(records(b"{}", topic="v3/app@ttn/devices/dev-1/join"))).partitions[5]
    assert figures(part) == (1, 0, 1, 0, 0, 0)


async def test_a_payload_with_personal_fields_leaves_no_bytes_and_a_keyed_hash() -> None:
    part = (await decoded(records(payload(card_id="04:A3:77")))).partitions[5]
    letter = only_letter(part)
    assert letter.reason is DeadLetterReason.PRIVACY
    assert letter.payload is None
    assert letter.payload_length == len(payload(card_id="04:A3:77"))
    assert "cardid" in letter.detail
    assert "04:A3:77" not in f"{letter.detail} {dict(letter.headers)} {letter.mqtt_topic} {letter.key!r} {letter.content_hash}"
    other_key = await Decoding(CONTEXTS, 4, LIFE, b"other").work(_batch(records(payload(card_id="04:A3:77"))))
    assert only_letter(other_key.partitions[5]).content_hash != letter.content_hash


async def test_a_stub_becomes_a_letter_that_knows_the_size_and_hash_of_the_whole() -> None:
    stub = {"too_large": orjson.dumps({"length": 500_000, "sha256": "ab" * 32})}
    part = (await decoded(records(payload()[:20], extra=stub))).partitions[5]
    letter = only_letter(part)
    assert (letter.reason, letter.payload_length, letter.content_hash) == (DeadLetterReason.TOO_LARGE, 500_000, "ab" * 32)


async def test_the_stub_of_a_payload_with_personal_fields_leaves_no_bytes() -> None:
    stub = {"too_large": orjson.dumps({"length": 500_000, "sha256": "ab" * 32})}
    part = (await decoded(records(b'{"kenteken": "12-AB-34", "x": "', extra=stub))).partitions[5]
    letter = only_letter(part)
    assert (letter.reason, letter.payload) == (DeadLetterReason.PRIVACY, None)
    assert "ab" * 32 not in f"{letter.content_hash} {dict(letter.headers)} {letter.detail}"


async def test_a_record_that_the_mqtt_side_did_not_write_becomes_a_dead_letter() -> None:
    made = MemoryRecord("telemetry.raw", 5, 100, int(NOW.timestamp() * 1000), b"key", b"value", ())
    part = (await decoded([made])).partitions[5]
    letter = only_letter(part)
    assert (letter.reason, letter.received_at, letter.mqtt_topic) == (DeadLetterReason.MALFORMED, NOW, "key")


def _batch(made: list[MemoryRecord]) -> Batch:
    batch = Batch("telemetry.raw")
    batch.add(5, made)
    return batch

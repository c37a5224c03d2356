"""The service `mqtt-to-kafka` on real servers: everything arrives once, with its headers, through restarts of everything around it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import time
from collections.abc import AsyncIterator

import pytest

from deploy.local.processes import StackState
from tests.integration.forwarding import Forwarding, duplicates, forwarding

pytestmark = pytest.mark.servers


@pytest.fixture
async def line(servers: StackState) -> AsyncIterator[Forwarding]:
    async with forwarding(servers) as made:
        yield made


async def test_every_message_is_in_kafka_once_with_what_mqtt_knew(line: Forwarding) -> None:
    payloads = line.payloads(5000)
    before_us = time.time_ns() // 1000
    await line.start()
    await line.publish(payloads)
    records = await line.until_kafka_has(payloads)
    after_us = time.time_ns() // 1000
    assert len(records) == 5000
    assert len({record.headers["epoch"] for record in records}) == 1
    assert sorted(record.source[1] for record in records) == list(range(5000))
    for record in records:
        assert record.key == record.headers["mqtt_topic"]
        assert record.headers["dup"] == record.headers["retain"] == b"0"
        assert before_us <= int(record.headers["received_at_us"]) <= after_us
        assert record.timestamp == int(record.headers["received_at_us"]) // 1000
    by_payload = {record.value: record for record in records}
    for number, payload in enumerate(payloads):
        assert by_payload[payload].key == line.topic(number).encode()
    assert len({record.partition for record in records}) > 1
    partitions_of_topics = {(record.key, record.partition) for record in records}
    assert len(partitions_of_topics) == 50, "a topic stays in its partition"


async def test_a_stop_drains_and_the_session_keeps_what_comes_meanwhile(line: Forwarding) -> None:
    payloads = line.payloads(3000)
    await line.start()
    publishing = asyncio.create_task(line.publish(payloads[:2000]))
    await asyncio.sleep(0.1)
    assert await line.end(signal.SIGTERM) == 0
    await publishing
    await line.publish(payloads[2000:])
    await line.start()
    records = await line.until_kafka_has(payloads)
    assert duplicates(records) == 0, "what was acknowledged is not sent again, and what was read was acknowledged"
    connects = [line_["session_present"] for line_ in line.lines() if line_["event"] == "mqtt_connected"]
    assert connects == [False, True]


async def test_an_mqtt_broker_that_restarts_loses_nothing(line: Forwarding) -> None:
    payloads = line.payloads(6000)
    await line.start()
    async with line.publisher() as publisher:
        for number, payload in enumerate(payloads[:3000]):
            await publisher.publish(line.topic(number), payload)
        restart = asyncio.create_task(line.restart("mosquitto", signal.SIGTERM))
        for number, payload in enumerate(payloads[3000:]):
            await publisher.publish(line.topic(number), payload)
            if number % 100 == 0:
                await asyncio.sleep(0.01)
        await restart
        await publisher.drain()
        assert publisher.acknowledged == publisher.sent == 6000
    await line.until_kafka_has(payloads)
    connects = [line_["session_present"] for line_ in line.lines() if line_["event"] == "mqtt_connected"]
    assert connects == [False, True]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
async def test_a_kafka_that_goes_away_and_comes_back_loses_nothing(line: Forwarding, number: signal.Signals) -> None:
    payloads = line.payloads(6000)
    await line.start()
    publishing = asyncio.create_task(line.publish(payloads))
    await asyncio.sleep(0.1)
    await line.restart("kafka", number)
    await publishing
    await line.until_kafka_has(payloads)
    assert line.process is not None
    assert line.process.returncode is None, "Kafka away is waited for"
    assert await line.end() == 0


async def test_a_kafka_that_answers_nothing_gets_another_producer_and_then_everything(line: Forwarding) -> None:
    payloads = line.payloads(4000)
    await line.start(mqtt_to_kafka_delivery_timeout_seconds="2")
    await line.publish(payloads[:1000])
    await line.until_kafka_has(payloads[:1000])
    kafka = line.server("kafka")
    kafka.suspend()
    try:
        await line.publish(payloads[1000:])
        await line.until(lambda: "kafka_producer_replaced" in line.events())
    finally:
        kafka.resume()
    await line.until_kafka_has(payloads)


async def test_while_kafka_is_away_the_window_stays_bounded(line: Forwarding) -> None:
    payloads = line.payloads(3000)
    await line.start(mqtt_receive_maximum="100", mqtt_to_kafka_drain_seconds="1")
    kafka = line.server("kafka")
    kafka.suspend()
    try:
        await line.publish(payloads)
        await asyncio.sleep(1)
        await line.end(signal.SIGTERM)
        (left,) = [line_ for line_ in line.lines() if line_["event"] == "stopped_before_kafka_had_everything"]
        assert 0 < int(str(left["held_messages"])) <= 100, "the broker sends no more than Receive Maximum"
    finally:
        kafka.resume()
    await line.start()
    await line.until_kafka_has(payloads)


async def test_a_payload_over_the_limit_becomes_a_stub_and_holds_nobody_up(line: Forwarding) -> None:
    large = bytes(range(256)) * 1200
    await line.start()
    await line.publish([b"before", large, b"x" * 262_144, b"after"])
    records = await line.until_kafka_has([b"before", large[:4096], b"x" * 262_144, b"after"])
    (stub,) = [record for record in records if "too_large" in record.headers]
    assert json.loads(stub.headers["too_large"]) == {"length": len(large), "sha256": hashlib.sha256(large).hexdigest()}


async def test_live_messages_keep_their_retain_flag_and_what_was_retained_before_is_not_asked_for(line: Forwarding) -> None:
    async with line.publisher() as publisher:
        await publisher.publish(f"{line.branch}/s-0/readings", b"retained before", retain=True)
        await publisher.drain()
        await line.start()
        await publisher.publish(f"{line.branch}/s-1/readings", b"retained live", retain=True)
        await publisher.publish(f"{line.branch}/s-2/readings", b"live")
        await publisher.drain()
        await line.until_kafka_has([b"retained live", b"live"])
        await line.end()
        await line.start()
        records = await line.until_kafka_has([b"retained live", b"live"])
        for sensor in (0, 1):
            await publisher.publish(f"{line.branch}/s-{sensor}/readings", b"", retain=True)
        await publisher.drain()
    flags = {record.value: record.headers["retain"] for record in records}
    assert flags == {b"retained live": b"1", b"live": b"0"}
    assert duplicates(records) == 0


async def test_personal_fields_of_a_listed_source_never_reach_kafka(line: Forwarding) -> None:
    private = json.dumps({f"{line.branch}/access/#": ["card_id"]})
    await line.start(mqtt_to_kafka_private_fields=private)
    async with line.publisher() as publisher:
        await publisher.publish(f"{line.branch}/access/1", b'{"deposit": 1, "who": {"CardId": "04A1B2"}}')
        await publisher.publish(f"{line.branch}/access/1", b'{"CardId": "04A1B2')
        await publisher.publish(f"{line.branch}/other", b"last")
        await publisher.drain()
    records = await line.until_kafka_has([b"last"])
    while len(records) < 3:
        records = await line.records()
    assert {record.value for record in records} == {b'{"deposit":1,"who":{}}', b"", b"last"}
    assert not [record for record in records if b"04A1B2" in record.value]


async def test_a_topic_that_does_not_exist_ends_the_service_with_a_sentence(line: Forwarding) -> None:
    with pytest.raises(AssertionError, match="stadspuls topics create"):
        await line.start(kafka_topic_raw=f"{line.kafka_topic}.absent")


async def test_a_broker_that_refuses_us_is_asked_again_and_the_log_says_why(line: Forwarding) -> None:
    await line.spawn(mqtt_username="nobody")
    await line.until(lambda: line.events().count("mqtt_connect_failed") >= 2)
    reasons = {line_["reason"] for line_ in line.lines() if line_["event"] == "mqtt_connect_failed"}
    assert reasons == {"the broker refuses us: Not authorized"}
    assert await line.end() == 0

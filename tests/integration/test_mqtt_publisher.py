"""The publisher on a real broker: `drain` returns when the broker has everything, through restarts, and refusals are told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from paho.mqtt.properties import Properties
from pydantic import SecretStr

from deploy.local.processes import StackState
from models.domain.failures import TransientError, UserError
from runtime.mqtt import Publish, make_client, subscribe_options
from runtime.mqtt_connection import MqttConnection
from runtime.mqtt_publisher import MqttPublisher
from runtime.settings import MqttSettings, load
from tests.integration.forwarding import Forwarding

pytestmark = pytest.mark.servers


@pytest.fixture
def mqtt(servers: StackState) -> MqttSettings:
    return load(MqttSettings, "operator", servers.run_dir)


@pytest.fixture
def branch() -> str:
    return f"test/{uuid4().hex[:8]}"


@pytest.fixture
async def heard(mqtt: MqttSettings, branch: str) -> AsyncIterator[list[Publish]]:
    """What a subscriber of the branch has got; it acknowledges at once."""
    got: list[Publish] = []
    name = f"listener-{uuid4().hex[:8]}"
    client = make_client(mqtt, client_id=name, session_expiry_seconds=60, receive_maximum=1000, clean_start=False)

    def take(publishes: list[Publish]) -> None:
        got.extend(publishes)
        client.acknowledge([publish.mid for publish in publishes])

    client.on_publishes = take
    subscribed = asyncio.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    connection = MqttConnection(client)

    def subscribe(_session_present: bool, _properties: Properties | None) -> None:
        client.subscribe([(f"{branch}/#", subscribe_options())])

    connection.on_connected = subscribe
    connection.start()
    await asyncio.wait_for(subscribed.wait(), 30)
    yield got
    await connection.stop()


async def until_heard(heard: list[Publish], payloads: set[bytes]) -> None:
    async with asyncio.timeout(30):
        while {publish.payload for publish in heard} != payloads:  # noqa: ASYNC110  # the list says nothing when it grows
            await asyncio.sleep(0.05)


async def test_the_broker_has_everything_when_drain_returns(mqtt: MqttSettings, branch: str, heard: list[Publish]) -> None:
    publisher = MqttPublisher(mqtt, client_id=branch, max_in_flight=50)
    await publisher.start()
    payloads = [b"%d" % number for number in range(2000)]
    for payload in payloads:
        await publisher.publish(f"{branch}/x", payload)
        assert publisher.sent - publisher.acknowledged <= 50
    await publisher.drain()
    await publisher.stop()
    assert (publisher.sent, publisher.acknowledged, publisher.resent) == (2000, 2000, 0)
    await until_heard(heard, set(payloads))
    assert [publish.payload for publish in heard] == payloads, "in order"


async def test_what_a_lost_connection_left_unacknowledged_is_sent_again(
    servers: StackState, mqtt: MqttSettings, branch: str, heard: list[Publish]
) -> None:
    broker = Forwarding(servers, "unused").server("mosquitto")
    publisher = MqttPublisher(mqtt, client_id=branch, max_in_flight=500)
    await publisher.start()
    payloads = [b"%d" % number for number in range(500)]
    broker.suspend()  # takes bytes and answers nothing
    try:
        for payload in payloads:
            await publisher.publish(f"{branch}/x", payload)
        await asyncio.sleep(0.2)
        assert publisher.acknowledged == 0
    finally:
        # Ended before it reads: what it had been sent is gone with it.
        restart = asyncio.create_task(Forwarding(servers, "unused").restart("mosquitto", signal.SIGKILL))
    await restart
    await publisher.drain()
    await publisher.stop()
    assert (publisher.sent, publisher.acknowledged) == (500, 500)
    assert publisher.resent == 500


async def test_a_refused_message_is_told(servers: StackState, branch: str) -> None:
    simulator = load(MqttSettings, "simulator", servers.run_dir)
    publisher = MqttPublisher(simulator, client_id=branch)
    await publisher.start()
    await publisher.publish("not/for/the/simulator", b"x")
    with pytest.raises(UserError, match="not/for/the/simulator with reason code 0x87"):
        await publisher.drain()
    assert publisher.acknowledged == 0
    await publisher.stop()


async def test_a_message_over_the_brokers_limit_is_told_and_not_sent(mqtt: MqttSettings, branch: str) -> None:
    publisher = MqttPublisher(mqtt, client_id=branch)
    await publisher.start()
    with pytest.raises(UserError, match="bytes that the MQTT broker takes"):
        await publisher.publish(f"{branch}/x", bytes(600_000))
    await publisher.publish(f"{branch}/x", b"small")
    await publisher.drain()
    await publisher.stop()
    assert publisher.sent == publisher.acknowledged == 1


async def test_a_wrong_password_is_told_at_the_start(mqtt: MqttSettings, branch: str) -> None:
    wrong = mqtt.model_copy(update={"mqtt_password": SecretStr("wrong")})
    publisher = MqttPublisher(wrong, client_id=branch, connect_timeout_seconds=1.0)
    with pytest.raises(TransientError, match="Not authorized"):
        await publisher.start()


async def test_a_broker_that_is_not_there_is_told_at_the_start(branch: str) -> None:
    publisher = MqttPublisher(MqttSettings(mqtt_port=1), client_id=branch, connect_timeout_seconds=1.0)
    with pytest.raises(TransientError, match="refused"):
        await publisher.start()


async def test_a_broker_that_answers_nothing_is_told_in_time(servers: StackState, mqtt: MqttSettings, branch: str) -> None:
    publisher = MqttPublisher(mqtt, client_id=branch, max_in_flight=10, progress_timeout_seconds=1.0)
    await publisher.start()
    broker = Forwarding(servers, "unused").server("mosquitto")
    broker.suspend()
    try:
        with pytest.raises(TransientError, match="acknowledged none of 10 messages in 1 s"):  # noqa: PT012  # the eleventh waits
            for number in range(11):
                await publisher.publish(f"{branch}/x", b"%d" % number)
    finally:
        broker.resume()
    await publisher.drain()
    await publisher.stop()

"""The connection's life against a scripted broker: lost and made again, silent brokers noticed, errors not swallowed, no socket left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from paho.mqtt.properties import Properties

from models.domain.failures import TransientError
from runtime import mqtt, mqtt_connection
from runtime.mqtt import Publish, encode_publish, make_client
from runtime.mqtt_connection import MqttConnection
from runtime.settings import MqttSettings

pytestmark = pytest.mark.lengthy

CONNACK = b"\x20\x03\x00\x00\x00"
CONNACK_SESSION_PRESENT = b"\x20\x03\x01\x00\x00"
NOT_AUTHORIZED = b"\x20\x03\x00\x87\x00"
PINGREQ, DISCONNECT = b"\xc0\x00", b"\xe0\x00"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Broker:
    """Listens on loopback and plays one script per connection; the last one again and again."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        self.connections = 0
        self.received = b""
        self._writers: list[asyncio.StreamWriter] = []
        self._stopped = False

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        self._stopped = True
        self._server.close()
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopped:  # accepted just before
            writer.close()
            return
        self._writers.append(writer)
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        await reader.read(1000)  # CONNECT
        await script(reader, writer)

    async def listen(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(1000):
            self.received += data


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONNACK)


async def accept_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONNACK)
    await writer.drain()
    writer.close()


async def accept_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONNACK_SESSION_PRESENT)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(NOT_AUTHORIZED)


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keeps the connection open."""


class Owner:
    """A connection to a scripted broker, and what it has told."""

    def __init__(self, port: int) -> None:
        client = make_client(
            MqttSettings(mqtt_port=port), client_id="x", session_expiry_seconds=60, receive_maximum=10, clean_start=False
        )
        self.client = client
        self.got: list[Publish] = []
        self.told: list[str] = []
        client.on_publishes = self.got.extend
        self.connection = MqttConnection(client, retry_first_seconds=0.01, retry_most_seconds=0.02)
        self.connection.on_connected = self._connected
        self.connection.on_lost = lambda _reason: self.told.append("lost")

    def _connected(self, session_present: bool, _properties: Properties | None) -> None:
        self.told.append(f"connected {session_present}")


Given = Callable[[Broker], Awaitable[Owner]]


@pytest.fixture
async def given() -> AsyncIterator[Given]:
    """Connects an owner to a broker; both end with the test."""
    made: list[tuple[Broker, Owner]] = []

    async def give(broker: Broker) -> Owner:
        owner = Owner(await broker.start())
        made.append((broker, owner))
        return owner

    yield give
    for broker, owner in made:
        await owner.connection.stop()
        await broker.stop()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # what is waited for announces nothing
            await asyncio.sleep(0.005)


async def test_a_lost_connection_is_told_and_made_again(given: Given) -> None:
    owner = await given(Broker(accept_and_close, accept_again))
    owner.connection.start()
    await until(lambda: len(owner.told) >= 3)
    assert owner.told == ["connected False", "lost", "connected True"]
    assert owner.connection.connected


async def test_a_broker_that_goes_silent_is_left_after_the_keep_alive(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_connection, "PING_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(mqtt, "KEEPALIVE_SECONDS", 1)
    owner = await given(Broker(accept, accept_again))
    owner.connection.start()
    await until(lambda: len(owner.told) >= 3)
    assert owner.told == ["connected False", "lost", "connected True"]


async def test_a_broker_that_never_answers_connect_is_left(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_connection, "CONNECT_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(mqtt_connection, "CONNACK_TIMEOUT_SECONDS", 0.1)
    owner = await given(Broker(say_nothing, accept))
    owner.connection.start()
    await until(lambda: owner.told == ["connected False"])


async def test_a_refusal_is_told_in_the_brokers_words(given: Given) -> None:
    owner = await given(Broker(refuse))
    owner.connection.start()
    with pytest.raises(TransientError, match="refuses us: Not authorized"):
        await owner.connection.wait_connected(0.3)
    assert owner.told == []


async def test_an_error_in_a_callback_ends_the_connection_with_that_error(given: Given) -> None:
    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK + encode_publish(1, b"t", b"x"))

    def fails(_publishes: list[Publish]) -> None:
        raise ZeroDivisionError

    owner = await given(Broker(send))
    owner.client.on_publishes = fails
    owner.connection.start()
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(asyncio.shield(owner.connection.failed), 10)


async def test_nothing_is_read_while_paused(given: Given) -> None:
    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK)
        await asyncio.sleep(0.1)
        writer.write(encode_publish(1, b"t", b"x"))

    owner = await given(Broker(send))
    owner.connection.start()
    await owner.connection.wait_connected(10)
    owner.connection.pause_reading()
    await asyncio.sleep(0.3)
    assert owner.got == []
    owner.connection.resume_reading()
    await until(lambda: [publish.payload for publish in owner.got] == [b"x"])


async def test_a_stop_sends_what_is_waiting_and_says_goodbye(given: Given) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK)
        await broker.listen(reader)

    broker = Broker(listen)
    owner = await given(broker)
    owner.connection.start()
    await owner.connection.wait_connected(10)
    owner.client.acknowledge([258])
    await owner.connection.stop()
    await until(lambda: broker.received.endswith(DISCONNECT))
    assert broker.received == b"\x40\x02\x01\x02" + DISCONNECT


async def test_a_stop_while_connecting_leaves_no_socket(given: Given) -> None:
    owner = await given(Broker(say_nothing))
    owner.connection.start()
    await asyncio.sleep(0)
    await owner.connection.stop()
    assert owner.client.socket() is None

"""The MQTT client: what CONNECT and SUBSCRIBE say, how a stream is taken apart, and that no bytes make it fail in another way."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from runtime.mqtt import (
    KEEPALIVE_SECONDS,
    MAX_PACKET_BYTES,
    BatchingClient,
    Puback,
    Publish,
    connect_properties,
    encode_publish,
    make_client,
    subscribe_options,
)
from runtime.settings import MqttSettings

SETTINGS = MqttSettings(mqtt_host="127.0.0.1", mqtt_port=1, mqtt_username="somebody", mqtt_password="secret")


@contextlib.contextmanager
def connected(client: BatchingClient) -> Iterator[socket.socket]:
    """Connects the client to one end of a socket pair; gives the broker's end."""
    ours, theirs = socket.socketpair()
    client.begin(ours)
    with theirs:
        yield theirs
    client._sock_close()


def stated(properties: Properties) -> dict[str, Any]:
    found: dict[str, Any] = properties.json()  # type: ignore[no-untyped-call]  # paho leaves its annotations out
    return found


def new_client(*, clean_start: bool = False) -> BatchingClient:
    return make_client(SETTINGS, client_id="fixed", session_expiry_seconds=604_800, receive_maximum=5000, clean_start=clean_start)


@pytest.fixture
def client() -> BatchingClient:
    return new_client()


def test_connect_states_everything_that_decides_over_data(client: BatchingClient) -> None:
    with connected(client) as broker:
        packet = broker.recv(1000)
    assert packet[0] == 0x10
    assert packet[2:9] == b"\x00\x04MQTT\x05"
    flags, keep_alive, length = struct.unpack(">BHB", packet[9:13])
    assert flags == 0b1100_0000, "user and password; no clean start: the broker keeps the session"
    assert keep_alive == KEEPALIVE_SECONDS
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves its annotations out
    properties.unpack(packet[12:])  # type: ignore[no-untyped-call]  # the same
    assert stated(properties) == {"SessionExpiryInterval": 604_800, "ReceiveMaximum": 5000, "MaximumPacketSize": MAX_PACKET_BYTES}
    assert packet[13 + length :] == b"\x00\x05fixed\x00\x08somebody\x00\x06secret"


def test_a_reconnect_does_not_begin_a_new_session_either(client: BatchingClient) -> None:
    for _ in range(2):
        with connected(client) as broker:
            assert broker.recv(1000)[9] & 0x02 == 0
            broker.sendall(b"\x20\x03\x01\x00\x00")
            client.loop_read()


def test_a_clean_start_is_asked_for_where_it_is_stated() -> None:
    client = new_client(clean_start=True)
    for _ in range(2):
        with connected(client) as broker:
            assert broker.recv(1000)[9] & 0x02 == 0x02
            broker.sendall(b"\x20\x03\x00\x00\x00")
            client.loop_read()


def test_subscriptions_ask_for_qos_1_and_not_for_retained_messages_again() -> None:
    options = subscribe_options()
    assert (options.QoS, options.retainHandling, options.retainAsPublished, options.noLocal) == (1, 2, True, False)


@pytest.mark.parametrize("receive_maximum", [0, 65_536])
def test_an_impossible_receive_maximum_is_refused(receive_maximum: int) -> None:
    with pytest.raises(ValueError, match="receive_maximum"):
        make_client(SETTINGS, client_id="x", session_expiry_seconds=0, receive_maximum=receive_maximum, clean_start=True)


def test_clients_acknowledge_nothing_by_themselves(client: BatchingClient) -> None:
    assert client._manual_ack
    with connected(client) as broker:
        broker.recv(1000)
        broker.sendall(encode_publish(7, b"a", b"b"))
        client.loop_read()
        broker.setblocking(False)
        with pytest.raises(BlockingIOError):
            broker.recv(100)
        client.acknowledge([7, 9])
        assert broker.recv(100) == b"\x40\x02\x00\x07\x40\x02\x00\x09"


MESSAGES = st.lists(
    st.tuples(
        st.integers(1, 65_535), st.binary(min_size=1, max_size=20), st.binary(max_size=300) | st.just(b"x" * 20_000), st.booleans()
    ),
    max_size=8,
)


@given(MESSAGES, st.data())
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(
    messages: list[tuple[int, bytes, bytes, bool]], data: st.DataObject
) -> None:
    stream = b"".join(encode_publish(mid, topic, payload, dup=flag, retain=flag) for mid, topic, payload, flag in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    client = new_client()
    got: list[Publish] = []
    client.on_publishes = got.extend
    with connected(client) as theirs:
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            theirs.sendall(stream[begin:end])
            client.loop_read()
    assert [(p.mid, p.mqtt_topic, p.payload, p.dup and p.retain) for p in got] == messages


@given(st.integers(1, 65_535), st.text(min_size=1, max_size=40), st.binary(max_size=400), st.booleans(), st.booleans())
def test_publish_packets_are_byte_for_byte_those_of_paho(mid: int, topic: str, payload: bytes, dup: bool, retain: bool) -> None:
    paho = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    paho._sock = socket.socket()
    packets: list[bytes] = []
    paho._packet_queue = lambda command, packet, *rest: packets.append(bytes(packet))  # type: ignore[method-assign,assignment]  # looks at what paho would send
    mqtt_topic = topic.encode(errors="replace")
    paho._send_publish(mid, mqtt_topic, payload, 1, retain, dup)
    paho._sock_close()
    assert encode_publish(mid, mqtt_topic, payload, dup=dup, retain=retain) == packets[0]


def test_qos_0_messages_properties_and_refusals_are_understood() -> None:
    client = new_client()
    got: list[Publish] = []
    answers: list[Puback] = []
    client.on_publishes, client.on_pubacks = got.extend, answers.extend
    with connected(client) as broker:
        broker.sendall(b"\x30\x06\x00\x01t\x00hi")  # QoS 0
        broker.sendall(b"\x32\x0a\x00\x01t\x00\x05\x02\x01\x01hi")  # QoS 1 with a payload format indicator
        broker.sendall(b"\x40\x02\x00\x01\x40\x03\x00\x02\x87\x40\x04\x00\x03\x10\x00")
        client.loop_read()
    assert got == [Publish(0x30, 0, b"t", b"hi"), Publish(0x32, 5, b"t", b"hi")]
    assert answers == [Puback(1, 0), Puback(2, 0x87), Puback(3, 0x10)]


@pytest.mark.lengthy
@given(st.binary(min_size=1, max_size=60))
@settings(max_examples=500)
def test_no_bytes_from_a_broker_raise(data: bytes) -> None:
    client = new_client()
    with connected(client) as broker:
        broker.sendall(data)
        client.loop_read()


@pytest.mark.parametrize(
    "packet",
    [
        b"\x34\x07\x00\x01t\x00\x05\x00h",  # QoS 2
        b"\x32\x03\x00\x09t" + b"x" * 20,  # a topic longer than its packet
        b"\x32\xff\xff\xff\x7f",  # 256 MB to come
        b"\x32\xff\xff\xff\xff\x01",  # a length of five bytes
    ],
)
def test_a_stream_that_is_no_mqtt_closes_the_connection(packet: bytes) -> None:
    client = new_client()
    got: list[Publish] = []
    client.on_publishes = got.extend
    with connected(client) as broker:
        broker.sendall(packet)
        client.loop_read()
    assert client.socket() is None
    assert got == []


def test_properties_hold_only_what_is_stated() -> None:
    assert stated(connect_properties(60, 100)) == {
        "SessionExpiryInterval": 60,
        "ReceiveMaximum": 100,
        "MaximumPacketSize": MAX_PACKET_BYTES,
    }


def test_a_lost_connection_ends_in_an_answer_not_in_an_exception() -> None:
    client = new_client()
    with connected(client) as broker:
        broker.close()
        client.loop_read()
    assert client.socket() is None
    client.acknowledge([1])
    client.write(b"x")

"""The MQTT clients of the project: one factory that states every option that decides over data, and a paho client made fast.

paho reads each packet with three or more small `recv` calls, builds a message object with properties and takes five locks for
it, and writes every acknowledgement with a system call of its own: about 50 µs of CPU per message. `BatchingClient` keeps
paho's connection handling, handshake, subscriptions and keep-alive, and replaces only what is done once per message: it
reads large chunks, takes PUBLISH and PUBACK packets apart in one pass and hands them over as lists, and writes many
packets at once. `runtime.mqtt_connection` drives it from asyncio; there is no thread that could die unseen.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from runtime.settings import MqttSettings

KEEPALIVE_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 10.0
MAX_PACKET_BYTES = 1_048_576
"""Largest packet that we accept: above what our broker lets through, so that nothing is dropped for its size unseen."""
MAX_RECEIVE_MAXIMUM = 65_535
CHUNK_BYTES = 262_144

PUBLISH, PUBACK = 0x30, 0x40
DUP, RETAIN = 0x08, 0x01
FIRST_REFUSAL = 0x80
"""Reason codes from here on say that a message was not accepted."""


class Publish(NamedTuple):
    """One PUBLISH packet as it came; `mid` is 0 for QoS 0, which is not acknowledged."""

    flags: int
    mid: int
    mqtt_topic: bytes
    payload: bytes

    @property
    def dup(self) -> bool:
        """Whether the broker says that it sent this before."""
        return self.flags & DUP != 0

    @property
    def retain(self) -> bool:
        """Whether the publisher asked the broker to retain this."""
        return self.flags & RETAIN != 0


class Puback(NamedTuple):
    """The broker's answer to one of our messages; `reason` from 0x80 on is a refusal."""

    mid: int
    reason: int


class MalformedStream(Exception):
    """The bytes from the broker are no MQTT packets: the connection is closed and made anew."""


def ignore_publishes(_publishes: list[Publish]) -> None:
    """For a client that only sends."""


def ignore_pubacks(_pubacks: list[Puback]) -> None:
    """For a client that only receives."""


class BatchingClient(Client):
    """paho's client with whole lists of messages going in and out. Not thread-safe; for an external event loop.

    `on_publishes` and `on_pubacks` are called once per chunk that was read, in order of arrival, and must only hand over.
    Received messages are never acknowledged by the client itself: `acknowledge` does it, when the caller says so.
    QoS 2 is not supported (paho would answer it before the message is safe): subscriptions ask for QoS 1 at most.
    """

    def __init__(self, client_id: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,  # whoever drives this client connects again, and knows when it may
            manual_ack=True,
        )
        self.on_publishes: Callable[[list[Publish]], None] = ignore_publishes
        self.on_pubacks: Callable[[list[Puback]], None] = ignore_pubacks
        self._rest = b""
        self._opened: socket.socket | None = None

    def open_socket(self) -> socket.socket:
        """Connects TCP (and TLS): the only part of connecting that blocks, to be run in a thread. Raises `OSError`."""
        opened = super()._create_socket()
        assert isinstance(opened, socket.socket)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def begin(self, opened: socket.socket) -> None:
        """Sends CONNECT over a socket that `open_socket` made. Does not block."""
        self._opened = opened
        self.reconnect()

    def _create_socket(self) -> socket.socket:
        """Called by `reconnect`."""
        opened, self._opened = self._opened, None
        self._rest = b""
        return opened if opened is not None else self.open_socket()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Reads what has arrived, up to a chunk, and hands over every whole packet of it."""
        while self._sock is not None:
            try:
                chunk = self._sock_recv(CHUNK_BYTES)
            except BlockingIOError:
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            except OSError:
                return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            if not chunk:
                return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            self._last_bytes_received = time.monotonic()
            try:
                code = self._take_apart(self._rest + chunk if self._rest else chunk)
            except MalformedStream:
                code = MQTTErrorCode.MQTT_ERR_PROTOCOL
            if code:
                return self._loop_rc_handle(code)
            # TLS may hold decrypted bytes that no selector sees; plain sockets are announced again.
            pending = getattr(self._sock, "pending", None)
            if pending is None or not pending():
                break
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _take_apart(self, data: bytes) -> MQTTErrorCode:
        """Splits `data` into packets and keeps the incomplete rest. What is no PUBLISH or PUBACK is paho's to handle."""
        publishes: list[Publish] = []
        pubacks: list[Puback] = []
        add = publishes.append
        new = Publish._make
        at, size = 0, len(data)
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        try:
            while size - at >= 2:
                first = data[at]
                begin, end = at + 2, data[at + 1]
                if end & 0x80:
                    header = _remaining_length(data, at + 1)
                    if header is None:
                        break
                    begin, end = header
                end += begin
                if end > size:
                    break
                kind = first & 0xF0
                if kind == PUBLISH:
                    body = begin + 2 + (data[begin] << 8) + data[begin + 1]
                    mqtt_topic = data[begin + 2 : body]
                    mid = 0
                    if first & 0x06:
                        if first & 0x04:
                            raise MalformedStream("a QoS 2 message on a subscription of at most QoS 1")
                        mid = (data[body] << 8) + data[body + 1]
                        body += 2
                    body = body + 1 if data[body] == 0 else _after_properties(data, body)
                    if body > end:
                        raise MalformedStream("a PUBLISH packet shorter than its own fields")
                    add(new((first, mid, mqtt_topic, data[body:end])))
                elif kind == PUBACK:
                    pubacks.append(Puback((data[begin] << 8) + data[begin + 1], data[begin + 2] if end - begin > 2 else 0))
                else:
                    code = self._handle_other(first, data[begin:end])
                    if code or self._sock is None:
                        break
                at = end
        except IndexError as error:
            raise MalformedStream("a packet shorter than its own fields") from error
        self._rest = data[at:]
        if len(self._rest) > MAX_PACKET_BYTES:
            raise MalformedStream("a packet over the size that we accept")
        if pubacks:
            self.on_pubacks(pubacks)
        if publishes:
            self.on_publishes(publishes)
        return code

    def _handle_other(self, command: int, body: bytes) -> MQTTErrorCode:
        """CONNACK, SUBACK, PINGRESP, DISCONNECT and whatever else: as paho itself does it (and with the same answer to nonsense)."""
        packet = self._in_packet
        packet["command"], packet["packet"], packet["remaining_length"], packet["pos"] = command, bytearray(body), len(body), 0
        try:
            return self._packet_handle()
        except MalformedPacket:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Sends PUBACK for each of `mids`, in their order, in one write."""
        pack = struct.Struct(">BBH").pack
        self.write(b"".join([pack(PUBACK, 2, mid) for mid in mids]))

    def write(self, packets: bytes) -> None:
        """Sends whole packets that the caller has made, together. Dropped when there is no connection."""
        if packets and self._sock is not None:
            self._packet_queue(PUBACK, packets, 0, 1)


def _remaining_length(data: bytes, at: int) -> tuple[int, int] | None:
    """(where the packet's body begins, its length) from the length field at `at`; None when the field is not complete."""
    length, shift = 0, 0
    for position in range(at, min(at + 4, len(data))):
        length |= (data[position] & 0x7F) << shift
        if not data[position] & 0x80:
            if length > MAX_PACKET_BYTES:
                raise MalformedStream("a packet over the size that we accept")
            return position + 1, length
        shift += 7
    if len(data) >= at + 4:
        raise MalformedStream("a length field of more than four bytes")
    return None


def _after_properties(data: bytes, at: int) -> int:
    """Where the bytes after a property block begin. No property changes what is forwarded."""
    header = _remaining_length(data, at)
    if header is None:
        raise MalformedStream("a PUBLISH packet shorter than its own fields")
    return header[0] + header[1]


def encode_publish(mid: int, mqtt_topic: bytes, payload: bytes, *, dup: bool = False, retain: bool = False) -> bytes:
    """A QoS 1 PUBLISH packet of MQTT 5 without properties."""
    length = 5 + len(mqtt_topic) + len(payload)
    first = PUBLISH | 0x02 | (DUP if dup else 0) | (RETAIN if retain else 0)
    head = bytes((first, length)) if length < 128 else bytes((first, *_variable_length(length)))
    return b"%b%b%b%b\x00%b" % (head, len(mqtt_topic).to_bytes(2, "big"), mqtt_topic, mid.to_bytes(2, "big"), payload)


def _variable_length(length: int) -> list[int]:
    encoded: list[int] = []
    while length > 127:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    return [*encoded, length]


def make_client(
    settings: MqttSettings,
    *,
    client_id: str,
    session_expiry_seconds: int,
    receive_maximum: int,
    clean_start: bool,
) -> BatchingClient:
    """A client that is ready to connect, with every option that decides over data stated.

    `client_id` is fixed by the caller: with `clean_start=False` the broker keeps the session (subscriptions and what was not
    acknowledged) for `session_expiry_seconds` after the connection is gone. `receive_maximum` bounds what the broker sends
    without acknowledgement: it is the back-pressure.
    """
    if not 1 <= receive_maximum <= MAX_RECEIVE_MAXIMUM:
        raise ValueError(f"receive_maximum is {receive_maximum}, not between 1 and {MAX_RECEIVE_MAXIMUM}")
    client = BatchingClient(client_id)
    if settings.mqtt_username:
        client.username_pw_set(settings.mqtt_username, settings.mqtt_password.get_secret_value())
    if settings.mqtt_tls_ca_file is not None:
        client.tls_set(ca_certs=str(settings.mqtt_tls_ca_file))
    client.connect_timeout = CONNECT_TIMEOUT_SECONDS
    client.connect_async(
        settings.mqtt_host,
        settings.mqtt_port,
        keepalive=KEEPALIVE_SECONDS,
        clean_start=clean_start,
        properties=connect_properties(session_expiry_seconds, receive_maximum),
    )
    return client


def connect_properties(session_expiry_seconds: int, receive_maximum: int) -> Properties:
    """The CONNECT properties: how long the session lives without us, and the bounds of what may be sent to us."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves its annotations out
    properties.SessionExpiryInterval = session_expiry_seconds
    properties.ReceiveMaximum = receive_maximum
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties


RETAINED_NOT_AGAIN = 2


def subscribe_options() -> SubscribeOptions:
    """QoS 1; retained messages are not sent for the subscription itself; a live message keeps its retain flag."""
    return SubscribeOptions(qos=1, noLocal=False, retainAsPublished=True, retainHandling=RETAINED_NOT_AGAIN)

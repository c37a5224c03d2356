"""Publishes many QoS 1 messages as fast as one connection goes, and returns only when the broker has them all.

Used by simulators, replays, tests and benchmarks. What was not acknowledged is sent again after a reconnect, marked as a
duplicate and counted: at least once, never less.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from paho.mqtt.properties import Properties

from models.domain.failures import TransientError, UserError
from runtime.mqtt import FIRST_REFUSAL, MAX_RECEIVE_MAXIMUM, Puback, encode_publish, make_client
from runtime.mqtt_connection import MqttConnection
from runtime.settings import MqttSettings

LAST_MID = 65_535
WRITE_MESSAGES = 64
"""Messages that are collected before they are written, when nobody waits for them."""


class _Sent(NamedTuple):
    """A message that the broker has not acknowledged."""

    mqtt_topic: bytes
    payload: bytes
    retain: bool


class MqttPublisher:
    """A bounded window of QoS 1 messages over one connection that is made again whenever it is lost.

    `sent` counts messages given to us, `acknowledged` those that the broker has, `resent` repeated sends. After `drain()`
    `acknowledged == sent`.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        max_in_flight: int = 4000,
        connect_timeout_seconds: float = 15.0,
        progress_timeout_seconds: float = 60.0,
    ) -> None:
        if not 1 <= max_in_flight < LAST_MID:
            raise ValueError(f"max_in_flight is {max_in_flight}, not between 1 and {LAST_MID - 1}")
        self.sent = 0
        self.acknowledged = 0
        self.resent = 0
        self._settings = settings
        self._client_id = client_id
        self._max_in_flight = max_in_flight
        self._limit = max_in_flight
        self._connect_timeout_seconds = connect_timeout_seconds
        self._progress_timeout_seconds = progress_timeout_seconds
        self._max_packet_bytes: int | None = None
        self._window: dict[int, _Sent] = {}
        self._again: deque[int] = deque()
        """Of the window, what has to be sent again on this connection, oldest first."""
        self._batch: list[bytes] = []
        self._next_mid = 1
        self._progress = asyncio.Event()
        self._refusal: str | None = None
        self._connection: MqttConnection | None = None

    async def start(self) -> None:
        """Connects; raises `TransientError` when the broker cannot be reached or refuses us."""
        client = make_client(
            self._settings, client_id=self._client_id, session_expiry_seconds=0, receive_maximum=MAX_RECEIVE_MAXIMUM, clean_start=True
        )  # fmt: skip
        client.on_pubacks = self._on_pubacks
        self._connection = connection = MqttConnection(client)
        connection.on_connected = self._on_connected
        connection.start()
        try:
            await connection.wait_connected(self._connect_timeout_seconds)
        except BaseException:
            await connection.stop()
            raise

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Takes over a message; waits while the window is full or the connection is away.

        Raises `TransientError` when the broker acknowledges nothing for `progress_timeout_seconds`, and `UserError` when it
        has refused a message.
        """
        while len(self._window) >= self._limit or self._again or not self._connected:
            await self._wait_for_progress()
        if self._refusal is not None:
            raise UserError(self._refusal)
        mqtt_topic = topic.encode()
        mid = self._free_mid()
        packet = encode_publish(mid, mqtt_topic, payload, retain=retain)
        if self._max_packet_bytes is not None and len(packet) > self._max_packet_bytes:
            raise UserError(
                f"a message of {len(packet)} bytes on {topic} is over the {self._max_packet_bytes} bytes that the MQTT broker takes"
            )
        self._window[mid] = _Sent(mqtt_topic, payload, retain)
        self.sent += 1
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._write)
        self._batch.append(packet)
        if len(self._batch) >= WRITE_MESSAGES:
            self._write()

    async def drain(self) -> None:
        """Returns when the broker has acknowledged every message; raises like `publish`."""
        while self._window:
            await self._wait_for_progress()
        if self._refusal is not None:
            raise UserError(self._refusal)

    async def stop(self) -> None:
        """Disconnects without waiting; `drain` comes before it."""
        if self._connection is not None:
            self._write()
            await self._connection.stop()
            self._connection = None

    @property
    def _connected(self) -> bool:
        return self._connection is not None and self._connection.connected

    def _free_mid(self) -> int:
        mid = self._next_mid
        while mid in self._window:
            mid = mid % LAST_MID + 1
        self._next_mid = mid % LAST_MID + 1
        return mid

    def _write(self) -> None:
        """Writes what is collected. Without a connection it stays in the window and is sent after the next connect."""
        batch, self._batch = self._batch, []
        if batch and self._connection is not None:
            self._connection.client.write(b"".join(batch))

    async def _wait_for_progress(self) -> None:
        if self._connection is None:
            raise TransientError("the MQTT publisher is not started")
        self._write()
        self._progress.clear()
        waiter = asyncio.ensure_future(self._progress.wait())
        try:
            await asyncio.wait(
                {waiter, self._connection.failed}, timeout=self._progress_timeout_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiter.cancel()
        if self._connection.failed.done():
            await self._connection.failed
        if not self._progress.is_set():
            raise TransientError(
                f"the MQTT broker acknowledged none of {len(self._window)} messages in {self._progress_timeout_seconds:g} s"
            )

    def _on_connected(self, _session_present: bool, properties: Properties | None) -> None:
        self._limit = min(self._max_in_flight, getattr(properties, "ReceiveMaximum", MAX_RECEIVE_MAXIMUM))
        self._max_packet_bytes = getattr(properties, "MaximumPacketSize", None)
        self._batch.clear()  # what was collected is in the window, too
        self._again = deque(self._window)
        self._send_again(self._limit)
        self._progress.set()

    def _send_again(self, messages: int) -> None:
        assert self._connection is not None
        packets: list[bytes] = []
        while self._again and len(packets) < messages:
            mid = self._again.popleft()
            mqtt_topic, payload, retain = self._window[mid]
            packets.append(encode_publish(mid, mqtt_topic, payload, dup=True, retain=retain))
        self.resent += len(packets)
        self._connection.client.write(b"".join(packets))

    def _on_pubacks(self, pubacks: list[Puback]) -> None:
        answered = 0
        for mid, reason in pubacks:
            message = self._window.pop(mid, None)
            if message is None:
                continue
            answered += 1
            if reason >= FIRST_REFUSAL:
                self._refusal = (
                    f"the MQTT broker refused a message on {message.mqtt_topic.decode()} with reason code 0x{reason:02x}: "
                    "check the user's rights and the size limit"
                )
            else:
                self.acknowledged += 1
        if self._again:
            self._send_again(answered)
        if answered:
            self._progress.set()

"""Drives one MQTT client from asyncio: connects, reads, writes, pings, and connects again with a back-off.

Used by `ingest.mqtt_to_kafka` and by `runtime.mqtt_publisher`. All callbacks run in the event loop, so that there is no thread
to die unseen and no lock. What a callback raises ends the driving task, and `failed` hands it to whoever owns the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from models.domain.failures import TransientError
from runtime import logs
from runtime.mqtt import CONNECT_TIMEOUT_SECONDS, BatchingClient

PING_INTERVAL_SECONDS = 1.0
"""How often the client looks whether a ping is due or an answer to one is missing."""
CONNACK_TIMEOUT_SECONDS = 10.0
DISCONNECT_TIMEOUT_SECONDS = 2.0


def nothing_on_connected(_session_present: bool, _properties: Properties | None) -> None:
    """For an owner that need not know."""


def _close_abandoned(opening: asyncio.Future[socket.socket]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def nothing_on_lost(_reason: str) -> None:
    """For an owner that need not know."""


class MqttConnection:
    """One client's connection. `on_connected(session_present, CONNACK's properties)` and `on_lost(reason)` come in turns."""

    def __init__(self, client: BatchingClient, *, retry_first_seconds: float = 0.1, retry_most_seconds: float = 5.0) -> None:
        self.client = client
        self.on_connected: Callable[[bool, Properties | None], None] = nothing_on_connected
        self.on_lost: Callable[[str], None] = nothing_on_lost
        self._retry_first_seconds = retry_first_seconds
        self._retry_most_seconds = retry_most_seconds
        self._loop = asyncio.get_running_loop()
        self._reader: int | None = None
        self._writer: int | None = None
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._last_reason = "not connected yet"
        """Why the last attempt that has ended failed; one that goes on has its own reason, so that a look between two sees a whole one."""
        self._attempt_reason = ""
        self._error: Exception | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._log = logs.get_logger()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection has not been lost since."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begins to connect, and to connect again whenever the connection is lost."""
        self._task = asyncio.create_task(self._drive(), name="mqtt-connection")

    @property
    def failed(self) -> asyncio.Task[None]:
        """The driving task: it ends only by `stop`, or with an error that is not the network's."""
        assert self._task is not None, "start() comes first"
        return self._task

    async def wait_connected(self, timeout_seconds: float) -> None:
        """Returns when connected; raises `TransientError` with the broker's last answer when that takes too long."""
        waiter = asyncio.ensure_future(self._connected.wait())
        try:
            await asyncio.wait({waiter, self.failed}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            if self.failed.done():
                await self.failed
            if not self.connected:
                address = f"{self.client.host}:{self.client.port}"
                raise TransientError(f"no MQTT connection to {address} after {timeout_seconds:g} s: {self._last_reason}")
        finally:
            waiter.cancel()

    async def stop(self) -> None:
        """Says DISCONNECT, which keeps the session for as long as CONNECT asked, and ends."""
        if self._task is None:
            return
        self._stopping = True
        self._task.cancel()
        await asyncio.wait({self._task})
        if self.client.socket() is not None:
            self._lost.clear()
            self.client.disconnect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISCONNECT_TIMEOUT_SECONDS):
                    await self._lost.wait()
        self._close("stopped")

    def pause_reading(self) -> None:
        """Takes nothing from the socket until `resume_reading`.

        When that lasts longer than the keep-alive the connection is given up, and made again only after `resume_reading`: then
        the broker keeps what it has for us, instead of a socket that nobody reads.
        """
        self._may_read.clear()
        self._stop_reader()

    def resume_reading(self) -> None:
        """Goes on reading after `pause_reading`."""
        if self._may_read.is_set():
            return
        self._may_read.set()
        sock = self.client.socket()
        if sock is not None:
            self._start_reader(sock.fileno())

    async def _drive(self) -> None:
        pause = self._retry_first_seconds
        while True:
            await self._may_read.wait()
            if await self._connect():
                pause = self._retry_first_seconds
                await self._until_lost()
            if self._error is not None:
                raise self._error
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._retry_most_seconds)

    async def _connect(self) -> bool:
        """One attempt, until the broker has answered or the time is over."""
        self._lost.clear()
        self._attempt_reason = "the broker closed the connection"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS + CONNACK_TIMEOUT_SECONDS):
                self.client.begin(await self._open_socket())
                sock = self.client.socket()
                if sock is not None:
                    self._start_reader(sock.fileno())
                await self._first(self._connected, self._lost)
        except TimeoutError:
            self._attempt_reason = "the broker did not answer in time"
        except OSError as error:
            self._attempt_reason = str(error) or repr(error)
        if not self.connected:
            self._last_reason = self._attempt_reason
            self._close(self._last_reason)
            self._log.warning("mqtt_connect_failed", reason=self._last_reason)
        return self.connected

    async def _open_socket(self) -> socket.socket:
        """The blocking part, in a thread. A socket that comes after we have given up is closed."""
        opening = asyncio.ensure_future(asyncio.to_thread(self.client.open_socket))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_abandoned)
            raise

    async def _until_lost(self) -> None:
        """Keeps the connection alive; returns when it is lost."""
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(PING_INTERVAL_SECONDS):
                    await self._lost.wait()
            except TimeoutError:
                self.client.loop_misc()

    @staticmethod
    async def _first(*events: asyncio.Event) -> None:
        waiters = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    def _close(self, reason: str) -> None:
        """Drops the socket, if there is one, and tells the owner if it thinks that we are connected."""
        if self.client.socket() is not None:
            self.client._sock_close()  # paho closes by itself only what it saw failing
        self._note_lost(reason)

    def _note_lost(self, reason: str) -> None:
        self._lost.set()
        if self._connected.is_set():
            self._connected.clear()
            self._last_reason = reason
            if not self._stopping:
                self._log.warning("mqtt_connection_lost", reason=reason)
            self._guarded(self.on_lost, reason)

    def _guarded(self, callback: Callable[..., Any], *arguments: Any) -> None:
        """Runs what may raise from within the event loop's own callbacks: an error ends the driving task instead of vanishing."""
        try:
            callback(*arguments)
        except Exception as error:
            self._error = self._error or error
            self._lost.set()

    # Called by paho

    def _on_connect(
        self, _client: Client, _data: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._attempt_reason = f"the broker refuses us: {reason}"
            self._lost.set()
            return
        self._connected.set()
        self.on_connected(flags.session_present, properties)

    def _on_disconnect(self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: Any, _properties: Any) -> None:
        self._note_lost(str(reason))

    def _on_socket_close(self, _client: Client, _data: Any, _sock: Any) -> None:
        self._stop_reader()
        self._lost.set()

    def _on_register_write(self, _client: Client, _data: Any, sock: Any) -> None:
        self._writer = sock.fileno()
        self._loop.add_writer(self._writer, self._guarded, self.client.loop_write)

    def _on_unregister_write(self, _client: Client, _data: Any, _sock: Any) -> None:
        if self._writer is not None:
            self._loop.remove_writer(self._writer)
            self._writer = None

    def _start_reader(self, file_number: int) -> None:
        self._reader = file_number
        self._loop.add_reader(file_number, self._guarded, self.client.loop_read)

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._loop.remove_reader(self._reader)
            self._reader = None

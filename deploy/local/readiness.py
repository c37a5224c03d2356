"""Whether a process answers as it should, not merely lives: each server is asked in its own protocol, with a real login."""

from __future__ import annotations

import http.client
import socket
import struct
import time
from collections.abc import Callable, Mapping

import asyncpg
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from deploy.local import postgres_server
from deploy.local.ports import LOOPBACK, is_listening


def mqtt_accepts(port: int, user: str, password: str, *, timeout_seconds: float = 2.0) -> bool:
    """Whether the MQTT broker accepts this login (an MQTT 3.1.1 CONNECT, answered by CONNACK 0)."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds) as connection:
            connection.sendall(_connect_packet("stadspuls-ready", user, password))
            answer = connection.recv(4)
            connection.sendall(b"\xe0\x00")
    except OSError:
        return False
    return len(answer) == 4 and answer[0] == 0x20 and answer[3] == 0


def _connect_packet(client_id: str, user: str, password: str) -> bytes:
    def text(value: str) -> bytes:
        encoded = value.encode()
        return struct.pack(">H", len(encoded)) + encoded

    body = text("MQTT") + bytes([4, 0b1100_0010]) + struct.pack(">H", 10) + text(client_id) + text(user) + text(password)
    assert len(body) < 128, "one length byte is enough for our names"
    return bytes([0x10, len(body)]) + body


async def kafka_answers(port: int, user: str, password: str) -> bool:
    """Whether Kafka takes this SCRAM login and knows its brokers."""
    if not is_listening(port):
        return False
    client = AIOKafkaClient(
        bootstrap_servers=f"{LOOPBACK}:{port}", client_id="stadspuls-ready", request_timeout_ms=5000,
        security_protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512", sasl_plain_username=user, sasl_plain_password=password,
    )  # fmt: skip
    try:
        await client.bootstrap()
        return len(client.cluster.brokers()) == 1
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()


async def postgres_answers(port: int, passwords: Mapping[str, str]) -> bool:
    """Whether PostgreSQL takes the superuser's login and can write."""
    try:
        connection = await postgres_server.connect(port, passwords)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    try:
        return not await connection.fetchval("SELECT pg_is_in_recovery()")
    finally:
        await connection.close()


def http_answers(port: int, path: str, *, timeout_seconds: float = 2.0) -> bool:
    """Whether GET on a loopback port gives 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(ready: Callable[[], bool], *, timeout_seconds: float, give_up: Callable[[], bool] = lambda: False) -> bool:
    """Asks again and again until `ready`, the time is over, or `give_up` says that waiting is vain. Returns the last answer."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if time.monotonic() > deadline or give_up():
            return False
        time.sleep(0.1)
    return True

"""The local stack with its real servers: who may log in, what they may do, and that whatever dies starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from deploy.compose import secrets as compose_secrets
from deploy.local import readiness, stack
from deploy.local.kafka_jars import kafka_jars
from deploy.local.ports import is_listening
from deploy.local.processes import Engine, StackState
from models.domain.failures import UserError
from runtime.settings import DatabaseSettings, KafkaSettings, MqttSettings, load

pytestmark = pytest.mark.servers


# Who may log in


def test_every_server_answers(servers: StackState) -> None:
    assert [process.name for process in servers.processes] == ["mosquitto", "kafka", "postgres"]
    assert all(stack.is_ready(servers.run_dir, process) for process in servers.processes)


def test_every_server_listens_on_loopback_only(servers: StackState) -> None:
    for process in servers.processes:
        listening = [item for item in psutil.Process(process.pid).net_connections("inet") if item.status == psutil.CONN_LISTEN]
        assert listening
        assert {item.laddr.ip.removeprefix("::ffff:") for item in listening} == {"127.0.0.1"}, process.name


def test_no_server_runs_as_root(servers: StackState) -> None:
    assert [process.name for process in servers.processes if psutil.Process(process.pid).uids().real == 0] == []


def test_mqtt_refuses_a_wrong_password_and_a_client_without_a_name(servers: StackState) -> None:
    port = servers.process("mosquitto").port
    password = load(MqttSettings, "simulator", servers.run_dir).mqtt_password.get_secret_value()
    assert readiness.mqtt_accepts(port, "simulator", password)
    assert not readiness.mqtt_accepts(port, "simulator", "wrong")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as anonymous:
        anonymous.sendall(bytes([0x10, 13]) + b"\x00\x04MQTT\x04\x02\x00\x0a\x00\x01a")
        answer = anonymous.recv(4)
    assert answer[:2] == b"\x20\x02"
    assert answer[3] == 5  # not authorised


async def test_kafka_and_postgres_refuse_a_wrong_password(servers: StackState) -> None:
    assert not await readiness.kafka_answers(servers.process("kafka").port, "store", "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host="127.0.0.1", port=servers.process("postgres").port, user="store", password="wrong", database="stadspuls"
        )


# What they may do


def mqtt_client(settings: MqttSettings) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{uuid4().hex[:8]}", protocol=paho.MQTTv5)
    client.username_pw_set(settings.mqtt_username, settings.mqtt_password.get_secret_value())
    client.connect(settings.mqtt_host, settings.mqtt_port)
    client.loop_start()
    assert readiness.wait_until(client.is_connected, timeout_seconds=30)
    return client


def test_a_device_account_publishes_and_cannot_listen(servers: StackState) -> None:
    heard: dict[str, list[bytes]] = {"operator": [], "simulator": []}
    clients = {name: mqtt_client(load(MqttSettings, name, servers.run_dir)) for name in heard}
    forbidden = mqtt_client(load(MqttSettings, "simulator", servers.run_dir))
    try:
        for name, client in clients.items():
            client.on_message = lambda _client, _data, message, name=name: heard[name].append(message.payload)
            subscribed = threading.Event()
            client.on_subscribe = lambda *_arguments, subscribed=subscribed: subscribed.set()
            client.subscribe("#", qos=1)
            assert subscribed.wait(30)
        clients["simulator"].publish("stadspuls/v1/test/readings", b"first", qos=1).wait_for_publish(30)
        answered = threading.Event()  # some versions answer "not authorised", some close the connection
        forbidden.on_disconnect = forbidden.on_publish = lambda *_arguments: answered.set()
        forbidden.publish("elsewhere", b"refused", qos=1)
        assert answered.wait(30)
        clients["simulator"].publish("stadspuls/v1/test/readings", b"last", qos=1).wait_for_publish(30)
        assert readiness.wait_until(lambda: b"last" in heard["operator"], timeout_seconds=30)
    finally:
        for client in (*clients.values(), forbidden):
            client.disconnect()
            client.loop_stop()
    assert heard == {"operator": [b"first", b"last"], "simulator": []}


def kafka_login(settings: KafkaSettings) -> dict[str, str]:
    return {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": settings.kafka_password.get_secret_value(),
    }


@pytest.fixture
async def raw_topic(servers: StackState) -> AsyncIterator[str]:
    """A topic whose name begins like the raw messages', so that the services' rights hold for it."""
    name = f"telemetry.raw.test-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(**kafka_login(load(KafkaSettings, "operator", servers.run_dir)))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1)])
        yield name
        await admin.delete_topics([name])
    finally:
        await admin.close()


async def test_kafka_lets_each_service_do_its_own_part_only(servers: StackState, raw_topic: str) -> None:
    writer = AIOKafkaProducer(
        **kafka_login(load(KafkaSettings, "mqtt-to-kafka", servers.run_dir)), acks="all", enable_idempotence=True
    )
    await writer.start()
    await writer.send_and_wait(raw_topic, b"payload", key=b"key")
    await writer.stop()

    store = kafka_login(load(KafkaSettings, "store", servers.run_dir))
    reader = AIOKafkaConsumer(raw_topic, **store, group_id="store", auto_offset_reset="earliest", enable_auto_commit=False)
    await reader.start()
    assert (await asyncio.wait_for(reader.getone(), 20)).value == b"payload"
    await reader.stop()

    store_writes = AIOKafkaProducer(**store, acks="all")
    await store_writes.start()
    with pytest.raises(TopicAuthorizationFailedError):
        await store_writes.send_and_wait(raw_topic, b"forged")
    await store_writes.stop()

    with pytest.raises(GroupAuthorizationFailedError):
        await read_one(AIOKafkaConsumer(**store, group_id="plan", enable_auto_commit=False), raw_topic)


async def read_one(consumer: AIOKafkaConsumer, topic: str) -> None:
    consumer.subscribe([topic])
    try:
        await consumer.start()
        await consumer.getone()
    finally:
        await consumer.stop()


async def test_kafka_makes_no_topic_by_itself(servers: StackState) -> None:
    admin = AIOKafkaAdminClient(**kafka_login(load(KafkaSettings, "operator", servers.run_dir)))
    await admin.start()
    try:
        described = await admin.describe_topics(["telemetry.raw.never-made"])
        assert described[0]["error_code"] == 3  # unknown topic
        assert "telemetry.raw.never-made" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_a_database_is_empty_and_on_the_engine_that_was_asked_for(empty_database: DatabaseSettings, engine: Engine) -> None:
    connection = await asyncpg.connect(
        host=empty_database.database_host,
        port=empty_database.database_port,
        user=empty_database.database_user,
        password=empty_database.database_password.get_secret_value(),
        database=empty_database.database_name,
    )
    try:
        extensions = {row["extname"] for row in await connection.fetch("SELECT extname FROM pg_extension")}
        tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        await connection.execute("CREATE TABLE mine (id int)")
    finally:
        await connection.close()
    assert ("timescaledb" in extensions) == (engine == "timescale")
    assert tables == 0


def test_kafkas_own_tool_accepts_the_storage_that_compose_formats(tmp_path: Path) -> None:
    """Compose's configuration and users, given to the real storage tool (its server needs the network of Compose)."""
    compose_secrets.write(tmp_path / "secrets")
    folder = tmp_path / "secrets" / "kafka"
    properties = (folder / "server.properties").read_text().replace("/var/lib/kafka/data", str(tmp_path / "log"))
    (folder / "server.properties").write_text(properties)
    arguments = ["--config", str(folder / "server.properties"), "--cluster-id", (folder / "cluster-id").read_text()]
    (tmp_path / "arguments").write_text("\n".join(arguments) + "\n" + (folder / "scram-users").read_text())
    command = ["java", "-cp", f"{kafka_jars(print)}/*", "kafka.tools.StorageTool", "format", f"@{tmp_path / 'arguments'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    assert (tmp_path / "log" / "meta.properties").exists()


# What dies, starts again; what stops, is gone


@pytest.fixture
def own_run_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stadspuls-own-"))
    yield folder
    stack.remove(folder)


def test_a_stack_from_start_to_end(own_run_dir: Path) -> None:
    """One long story, since each start of the servers takes seconds: up, kill each server, up again, kill the supervisor, down."""
    said: list[str] = []
    state = stack.up(own_run_dir, engine="plain", owner_pid=os.getpid(), report=said.append)
    assert state.engine == "plain"
    assert any("kafka is ready on port" in sentence for sentence in said)

    with pytest.raises(stack.AlreadyRuns, match=f"runs already in {own_run_dir} since"):
        stack.up(own_run_dir)

    for process in state.processes:
        os.kill(process.pid, signal.SIGKILL)
    for process in state.processes:
        name = process.name

        def is_back(name: str = name, old_pid: int = process.pid) -> bool:
            current = stack.status(own_run_dir)
            assert current is not None
            return current.process(name).pid != old_pid and stack.is_ready(own_run_dir, current.process(name))

        assert readiness.wait_until(is_back, timeout_seconds=40), name
    again = stack.status(own_run_dir)
    assert again is not None
    assert [process.restarts for process in again.processes] >= [1, 1, 1]
    assert [process.port for process in again.processes] == [process.port for process in state.processes]

    os.kill(again.supervisor_pid, signal.SIGKILL)
    third = stack.up(own_run_dir, owner_pid=os.getpid())
    assert third.engine == "plain"  # a database keeps its engine, also where auto would take another
    assert {process.pid for process in third.processes}.isdisjoint({process.pid for process in again.processes})

    assert stack.down(own_run_dir)
    assert [process.name for process in third.processes if psutil.pid_exists(process.pid)] == []
    assert [process.name for process in third.processes if is_listening(process.port)] == []
    assert stack.status(own_run_dir) is None

    with pytest.raises(UserError, match="made on the plain engine"):
        stack.up(own_run_dir, engine="timescale")
    assert stack.status(own_run_dir) is None


def test_the_command_tells_what_runs_and_ends_with_a_status_that_scripts_can_use(servers: StackState) -> None:
    def command(run_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "STADSPULS_RUN_DIR": str(run_dir)}
        return subprocess.run(
            [sys.executable, "-m", "stadspuls", *words], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    shown = command(servers.run_dir, "status")
    assert shown.returncode == 0, shown.stderr
    for process in servers.processes:
        assert f"127.0.0.1:{process.port}" in shown.stdout
        assert str(process.log) in shown.stdout
    second = command(servers.run_dir, "up")
    assert second.returncode == 2
    assert "a stack runs already in" in second.stderr
    nothing = command(servers.run_dir / "nowhere", "status")
    assert nothing.returncode == 3
    assert "start it with `stadspuls up`" in nothing.stdout

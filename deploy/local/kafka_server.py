"""Apache Kafka of the local stack: one KRaft node that is broker and controller, SCRAM for clients, rights per service.

Kafka acknowledges from the page cache: a killed process loses nothing, a power cut on this single node can.
"""

from __future__ import annotations

import base64
import secrets
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from deploy.local.access import ACCESS
from deploy.local.credentials import kafka_scram_argument, kafka_users
from deploy.local.layout import RunDirectory
from deploy.local.ports import LOOPBACK
from deploy.local.processes import ProcessSpec, replace_file
from models.domain.failures import UserError

HEAP_MEGABYTES = 512

BROKER_SETTINGS: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    # A topic exists because our set-up made it with its partitions and its incarnation, never because somebody wrote to it.
    "auto.create.topics.enable": "false",
    # Four times the payload limit of 256 KiB and twice what Mosquitto lets through.
    "message.max.bytes": "1048576",
    "replica.fetch.max.bytes": "1048576",
    "log.message.timestamp.type": "CreateTime",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
    "sasl.mechanism.controller.protocol": "PLAIN",
    # One node.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "8",
    # Group offsets only say where a consumer begins to look; they live as long as the raw messages.
    "offsets.retention.minutes": "64800",
    "group.initial.rebalance.delay.ms": "0",
    # After a kill the node must wait until its earlier self counts as dead: 4 seconds instead of 9.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
    # Fits the small heap.
    "log.cleaner.dedupe.buffer.size": "16777216",
}


def super_users() -> str:
    """Principals that no rule binds: the node itself and whoever administers the cluster."""
    people = [service for service, access in ACCESS.items() if access.kafka and access.kafka.everything]
    return ";".join(f"User:{name}" for name in ["broker", "controller", *people])


def configuration(
    log_folder: Path, port: int, controller_port: int, passwords: Mapping[str, str], *, host: str = LOOPBACK, listen: str = LOOPBACK
) -> str:
    """`server.properties` of the one node, which clients know as `host` and which listens on the address `listen`."""
    scram, plain = (
        "org.apache.kafka.common.security.scram.ScramLoginModule",
        "org.apache.kafka.common.security.plain.PlainLoginModule",
    )
    controller = passwords["kafka/controller"]
    settings = {
        **BROKER_SETTINGS,
        "super.users": super_users(),
        "log.dirs": str(log_folder),
        "listeners": f"CLIENT://{listen}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"CLIENT://{host}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            f'{scram} required username="broker" password="{passwords["kafka/broker"]}";'
        ),
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{plain} required username="controller" password="{controller}" user_controller="{controller}";'
        ),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def prepare(
    run: RunDirectory,
    java: str,
    jars: Path,
    port: int,
    controller_port: int,
    passwords: Mapping[str, str],
    *,
    archive: Path | None = None,
) -> ProcessSpec:
    """Writes the node's files and formats its storage the first time; returns how to start it, with a class archive if given."""
    folder = run.server_folder("kafka")
    properties = folder / "server.properties"
    replace_file(properties, configuration(folder / "log", port, controller_port, passwords), owner=run.account)
    users = sorted(user for user, _ in kafka_users(passwords))
    _format_storage(run, java, jars, properties, passwords, users)
    uid, gid = run.account or (None, None)
    return ProcessSpec(
        name="kafka",
        role="server",
        argv=(*_java_command(java, jars, heap_megabytes=HEAP_MEGABYTES, archive=archive), "kafka.Kafka", str(properties)),
        log=str(run.log("kafka")),
        port=port,
        working_directory=str(folder),
        uid=uid,
        gid=gid,
        stop_seconds=40.0,
    )


def _java_command(java: str, jars: Path, *, heap_megabytes: int, archive: Path | None = None) -> list[str]:
    heap = [
        f"-Xms{min(heap_megabytes, 256)}m",
        f"-Xmx{heap_megabytes}m",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
    ]
    if archive is not None:
        heap.append(f"-XX:SharedArchiveFile={archive}")
    logger = "-Dorg.slf4j.simpleLogger"
    logging = [
        f"{logger}.defaultLogLevel=warn",
        f"{logger}.showDateTime=true",
        f"{logger}.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    ]
    return [java, *heap, "-Djava.awt.headless=true", *logging, "-cp", f"{jars}/*"]


def _format_storage(
    run: RunDirectory, java: str, jars: Path, properties: Path, passwords: Mapping[str, str], users: list[str]
) -> None:
    """Formats the log folder with its SCRAM users, once. The arguments go through a private file, not the process list."""
    folder = properties.parent
    formatted = folder / "formatted"
    if formatted.exists():
        if formatted.read_text().split() != users:
            raise UserError(
                f"{run.root} was set up by another version (Kafka's users differ): remove it or use another run directory"
            )
        return
    cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    arguments = ["--config", str(properties), "--cluster-id", cluster_id.replace("-", "A"), "--ignore-formatted"]
    for user, password in kafka_users(passwords):
        arguments += ["--add-scram", kafka_scram_argument(user, password)]
    argument_file = folder / "format.arguments"
    replace_file(argument_file, "\n".join(arguments) + "\n", owner=run.account)
    uid, gid = run.account or (None, None)
    try:
        done = subprocess.run(
            [*_java_command(java, jars, heap_megabytes=128), "kafka.tools.StorageTool", "format", f"@{argument_file}"],
            capture_output=True, text=True, check=False, cwd=folder, user=uid, group=gid, extra_groups=None if uid is None else [],
            env={"PATH": "/usr/bin:/bin"}, timeout=120,
        )  # fmt: skip
    finally:
        argument_file.unlink()
    if done.returncode != 0:
        raise UserError(f"Kafka's storage could not be formatted: {(done.stderr or done.stdout).strip()[-500:]}")
    replace_file(formatted, "\n".join(users) + "\n", owner=run.account)


@dataclass(frozen=True)
class Right:
    """One access rule of Kafka, in the protocol's numbers."""

    resource_type: int
    name: str
    pattern_type: int
    user: str
    operation: int


TOPIC, GROUP = 2, 3
PREFIXED = 4
READ, WRITE, DESCRIBE_CONFIGS = 3, 4, 10
ALLOW = 3


def rights() -> list[Right]:
    """All access rules: a service reads and writes its own topics, in groups that begin with its name."""
    found: list[Right] = []
    for service, access in ACCESS.items():
        if access.kafka is None or access.kafka.everything:
            continue
        for topic in access.kafka.reads:
            found.append(Right(TOPIC, topic, PREFIXED, service, READ))
        for topic in access.kafka.writes:
            found.append(Right(TOPIC, topic, PREFIXED, service, WRITE))
        found += [Right(TOPIC, topic, PREFIXED, service, DESCRIBE_CONFIGS) for topic in {*access.kafka.reads, *access.kafka.writes}]
        if access.kafka.reads:
            found.append(Right(GROUP, service, PREFIXED, service, READ))
    return found


async def grant(bootstrap: str, user: str, password: str, wanted: Iterable[Right] | None = None) -> None:
    """Makes the access rules, as a super user; making one again changes nothing. `UserError` when Kafka refuses one."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        client_id="stadspuls-set-up",
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user,
        sasl_plain_password=password,
    )
    await admin.start()
    try:
        for right in rights() if wanted is None else wanted:
            request = CreateAclsRequest(
                right.resource_type, right.name, right.pattern_type, f"User:{right.user}", "*", right.operation, ALLOW
            )
            response = await admin._send_to_controller(request)  # aiokafka has the request, but no public method that sends it
            code, message = response.creation_responses[0]
            if code != 0:
                raise UserError(f"Kafka refused the access rule {right}: {message or code}")
    finally:
        await admin.close()

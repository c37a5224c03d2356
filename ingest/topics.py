"""The Kafka topics: what each must be like, making them, and which life of a topic this is.

Called by `stadspuls topics create` (all of it) and by consumers at their start (`topic_incarnation`). Making them again changes
nothing; a topic that is not as it must be is never altered or used, but refused with a sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from models.domain.failures import TransientError, UserError
from runtime.kafka import make_admin
from runtime.kafka_topic_id import topic_id
from runtime.settings import KafkaSettings, TopicSettings
from storage.stream_offsets import record_incarnation

PARTITIONS = 24
MAX_PAYLOAD_BYTES = 262_144
"""The pipeline's payload limit; what is larger goes on as a stub."""
MAX_MESSAGE_BYTES = 4 * MAX_PAYLOAD_BYTES
"""Kafka's limit is on a whole batch: room for a payload, its topic twice, and headers."""
LEAST_MESSAGE_BYTES = 2 * MAX_PAYLOAD_BYTES
NO_LIMIT = str(2**63 - 1)
CLIENT_ID = "stadspuls-topics"
SETTLE_SECONDS = 15.0
"""How long a new topic may take until every broker knows it."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be. `least` are the settings that may be larger, not smaller (-1: no limit)."""

    kafka_topic: str
    partitions: int
    replication_factor: int
    configuration: Mapping[str, str]
    least: Mapping[str, int]
    exact: tuple[str, ...] = ("cleanup.policy", "message.timestamp.type")


@dataclass(frozen=True, slots=True)
class TopicOutcome:
    """What `ensure_topics` did about one topic."""

    kafka_topic: str
    partitions: int
    incarnation: UUID
    made: bool
    newly_recorded: bool


def topic_specs(kafka: KafkaSettings, topics: TopicSettings) -> list[TopicSpec]:
    """`telemetry.raw` and `things.changed` as this release wants them."""
    raw_ms = topics.kafka_raw_retention_days * 86_400_000
    changed_ms = topics.kafka_changed_retention_hours * 3_600_000
    # With more than one copy, an acknowledgement means at least two (or all but one) have it.
    in_sync = max(1, topics.kafka_replication_factor - 1)
    common = {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "message.timestamp.type": "CreateTime",
        # Our clock stamps the records. A clock that is wrong must not make Kafka refuse them for ever.
        "message.timestamp.after.max.ms": NO_LIMIT,
        "message.timestamp.before.max.ms": NO_LIMIT,
        "min.insync.replicas": str(in_sync),
        "unclean.leader.election.enable": "false",
    }
    raw = {**common, "retention.ms": str(raw_ms), "retention.bytes": "-1"}
    # Only closed segments are deleted: hints need short ones.
    changed = {**common, "retention.ms": str(changed_ms), "segment.ms": "3600000"}
    least_raw = {"retention.ms": raw_ms, "retention.bytes": -1, "max.message.bytes": LEAST_MESSAGE_BYTES}
    factor = topics.kafka_replication_factor
    return [
        TopicSpec(kafka.kafka_topic_raw, PARTITIONS, factor, raw, least_raw),
        TopicSpec(kafka.kafka_topic_changed, PARTITIONS, factor, changed, {}),
    ]


def complaint(spec: TopicSpec, partitions: int, configuration: Mapping[str, str]) -> str | None:
    """Why an existing topic cannot be used, in one sentence; None when it can."""
    if partitions != spec.partitions:
        return (
            f"Kafka topic {spec.kafka_topic} exists with {partitions} partitions, not {spec.partitions}: offsets and ownership "
            "count on that number, so use another cluster or topic name, or delete the topic after its records are stored"
        )
    for name in spec.exact:
        if configuration.get(name) != spec.configuration[name]:
            return _wrong(spec, name, configuration.get(name), spec.configuration[name])
    for name, least in spec.least.items():
        found = int(configuration.get(name, "0"))
        if found != -1 and (least == -1 or found < least):
            return _wrong(spec, name, str(found), "-1" if least == -1 else f"at least {least}")
    return None


def _wrong(spec: TopicSpec, name: str, found: str | None, wanted: str) -> str:
    return (
        f"Kafka topic {spec.kafka_topic} exists with {name}={found}, but it must be {wanted}: "
        "change it with Kafka's own kafka-configs.sh, then run this again"
    )


async def ensure_topics(
    kafka: KafkaSettings, pool: asyncpg.Pool, topics: TopicSettings | None = None, *, settle_seconds: float = SETTLE_SECONDS
) -> list[TopicOutcome]:
    """Makes the topics that are missing and notes the incarnation of each in the database.

    Raises `UserError` when a topic that exists is not as it must be, or Kafka refuses; `TransientError` when Kafka cannot
    be reached. The topics before the refused one are made then.
    """
    admin = make_admin(kafka, client_id=CLIENT_ID)
    outcomes: list[TopicOutcome] = []
    try:
        await admin.start()
        for spec in topic_specs(kafka, topics or TopicSettings()):
            made = await _ensure_topic(admin, spec)
            incarnation = await _settled_incarnation(kafka, spec.kafka_topic, settle_seconds)
            async with pool.acquire() as connection:
                new = await record_incarnation(connection, spec.kafka_topic, incarnation)
            outcomes.append(TopicOutcome(spec.kafka_topic, spec.partitions, incarnation, made, new))
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(f"Kafka at {kafka.kafka_bootstrap} cannot be asked about topics: {error!r}") from error
    finally:
        await admin.close()
    return outcomes


async def topic_incarnation(kafka: KafkaSettings, kafka_topic: str) -> UUID:
    """Which life of the topic this is: Kafka's own topic id, so that a recreated topic is noticed.

    Raises `UserError` when there is no such topic, `TransientError` when Kafka does not answer.
    """
    return await topic_id(kafka, kafka_topic, client_id=CLIENT_ID)


async def _settled_incarnation(kafka: KafkaSettings, kafka_topic: str, seconds: float) -> UUID:
    """The incarnation of a topic that was perhaps made a moment ago."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await topic_incarnation(kafka, kafka_topic)
        except (UserError, TransientError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _ensure_topic(admin: AIOKafkaAdminClient, spec: TopicSpec) -> bool:
    """True when the topic was made, False when it was there and is as it must be."""
    if spec.kafka_topic not in await admin.list_topics() and await _create(admin, spec):
        return True
    described = await admin.describe_topics([spec.kafka_topic])
    sentence = complaint(spec, len(described[0]["partitions"]), await _configuration(admin, spec.kafka_topic))
    if sentence is not None:
        raise UserError(sentence)
    return False


async def _create(admin: AIOKafkaAdminClient, spec: TopicSpec) -> bool:
    """False when somebody else has made it meanwhile."""
    new = NewTopic(spec.kafka_topic, spec.partitions, spec.replication_factor, topic_configs=dict(spec.configuration))
    response = await admin.create_topics([new])
    _, code, message = response.topic_errors[0]
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return False
    if error is not NoError:
        raise UserError(f"Kafka refused to make topic {spec.kafka_topic}: {message or error.__name__}")
    return True


async def _configuration(admin: AIOKafkaAdminClient, kafka_topic: str) -> dict[str, str]:
    """All settings of a topic that are in force, its own and those it inherits."""
    responses: Sequence[object] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, kafka_topic)])
    code, message, _, _, entries = responses[0].resources[0]  # type: ignore[attr-defined]  # a response of the library, unannotated
    if code:
        raise UserError(f"Kafka does not show the settings of topic {kafka_topic}: {message or for_code(code).__name__}")
    return {entry[0]: entry[1] for entry in entries}

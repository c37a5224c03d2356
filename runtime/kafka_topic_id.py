"""Asks Kafka for a topic's id: a UUID that the cluster gives to each life of a topic, so that a recreated topic is another one.

The client library stops at version 5 of the Metadata API; the id came with version 10. This file adds that version out of the
library's own protocol types (KIP-516, and the Kafka protocol guide for the layout).
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from models.domain.failures import TransientError, UserError
from runtime.kafka import ADMIN_REQUEST_TIMEOUT_MS, connection_options
from runtime.settings import KafkaSettings

NO_ID = UUID(int=0)
CALL_SECONDS = 30.0


class Uuid(AbstractType[UUID]):  # type: ignore[misc]  # the library has no annotations that mypy can see
    """16 bytes, big-endian."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class MetadataResponseV10(Response):  # type: ignore[misc]  # the library has no annotations that mypy can see
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class MetadataRequestV10(RequestStruct):  # type: ignore[misc]  # the library has no annotations that mypy can see
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = MetadataResponseV10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIdRequest(Request[MetadataRequestV10]):  # type: ignore[misc]  # the library has no annotations that mypy can see
    """Metadata of one topic, never creating it."""

    API_KEY = 3

    def __init__(self, kafka_topic: str) -> None:
        self._kafka_topic = kafka_topic

    def build(self, request_struct_class: type[MetadataRequestV10]) -> MetadataRequestV10:
        return request_struct_class([(NO_ID, self._kafka_topic, {})], False, False, False, {})


async def topic_id(settings: KafkaSettings, kafka_topic: str, *, client_id: str) -> UUID:
    """The cluster's id of this life of the topic.

    Raises `UserError` when there is no such topic, `TransientError` when Kafka cannot be reached or does not answer.
    """
    client = AIOKafkaClient(
        **connection_options(settings), client_id=client_id, request_timeout_ms=ADMIN_REQUEST_TIMEOUT_MS
    )  # fmt: skip
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await client.bootstrap()
            response = await client.send(client.get_random_node(), TopicIdRequest(kafka_topic))
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(
            f"Kafka at {settings.kafka_bootstrap} does not tell the id of topic {kafka_topic}: {error!r}"
        ) from error
    finally:
        await client.close()
    return read_topic_id(response, kafka_topic)


def read_topic_id(response: MetadataResponseV10, kafka_topic: str) -> UUID:
    """The id in an answer; raises like `topic_id`."""
    for error_code, name, found, *_ in response.topics:
        if name != kafka_topic:
            continue
        error = for_code(error_code)
        if error is UnknownTopicOrPartitionError:
            break
        if error_code or found == NO_ID:
            raise TransientError(f"Kafka does not tell the id of topic {kafka_topic} now: {error.__name__}")
        return UUID(int=found.int)
    raise UserError(f"Kafka has no topic {kafka_topic}: make it with `stadspuls topics create`")

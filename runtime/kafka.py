"""The Kafka clients of the project: one factory each, with every option that decides over data stated, none left to a default.

The library's own defaults lose data (consumer: latest offset and auto-commit; producer: one acknowledgement, not idempotent).
"""

from __future__ import annotations

import ssl
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from runtime.settings import KafkaSettings

MAX_BATCH_BYTES = 262_144
"""A batch is closed before it is larger, unless one message alone is. A topic must take twice this."""
PRODUCER_REQUEST_TIMEOUT_MS = 10_000
CONSUMER_REQUEST_TIMEOUT_MS = 30_000
ADMIN_REQUEST_TIMEOUT_MS = 30_000
RETRY_BACKOFF_MS = 200
METADATA_MAX_AGE_MS = 60_000

OffsetReset = Literal["none", "earliest", "latest"]


def make_producer(settings: KafkaSettings, *, client_id: str) -> AIOKafkaProducer:
    """A producer that is acknowledged by all in-sync replicas and whose own retries make no duplicates. To be started.

    It retries for ever; whoever uses it sets the deadline after which it is replaced.
    """
    return AIOKafkaProducer(
        **connection_options(settings),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type=None,
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=4 * MAX_BATCH_BYTES,
        linger_ms=0,  # callers collect batches themselves
        request_timeout_ms=PRODUCER_REQUEST_TIMEOUT_MS,
        retry_backoff_ms=RETRY_BACKOFF_MS,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
    )


def make_consumer(
    settings: KafkaSettings,
    *,
    group_id: str | None,
    group_instance_id: str | None,
    client_id: str,
    auto_offset_reset: OffsetReset = "none",
) -> AIOKafkaConsumer:
    """A consumer that commits nothing and jumps nowhere by itself: its user seeks to the offsets that are its own truth.

    With a `group_instance_id` a restart within the session timeout causes no rebalance; without a `group_id` it is a reader on its own.
    To be subscribed and started.
    """
    return AIOKafkaConsumer(
        **connection_options(settings),
        client_id=client_id,
        group_id=group_id,
        group_instance_id=group_instance_id,
        enable_auto_commit=False,
        auto_offset_reset=auto_offset_reset,
        isolation_level="read_committed",
        check_crcs=True,
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        session_timeout_ms=30_000,
        heartbeat_interval_ms=3_000,
        max_poll_interval_ms=300_000,
        fetch_min_bytes=1,
        fetch_max_wait_ms=250,
        fetch_max_bytes=16 * 1_048_576,
        max_partition_fetch_bytes=1_048_576,
        request_timeout_ms=CONSUMER_REQUEST_TIMEOUT_MS,
        retry_backoff_ms=RETRY_BACKOFF_MS,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
    )


def make_admin(settings: KafkaSettings, *, client_id: str) -> AIOKafkaAdminClient:
    """A client for topics and their configuration. To be started."""
    return AIOKafkaAdminClient(
        **connection_options(settings),
        client_id=client_id,
        request_timeout_ms=ADMIN_REQUEST_TIMEOUT_MS,
        retry_backoff_ms=RETRY_BACKOFF_MS,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
    )


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Where Kafka is, who we are there, and whether we speak TLS."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap}
    tls = settings.kafka_tls_ca_file is not None
    if tls:
        options["ssl_context"] = ssl.create_default_context(cafile=str(settings.kafka_tls_ca_file))
    if not settings.kafka_username:
        return {**options, "security_protocol": "SSL" if tls else "PLAINTEXT"}
    return {
        **options,
        "security_protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": settings.kafka_password.get_secret_value(),
    }

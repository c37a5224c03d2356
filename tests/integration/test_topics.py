"""The Kafka topics on a real cluster: made once, recognised again, refused when they are others, told apart after a recreation."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.processes import StackState
from ingest.topics import ensure_topics, topic_incarnation
from models.domain.failures import TransientError, UserError
from runtime.kafka import make_admin
from runtime.postgres import open_pool
from runtime.settings import CitySettings, DatabaseSettings, KafkaSettings, StorageSettings, TopicSettings, load
from storage.lifecycle import lifecycle_of
from storage.schema import migrate
from storage.stream_offsets import recorded_incarnations

pytestmark = pytest.mark.servers


@pytest.fixture
def kafka(servers: StackState) -> KafkaSettings:
    name = uuid4().hex[:8]
    return load(KafkaSettings, "operator", servers.run_dir).model_copy(
        update={"kafka_topic_raw": f"telemetry.raw.{name}", "kafka_topic_changed": f"things.changed.{name}"}
    )


@pytest.fixture
async def admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    made = make_admin(kafka, client_id="test")
    await made.start()
    yield made
    await made.delete_topics([kafka.kafka_topic_raw, kafka.kafka_topic_changed])
    await made.close()


@pytest.fixture
async def pool(database: DatabaseSettings) -> AsyncIterator[asyncpg.Pool]:
    made = await open_pool(database, application_name="test")
    async with made.acquire() as connection:
        await migrate(
            connection, timezone=CitySettings().city_timezone, lifecycle=lifecycle_of(StorageSettings().readings_retention_days)
        )
    yield made
    await made.close()


async def test_topics_are_made_once_and_recognised_again(
    kafka: KafkaSettings, admin: AIOKafkaAdminClient, pool: asyncpg.Pool
) -> None:
    first = await ensure_topics(kafka, pool, TopicSettings())
    second = await ensure_topics(kafka, pool, TopicSettings())
    assert [outcome.made for outcome in first] == [True, True]
    assert [outcome.made for outcome in second] == [False, False]
    assert [outcome.incarnation for outcome in first] == [outcome.incarnation for outcome in second]
    described = await admin.describe_topics([kafka.kafka_topic_raw, kafka.kafka_topic_changed])
    assert [len(topic["partitions"]) for topic in described] == [24, 24]
    async with pool.acquire() as connection:
        assert await recorded_incarnations(connection, kafka.kafka_topic_raw) == [first[0].incarnation]


async def test_a_recreated_topic_is_another_one(kafka: KafkaSettings, admin: AIOKafkaAdminClient, pool: asyncpg.Pool) -> None:
    before = (await ensure_topics(kafka, pool))[0]
    await admin.delete_topics([kafka.kafka_topic_raw])
    while kafka.kafka_topic_raw in await admin.list_topics():  # noqa: ASYNC110  # nothing announces it
        await asyncio.sleep(0.1)
    after = (await ensure_topics(kafka, pool))[0]
    assert after.made
    assert after.newly_recorded
    assert after.incarnation != before.incarnation
    assert await topic_incarnation(kafka, kafka.kafka_topic_raw) == after.incarnation
    async with pool.acquire() as connection:
        assert await recorded_incarnations(connection, kafka.kafka_topic_raw) == [after.incarnation, before.incarnation]


async def test_a_topic_with_another_number_of_partitions_is_refused_and_left_alone(
    kafka: KafkaSettings, admin: AIOKafkaAdminClient, pool: asyncpg.Pool
) -> None:
    await admin.create_topics([NewTopic(kafka.kafka_topic_raw, 3, 1)])
    with pytest.raises(UserError, match="3 partitions, not 24"):
        await ensure_topics(kafka, pool)
    assert len((await admin.describe_topics([kafka.kafka_topic_raw]))[0]["partitions"]) == 3


async def test_more_copies_than_brokers_are_refused_with_kafkas_own_words(
    kafka: KafkaSettings, admin: AIOKafkaAdminClient, pool: asyncpg.Pool
) -> None:
    with pytest.raises(UserError, match="replication factor"):
        await ensure_topics(kafka, pool, TopicSettings(kafka_replication_factor=3))


async def test_a_kafka_that_is_not_there_is_transient(pool: asyncpg.Pool) -> None:
    away = KafkaSettings(kafka_bootstrap="127.0.0.1:1")
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1"):
        await ensure_topics(away, pool)
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:1"):
        await topic_incarnation(away, "telemetry.raw")


async def test_the_command_says_what_it_made_and_what_exists(
    servers: StackState, kafka: KafkaSettings, admin: AIOKafkaAdminClient, pool: asyncpg.Pool, database: DatabaseSettings
) -> None:
    environment = {
        **os.environ,
        "STADSPULS_RUN_DIR": str(servers.run_dir),
        "STADSPULS_DATABASE_NAME": database.database_name,
        "STADSPULS_KAFKA_TOPIC_RAW": kafka.kafka_topic_raw,
        "STADSPULS_KAFKA_TOPIC_CHANGED": kafka.kafka_topic_changed,
    }
    said: list[str] = []
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stadspuls", "topics", "create", env=environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        said.append(output.decode())
    assert f"{kafka.kafka_topic_raw}: made, 24 partitions, id " in said[0]
    assert f"{kafka.kafka_topic_changed}: exists, 24 partitions, id " in said[1]

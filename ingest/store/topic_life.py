"""Whether the raw topic is still the one that the offsets belong to.

A deleted topic that is made again starts at offset 0: reading on at the stored offset would skip what was written meanwhile without
any error. So the consumer loop asks for the topic's id after it has fetched a batch and before the batch is written: an id that is
still the same was the same when the batch was fetched. One client is kept open for it, a question costs about a millisecond.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from models.domain.failures import OffsetGap, TransientError, UserError
from runtime.kafka import ADMIN_REQUEST_TIMEOUT_MS, connection_options
from runtime.kafka_topic_id import CALL_SECONDS, TopicIdRequest, read_topic_id
from runtime.settings import KafkaSettings


class TopicLife:
    """An open client for one topic, whose life at the start is `incarnation`."""

    def __init__(self, settings: KafkaSettings, kafka_topic: str, *, client_id: str) -> None:
        self.kafka_topic = kafka_topic
        self._client = AIOKafkaClient(
            **connection_options(settings), client_id=client_id, request_timeout_ms=ADMIN_REQUEST_TIMEOUT_MS
        )
        self.incarnation = UUID(int=0)

    async def __aenter__(self) -> TopicLife:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._client.bootstrap()
            self.incarnation = await self._ask()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._client.close()
            raise TransientError(f"Kafka cannot be reached: {error!r}") from error
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.close()

    async def confirm(self) -> None:
        """Returns if the topic is the same as at the start. Raises `OffsetGap` if it is gone or another one, `TransientError` if Kafka
        does not answer."""
        try:
            found = await self._ask()
        except UserError as error:
            raise OffsetGap(f"{error}; it was deleted while it was read, what it held is lost to this consumer") from error
        if found != self.incarnation:
            raise OffsetGap(
                f"the Kafka topic {self.kafka_topic} was deleted and created again: it has the id {found}, the offsets of this process "
                f"belong to {self.incarnation}. After a restart the new topic is read from its beginning"
            )

    async def _ask(self) -> UUID:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                response = await self._client.send(self._client.get_random_node(), TopicIdRequest(self.kafka_topic))
        except (KafkaError, OSError, TimeoutError) as error:
            raise TransientError(f"Kafka does not tell the id of topic {self.kafka_topic}: {error!r}") from error
        return read_topic_id(response, self.kafka_topic)

"""Following what comes in: new readings, dead letters, or the raw messages themselves, line by line.

Readings are followed in the tables of the newest reading per datastream: small, and asked again every second. So of two readings of one
datastream within that second the newer is shown, and one that came late is not; the raw messages have them all.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from ingest.store.records import stand_in
from models.domain.failures import TransientError
from models.sensor_kinds import SensorKind
from runtime.clock import Clock
from runtime.consumer_batch import Record
from runtime.settings import KafkaSettings
from stadspuls.dead_letter_texts import letter_line
from storage.dead_letters import dead_letters_after, list_dead_letters
from storage.readings import latest_readings

POLL_SECONDS = 1.0
MAX_LETTERS_PER_POLL = 500
MAX_READINGS_PER_POLL = 2000
MAX_PAYLOAD_SHOWN = 160


async def follow_readings(
    connection: asyncpg.Connection, kinds: Sequence[SensorKind], *, thing_id: str = "", last: int, clock: Clock
) -> AsyncGenerator[str, None]:
    """The newest `last` readings of these kinds (of one thing, if it is named), then each new one. Ends only by being closed."""
    seen: dict[tuple[str, str], datetime] = {}
    show = last
    while True:
        new = []
        for kind in kinds:
            for record in await latest_readings(connection, kind):
                key = (kind.name, record["datastream_id"])
                if thing_id in ("", record["thing_id"]) and seen.get(key) != record["observed_at"]:
                    seen[key] = record["observed_at"]
                    new.append((record["received_at"], kind, record))
        new.sort(key=lambda item: (item[0], item[1].name, item[2]["datastream_id"]))
        for _, kind, record in new[len(new) - show :] if show < len(new) else new:
            yield reading_line(kind, record)
        show = MAX_READINGS_PER_POLL
        await clock.sleep(POLL_SECONDS)


async def follow_dead_letters(connection: asyncpg.Connection, *, last: int, clock: Clock) -> AsyncGenerator[str, None]:
    """The newest `last` dead letters, then each new one. Ends only by being closed."""
    newest = await list_dead_letters(connection, limit=max(1, last))
    after = newest[0].letter_id or 0 if newest else 0
    for letter in reversed(newest[:last]):
        yield letter_line(letter)
    while True:
        for letter in await dead_letters_after(connection, after, limit=MAX_LETTERS_PER_POLL):
            after = letter.letter_id or after
            yield letter_line(letter)
        await clock.sleep(POLL_SECONDS)


async def follow_raw(settings: KafkaSettings) -> AsyncGenerator[str, None]:
    """Each message that reaches the raw topic from now on. Raises `TransientError` when Kafka cannot be reached. Ends only by
    being closed."""
    from aiokafka import TopicPartition
    from aiokafka.errors import KafkaError

    from runtime.kafka import make_consumer

    kafka_topic = settings.kafka_topic_raw
    consumer = make_consumer(settings, group_id=None, group_instance_id=None, client_id="stadspuls-tail")
    first = TopicPartition(kafka_topic, 0)
    try:
        # An assignment of one partition, paused, makes the client learn how many there are.
        consumer.assign([first])
        await consumer.start()
        consumer.seek(first, 0)
        consumer.pause(first)
        numbers = consumer.partitions_for_topic(kafka_topic) or ()
        partitions = [TopicPartition(kafka_topic, number) for number in sorted(numbers)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, ends[partition])
        async for record in consumer:
            yield raw_line(record)
    except (KafkaError, OSError) as error:
        raise TransientError(f"Kafka cannot be read: {error!r}") from error
    finally:
        await consumer.stop()


def reading_line(kind: SensorKind, record: Mapping[str, Any]) -> str:
    """One reading: when it was received, of which datastream, how old it was then, and its quantities."""
    quantities = kind.reading_type.quantities()
    values = "  ".join(
        f"{name}={_value(record[name])}{quantity.unit if quantity.unit != '1' else ''}"
        for name, quantity in quantities.items()
        if record[name] is not None
    )
    age = _age((record["received_at"] - record["observed_at"]).total_seconds())
    return (
        f"{record['received_at']:%Y-%m-%d %H:%M:%S}  {kind.name:<16} {record['datastream_id']:<18} "
        f"observed {record['observed_at']:%Y-%m-%d %H:%M:%S} ({age})  {values}"
    )


def raw_line(record: Record) -> str:
    """One message of the raw topic: where it lies, its MQTT topic, its marks and the beginning of its payload."""
    message = stand_in(record)
    marks = [mark for mark, on in (("dup", message.dup), ("retain", message.retain)) if on]
    text = message.payload[:MAX_PAYLOAD_SHOWN].decode("utf-8", "replace")
    shown = "".join(sign if sign.isprintable() and sign != "\ufffd" else "·" for sign in text)
    more = "…" if len(message.payload) > MAX_PAYLOAD_SHOWN else ""
    place = f"{record.partition}:{record.offset}"
    return f"{message.received_at:%Y-%m-%d %H:%M:%S}  {place:<12} {message.mqtt_topic}  {' '.join([*marks, shown])}{more}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _age(seconds: float) -> str:
    """How old a reading was when it came."""
    if seconds < 0:
        return f"{-seconds:.0f} s ahead"
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} late"
    return f"{seconds:.0f} s late"

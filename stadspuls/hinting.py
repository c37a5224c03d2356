"""Tells the processors which things a command has corrected: hints to Kafka's `things.changed`, as `store` sends them."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.errors import KafkaError

from ingest.store.hints import Hints
from runtime import logs
from runtime.clock import Clock
from runtime.kafka import make_producer
from runtime.settings import KafkaSettings, load
from storage.correction_diff import KindDiff
from storage.lifecycle import LATENESS_WINDOW


async def hint_corrected(diffs: Sequence[KindDiff], clock: Clock, *, client_id: str, kafka: KafkaSettings | None = None) -> int:
    """One hint per thing and kind; returns how many. Without Kafka the processors find out by their sweep."""
    if not any(diff.things for diff in diffs):
        return 0
    kafka = kafka or load(KafkaSettings, "operator")
    producer = make_producer(kafka, client_id=client_id)
    hints = Hints(producer, kafka.kafka_topic_changed, clock, lateness=LATENESS_WINDOW)
    for diff in diffs:
        hints.note_corrected(diff.kind, diff.things)
    waiting = hints.waiting
    try:
        await producer.start()
        await hints.flush()
    except KafkaError as error:
        logs.get_logger().warning("hints_lost", hints=waiting, error=repr(error))
    finally:
        await producer.stop()
    return waiting

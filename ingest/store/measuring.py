"""The store's metrics, moved once per committed batch; sums over records, never one call per record."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from ingest.store.writing import Written
from runtime import logs, metrics
from storage.dead_letters import WHOLE_MESSAGE

SAMPLES_PER_BATCH = 50

log = logs.get_logger()


def measure(written: Written, now: datetime) -> None:
    """Counts what was committed, and logs the batch with the same figures."""
    entries = written.entries
    decoded = sum(entry.messages_decoded for entry in entries)
    without_reading = sum(entry.messages_without_reading for entry in entries)
    dead_lettered = sum(entry.messages_dead_lettered for entry in entries)
    metrics.MESSAGES_DECODED.inc(decoded)
    metrics.MESSAGES_WITHOUT_READING.inc(without_reading)
    for reason, number in written.part.dead_lettered.items():
        metrics.MESSAGES_DEAD_LETTERED.labels(reason.value).inc(number)
    for envelope, number in written.part.unknown_fields.items():
        metrics.UNKNOWN_FIELDS.labels(envelope).inc(number)
    _count_readings(written)
    _observe_latency(written, now)
    log.debug("batch_stored", messages=written.received, dead_lettered=dead_lettered, letters=len(written.letters))


def _count_readings(written: Written) -> None:
    for group, outcome in written.appended.items():
        given = outcome.stored + outcome.duplicates + len(outcome.conflicts) + len(outcome.refused)
        metrics.READINGS_DECODED.labels(group.kind).inc(given)
        metrics.READINGS_STORED.labels(group.kind).inc(outcome.stored)
        metrics.READINGS_DUPLICATE.labels(group.kind).inc(outcome.duplicates)
    for kind, number in written.part.rejected.items():
        metrics.READINGS_DECODED.labels(kind).inc(number)
    single = Counter(letter.reason for letter in written.letters if letter.index != WHOLE_MESSAGE)
    for reason, number in single.items():
        metrics.READINGS_REJECTED.labels(reason.value).inc(number)


def _observe_latency(written: Written, now: datetime) -> None:
    """From reception to the commit, of at most `SAMPLES_PER_BATCH` readings spread evenly over the batch."""
    received = [item.received_at for readings in written.part.readings.values() for item in readings]
    step = max(1, len(received) // SAMPLES_PER_BATCH)
    for moment in received[::step]:
        metrics.END_TO_END_SECONDS.observe(max(0.0, (now - moment).total_seconds()))

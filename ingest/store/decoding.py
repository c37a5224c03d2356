"""From a batch of Kafka records to work for the database: readings, dead letters, counts. No I/O.

Every record ends in exactly one of three columns of the ledger: decoded, without reading, dead-lettered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from ingest.decode import DECODER_VERSION, NO_MOMENTS, Decoded, address_of, decode_message
from ingest.envelopes import envelope_of
from ingest.envelopes.uplink import Address
from ingest.privacy import keyed_hash
from ingest.store.records import TOO_LARGE_HEADER, header_texts, original_size_and_hash, raw_message, stand_in
from ingest.store.work import Group, PartitionWork, Timeless, Work, account_of
from models.domain.failures import DeadLetterReason, InvalidMessage
from models.domain.message import RawMessage
from models.domain.registry import SensorContext
from models.domain.sequences import Asked, SequenceMark, Source
from runtime.consumer_batch import Batch, Record
from storage.dead_letters import WHOLE_MESSAGE, DeadLetter
from storage.readings import SourceRef, StoredReading

YIELD_EVERY_RECORDS = 200
UNREGISTERED = "unregistered"


class Decoding:
    """Decodes records under one version of the registry. `incarnation` is the life of the raw topic they came from; `privacy_key` makes
    the hash that stands for a payload with personal fields."""

    def __init__(self, contexts: Mapping[str, SensorContext], registry_version: int, incarnation: UUID, privacy_key: bytes) -> None:
        self._contexts = contexts
        self._registry_version = registry_version
        self._incarnation = incarnation
        self._privacy_key = privacy_key

    async def work(self, batch: Batch) -> Work:
        """Decodes the batch, letting the event loop run in between: the batch before is being written meanwhile."""
        work = Work({}, batch.records)
        for number, records in batch.records.items():
            part = work.partitions[number] = PartitionWork()
            for start in range(0, len(records), YIELD_EVERY_RECORDS):
                self.add(part, records[start : start + YIELD_EVERY_RECORDS])
                await asyncio.sleep(0)
        return work

    def add(self, part: PartitionWork, records: Sequence[Record]) -> None:
        """Decodes these records into the work of their partition; those with readings that need a moment wait in its `timeless`."""
        for record in records:
            self._add(part, record, None)

    def add_timeless(self, part: PartitionWork, moments: Mapping[tuple[int, int], Mapping[SequenceMark, datetime]]) -> None:
        """Decodes what waited, now that the moments are known by (partition, offset)."""
        for item in part.timeless:
            self._add(part, item.record, moments[item.record.partition, item.record.offset])
        part.timeless = []

    def _add(self, part: PartitionWork, record: Record, moments: Mapping[SequenceMark, datetime] | None) -> None:
        try:
            message = raw_message(record)
        except InvalidMessage as refused:
            self._dead_letter(part, record, stand_in(record), refused)
            return
        try:
            decoded = decode_message(message, self._contexts, moments or NO_MOMENTS)
        except InvalidMessage as refused:
            self._dead_letter(part, record, message, refused)
            return
        if decoded.marks and moments is None:
            part.timeless.append(self._timeless(record, message, decoded))
            part.readable.add(decoded.sensor_id)
        else:
            self._take(part, record, message, decoded)

    def _timeless(self, record: Record, message: RawMessage, decoded: Decoded) -> Timeless:
        asked = tuple(
            Asked(mark, Source(self._incarnation, record.partition, record.offset, index), message.received_at, message.dup)
            for index, mark in decoded.marks.items()
        )
        return Timeless(record, asked, any(item.reason is DeadLetterReason.UNKNOWN_THING for item in decoded.rejected))

    def _take(self, part: PartitionWork, record: Record, message: RawMessage, decoded: Decoded) -> None:
        account = account_of(message, _envelope_name(message.mqtt_topic))
        counts = part.counts_of(account, message.received_at)
        counts.received += 1
        if decoded.unknown_fields:
            part.unknown_fields[account.envelope] += decoded.unknown_fields
        if decoded.without_reading:
            counts.without_reading += 1
            return
        rejected = decoded.rejected
        counts.readings += len(decoded.readings) + len(rejected)
        counts.readings_rejected += len(rejected)
        for item in rejected:
            detail = item.detail if item.at_byte is None else f"{item.detail} (byte {item.at_byte})"
            part.letters.append(self.letter(record, message, item.reason, detail, decoded.sensor_id, item.index))
            part.rejected[decoded.kind] += 1
        if not decoded.readings:
            counts.dead_lettered += 1
            part.dead_lettered[rejected[0].reason] += 1
            part.unreadable.append(decoded.sensor_id)
            return
        counts.decoded += 1
        part.readable.add(decoded.sensor_id)
        group = Group(decoded.kind, account)
        readings = part.readings.get(group)
        if readings is None:
            readings = part.readings[group] = []
        for index, reading in zip(decoded.indexes, decoded.readings, strict=True):
            source = SourceRef(record.partition, record.offset, index, self._incarnation)
            readings.append(StoredReading(reading, message.received_at, source, DECODER_VERSION, self._registry_version))

    def _dead_letter(self, part: PartitionWork, record: Record, message: RawMessage, refused: InvalidMessage) -> None:
        counts = part.counts_of(account_of(message, _envelope_name(message.mqtt_topic)), message.received_at)
        counts.received += 1
        counts.dead_lettered += 1
        part.dead_lettered[refused.reason] += 1
        sensor_id = self.sensor_of(message)
        if sensor_id:
            part.unreadable.append(sensor_id)
        detail = refused.detail if refused.at_byte is None else f"{refused.detail} (byte {refused.at_byte})"
        part.letters.append(self.letter(record, message, refused.reason, detail, sensor_id))

    def letter(
        self,
        record: Record,
        message: RawMessage,
        reason: DeadLetterReason,
        detail: str,
        sensor_id: str,
        index: int = WHOLE_MESSAGE,
    ) -> DeadLetter:
        """The dead letter of a record, or of one reading of it. With the reason privacy it has a keyed hash instead of bytes."""
        private = reason is DeadLetterReason.PRIVACY
        length, content_hash = original_size_and_hash(record) or (len(message.payload), "")
        return DeadLetter(
            reason=reason,
            detail=detail,
            mqtt_topic=message.mqtt_topic,
            payload=None if private else message.payload,
            incarnation=self._incarnation,
            partition=record.partition,
            offset=record.offset,
            received_at=message.received_at,
            index=index,
            source=sensor_id or f"{UNREGISTERED}:{_envelope_name(message.mqtt_topic)}",
            key=record.key,
            # A stub's header has the plain hash of the whole payload, by which a personal one could be guessed.
            headers={name: text for name, text in header_texts(record).items() if not (private and name == TOO_LARGE_HEADER)},
            content_hash=keyed_hash(message.payload, self._privacy_key) if private else content_hash,
            payload_length=length,
        )

    def sensor_of(self, message: RawMessage) -> str:
        """The registered sensor that a refused message is from, "" if that cannot be said."""
        try:
            address = address_of(message)
        except InvalidMessage:
            return _sensor_in_topic(message.mqtt_topic, self._contexts)
        if isinstance(address, Address) and address.sensor_id in self._contexts:
            return address.sensor_id
        return ""


def _sensor_in_topic(mqtt_topic: str, contexts: Mapping[str, SensorContext]) -> str:
    """A registered sensor whose id is a level of the topic: what is left when the payload is garbled."""
    return next((level for level in reversed(mqtt_topic.split("/")) if level in contexts), "")


def _envelope_name(mqtt_topic: str) -> str:
    envelope = envelope_of(mqtt_topic)
    return envelope.name if envelope is not None else "unknown"

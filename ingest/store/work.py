"""A decoded batch before it is written: per partition, because a partition whose fence is lost is left out as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from models.domain.failures import DeadLetterReason
from models.domain.message import RawMessage
from models.domain.sequences import Asked
from runtime.consumer_batch import Record
from storage.dead_letters import DeadLetter
from storage.readings import StoredReading


class Account(NamedTuple):
    """A line of the ledger: the hour of reception (hours since 0001-01-01) and the envelope."""

    hour: int
    envelope: str


class Group(NamedTuple):
    """Readings that are appended together: of one kind and one line of the ledger."""

    kind: str
    account: Account


def account_of(message: RawMessage, envelope: str) -> Account:
    """The line of the ledger that a message belongs to."""
    moment = message.received_at
    return Account(moment.toordinal() * 24 + moment.hour, envelope)


@dataclass(slots=True)
class Counts:
    """What decoding found out about the messages of one line of the ledger. `moment` is any moment of its hour."""

    moment: datetime
    received: int = 0
    decoded: int = 0
    without_reading: int = 0
    dead_lettered: int = 0
    readings: int = 0
    readings_rejected: int = 0

    def add(self, other: Counts) -> None:
        self.received += other.received
        self.decoded += other.decoded
        self.without_reading += other.without_reading
        self.dead_lettered += other.dead_lettered
        self.readings += other.readings
        self.readings_rejected += other.readings_rejected


@dataclass(frozen=True, slots=True)
class Timeless:
    """A readable message with readings that have a sequence number and no time: it waits for their moments, which only the database knows.
    `has_unknown_things` says whether another reading of it is of something that is not registered."""

    record: Record
    asked: tuple[Asked, ...]
    has_unknown_things: bool


@dataclass(slots=True)
class PartitionWork:
    """All that one partition's records of a batch became.

    `timeless` messages are in no other column until their moments are known. `readable` and `unreadable` are registered sensors: those
    with a message that became a reading, and one entry per message that became a dead letter. `dead_lettered` counts whole messages by
    reason, `rejected` single readings by kind, `unknown_fields` by envelope.
    """

    readings: dict[Group, list[StoredReading]] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    timeless: list[Timeless] = field(default_factory=list)
    counts: dict[Account, Counts] = field(default_factory=dict)
    readable: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    dead_lettered: Counter[DeadLetterReason] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    unknown_fields: Counter[str] = field(default_factory=Counter)

    def counts_of(self, account: Account, moment: datetime) -> Counts:
        found = self.counts.get(account)
        if found is None:
            found = self.counts[account] = Counts(moment)
        return found


@dataclass(slots=True)
class Work:
    """A decoded batch. `records` finds the source of a reading that turns out to be a dead letter when it is written."""

    partitions: dict[int, PartitionWork]
    records: Mapping[int, list[Record]]

    def record(self, partition: int, offset: int) -> Record:
        records = self.records[partition]
        return records[offset - records[0].offset]

    def merged(self, partitions: Iterable[int]) -> PartitionWork:
        """The work of these partitions as one."""
        whole = PartitionWork()
        for number in partitions:
            part = self.partitions[number]
            for group, readings in part.readings.items():
                whole.readings.setdefault(group, []).extend(readings)
            for account, counts in part.counts.items():
                whole.counts_of(account, counts.moment).add(counts)
            whole.dead_lettered += part.dead_lettered
            whole.rejected += part.rejected
            whole.unknown_fields += part.unknown_fields
            whole.letters += part.letters
            whole.timeless += part.timeless
            whole.readable |= part.readable
            whole.unreadable += part.unreadable
        return whole

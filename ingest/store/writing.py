"""The one transaction of a batch: offsets by compare-and-set, readings, dead letters, ledger. All of it or nothing.

Partitions whose fence was lost are left out; everything of the others is written. Before the commit the ledger's two identities are
asserted, messages against the offsets that were moved: whatever cannot be accounted for stops the process uncommitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from ingest.store.appending import REFUSED_BY_DATABASE, Appended, append
from ingest.store.decoding import Decoding
from ingest.store.records import raw_message
from ingest.store.work import Account, Group, PartitionWork, Work
from models.domain.failures import DeadLetterReason, StadspulsError
from models.sensor_kinds import SENSOR_KINDS, kind_by_name
from runtime.consumer_batch import Span
from storage.dead_letters import DeadLetter, append_dead_letters
from storage.ledger import LedgerEntry, add_to_ledger
from storage.offset_fence import advance_offsets
from storage.readings import StoredReading
from storage.sequence_moments import SequenceMoments

# A process that is stopped in the middle of its transaction holds the locks of its offsets. The server ends such a session, so that the
# member that has taken over does not wait longer than this.
_FROZEN_SESSION_SECONDS = 10
_KIND_ORDER = {kind.name: place for place, kind in enumerate(SENSOR_KINDS)}


class Unaccounted(StadspulsError):
    """The ledger of a batch does not balance: a fault of ours, found before the commit."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a committed batch became. `received` is counted by offsets, all else by records."""

    lost: frozenset[int]
    part: PartitionWork
    appended: Mapping[Group, Appended]
    letters: tuple[DeadLetter, ...]
    entries: tuple[LedgerEntry, ...]
    received: int


class Writer:
    """Writes batches of one consumer in one life of the raw topic."""

    def __init__(self, consumer: str, incarnation: UUID, *, letters_with_bytes: int) -> None:
        self._consumer = consumer
        self._incarnation = incarnation
        self._letters_with_bytes = letters_with_bytes

    async def write(self, connection: asyncpg.Connection, spans: Mapping[int, Span], work: Work, decoding: Decoding) -> Written:
        """Commits the batch. Readings that the database refuses become dead letters `malformed`, found in a second attempt."""
        try:
            return await self._attempt(connection, spans, work, decoding, careful=False)
        except REFUSED_BY_DATABASE:
            return await self._attempt(connection, spans, work, decoding, careful=True)

    async def _attempt(
        self, connection: asyncpg.Connection, spans: Mapping[int, Span], work: Work, decoding: Decoding, *, careful: bool
    ) -> Written:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_FROZEN_SESSION_SECONDS}s'")
            lost = await advance_offsets(connection, self._consumer, self._incarnation, spans)
            part = work.merged(number for number in spans if number not in lost)
            await settle_moments(connection, part, decoding)
            appended = await append_groups(connection, part, careful=careful)
            letters = (*part.letters, *late_letters(appended, work, decoding))
            await append_dead_letters(connection, letters, quota=self._letters_with_bytes)
            entries = ledger_entries(part, appended)
            received = sum(span.next - span.first for number, span in spans.items() if number not in lost)
            check_balance(entries, received)
            await add_to_ledger(connection, entries)
        return Written(lost, part, appended, letters, entries, received)


async def settle_moments(connection: asyncpg.Connection, part: PartitionWork, decoding: Decoding) -> None:
    """Gives the readings that came without a time their moments, for good when the transaction commits, and decodes them with these."""
    if part.timeless:
        moments = await SequenceMoments(connection).of([one for item in part.timeless for one in item.asked])
        decoding.add_timeless(part, moments)


async def append_groups(connection: asyncpg.Connection, part: PartitionWork, *, careful: bool) -> dict[Group, Appended]:
    """Appends all readings, kinds in a fixed order so that two writers do not wait for each other."""
    appended: dict[Group, Appended] = {}
    for group in sorted(part.readings, key=lambda group: (_KIND_ORDER[group.kind], group.account)):
        kind = kind_by_name(group.kind)
        assert kind is not None
        appended[group] = await append(connection, kind, part.readings[group], careful=careful)
    return appended


def late_letters(appended: Mapping[Group, Appended], work: Work, decoding: Decoding) -> list[DeadLetter]:
    """Dead letters of readings that only the database could tell: another content under the same identity, or refused."""
    letters = []
    for outcome in appended.values():
        for item in outcome.conflicts:
            detail = (
                f"{item.reading.datastream_id} at {item.reading.observed_at.isoformat()} is stored with other values; what was stored first "
                "is kept"
            )
            letters.append(_letter(item, DeadLetterReason.IDENTITY, detail, work, decoding))
        for item, words in outcome.refused:
            letters.append(_letter(item, DeadLetterReason.MALFORMED, f"the database refuses the reading: {words}", work, decoding))
    return letters


def _letter(item: StoredReading, reason: DeadLetterReason, detail: str, work: Work, decoding: Decoding) -> DeadLetter:
    record = work.record(item.source.partition, item.source.offset)
    message = raw_message(record)
    return decoding.letter(record, message, reason, detail, decoding.sensor_of(message), item.source.index)


def ledger_entries(part: PartitionWork, appended: Mapping[Group, Appended]) -> tuple[LedgerEntry, ...]:
    """One entry per hour of reception and envelope."""
    stored: dict[Account, int] = {}
    duplicate: dict[Account, int] = {}
    rejected: dict[Account, int] = {}
    for group, outcome in appended.items():
        account = group.account
        stored[account] = stored.get(account, 0) + outcome.stored
        duplicate[account] = duplicate.get(account, 0) + outcome.duplicates
        rejected[account] = rejected.get(account, 0) + len(outcome.conflicts) + len(outcome.refused)
    return tuple(
        LedgerEntry(
            hour=counts.moment,
            source=account.envelope,
            messages_received=counts.received,
            messages_decoded=counts.decoded,
            messages_without_reading=counts.without_reading,
            messages_dead_lettered=counts.dead_lettered,
            readings_decoded=counts.readings,
            readings_stored=stored.get(account, 0),
            readings_duplicate=duplicate.get(account, 0),
            readings_rejected=counts.readings_rejected + rejected.get(account, 0),
        )
        for account, counts in part.counts.items()
    )


def check_balance(entries: tuple[LedgerEntry, ...], received: int) -> None:
    """Raises `Unaccounted` unless both identities hold, and the messages are as many as the offsets that were moved."""
    messages = sum(entry.messages_decoded + entry.messages_without_reading + entry.messages_dead_lettered for entry in entries)
    if messages != received or sum(entry.messages_received for entry in entries) != received:
        raise Unaccounted(f"of {received} messages received {messages} are accounted for")
    decoded = sum(entry.readings_decoded for entry in entries)
    outcomes = sum(entry.readings_stored + entry.readings_duplicate + entry.readings_rejected for entry in entries)
    if decoded != outcomes:
        raise Unaccounted(f"of {decoded} readings decoded {outcomes} are accounted for")

"""Replays dead letters: through the same decoding and appending as new messages, in the order of their source records.

`stadspuls dead-letters replay` calls it. Batches are bounded, each is one transaction; doing it again stores nothing twice. The
original time of reception counts, so that what was in time then is in time now. What is stored stands in the ledger's columns for
replays, and raises hints like any reading: none for what is older than the lateness window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from ingest.store.appending import REFUSED_BY_DATABASE, Appended
from ingest.store.decoding import Decoding
from ingest.store.raw_log import RawLog
from ingest.store.registry_snapshot import RegistrySnapshot
from ingest.store.work import Group, PartitionWork, Work
from ingest.store.writing import append_groups
from models.domain.failures import DeadLetterReason
from models.domain.reading import Reading
from storage.dead_letters import WHOLE_MESSAGE, DeadLetter, ReplayCursor, append_dead_letters, letters_for_replay, mark_replayed
from storage.ledger import LedgerEntry, add_to_ledger
from storage.readings import StoredReading
from storage.sequence_moments import SequenceMoments

BATCH_LETTERS = 200
STORED = "stored"
WITHOUT_READING = "without_reading"
NO_BYTES = "no_bytes"


@dataclass(frozen=True, slots=True)
class LetterChoice:
    """Which letters to replay, of those that are not stored yet; everything None chooses all."""

    reason: DeadLetterReason | None = None
    mqtt_topic: str | None = None
    since: datetime | None = None
    letter_ids: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class LetterRecord:
    """A dead letter as the Kafka record that it was."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class Outcome:
    """What came of one letter: `stored`, `without_reading`, `no_bytes`, or the reason why it still cannot be stored."""

    letter: DeadLetter
    name: str = STORED
    detail: str = ""
    part: PartitionWork = field(default_factory=PartitionWork)

    def readings(self) -> Iterator[tuple[Group, StoredReading]]:
        for group, items in self.part.readings.items():
            for item in items:
                yield group, item


@dataclass(slots=True)
class ReplayReport:
    """Sums over all batches. `readings_stored` are new, `readings_duplicate` were stored already."""

    outcomes: Counter[str] = field(default_factory=Counter)
    readings_stored: int = 0
    readings_duplicate: int = 0


class Replay:
    """Replays under the registry as it is now. `changed` is told the kind and readings of what was committed."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        registry: RegistrySnapshot,
        raw_log: RawLog,
        privacy_key: bytes,
        changed: Callable[[str, list[Reading]], None],
    ) -> None:
        self._pool = pool
        self._registry = registry
        self._raw_log = raw_log
        self._privacy_key = privacy_key
        self._changed = changed

    async def run(self, choice: LetterChoice) -> ReplayReport:
        """Replays batch after batch until no letter is left. A batch that was committed stays, whatever happens to the next."""
        report = ReplayReport()
        cursor: ReplayCursor | None = None
        while letters := await self._next(choice, cursor):
            last = letters[-1]
            cursor = ReplayCursor(last.incarnation, last.partition, last.offset, last.index)
            decodings = {life: self._decoding(life) for life in {letter.incarnation for letter in letters}}
            outcomes = [await self._decode(letter, decodings[letter.incarnation]) for letter in letters]
            async with self._pool.acquire() as connection:
                await settle_moments(connection, outcomes, decodings)
                try:
                    appended = await write(connection, outcomes, careful=False)
                except REFUSED_BY_DATABASE:
                    appended = await write(connection, outcomes, careful=True)
            report.outcomes.update(outcome.name for outcome in outcomes)
            report.readings_stored += sum(item.stored for item in appended.values())
            report.readings_duplicate += sum(item.duplicates for item in appended.values())
            for outcome in outcomes:
                for group, item in outcome.readings():
                    self._changed(group.kind, [item.reading])
        return report

    async def _next(self, choice: LetterChoice, cursor: ReplayCursor | None) -> list[DeadLetter]:
        async with self._pool.acquire() as connection:
            return await letters_for_replay(
                connection,
                reason=choice.reason,
                mqtt_topic=choice.mqtt_topic,
                since=choice.since,
                letter_ids=choice.letter_ids,
                after=cursor,
                limit=BATCH_LETTERS,
            )

    def _decoding(self, incarnation: UUID) -> Decoding:
        return Decoding(self._registry.contexts, self._registry.version, incarnation, self._privacy_key)

    async def _decode(self, letter: DeadLetter, decoding: Decoding) -> Outcome:
        payload = letter.payload
        if payload is None:
            if letter.reason is DeadLetterReason.PRIVACY:
                return Outcome(letter, letter.reason.value, "the bytes of a payload with personal fields are not kept")
            payload = await self._raw_log.payload(letter)
            if payload is None:
                return Outcome(letter, NO_BYTES, "its bytes were above the quota of its source, and Kafka no longer has them")
        return decoded(letter, payload, decoding)


def decoded(letter: DeadLetter, payload: bytes, decoding: Decoding) -> Outcome:
    """The letter decoded again. Of a letter for a single reading, the message's other readings are left alone."""
    outcome = Outcome(letter)
    part = outcome.part
    headers = [(name, text.encode()) for name, text in letter.headers.items()]
    timestamp = int(letter.received_at.timestamp() * 1000)
    decoding.add(part, [LetterRecord(letter.partition, letter.offset, timestamp, letter.key, payload, headers)])
    if not part.timeless:
        conclude(outcome)
    return outcome


async def settle_moments(connection: asyncpg.Connection, outcomes: Sequence[Outcome], decodings: Mapping[UUID, Decoding]) -> None:
    """Decodes what waits for the moments of its readings. These stay when the replay is broken off after them: done again, it is given
    the same ones."""
    for life, decoding in decodings.items():
        waiting = [item for item in outcomes if item.letter.incarnation == life and item.part.timeless]
        async with connection.transaction():
            moments = await SequenceMoments(connection).of(
                [one for outcome in waiting for item in outcome.part.timeless for one in item.asked]
            )
        for outcome in waiting:
            decoding.add_timeless(outcome.part, moments)
            conclude(outcome)


def conclude(outcome: Outcome) -> None:
    """What came of the letter, now that its message is decoded."""
    letter, part = outcome.letter, outcome.part
    if letter.index != WHOLE_MESSAGE:
        part.letters = [item for item in part.letters if item.index in (letter.index, WHOLE_MESSAGE)]
        part.readings = {
            group: own
            for group, items in part.readings.items()
            if (own := [item for item in items if item.source.index == letter.index])
        }
    if not part.readings:
        refused = next(iter(part.letters), None)
        outcome.name = refused.reason.value if refused is not None else WITHOUT_READING
        outcome.detail = refused.detail if refused is not None else "the message is one that carries no reading"
        part.letters = []


async def write(connection: asyncpg.Connection, outcomes: Sequence[Outcome], *, careful: bool) -> dict[Group, Appended]:
    """One transaction: readings, what came of each letter, letters of readings that still cannot be stored, the ledger."""
    async with connection.transaction():
        whole = Work({place: outcome.part for place, outcome in enumerate(outcomes)}, {}).merged(range(len(outcomes)))
        appended = await append_groups(connection, whole, careful=careful)
        refused = {id(item): (DeadLetterReason.MALFORMED, words) for group in appended.values() for item, words in group.refused}
        conflicts = {id(item) for group in appended.values() for item in group.conflicts}
        for outcome in outcomes:
            name, detail = outcome.name, outcome.detail
            for _, item in outcome.readings():
                if id(item) in refused:
                    name, detail = refused[id(item)][0].value, refused[id(item)][1]
                elif id(item) in conflicts:
                    name, detail = DeadLetterReason.IDENTITY.value, "another content is stored under the same identity"
            outcome.name, outcome.detail = name, detail
            assert outcome.letter.letter_id is not None
            await mark_replayed(connection, outcome.letter.letter_id, name, detail)
        await append_dead_letters(connection, whole.letters)
        await add_to_ledger(connection, ledger_entries(outcomes, appended))
    return appended


def ledger_entries(outcomes: Sequence[Outcome], appended: Mapping[Group, Appended]) -> list[LedgerEntry]:
    """Letters that are stored now, and readings that are new, in the hours when they were received."""
    moments = {account: counts.moment for outcome in outcomes for account, counts in outcome.part.counts.items()}
    entries = [
        LedgerEntry(moments[group.account], group.account.envelope, readings_replayed=item.stored)
        for group, item in appended.items()
    ]
    for outcome in outcomes:
        if outcome.name == STORED:
            entries += [
                LedgerEntry(counts.moment, account.envelope, messages_replayed=1) for account, counts in outcome.part.counts.items()
            ]
    return entries

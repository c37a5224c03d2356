"""Decodes the raw topic again after a decoder was mended, and makes what is stored what it should have been.

`stadspuls redecode --since T` calls it. All readings of each record read again are replaced by what the decoder makes of the record now:
what comes out the same is not touched. A message that was a dead letter and is readable now is stored, one that no longer is
becomes a dead letter. Records that the store has not come to yet are left to it. Safe to repeat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import asyncpg

from ingest.build_reading import ACCEPTED_PAST
from ingest.decode import DECODER_VERSION
from ingest.store.decoding import Decoding
from ingest.store.raw_log import RawLog
from ingest.store.raw_range import RawRange
from ingest.store.records import raw_message, stand_in
from ingest.store.work import PartitionWork
from models.domain.failures import DeadLetterReason, InvalidMessage, UserError
from models.domain.message import RawMessage
from models.domain.registry import SensorContext
from models.sensor_kinds import SENSOR_KINDS, SensorKind
from runtime.consumer_batch import Record, Span
from storage.correction_diff import KindDiff
from storage.corrections import GIVEN, WAS, KindCorrection, alone, begin_correction, finish_correction
from storage.dead_letters import DeadLetter, append_dead_letters
from storage.lifecycle import Lifecycle
from storage.reading_tables import reading_columns
from storage.readings import reading_values
from storage.redecoded_letters import (
    LetterFinding,
    letters_beyond,
    resolve_letters,
    stage_letters,
    unresolved_findings,
)
from storage.sequence_moments import SequenceMoments

VERB = "redecode"
MOST_REMOVED_SHARE = 0.2
LEAST_REMOVED = 10
"""More than this share of the readings, and at least so many, are only taken away when that is asked for."""
LETTERS_AT_A_TIME = 500


@dataclass(slots=True)
class RedecodeReport:
    """What a redecoding found and did. `letters_stored` were dead letters before, `letters_new` are such now."""

    records: int = 0
    spans: dict[int, Span] = field(default_factory=dict)
    unreadable: Counter[str] = field(default_factory=Counter)
    diffs: list[KindDiff] = field(default_factory=list)
    letters_stored: int = 0
    letters_new: int = 0


class Redecode:
    """One redecoding on one connection of the schema's owner, under the registry as `contexts` has it."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        raw: RawRange,
        raw_log: RawLog,
        contexts: Mapping[str, SensorContext],
        registry_version: int,
        privacy_key: bytes,
        *,
        kinds: Sequence[SensorKind] = SENSOR_KINDS,
        lifecycle: Lifecycle | None = None,
    ) -> None:
        self._connection = connection
        self._raw = raw
        self._raw_log = raw_log
        self._contexts = contexts
        self._decoding = Decoding(contexts, registry_version, raw.incarnation, privacy_key)
        self._kinds = {kind.name: kind for kind in kinds}
        self._lifecycle = lifecycle
        self._moments = SequenceMoments(connection, keep=False)

    async def run(self, since: datetime, now: datetime, *, dry_run: bool, allow_removals: bool = False) -> RedecodeReport:
        """Raises `UserError` when too much would go or another correction runs, `TransientError` when it must be done again."""
        report = RedecodeReport(spans=dict(self._raw.spans))
        connection = self._connection
        async with alone(connection):
            # What is only looked at gives no reading its moment for good.
            self._moments = SequenceMoments(connection, keep=not dry_run)
            await self._stage(report)
            number = None if dry_run else await begin_correction(connection, VERB, since)
            for kind in self._kinds.values():
                correction = KindCorrection(connection, kind)
                try:
                    await self._fill(correction, since)
                    diff = await correction.compare()
                    report.diffs.append(diff)
                    if number is not None:
                        _refuse_to_remove(diff, allow_removals=allow_removals)
                        await correction.apply(number, diff, verb=VERB, now=now, lifecycle=self._lifecycle)
                finally:
                    await correction.close()
            if number is not None:
                await self._settle_letters(report, now)
                await finish_correction(connection, number, self._as_json(report))
        return report

    async def letters_beyond(self, since: datetime) -> list[int]:
        """Dead letters since then that are readable from their own bytes alone: their records are not among those decoded again."""
        sources = None
        if len(self._kinds) < len(SENSOR_KINDS):
            sources = [name for name, context in self._contexts.items() if context.sensor.kind in self._kinds]
        return await letters_beyond(self._connection, since, self._raw.incarnation, self._raw.spans, sources=sources)

    async def _stage(self, report: RedecodeReport) -> None:
        """Decodes everything into a temporary table per kind, and what is not readable into one of its own."""
        for name, kind in self._kinds.items():
            await self._connection.execute(f"DROP TABLE IF EXISTS pg_temp.{_staged(name)}")
            await self._connection.execute(
                f"CREATE TEMP TABLE {_staged(name)} AS SELECT {', '.join(reading_columns(kind))} FROM {name} WITH NO DATA"
            )
        await stage_letters(self._connection, [], fresh=True)
        async for _, records in self._raw.records():
            part = PartitionWork()
            self._decoding.add(part, records)
            moments = await self._moments.of([one for item in part.timeless for one in item.asked])
            self._decoding.add_timeless(part, moments)
            report.records += len(records)
            await self._stage_readings(part)
            findings = [
                LetterFinding(letter.partition, letter.offset, letter.index, letter.reason, letter.detail)
                for letter in part.letters
                if self._is_wanted(letter)
            ]
            report.unreadable.update(finding.reason.value for finding in findings)
            await stage_letters(self._connection, findings)

    async def _stage_readings(self, part: PartitionWork) -> None:
        for group, readings in part.readings.items():
            kind = self._kinds.get(group.kind)
            if kind is not None:
                values = reading_values(kind, readings)
                await self._connection.copy_records_to_table(
                    _staged(kind.name), records=zip(*values.values(), strict=True), columns=list(values)
                )

    def _is_wanted(self, letter: DeadLetter) -> bool:
        """Whether what became unreadable concerns one of the kinds asked for; of unregistered senders when all are."""
        context = self._contexts.get(letter.source)
        return len(self._kinds) == len(SENSOR_KINDS) if context is None else context.sensor.kind in self._kinds

    async def _fill(self, correction: KindCorrection, since: datetime) -> None:
        """What is stored of these records, and what they are now."""
        await correction.open()
        spans = self._raw.spans
        values = ", ".join(f"stored.{name}" for name in correction.columns)
        await correction.connection.execute(
            f"""
            INSERT INTO {WAS} ({correction.names}, was_id)
            SELECT {values}, row_number() OVER () FROM {correction.kind.name} AS stored
            JOIN unnest($1::integer[], $2::bigint[], $3::bigint[]) AS reread (source_partition, first, next) USING (source_partition)
            WHERE stored.source_offset >= reread.first AND stored.source_offset < reread.next AND stored.observed_at >= $4
              AND (stored.source_incarnation = $5 OR stored.source_incarnation IS NULL AND $5::uuid::text = (
                SELECT value FROM schema_setting WHERE name = 'incarnation_of_unnamed_sources'))
            """,
            list(spans),
            [span.first for span in spans.values()],
            [span.next for span in spans.values()],
            self._oldest_observation(since),
            self._raw.incarnation,
        )
        await correction.connection.execute(f"ANALYZE {WAS}")
        staged = _staged(correction.kind.name)
        await correction.connection.execute(f"ANALYZE {staged}")
        values = ", ".join(f"staged.{name}" for name in correction.columns)
        await correction.connection.execute(
            f"INSERT INTO {GIVEN} ({correction.names}, was_id) SELECT {values}, was.was_id FROM {staged} AS staged "
            f"LEFT JOIN {WAS} AS was USING (source_partition, source_offset, source_index)"
        )

    def _oldest_observation(self, since: datetime) -> datetime:
        """The oldest observation that a record received since then could bring: spares the look into older chunks."""
        opened = [context.sensor.accepts_history_from for context in self._contexts.values()]
        return min([since - ACCEPTED_PAST - timedelta(days=1), *(moment for moment in opened if moment is not None)])

    async def _settle_letters(self, report: RedecodeReport, now: datetime) -> None:
        connection, life = self._connection, self._raw.incarnation
        conflicts = [
            LetterFinding(
                item.partition,
                item.offset,
                item.index,
                DeadLetterReason.IDENTITY,
                f"{item.datastream_id} at {item.observed_at.isoformat()} is stored with other values; what was stored first is kept",
            )
            for diff in report.diffs
            for item in diff.conflicts
        ]
        await stage_letters(connection, conflicts)
        staged = [_staged(name) for name in self._kinds]
        report.letters_stored = await resolve_letters(connection, life, self._raw.spans, staged, now=now, source=VERB)
        findings = await unresolved_findings(connection, life)
        for start in range(0, len(findings), LETTERS_AT_A_TIME):
            letters = [letter for item in findings[start : start + LETTERS_AT_A_TIME] if (letter := await self._letter(item))]
            report.letters_new += await append_dead_letters(connection, letters)

    async def _letter(self, finding: LetterFinding) -> DeadLetter | None:
        record = await self._raw_log.record(self._raw.incarnation, finding.partition, finding.offset)
        if record is None:
            return None
        message = _message(record)
        sensor_id = self._decoding.sensor_of(message)
        return self._decoding.letter(record, message, finding.reason, finding.detail, sensor_id, finding.index)

    def _as_json(self, report: RedecodeReport) -> dict[str, object]:
        return {
            "incarnation": str(self._raw.incarnation),
            "decoder_version": DECODER_VERSION,
            "spans": {str(number): list(span) for number, span in report.spans.items()},
            "records": report.records,
            "unreadable": dict(report.unreadable),
            "kinds": [asdict(diff) for diff in report.diffs],
            "letters_stored": report.letters_stored,
            "letters_new": report.letters_new,
        }


def _staged(kind: str) -> str:
    return f"redecode_{kind}"


def _message(record: Record) -> RawMessage:
    try:
        return raw_message(record)
    except InvalidMessage:
        return stand_in(record)


def _refuse_to_remove(diff: KindDiff, *, allow_removals: bool) -> None:
    if allow_removals or diff.removed < LEAST_REMOVED or diff.removed <= MOST_REMOVED_SHARE * diff.looked_at:
        return
    raise UserError(
        f"{diff.removed:,} of {diff.looked_at:,} readings of {diff.kind} would be taken away, because their messages are not readable now or "
        "say something else: that looks like a broken decoder or registry. `--dry-run` shows the diff; if it is right, give --allow-removals"
    )

"""Recomputes stored readings after the registry was corrected: which thing they belong to, and what is derived from them.

`stadspuls registry correct --from T` calls it. Nothing is decoded again: what was measured is in the table. Only readings that were
attributed under a version of the registry before the last one that concerns them are looked at, and only those that come out
otherwise are changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg

from models.sensor_kinds import SENSOR_KINDS, SensorKind
from storage.correction_diff import KindDiff
from storage.corrections import GIVEN, WAS, KindCorrection, alone, begin_correction, finish_correction
from storage.lifecycle import Lifecycle
from storage.reading_tables import reading_columns
from storage.reattribution import Attribution, Reattribution
from storage.registry import registry_version, sensor_contexts
from storage.registry_history import RegistryPast, registry_past

VERB = "registry correct"
ROWS_AT_A_TIME = 5000
_MOVED = "correction_moved"


async def correct_readings(
    connection: asyncpg.Connection,
    since: datetime,
    *,
    now: datetime,
    dry_run: bool = False,
    lifecycle: Lifecycle | None = None,
    kinds: Sequence[SensorKind] = SENSOR_KINDS,
) -> list[KindDiff]:
    """Makes readings observed since `since` what the registry says now; returns what changed (with `dry_run`: would change), for kinds
    with any reading to look at. Safe to repeat. Raises `UserError` while another correction runs, `TransientError` when it must be
    done again. Not in a transaction."""
    diffs: list[KindDiff] = []
    async with alone(connection):
        contexts = await sensor_contexts(connection)
        past = await registry_past(connection, [item for context in contexts.values() for item in context.assignments])
        version = await registry_version(connection)
        number: int | None = None
        for kind in kinds:
            correction = KindCorrection(connection, kind)
            try:
                if not await _gather(correction, Reattribution(kind, contexts, past), past, version, since):
                    continue
                diff = await correction.compare()
                diffs.append(diff)
                if not dry_run:
                    number = number or await begin_correction(connection, VERB, since)
                    await correction.apply(number, diff, verb=VERB, now=now, lifecycle=lifecycle)
            finally:
                await correction.close()
                await connection.execute(f"DROP TABLE IF EXISTS pg_temp.{_MOVED}")
        if number is not None:
            await finish_correction(connection, number, {"registry_version": version, "kinds": [asdict(item) for item in diffs]})
    return diffs


async def _gather(
    correction: KindCorrection, reattribution: Reattribution, past: RegistryPast, version: int, since: datetime
) -> bool:
    """Fills the correction's tables with the readings that come out otherwise; False when there is none."""
    connection, kind = correction.connection, correction.kind
    types = {name: sql_type for name, sql_type in reading_columns(kind).items() if name in reattribution.derived}
    await correction.open()
    columns = "".join(f", new_{name} {sql_type}" for name, sql_type in types.items())
    await connection.execute(
        f"CREATE TEMP TABLE {_MOVED} (was_id bigint, datastream_id text, observed_at timestamptz, new_thing_id text, "
        f"new_datastream_id text{columns})"
    )
    moved = await _find_moved(connection, kind, reattribution, past, since)
    if not moved:
        return False
    await connection.execute(f"ANALYZE {_MOVED}")
    values = ", ".join(f"stored.{name}" for name in correction.columns)
    bounds = await connection.fetchrow(f"SELECT min(observed_at), max(observed_at) FROM {_MOVED}")
    await connection.execute(
        f"INSERT INTO {WAS} ({correction.names}, was_id) SELECT {values}, moved.was_id FROM {kind.name} AS stored "
        f"JOIN {_MOVED} AS moved USING (datastream_id, observed_at) WHERE stored.observed_at BETWEEN $1 AND $2",
        *bounds,
    )
    new = {"thing_id": "moved.new_thing_id", "datastream_id": "moved.new_datastream_id", "registry_version": f"{version}"}
    new |= {name: f"moved.new_{name}" for name in reattribution.derived}
    values = ", ".join(new.get(name, f"was.{name}") for name in correction.columns)
    await connection.execute(
        f"INSERT INTO {GIVEN} ({correction.names}, was_id) SELECT {values}, was.was_id FROM {WAS} AS was "
        f"JOIN {_MOVED} AS moved USING (was_id) WHERE moved.new_thing_id IS NOT NULL"
    )
    return True


async def _find_moved(
    connection: asyncpg.Connection, kind: SensorKind, reattribution: Reattribution, past: RegistryPast, since: datetime
) -> int:
    """Writes down the readings that come out otherwise; returns how many."""
    changed = past.changed_versions()
    names = ("datastream_id", "thing_id", "observed_at", "registry_version", *reattribution.measured, *reattribution.derived)
    statement = f"""
        SELECT {", ".join(f"stored.{name}" for name in names)} FROM {kind.name} AS stored
        LEFT JOIN unnest($2::text[], $3::integer[]) AS changed (datastream_id, version) USING (datastream_id)
        WHERE stored.observed_at >= $1 AND stored.registry_version < greatest(coalesce(changed.version, 0), $4)
        ORDER BY stored.observed_at
    """
    arguments = (since, list(changed), list(changed.values()), past.history_from)
    measured_end = 4 + len(reattribution.measured)
    found = 0
    async with connection.transaction():
        cursor = await connection.cursor(statement, *arguments)
        while rows := await cursor.fetch(ROWS_AT_A_TIME):
            moved: list[tuple[Any, ...]] = []
            for row in rows:
                values = tuple(row)
                measured = dict(zip(reattribution.measured, values[4:measured_end], strict=True))
                attribution = reattribution.attribute(values[0], values[1], values[2], values[3], measured)
                if _differs(attribution, values, measured_end):
                    found += 1
                    # A reading that belongs nowhere has no derived values; as many columns as the others all the same.
                    derived = attribution.derived or values[measured_end:]
                    moved.append((found, values[0], values[2], attribution.thing_id, attribution.datastream_id, *derived))
            if moved:
                await connection.copy_records_to_table(_MOVED, records=moved)
    return found


def _differs(attribution: Attribution, stored: tuple[Any, ...], measured_end: int) -> bool:
    if (attribution.datastream_id, attribution.thing_id) != (stored[0], stored[1]):
        return True
    return attribution.derived != stored[measured_end:]

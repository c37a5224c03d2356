"""`stadspuls redecode`: what is stored, made anew from the raw messages after a decoder was mended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ingest.store.redecode import RedecodeReport
    from ingest.store.replay import ReplayReport
    from models.sensor_kinds import SensorKind

NAME = "stadspuls-redecode"
TIMEOUT_SECONDS = 3600.0


def add_verbs(app: typer.Typer) -> None:
    app.command("redecode")(redecode)


def redecode(
    since: Annotated[
        str, typer.Option(help="From which moment of reception on: an age such as 36h or 7d, or a time with its zone")
    ],
    kind: Annotated[str, typer.Option(help="Only readings of this kind of sensor")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the diff, change nothing")] = False,
    allow_removals: Annotated[
        bool, typer.Option("--allow-removals", help="Take away more than a fifth of a kind's readings if so it comes out")
    ] = False,
) -> None:
    """Decode the raw messages in Kafka again and make the stored readings what they say now; print what changed. Safe to repeat.

    For after a decoder was mended. Dead letters that are readable now are stored; those whose messages Kafka no longer has are replayed
    from their own bytes. Rollups and newest readings follow, forecasts are made anew.

    stadspuls redecode --since 7d --kind container_fill --dry-run
    """
    from stadspuls.correction_texts import redecode_lines
    from stadspuls.dead_letter_texts import report_lines

    report, replayed = asyncio.run(_redecode(since, _kinds(kind), dry_run, allow_removals))
    for line in redecode_lines(report, dry_run=dry_run):
        typer.echo(line)
    if replayed is not None:
        typer.echo("letters whose messages are no longer in Kafka:")
        for line in report_lines(replayed):
            typer.echo(line)


def _kinds(name: str) -> Sequence[SensorKind]:
    from models.domain.failures import UserError
    from models.sensor_kinds import SENSOR_KINDS, kind_by_name

    if not name:
        return SENSOR_KINDS
    kind = kind_by_name(name)
    if kind is None:
        raise UserError(f"there is no kind {name!r}; the kinds are {', '.join(item.name for item in SENSOR_KINDS)}")
    return (kind,)


async def _redecode(
    since: str, kinds: Sequence[SensorKind], dry_run: bool, allow_removals: bool
) -> tuple[RedecodeReport, ReplayReport | None]:
    import secrets

    from ingest.store.raw_log import RawLog
    from ingest.store.raw_range import raw_range
    from ingest.store.redecode import Redecode
    from ingest.store.service import CONSUMER
    from runtime import logs
    from runtime.clock import SystemClock
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, KafkaSettings, StorageSettings, StoreSettings, load
    from stadspuls.hinting import hint_corrected
    from stadspuls.moments import moment_since
    from storage.lifecycle import lifecycle_of
    from storage.registry import sensor_contexts
    from storage.schema import check_schema
    from storage.stream_offsets import all_stored_offsets

    logs.configure(NAME, level="WARNING")
    clock, kafka = SystemClock(), load(KafkaSettings, "operator")
    moment = moment_since(since, clock.now())
    key = load(StoreSettings, "store").privacy_hash_key.get_secret_value().encode() or secrets.token_bytes(32)
    lifecycle = lifecycle_of(load(StorageSettings, "operator").readings_retention_days)
    database = load(DatabaseSettings, "operator")
    async with connected(database, application_name=NAME, command_timeout_seconds=TIMEOUT_SECONDS) as connection:
        await check_schema(connection)
        contexts = await sensor_contexts(connection)
        stored = await all_stored_offsets(connection, CONSUMER)
        async with (
            RawLog(kafka, client_id=f"{NAME}-letters") as raw_log,
            raw_range(kafka, moment, stored, client_id=NAME) as raw,
        ):
            version = max((context.registry_version for context in contexts.values()), default=0)
            work = Redecode(connection, raw, raw_log, contexts, version, key, kinds=kinds, lifecycle=lifecycle)
            report = await work.run(moment, clock.now(), dry_run=dry_run, allow_removals=allow_removals)
            beyond = await work.letters_beyond(moment)
    if dry_run:
        return report, None
    await hint_corrected(report.diffs, clock, client_id=NAME, kafka=kafka)
    if not beyond:
        return report, None
    from ingest.store.replay import LetterChoice
    from stadspuls.commands.dead_letters import replay_letters

    return report, await replay_letters(LetterChoice(letter_ids=beyond))

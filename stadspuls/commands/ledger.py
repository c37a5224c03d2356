"""`stadspuls ledger`: what became of every message and reading, as two sums that must come out even."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from storage.ledger import LedgerTotals


def add_verbs(app: typer.Typer) -> None:
    app.command("ledger")(ledger)


def ledger(
    since: Annotated[
        str, typer.Option(help="Only what was received since: an age such as 90m, 6h or 2d, or a time with its zone")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object")] = False,
) -> None:
    """Show whether every message and every reading is accounted for. Ends with status 1 when one is not."""
    found = asyncio.run(_read(since))
    if json:
        import orjson

        typer.echo(orjson.dumps(as_json(*found), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in in_words(*found):
            typer.echo(line)
    if not balanced(found[0]):
        raise typer.Exit(1)


async def _read(since: str) -> tuple[LedgerTotals, dict[str, LedgerTotals], int | None, int]:
    from ingest.store.waiting import records_waiting
    from models.domain.failures import TransientError
    from runtime.clock import SystemClock
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, KafkaSettings, load
    from stadspuls.moments import moment_since
    from storage.ledger import ledger_by_source, ledger_totals
    from storage.stream_offsets import messages_skipped

    moment = moment_since(since, SystemClock().now()) if since else None
    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls ledger") as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            totals = await ledger_totals(connection, since=moment)
            by_source = await ledger_by_source(connection, since=moment)
            skipped = await messages_skipped(connection)
        try:
            waiting = await records_waiting(load(KafkaSettings, "operator"), connection)
        except TransientError:
            waiting = None
    return totals, by_source, waiting, skipped


def balanced(totals: LedgerTotals) -> bool:
    """Both identities hold."""
    return totals.messages_imbalance == 0 and totals.readings_imbalance == 0


def in_words(totals: LedgerTotals, by_source: dict[str, LedgerTotals], waiting: int | None, skipped: int) -> list[str]:
    """The two identities as sentences with figures, in total and per source."""
    lines = [
        f"messages: {totals.messages_received:,} received = {totals.messages_decoded:,} decoded + "
        f"{totals.messages_without_reading:,} without reading + {totals.messages_dead_lettered:,} dead-lettered"
        f"{_verdict(totals.messages_imbalance, 'messages')}",
        f"readings: {totals.readings_decoded:,} decoded = {totals.readings_stored:,} stored + {totals.readings_duplicate:,} duplicate + "
        f"{totals.readings_rejected:,} rejected{_verdict(totals.readings_imbalance, 'readings')}",
        "in flight: "
        + ("Kafka does not say how many messages wait in it" if waiting is None else f"{waiting:,} messages wait in Kafka"),
    ]
    if totals.messages_replayed or totals.readings_corrected:
        lines.append(
            f"afterwards: {totals.messages_replayed:,} dead letters replayed, which stored {totals.readings_replayed:,} readings; "
            f"{totals.readings_corrected:,} readings corrected"
        )
    if skipped:
        lines.append(f"gaps: {skipped:,} messages were deleted by Kafka before they were read, and skipped by decision")
    for source, part in by_source.items():
        lines.append(
            f"  {source}: {part.messages_received:,} received, {part.messages_dead_lettered:,} dead-lettered; {part.readings_stored:,} "
            f"stored, {part.readings_duplicate:,} duplicate, {part.readings_rejected:,} rejected"
        )
    return lines


def as_json(totals: LedgerTotals, by_source: dict[str, LedgerTotals], waiting: int | None, skipped: int) -> dict[str, Any]:
    """The same figures for programs."""
    return {
        "balanced": balanced(totals),
        **_figures(totals),
        "messages_waiting_in_kafka": waiting,
        "messages_skipped": skipped,
        "by_source": {source: _figures(part) for source, part in by_source.items()},
    }


def _figures(totals: LedgerTotals) -> dict[str, int]:
    from dataclasses import asdict

    imbalances = {"messages_imbalance": totals.messages_imbalance, "readings_imbalance": totals.readings_imbalance}
    return {**asdict(totals), **imbalances}


def _verdict(imbalance: int, what: str) -> str:
    if imbalance == 0:
        return ": balanced"
    return f": NOT BALANCED, {abs(imbalance):,} {what} {'are missing' if imbalance > 0 else 'too many are accounted for'}"

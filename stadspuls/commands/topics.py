"""`stadspuls topics create` and `skip-deleted`: the Kafka topics of the pipeline."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer


def add_verbs(app: typer.Typer) -> None:
    topics = typer.Typer(help="The Kafka topics of the pipeline.", no_args_is_help=True)
    topics.command("create")(create)
    topics.command("skip-deleted")(skip_deleted)
    app.add_typer(topics, name="topics")


def create() -> None:
    """Make the Kafka topics that are missing, say which exist, and refuse one that is not as it must be. Safe to repeat."""
    asyncio.run(_create())


async def _create() -> None:
    from ingest.topics import ensure_topics
    from runtime.postgres import open_pool
    from runtime.settings import DatabaseSettings, KafkaSettings, TopicSettings, load

    pool = await open_pool(load(DatabaseSettings, "operator"), application_name="stadspuls topics")
    try:
        outcomes = await ensure_topics(load(KafkaSettings, "operator"), pool, load(TopicSettings, "operator"))
    finally:
        await pool.close()
    for outcome in outcomes:
        what = "made" if outcome.made else "exists"
        life = "; this life of it is new to the database" if outcome.newly_recorded and not outcome.made else ""
        typer.echo(f"{outcome.kafka_topic}: {what}, {outcome.partitions} partitions, id {outcome.incarnation}{life}")


def skip_deleted(yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False) -> None:
    """Let the store go on after Kafka deleted messages that it had not read; they are noted as a gap that the ledger shows.

    The store stops rather than step over a gap by itself. Use this when what is missing cannot be brought back from anywhere.
    """
    asyncio.run(_skip_deleted(yes))


async def _skip_deleted(yes: bool) -> None:
    from ingest.store.service import CONSUMER
    from ingest.store.waiting import log_positions
    from runtime.kafka_topic_id import topic_id
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, KafkaSettings, load
    from storage.stream_offsets import skip_deleted as skip

    kafka = load(KafkaSettings, "operator")
    async with connected(load(DatabaseSettings, "operator"), application_name="stadspuls topics") as connection:
        positions = {number: found for number, found in (await log_positions(kafka, connection)).items() if found.missing}
        if not positions:
            typer.echo("nothing to skip: Kafka still has everything that is to be stored next")
            return
        for number, found in sorted(positions.items()):
            typer.echo(
                f"partition {number}: offsets {found.stored} to {found.beginning - 1} are deleted, {found.missing:,} messages"
            )
        if not yes:
            typer.confirm(f"Skip {sum(found.missing for found in positions.values()):,} messages for good?", abort=True)
        incarnation = await topic_id(kafka, kafka.kafka_topic_raw, client_id="stadspuls-topics")
        for number, found in positions.items():
            await skip(connection, CONSUMER, incarnation, number, found.stored, found.beginning)
    typer.echo("skipped; a store that runs takes it up at its next start, and the ledger shows the gap")

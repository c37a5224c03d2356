"""`stadspuls topics create`: the Kafka topics of the pipeline."""

from __future__ import annotations

import asyncio

import typer


def add_verbs(app: typer.Typer) -> None:
    topics = typer.Typer(help="The Kafka topics of the pipeline.", no_args_is_help=True)
    topics.command("create")(create)
    app.add_typer(topics, name="topics")
    # A group of one verb keeps its verb's name only when it has a callback.
    topics.callback()(_topics)


def _topics() -> None:
    """The Kafka topics of the pipeline."""


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

"""`stadspuls dead-letters list|show|replay`: what could not be stored, why, and how to store it after all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ingest.store.replay import LetterChoice, ReplayReport
    from models.domain.failures import DeadLetterReason
    from storage.dead_letters import DeadLetter, Replay

NAME = "stadspuls-dead-letters"
HEXDUMP_BYTES = 1024

Reason = Annotated[str, typer.Option(help="malformed, schema, range, unknown_thing, clock, identity, too_large or privacy")]
Topic = Annotated[str, typer.Option(help="Only of this MQTT topic; with # at its end, of all that begin like it")]
Since = Annotated[str, typer.Option(help="Only first seen since: an age such as 90m, 6h or 2d, or a time with its zone")]


def add_verbs(app: typer.Typer) -> None:
    group = typer.Typer(help="What could not be stored: look at it, mend the cause, replay it.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("replay")(replay)
    app.add_typer(group, name="dead-letters")


def list_(
    reason: Reason = "",
    topic: Topic = "",
    since: Since = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the newest are listed")] = 20,
) -> None:
    """How many dead letters there are for which reason, and the newest of them."""
    from stadspuls.dead_letter_texts import count_lines, letter_line

    counts, letters = asyncio.run(_list(reason, topic, since, limit))
    for line in count_lines(counts):
        typer.echo(line)
    for letter in letters:
        typer.echo(letter_line(letter))
    if letters:
        typer.echo("Look at one: stadspuls dead-letters show ID")


def show(letter_id: Annotated[int, typer.Argument(metavar="ID", help="The number in the list")]) -> None:
    """One dead letter: its bytes, where it came from, why it was refused, what became of replays, and what to do."""
    from stadspuls.dead_letter_texts import letter_lines

    for line in letter_lines(*asyncio.run(_show(letter_id)), most_bytes=HEXDUMP_BYTES):
        typer.echo(line)


def replay(
    reason: Reason = "",
    topic: Topic = "",
    since: Since = "",
    letter_id: Annotated[list[int] | None, typer.Option("--id", help="Only this one; may be given several times")] = None,
) -> None:
    """Decode dead letters again, in the order in which they came, and store what is readable now. Safe to repeat."""
    from stadspuls.dead_letter_texts import report_lines

    for line in report_lines(asyncio.run(replay_letters(_choice(reason, topic, since, letter_id)))):
        typer.echo(line)


def _reason(text: str) -> DeadLetterReason | None:
    from models.domain.failures import DeadLetterReason, UserError

    if not text:
        return None
    try:
        return DeadLetterReason(text)
    except ValueError:
        raise UserError(f"there is no reason {text!r}; the reasons are {', '.join(DeadLetterReason)}") from None


def _choice(reason: str, topic: str, since: str, letter_ids: list[int] | None) -> LetterChoice:
    from ingest.store.replay import LetterChoice
    from runtime.clock import SystemClock
    from stadspuls.moments import moment_since

    moment = moment_since(since, SystemClock().now()) if since else None
    return LetterChoice(reason=_reason(reason), mqtt_topic=topic or None, since=moment, letter_ids=letter_ids or None)


async def _list(reason: str, topic: str, since: str, limit: int) -> tuple[dict[DeadLetterReason, int], list[DeadLetter]]:
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.dead_letters import dead_letter_counts, list_dead_letters

    choice = _choice(reason, topic, since, None)
    async with connected(load(DatabaseSettings, "operator"), application_name=NAME) as connection:
        counts = await dead_letter_counts(connection, mqtt_topic=choice.mqtt_topic, since=choice.since)
        letters = await list_dead_letters(
            connection, reason=choice.reason, mqtt_topic=choice.mqtt_topic, since=choice.since, limit=limit
        )
    return {name: number for name, number in counts.items() if choice.reason in (None, name)}, letters


async def _show(letter_id: int) -> tuple[DeadLetter, list[Replay]]:
    from models.domain.failures import UserError
    from runtime.postgres import connected
    from runtime.settings import DatabaseSettings, load
    from storage.dead_letters import dead_letter, replays_of

    async with connected(load(DatabaseSettings, "operator"), application_name=NAME) as connection:
        letter = await dead_letter(connection, letter_id)
        if letter is None:
            raise UserError(f"there is no dead letter {letter_id}: `stadspuls dead-letters list` shows those there are")
        return letter, await replays_of(connection, letter_id)


async def replay_letters(choice: LetterChoice) -> ReplayReport:
    """Replays on the machine's own servers."""
    import secrets

    from ingest.store.hints import Hints
    from ingest.store.raw_log import RawLog
    from ingest.store.registry_snapshot import RegistrySnapshot
    from ingest.store.replay import Replay
    from runtime import logs
    from runtime.clock import SystemClock
    from runtime.kafka import make_producer
    from runtime.postgres import open_pool
    from runtime.settings import DatabaseSettings, KafkaSettings, StoreSettings, load
    from storage.lifecycle import LATENESS_WINDOW

    logs.configure(NAME, level="WARNING")
    clock, kafka = SystemClock(), load(KafkaSettings, "operator")
    key = load(StoreSettings, "store").privacy_hash_key.get_secret_value().encode() or secrets.token_bytes(32)
    pool = await open_pool(load(DatabaseSettings, "operator"), application_name=NAME, max_size=1)
    producer = make_producer(kafka, client_id=NAME)
    try:
        registry = RegistrySnapshot(pool, clock)
        await registry.load()
        hints = Hints(producer, kafka.kafka_topic_changed, clock, lateness=LATENESS_WINDOW)
        async with RawLog(kafka, client_id=NAME) as raw_log:
            report = await Replay(pool, registry, raw_log, key, hints.note).run(choice)
        if hints.waiting:
            await producer.start()
            await hints.flush()
        return report
    finally:
        await producer.stop()
        await pool.close()

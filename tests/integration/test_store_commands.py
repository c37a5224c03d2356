"""`stadspuls ledger` and `stadspuls dead-letters`, as a person types them."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from deploy.local.processes import StackState
from runtime.settings import DatabaseSettings
from tests.integration.raw_topic import Line, own_payload, raw_topic_on, topic_of

MORNING = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


@pytest.fixture
async def line(servers: StackState, database: DatabaseSettings, tmp_path: Path) -> AsyncIterator[Line]:
    async with raw_topic_on(servers) as topic:
        made = Line(servers, database, topic, tmp_path)
        await made.prepare(["s1"])
        yield made


async def stadspuls(line: Line, *arguments: str) -> tuple[int, str]:
    """Status and output of the command."""
    environment = {
        **os.environ,
        "STADSPULS_RUN_DIR": str(line.servers.run_dir),
        "STADSPULS_DATABASE_NAME": line.database.database_name,
        "STADSPULS_KAFKA_TOPIC_RAW": line.topic.kafka.kafka_topic_raw,
        "STADSPULS_KAFKA_TOPIC_CHANGED": line.topic.kafka.kafka_topic_changed,
    }
    command = [sys.executable, "-m", "stadspuls", *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


async def test_the_commands_show_and_mend_what_the_store_refused(line: Line) -> None:
    good = [(topic_of("s1"), own_payload(MORNING + timedelta(minutes=number), distance_mm=1.0)) for number in range(10)]
    await line.topic.send(good)
    await line.topic.send([(topic_of("later"), own_payload(MORNING, distance_mm=2.0)), (topic_of("s1"), b'{"v":1')])
    await line.handled(12)
    await line.topic.send(good[:3])

    status, said = await stadspuls(line, "ledger")
    assert status == 0, said
    assert "12 received = 10 decoded + 0 without reading + 2 dead-lettered: balanced" in said
    assert "3 messages wait in Kafka" in said

    status, said = await stadspuls(line, "dead-letters", "list", "--since", "2h")
    assert status == 0, said
    assert said.startswith("2 dead letters")
    (letter_id,) = re.findall(r"^ *(\d+) .*unknown_thing", said, re.MULTILINE)[-1:]
    status, said = await stadspuls(line, "dead-letters", "show", letter_id)
    assert status == 0, said
    assert "stadspuls registry import" in said
    assert "7b 22 76 22" in said

    await line.register(["later"])
    status, said = await stadspuls(line, "dead-letters", "replay", "--reason", "unknown_thing")
    assert status == 0, said
    assert "1 dead letters replayed: 1 are stored now" in said
    status, said = await stadspuls(line, "dead-letters", "replay", "--id", letter_id)
    assert (status, said.strip()) == (0, "No dead letter matches that is not stored yet.")

    async with line.connection() as connection:
        await connection.execute("UPDATE ledger SET readings_stored = readings_stored - 4")
    status, said = await stadspuls(line, "ledger", "--json")
    assert status == 1
    found = orjson.loads(said)
    assert (found["balanced"], found["readings_imbalance"], found["readings_replayed"]) == (False, 4, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dead-letters", "list", "--reason", "tired"), "there is no reason 'tired'"),
        (("dead-letters", "show", "999"), "there is no dead letter 999"),
        (("ledger", "--since", "yesterday"), "'yesterday' is no moment"),
    ],
)
async def test_a_mistake_gets_a_sentence(line: Line, arguments: tuple[str, ...], sentence: str) -> None:
    status, said = await stadspuls(line, *arguments)
    assert status == 2
    assert sentence in said
    assert "Traceback" not in said

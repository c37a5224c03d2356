"""The local stack with its real servers: who may log in, what they may do, and that whatever dies starts again."""

from __future__ import annotations

import asyncpg
import pytest

from deploy.local.processes import Engine, StackState
from runtime.settings import DatabaseSettings, load

pytestmark = pytest.mark.servers


async def test_a_database_is_empty_and_on_the_engine_that_was_asked_for(database: DatabaseSettings, engine: Engine) -> None:
    connection = await asyncpg.connect(
        host=database.database_host,
        port=database.database_port,
        user=database.database_user,
        password=database.database_password.get_secret_value(),
        database=database.database_name,
    )
    try:
        extensions = {row["extname"] for row in await connection.fetch("SELECT extname FROM pg_extension")}
        tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        await connection.execute("CREATE TABLE mine (id int)")
    finally:
        await connection.close()
    assert ("timescaledb" in extensions) == (engine == "timescale")
    assert tables == 0


def test_every_server_answers(servers: StackState) -> None:
    from deploy.local import stack

    assert [process.name for process in servers.processes] == ["mosquitto", "kafka", "postgres"]
    assert all(stack.is_ready(servers.run_dir, process) for process in servers.processes)


def test_settings_of_a_service_come_from_its_own_file(servers: StackState) -> None:
    assert load(DatabaseSettings, "store", servers.run_dir).database_user == "store"

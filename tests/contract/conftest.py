"""A migrated database per engine for the contract tests of storage, made once and emptied before each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import asyncpg
import pytest

from deploy.local import postgres_server
from deploy.local.credentials import load_or_make_secrets
from deploy.local.layout import run_directory
from deploy.local.processes import Engine, StackState
from runtime.postgres import connected
from runtime.settings import DatabaseSettings, load
from storage.schema import migrate

TIMEZONE = "Europe/Amsterdam"

MakeMigrated = Callable[[Engine], Awaitable[DatabaseSettings]]


@pytest.fixture(scope="session")
async def make_migrated(servers: StackState) -> AsyncIterator[MakeMigrated]:
    """Makes the migrated database of an engine the first time it is asked for."""
    passwords = load_or_make_secrets(run_directory(servers.run_dir).secrets_file)
    port = servers.process("postgres").port
    made: dict[Engine, DatabaseSettings] = {}

    async def make(engine: Engine) -> DatabaseSettings:
        if engine not in made:
            name = f"contract_{engine}_{uuid4().hex[:8]}"
            await postgres_server.create_database(port, passwords, name, engine)
            settings = load(DatabaseSettings, "operator", servers.run_dir).model_copy(update={"database_name": name})
            async with connected(settings, application_name="tests") as connection:
                await migrate(connection, timezone=TIMEZONE)
                if engine == "timescale":
                    # The server's own jobs would refresh and compress in the middle of a test.
                    await connection.execute(
                        "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000"
                    )
            made[engine] = settings
        return made[engine]

    yield make
    for settings in made.values():
        await postgres_server.drop_database(port, passwords, settings.database_name)


@pytest.fixture
async def storage_settings(make_migrated: MakeMigrated, engine: Engine) -> DatabaseSettings:
    """How the migrator reaches a migrated, empty database on `engine`."""
    settings = await make_migrated(engine)
    async with connected(settings, application_name="tests") as connection:
        tables = await connection.fetch(
            """
            SELECT tablename FROM pg_tables
            WHERE schemaname = 'public' AND tablename NOT IN ('schema_version', 'schema_setting', 'registry_state')
            """
        )
        await connection.execute(f"TRUNCATE {', '.join(row['tablename'] for row in tables)} RESTART IDENTITY CASCADE")
        await connection.execute("UPDATE registry_state SET version = 0")
        if engine == "timescale":
            rollups = await connection.fetch("SELECT view_name FROM timescaledb_information.continuous_aggregates")
            for row in rollups:
                await connection.execute(f"TRUNCATE {row['view_name']}")
    return settings


@pytest.fixture
async def storage(storage_settings: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the schema's owner to a migrated, empty database; the test runs once per engine."""
    async with connected(storage_settings, application_name="tests") as connection:
        yield connection

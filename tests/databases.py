"""Databases for tests: copies of a template, which take a fraction of the time that the extension and all migrations take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from deploy.local import postgres_server
from deploy.local.credentials import load_or_make_secrets
from deploy.local.layout import run_directory
from deploy.local.processes import Engine, StackState
from runtime.postgres import connected
from runtime.settings import DatabaseSettings, load
from storage.schema import migrate

TIMEZONE = "Europe/Amsterdam"


class Templates:
    """The databases that are copied, by engine: empty but for the extension, and migrated. Nobody can connect to them."""

    def __init__(self, servers: StackState) -> None:
        self._servers = servers
        self._made: dict[str, str] = {}

    async def empty(self, engine: Engine) -> str:
        return await self._named(engine, migrated=False)

    async def migrated(self, engine: Engine) -> str:
        """Its days are those of `TIMEZONE`; a test that migrates its copy anew changes nothing."""
        return await self._named(engine, migrated=True)

    async def drop(self) -> None:
        port, passwords = _reach(self._servers)
        for name in self._made.values():
            await postgres_server.drop_database(port, passwords, name)

    async def _named(self, engine: Engine, *, migrated: bool) -> str:
        key = f"{'migrated' if migrated else 'empty'}_{engine}"
        if key not in self._made:
            port, passwords = _reach(self._servers)
            name = f"template_{key}_{uuid4().hex[:8]}"
            await postgres_server.create_database(port, passwords, name, engine)
            if migrated:
                async with connected(_settings(self._servers, name), application_name="tests") as connection:
                    await migrate(connection, timezone=TIMEZONE)
            await postgres_server.close_to_sessions(port, passwords, name)
            self._made[key] = name
        return self._made[key]


@asynccontextmanager
async def copied(servers: StackState, engine: Engine, template: str) -> AsyncIterator[DatabaseSettings]:
    """A database of its own for one test, as the migrator sees it."""
    port, passwords = _reach(servers)
    name = f"test_{uuid4().hex[:12]}"
    await postgres_server.create_database(port, passwords, name, engine, template=template)
    try:
        yield _settings(servers, name)
    finally:
        await postgres_server.drop_database(port, passwords, name)


def _reach(servers: StackState) -> tuple[int, dict[str, str]]:
    return servers.process("postgres").port, dict(load_or_make_secrets(run_directory(servers.run_dir).secrets_file))


def _settings(servers: StackState, name: str) -> DatabaseSettings:
    return load(DatabaseSettings, "operator", servers.run_dir).model_copy(update={"database_name": name})

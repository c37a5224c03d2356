"""Backups of the database: made while everything runs, restored beside the old database and then put in its place.

A backup is a folder with PostgreSQL's own dump and a manifest. The dump is one snapshot of readings, ledger and stored offsets. What arrived
after it is still in Kafka: after a restore the store reads on from the snapshot's offsets, to the newest message. Kafka therefore keeps
raw messages for longer than the oldest backup that one would restore.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from pydantic import TypeAdapter, ValidationError

from deploy.local.programs import find_postgres, find_program
from models.domain.failures import UserError
from runtime.postgres import connected
from runtime.settings import DatabaseSettings
from storage.backup import DatabaseFacts, begin_restore, database_facts, end_restore, timescaledb_version

DUMP, MANIFEST = "database.dump", "manifest.json"
STATEMENT_SECONDS = 6 * 3600.0
_SWAP_TRIES = 40
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")

Report = Callable[[str], None]


@dataclass(frozen=True)
class Manifest:
    """What stands beside the dump: enough to know what it is, and whether a restore is whole."""

    facts: DatabaseFacts
    postgres_version: int
    timescaledb_version: str | None
    owner: str
    roles: tuple[str, ...]
    """Roles that may connect."""
    dump_bytes: int
    dump_sha256: str


_MANIFEST = TypeAdapter(Manifest)


async def make_backup(admin: DatabaseSettings, folder: Path, report: Report) -> Path:
    """Writes a backup below `folder`, named by its moment in UTC; readings go on being stored meanwhile.

    `admin` is a superuser. The folder of the backup gets its name only when all of it is there. Raises `UserError` when pg_dump fails.
    """
    async with (
        connected(admin, application_name="stadspuls backup", command_timeout_seconds=STATEMENT_SECONDS) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
        facts = await database_facts(connection)
        target = folder / f"{facts.taken_at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
        unfinished = folder / f".{target.name}.unfinished"
        unfinished.mkdir(parents=True, mode=0o700)
        report(f"dumping {sum(facts.rows.values()):,} rows of {admin.database_name}")
        dump = unfinished / DUMP
        await _run(
            admin, "pg_dump", f"--snapshot={snapshot}", "--format=custom", "--compress=3", f"--file={dump}", admin.database_name
        )
        manifest = Manifest(
            facts=facts,
            postgres_version=connection.get_server_version().major,
            timescaledb_version=await timescaledb_version(connection),
            owner=await connection.fetchval("SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()"),
            roles=tuple(await _roles_that_connect(connection)),
            dump_bytes=dump.stat().st_size,
            dump_sha256=await asyncio.to_thread(_sha256, dump),
        )
    (unfinished / MANIFEST).write_bytes(_MANIFEST.dump_json(manifest, indent=2))
    unfinished.rename(target)
    return target


def read_manifest(backup: Path) -> Manifest:
    """The manifest of a backup. Raises `UserError` when the folder is none."""
    try:
        return _MANIFEST.validate_json((backup / MANIFEST).read_bytes())
    except OSError as error:
        raise UserError(f"{backup} is not a backup: it has no readable {MANIFEST} ({error.strerror})") from error
    except ValidationError as error:
        raise UserError(f"{backup / MANIFEST} was not written by this release: {error.errors()[0]['msg']}") from error


def backups_in(folder: Path) -> list[tuple[Path, Manifest]]:
    """Whole backups below a folder, oldest first."""
    found = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))
    return [(path, read_manifest(path)) for path in found]


async def restore_backup(admin: DatabaseSettings, backup: Path, report: Report) -> str | None:
    """Puts a backup in the place of the database; returns the name under which the former one is kept, None if there was none.

    The dump is loaded into a database of its own and compared with the manifest first; until then nothing that exists is touched. Raises
    `UserError` when the dump is damaged, something is still connected, or what was restored is not what was saved.
    """
    manifest = read_manifest(backup)
    name = admin.database_name
    if not _NAME.fullmatch(name):
        raise UserError(f"a database named {name!r} cannot be restored: use lower-case letters, digits and _")
    if await asyncio.to_thread(_sha256, backup / DUMP) != manifest.dump_sha256:
        raise UserError(f"{backup / DUMP} is not the file that was saved (another SHA-256): take another backup")
    fresh = f"{name}_restoring"
    former = f"{name}_before_{datetime.now(UTC):%Y%m%d%H%M%S}"
    server = admin.model_copy(update={"database_name": "postgres"})
    async with connected(server, application_name="stadspuls restore", command_timeout_seconds=STATEMENT_SECONDS) as connection:
        await _refuse_sessions(connection, name)
        await connection.execute(f'DROP DATABASE IF EXISTS "{fresh}" WITH (FORCE)')
        await _create(connection, fresh, manifest)
        try:
            await _load(admin.model_copy(update={"database_name": fresh}), backup, manifest, report)
            existed = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name)
            if existed:
                await _refuse_sessions(connection, name)
                await _rename(connection, name, former)
            await _rename(connection, fresh, name)
        except BaseException:
            await connection.execute(f'DROP DATABASE IF EXISTS "{fresh}" WITH (FORCE)')
            raise
    return former if existed else None


async def _load(fresh: DatabaseSettings, backup: Path, manifest: Manifest, report: Report) -> None:
    async with connected(fresh, application_name="stadspuls restore", command_timeout_seconds=STATEMENT_SECONDS) as connection:
        if manifest.timescaledb_version is not None:
            await begin_restore(connection, manifest.timescaledb_version)
        report(f"loading {manifest.dump_bytes / 1e6:,.1f} MB")
        await _run(fresh, "pg_restore", "--exit-on-error", f"--dbname={fresh.database_name}", str(backup / DUMP))
        if manifest.timescaledb_version is not None:
            await end_restore(connection)
        await connection.execute("ANALYZE")
        report("comparing what was restored with what was saved")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            differences = manifest.facts.differences(await database_facts(connection))
    if differences:
        raise UserError("what was restored is not what was saved, nothing was replaced: " + "; ".join(differences))


async def _create(connection: asyncpg.Connection, name: str, manifest: Manifest) -> None:
    await connection.execute(f'CREATE DATABASE "{name}" OWNER "{manifest.owner}" TEMPLATE template0')
    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    for role in manifest.roles:
        await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{role}"')


async def _roles_that_connect(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        """
        SELECT DISTINCT entry.grantee::regrole::text AS role
        FROM pg_database, aclexplode(datacl) AS entry
        WHERE datname = current_database() AND entry.privilege_type = 'CONNECT' AND entry.grantee <> 0 ORDER BY 1
        """
    )
    return [row["role"] for row in rows]


async def _refuse_sessions(connection: asyncpg.Connection, name: str) -> None:
    """Services that write while the database is replaced would write into the old one."""
    rows = await connection.fetch(
        "SELECT DISTINCT coalesce(nullif(application_name, ''), usename) AS who FROM pg_stat_activity "
        "WHERE datname = $1 AND backend_type = 'client backend'",
        name,
    )
    if rows:
        raise UserError(
            f"the database {name} is in use by {', '.join(sorted(row['who'] for row in rows))}: stop the services first "
            "(`stadspuls down`, then `stadspuls up --services none`)"
        )


async def _rename(connection: asyncpg.Connection, old: str, new: str) -> None:
    """Renames a database that only the extension's own workers still use: they are ended, and come back under the new name."""
    for attempt in range(_SWAP_TRIES):
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND backend_type <> 'client backend'", old
        )
        try:
            await connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')
        except asyncpg.ObjectInUseError:
            if attempt == _SWAP_TRIES - 1:
                raise
            await asyncio.sleep(0.25)
        else:
            return


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _program(name: str) -> str:
    postgres = find_postgres()
    beside = postgres / name if postgres is not None else None
    found = str(beside) if beside is not None and beside.exists() else find_program(name)
    if found is None:
        raise UserError(f"{name} is missing on this machine: install the Debian package postgresql-client")
    return found


async def _run(database: DatabaseSettings, program: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs. The password goes by the environment, where other users do not see it."""
    environment = {
        **os.environ,
        "PGHOST": database.database_host,
        "PGPORT": str(database.database_port),
        "PGUSER": database.database_user,
        "PGPASSWORD": database.database_password.get_secret_value(),
    }
    if database.database_tls_ca_file is not None:
        environment |= {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(database.database_tls_ca_file)}
    command: Sequence[str] = (_program(program), "--no-password", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except BaseException:
        process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        raise UserError(f"{program} failed: {said.decode(errors='replace').strip()[-1500:]}")

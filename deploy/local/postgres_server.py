"""PostgreSQL of the local stack: a cluster of its own in the run directory, TCP on loopback only, SCRAM passwords.

`create_database` is also what tests use for a fresh database per test.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import psutil

from deploy.local.access import DATABASE_ROLES, SUPERUSER
from deploy.local.credentials import postgres_scram_verifier
from deploy.local.layout import RunDirectory
from deploy.local.ports import LOOPBACK
from deploy.local.processes import Engine, ProcessSpec, replace_file
from models.domain.failures import UserError

DATABASE = "stadspuls"

SERVER_SETTINGS: dict[str, str] = {
    # What decides over data.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    # Sized for two cores and a laptop's memory.
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_worker_processes": "24",
    "max_parallel_workers_per_gather": "1",
    "max_locks_per_transaction": "256",
    # A client that vanished without a word is noticed within a minute.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "log_lock_waits": "on",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
}
TIMESCALE_SETTINGS: dict[str, str] = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "16",
}


def configuration(port: int, *, preload_timescaledb: bool) -> str:
    """`postgresql.conf`, whole: nothing is left to what initdb guessed."""
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",
        **SERVER_SETTINGS,
        **(TIMESCALE_SETTINGS if preload_timescaledb else {}),
    }
    return "".join(f"{name} = '{value}'\n" for name, value in settings.items())


HOST_RULES = f"host all all {LOOPBACK}/32 scram-sha-256\n"
"""`pg_hba.conf`: with a password, over loopback; nothing else."""


def prepare(
    run: RunDirectory, postgres_bin: Path, port: int, passwords: Mapping[str, str], *, preload_timescaledb: bool
) -> ProcessSpec:
    """Makes the cluster the first time and writes its configuration; returns how to start it."""
    folder = run.server_folder("postgres")
    data = folder / "cluster"
    if not (data / "PG_VERSION").exists():
        _initialise(run, postgres_bin, data, passwords[f"database/{SUPERUSER}"])
    _check_version(run, postgres_bin, data)
    remove_stale_pid_file(data)
    replace_file(data / "postgresql.conf", configuration(port, preload_timescaledb=preload_timescaledb), owner=run.account)
    replace_file(data / "pg_hba.conf", HOST_RULES, owner=run.account)
    uid, gid = run.account or (None, None)
    return ProcessSpec(
        name="postgres",
        role="server",
        argv=(str(postgres_bin / "postgres"), "-D", str(data)),
        log=str(run.log("postgres")),
        port=port,
        working_directory=str(folder),
        uid=uid,
        gid=gid,
        stop_signal=signal.SIGINT,  # fast shutdown: ends sessions, then checkpoints; SIGTERM would wait for clients
        stop_seconds=60.0,
    )


def _initialise(run: RunDirectory, postgres_bin: Path, data: Path, password: str) -> None:
    uid, gid = run.account or (None, None)
    password_file = data.parent / "superuser.password"
    replace_file(password_file, password, owner=run.account)
    command = [str(postgres_bin / "initdb"), "--pgdata", str(data), "--username", SUPERUSER, "--pwfile", str(password_file)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=data.parent, user=uid, group=gid,
            extra_groups=None if uid is None else [], env={"PATH": "/usr/bin:/bin"}, timeout=120,
        )  # fmt: skip
    finally:
        password_file.unlink()
    if done.returncode != 0:
        raise UserError(f"the database cluster in {data} could not be made: {done.stderr.strip()[-500:]}")


def _check_version(run: RunDirectory, postgres_bin: Path, data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    if postgres_bin.parent.name.isdigit() and postgres_bin.parent.name != made_by:
        raise UserError(
            f"the database in {run.root} was made by PostgreSQL {made_by}, this machine now has {postgres_bin.parent.name}: "
            "remove the run directory or use another one"
        )


def remove_stale_pid_file(data: Path) -> bool:
    """Removes `postmaster.pid` when nothing runs in the cluster, though another process has got its number. True if it did.

    Every process of a PostgreSQL server works in its data folder, so that is how one that still runs is found.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return False
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(data):
                return False
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    pid_file.unlink()
    return True


async def connect(port: int, passwords: Mapping[str, str], database: str = "postgres") -> asyncpg.Connection:
    """A connection of the superuser."""
    return await asyncpg.connect(
        host=LOOPBACK, port=port, user=SUPERUSER, password=passwords[f"database/{SUPERUSER}"], database=database,
        timeout=10, command_timeout=60, server_settings={"application_name": "stadspuls set-up"},
    )  # fmt: skip


async def make_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """The services' roles with their passwords; safe to call again."""
    existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    for role in DATABASE_ROLES:
        verb = "ALTER" if role in existing else "CREATE"
        await connection.execute(
            f'{verb} ROLE "{role}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE '
            f"PASSWORD '{postgres_scram_verifier(passwords[f'database/{role}'])}'"
        )


async def create_database(
    port: int, passwords: Mapping[str, str], name: str, engine: Engine, *, template: str = "template0"
) -> None:
    """An empty database, or a copy of `template`, owned by the migrator, with the extension on the timescale engine; nothing when it exists.

    Empty ones are not copied from template1: TimescaleDB's launcher looks into that now and then, and who is looked into cannot be copied.
    """
    connection = await connect(port, passwords)
    try:
        if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}" OWNER migrator TEMPLATE "{template}"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO {", ".join(DATABASE_ROLES)}')
    finally:
        await connection.close()
    if engine == "timescale":
        connection = await connect(port, passwords, name)
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        finally:
            await connection.close()


async def close_to_sessions(port: int, passwords: Mapping[str, str], name: str) -> None:
    """Ends a database's sessions and lets none in, so that it can be copied: TimescaleDB's own would stand in the way."""
    connection = await connect(port, passwords)
    try:
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    finally:
        await connection.close()


async def drop_database(port: int, passwords: Mapping[str, str], name: str) -> None:
    """Removes a database, ending its sessions."""
    connection = await connect(port, passwords)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()

"""Connections to the database: every wait has an end, and whatever comes of a database that is away is a `TransientError`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.processes import StackState
from models.domain.failures import TransientError
from runtime.postgres import Pool, connected, is_transient, open_pool
from runtime.settings import DatabaseSettings, load
from tests.faults.tcp_link import TcpLink

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("engine", ["plain"], indirect=True)]


@pytest.fixture
async def pool(database: DatabaseSettings) -> AsyncIterator[asyncpg.Pool]:
    found = await open_pool(database, application_name="tests-pool", min_size=2, max_size=2)
    yield found
    await found.close()


async def _terminate(database: DatabaseSettings, servers: StackState) -> None:
    """Ends the pool's sessions from outside, as a restart or failover does."""
    admin = load(DatabaseSettings, "admin", servers.run_dir).model_copy(update={"database_name": database.database_name})
    async with connected(admin, application_name="tests") as connection:
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tests-pool'")


async def test_settings_of_a_connection_are_the_stated_ones(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        found = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in (
            "application_name", "TimeZone", "jit", "tcp_keepalives_idle", "statement_timeout", "idle_in_transaction_session_timeout",
        )}  # fmt: skip
    assert found == {
        "application_name": "tests-pool", "TimeZone": "UTC", "jit": "off", "tcp_keepalives_idle": "30", "statement_timeout": "65s",
        "idle_in_transaction_session_timeout": "2min",
    }  # fmt: skip


async def test_a_lost_connection_is_transient_and_the_pool_recovers(
    pool: asyncpg.Pool, database: DatabaseSettings, servers: StackState
) -> None:
    async def lose() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await _terminate(database, servers)
            await connection.fetchval("SELECT 1")

    with pytest.raises(TransientError):
        await lose()
    for _ in range(3):
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_after_a_loss_the_other_connections_are_replaced_too(
    pool: asyncpg.Pool, database: DatabaseSettings, servers: StackState
) -> None:
    async with pool.acquire() as first, pool.acquire() as second:
        before = {await item.fetchval("SELECT pg_backend_pid()") for item in (first, second)}

    async def lose() -> None:
        async with pool.acquire() as connection:
            own = await connection.fetchval("SELECT pg_backend_pid()")
            admin = load(DatabaseSettings, "admin", servers.run_dir).model_copy(update={"database_name": database.database_name})
            async with connected(admin, application_name="tests") as other:
                await other.execute("SELECT pg_terminate_backend($1)", own)
            await connection.fetchval("SELECT 1")

    with pytest.raises(TransientError):
        await lose()
    async with pool.acquire() as first, pool.acquire() as second:
        after = {await item.fetchval("SELECT pg_backend_pid()") for item in (first, second)}
    assert not before & after


async def test_a_statement_beyond_its_deadline_is_transient(database: DatabaseSettings) -> None:
    hurried = database.model_copy(update={"database_command_timeout_seconds": 0.2})
    pool = await open_pool(hurried, application_name="tests-pool")
    with pytest.raises(TransientError):
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT pg_sleep(20)")
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await pool.close()


async def test_waiting_for_a_connection_of_a_busy_pool_ends(pool: asyncpg.Pool) -> None:
    async with pool.acquire(), pool.acquire():
        with pytest.raises(TransientError):
            async with pool.acquire(timeout=0.1):
                pytest.fail("there are only two")


async def test_a_read_only_database_is_transient_and_left_by_the_pool(pool: asyncpg.Pool) -> None:
    left: list[int] = []

    async def write() -> None:
        async with pool.acquire() as connection:
            left.append(await connection.fetchval("SELECT pg_backend_pid()"))
            await connection.execute("SET default_transaction_read_only = on")
            await connection.execute("CREATE TABLE t (x integer)")

    with pytest.raises(TransientError, match="read-only"):
        await write()
    async with pool.acquire() as first, pool.acquire() as second:
        assert left[0] not in {await item.fetchval("SELECT pg_backend_pid()") for item in (first, second)}


async def test_a_deadlock_is_transient(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE t (x integer); INSERT INTO t VALUES (1), (2)")
    reached = asyncio.Barrier(2)

    async def update(first: int, second: int) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE t SET x = x WHERE x = $1", first)
            await reached.wait()
            await connection.execute("UPDATE t SET x = x WHERE x = $1", second)

    results = await asyncio.gather(update(1, 2), update(2, 1), return_exceptions=True)
    assert sorted(type(item).__name__ for item in results) == ["NoneType", "TransientError"]


async def test_a_statement_prepared_before_a_migration_is_transient(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("CREATE TABLE t (x integer); INSERT INTO t VALUES (1)")

        async def read() -> int:
            async with pool.acquire() as own, own.transaction():
                return len((await own.fetch("SELECT * FROM t"))[0])

        assert await read() == 1
        await connection.execute("ALTER TABLE t ADD COLUMN y integer")
        with pytest.raises(TransientError):
            await read()
        assert await read() == 2


async def test_a_session_that_asyncpg_lost_track_of_is_ended_and_transient(pool: asyncpg.Pool) -> None:
    used: list[int] = []

    async def use() -> None:
        async with pool.acquire() as connection:
            used.append(await connection.fetchval("SELECT pg_backend_pid()"))
            raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")

    with pytest.raises(TransientError):
        await use()
    async with pool.acquire() as first, pool.acquire() as second:
        assert used[0] not in {await item.fetchval("SELECT pg_backend_pid()") for item in (first, second)}


async def test_mistakes_of_ours_stay_what_they_are(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with pool.acquire() as connection:
            await connection.execute("SELECT * FROM no_such_table")
    with pytest.raises(KeyError):
        async with pool.acquire():
            raise KeyError("ours")
    with pytest.raises(asyncpg.InterfaceError):
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT $1::integer")
    assert not is_transient(asyncpg.UniqueViolationError("x"))


async def test_nobody_listens_and_no_such_host_are_transient(database: DatabaseSettings) -> None:
    for wrong in ({"database_port": 1}, {"database_host": "no-such-host.invalid"}):
        with pytest.raises(TransientError, match="unavailable"):
            await open_pool(database.model_copy(update=wrong), application_name="tests-pool")


async def test_a_wrong_password_is_not_transient(database: DatabaseSettings) -> None:
    from pydantic import SecretStr

    with pytest.raises(asyncpg.InvalidPasswordError):
        await open_pool(database.model_copy(update={"database_password": SecretStr("wrong")}), application_name="tests-pool")


@pytest.fixture
async def link(database: DatabaseSettings) -> AsyncIterator[TcpLink]:
    """A way to the database that can become a black hole."""
    found = TcpLink(database.database_port)
    await found.start()
    yield found
    await found.stop()


async def test_a_server_that_accepts_and_never_answers_is_given_up(database: DatabaseSettings, link: TcpLink) -> None:
    link.open.clear()
    hole = database.model_copy(update={"database_port": link.port, "database_connect_timeout_seconds": 0.3})
    started = time.monotonic()
    with pytest.raises(TransientError):
        await open_pool(hole, application_name="tests-pool")
    assert time.monotonic() - started < 10


async def test_a_black_hole_in_the_middle_of_a_session_is_given_up(database: DatabaseSettings, link: TcpLink) -> None:
    """A link that lets nothing through, both ways, after the connection was made: the fault that finds missing deadlines."""
    settings = database.model_copy(
        update={"database_port": link.port, "database_command_timeout_seconds": 0.5, "database_connect_timeout_seconds": 0.5}
    )
    pool = await open_pool(settings, application_name="tests-pool", min_size=1, max_size=1)

    async def ask() -> None:
        async with pool.acquire() as connection, connection.transaction():
            link.open.clear()
            await connection.fetchval("SELECT 1")

    started = time.monotonic()
    with pytest.raises(TransientError):
        await ask()
    assert time.monotonic() - started < 20
    link.open.set()
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT 1") == 1, "the pool is not wedged"
    assert isinstance(pool, Pool)
    pool.terminate()

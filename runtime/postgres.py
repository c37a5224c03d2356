"""Connections to the database with a deadline on everything, and the mapping of its errors.

`open_pool` is what services call. Whatever leaves a `pool.acquire()` block because the database is away, restarting, full or
read-only leaves it as `TransientError`, so that callers react to our type only; then all connections of the pool are replaced
before their next use, so that none stays on a server that was demoted.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any

import asyncpg

from models.domain.failures import TransientError
from runtime import logs
from runtime.settings import DatabaseSettings

ACQUIRE_TIMEOUT_SECONDS = 30.0
_IDLE_IN_TRANSACTION_SECONDS = 120
"""A member that was stopped in the middle of a transaction must not hold its row locks for ever."""

_TRANSIENT_STATES = frozenset({"25006", "40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58030"})
_TRANSIENT_CLASSES = ("08", "53")
_EXPIRING_STATES = frozenset({"25006", "57P01", "57P02", "57P03"})


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: lost connections, restarts, failovers, deadlocks, full disks, deadlines, and statements
    that were prepared before a migration."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in _TRANSIENT_STATES or state.startswith(_TRANSIENT_CLASSES)
    # A session that the server ended between two statements can leave asyncpg in a state of which it reports an internal error.
    return isinstance(error, ConnectionError | TimeoutError | asyncpg.InternalClientError)


def _spoils_pool(error: BaseException) -> bool:
    """Whether the other connections of the pool are to be mistrusted too."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in _EXPIRING_STATES or state.startswith("08")
    return isinstance(error, ConnectionError | TimeoutError) or _is_broken(error)


def _is_broken(error: BaseException | None) -> bool:
    """Whether asyncpg no longer knows what state the connection is in."""
    return isinstance(error, asyncpg.InternalClientError) and not isinstance(error, asyncpg.OutdatedSchemaCacheError)


@contextmanager
def transient_errors() -> Iterator[None]:
    """Maps what `is_transient` to `TransientError`; for calls that do not go through a pool of ours."""
    try:
        yield
    except Exception as error:
        if is_transient(error):
            raise _mapped(error) from error
        raise


def _mapped(error: BaseException) -> TransientError:
    text = str(error) or type(error).__name__
    return TransientError(f"the database is unavailable: {text}")


class _Acquisition:
    """What `Pool.acquire` returns: awaitable, or a context that maps errors on the way out."""

    def __init__(self, pool: Pool, inner: Any) -> None:
        self._pool = pool
        self._inner = inner
        self._connection: Any = None

    def __await__(self) -> Any:
        return self._open().__await__()

    async def _open(self) -> Any:
        try:
            self._connection = await self._inner
        except Exception as error:
            # Every OSError of a connection attempt is the network's, a name that does not resolve included.
            if is_transient(error) or isinstance(error, OSError):
                raise _mapped(error) from error
            raise
        return self._connection

    async def __aenter__(self) -> Any:
        return await self._open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        connection, self._connection = self._connection, None
        lost = _is_lost(connection)
        if _is_broken(error) and not lost:
            connection.terminate()
        try:
            await self._pool.release(connection)
        except Exception as release_error:
            if error is None:
                if is_transient(release_error) or isinstance(release_error, asyncpg.InterfaceError):
                    raise _mapped(release_error) from release_error
                raise
            logs.get_logger().warning("database_release_failed", error=str(release_error))
        if error is None:
            return
        if _spoils_pool(error) or lost:
            await self._pool.expire_connections()
        # On a lost connection asyncpg reports a wrong use of its interface: it is the loss that counts.
        if is_transient(error) or (lost and isinstance(error, asyncpg.InterfaceError)):
            raise _mapped(error) from error


def _is_lost(connection: Any) -> bool:
    """Whether the server has gone; the pool takes a lost connection away from its user, who can then not even ask."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


class Pool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg is untyped
    """asyncpg's pool with a deadline for acquiring and with our errors."""

    def acquire(self, *, timeout: float | None = None) -> Any:
        """A connection, within `timeout` or `ACQUIRE_TIMEOUT_SECONDS`; raises `TransientError`."""
        return _Acquisition(self, super().acquire(timeout=ACQUIRE_TIMEOUT_SECONDS if timeout is None else timeout))


async def open_pool(settings: DatabaseSettings, *, application_name: str, min_size: int = 1, max_size: int = 4) -> asyncpg.Pool:
    """An open pool; raises `TransientError` when the database does not answer. The caller closes it."""
    pool = Pool(
        min_size=min_size,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=asyncio.get_running_loop(),
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        **_connect_arguments(settings, application_name, command_timeout=settings.database_command_timeout_seconds),
    )
    try:
        await pool
    except Exception as error:
        if is_transient(error) or isinstance(error, OSError):
            raise _mapped(error) from error
        raise
    return pool


@asynccontextmanager
async def connected(
    settings: DatabaseSettings, *, application_name: str, command_timeout_seconds: float | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """One connection outside a pool, for commands. `command_timeout_seconds` overrides the deadline of one statement."""
    deadline = command_timeout_seconds or settings.database_command_timeout_seconds
    try:
        connection = await asyncpg.connect(**_connect_arguments(settings, application_name, command_timeout=deadline))
    except Exception as error:
        if is_transient(error) or isinstance(error, OSError):
            raise _mapped(error) from error
        raise
    try:
        with transient_errors():
            yield connection
    finally:
        # A peer that has gone must not hold up the end of a command.
        try:
            await connection.close(timeout=5)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()


def _connect_arguments(settings: DatabaseSettings, application_name: str, *, command_timeout: float) -> dict[str, Any]:
    """Everything that decides how a connection behaves, stated here and nowhere else."""
    return {
        "host": settings.database_host,
        "port": settings.database_port,
        "user": settings.database_user,
        "password": settings.database_password.get_secret_value(),
        "database": settings.database_name,
        "ssl": _tls(settings),
        "timeout": settings.database_connect_timeout_seconds,
        "command_timeout": command_timeout,
        "target_session_attrs": "read-write",
        "server_settings": {
            "application_name": application_name,
            "timezone": "UTC",
            "jit": "off",
            "tcp_keepalives_idle": "30",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
            # The server gives up by itself, shortly after the client would have: its cancel request may never arrive.
            "statement_timeout": str(int((command_timeout + 5) * 1000)),
            "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_SECONDS * 1000),
        },
    }


def _tls(settings: DatabaseSettings) -> ssl.SSLContext | bool:
    """Full verification against the given CA; without one, no TLS (loopback)."""
    if settings.database_tls_ca_file is None:
        return False
    return ssl.create_default_context(cafile=str(settings.database_tls_ca_file))

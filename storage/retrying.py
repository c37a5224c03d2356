"""A step that is done again after the server rolled it back for the sake of another session.

TimescaleDB's own jobs lock a table and their job in another order than we do, and compress chunks that a correction writes to: then
PostgreSQL ends one of the two. The other has finished by the time that this one comes back. Migrations, maintenance and corrections
run their steps through here; each step is a whole transaction, or safe to repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

SETBACKS_BORNE = 5
PAUSE_SECONDS = 0.1
_SETBACKS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectInUseError,  # two refreshes of one rollup
)
_CONCURRENT_CHANGES = ("tuple concurrently updated", "tuple concurrently deleted")

_Result = TypeVar("_Result")


def is_setback(error: BaseException) -> bool:
    """Whether another session was in the way and the same step will go through later."""
    if isinstance(error, _SETBACKS):
        return True
    # A race on a row of the catalogue has no state of its own.
    return isinstance(error, asyncpg.InternalServerError) and any(words in str(error) for words in _CONCURRENT_CHANGES)


async def past_setbacks(step: Callable[[], Awaitable[_Result]], *, times: int = SETBACKS_BORNE) -> _Result:
    """The result of `step`, which is called again after a setback, at most `times` more, each after a longer pause."""
    for attempt in range(times):
        try:
            return await step()
        except asyncpg.PostgresError as error:
            if not is_setback(error):
                raise
        await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
    return await step()

"""What is borne with, how often, and what is not."""

from __future__ import annotations

import asyncpg
import pytest

from storage import retrying
from storage.retrying import past_setbacks


class _Step:
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "PAUSE_SECONDS", 0)


async def test_a_step_that_others_were_in_the_way_of_is_done_again() -> None:
    step = _Step(
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.InternalServerError("tuple concurrently updated"),
    )
    assert await past_setbacks(step) == "done"
    assert step.calls == 4


async def test_it_is_not_done_for_ever() -> None:
    step = _Step(*[asyncpg.DeadlockDetectedError("deadlock detected") for _ in range(10)])
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await past_setbacks(step, times=3)
    assert step.calls == 4


@pytest.mark.parametrize(
    "failure", [asyncpg.UniqueViolationError("x"), asyncpg.InternalServerError("out of luck"), ValueError("y")]
)
async def test_any_other_failure_is_raised_at_once(failure: Exception) -> None:
    step = _Step(failure)
    with pytest.raises(type(failure)):
        await past_setbacks(step)
    assert step.calls == 1

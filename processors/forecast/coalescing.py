"""Hints that a thing changed, gathered so that each thing is forecast at most once per interval.

A hint inside the interval is not lost: the thing becomes due when the interval ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta


class CoalescedHints:
    """Things that wait for a forecast. `offer`, then `take_due` in a loop; `forecast` notes what was done by any path."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval = timedelta(seconds=interval_seconds)
        self._waiting: set[str] = set()
        self._forecast_at: dict[str, datetime] = {}

    def offer(self, thing_id: str) -> bool:
        """True when the hint is the first that waits for this thing; False when it is coalesced with another."""
        first = thing_id not in self._waiting
        self._waiting.add(thing_id)
        return first

    def take_due(self, now: datetime, limit: int) -> list[str]:
        """At most `limit` things whose last forecast is older than the interval, taken off the waiting list."""
        due = sorted(thing for thing in self._waiting if now - self._forecast_at.get(thing, _LONG_AGO) >= self._interval)[:limit]
        self._waiting.difference_update(due)
        return due

    def forecast(self, thing_ids: Iterable[str], now: datetime) -> None:
        """These things were forecast just now."""
        done = list(thing_ids)
        self._waiting.difference_update(done)
        self._forecast_at.update(dict.fromkeys(done, now))

    def drop(self) -> None:
        """Forget what waits, as after a rebalance: the sweep catches it."""
        self._waiting.clear()


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

"""Hints that a thing changed, gathered so that each thing is forecast at most once per interval.

A hint inside the interval is not lost: the thing becomes due when the interval ends. Nor is one that comes while its thing is being forecast.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class CoalescedHints:
    """Things that wait for a forecast. `offer`, then `take_due` in a loop; whoever forecasts, by any path, does it within `forecasting`."""

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

    @contextmanager
    def forecasting(self, thing_ids: Collection[str], now: datetime) -> Iterator[None]:
        """While these things are forecast as of `now`, to be entered before their histories are read. What waits by then is answered, unless this
        fails: then it waits again. What is offered meanwhile may have come too late for these histories, and waits on."""
        answered = self._waiting.intersection(thing_ids)
        self._waiting -= answered
        try:
            yield
        except BaseException:
            self._waiting |= answered
            raise
        self._forecast_at.update(dict.fromkeys(thing_ids, now))

    def drop(self) -> None:
        """Forget what waits, as after a rebalance: the sweep catches it."""
        self._waiting.clear()


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

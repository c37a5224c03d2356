"""What the demo reads back from the running system: the API as any user would, and the database for what only it can count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from models.fill_forecast.overlay import time_to_level
from models.sensor_kinds import SENSOR_KINDS
from models.sensor_kinds.canary import CANARY
from storage.dead_letters import dead_letter_counts
from storage.forecasts import current_forecasts
from storage.ledger import ledger_totals
from storage.reading_counts import stored_count


@dataclass(frozen=True)
class Stored:
    """What the database holds, without the canary's own readings."""

    readings: int
    duplicates: int
    dead_lettered: int
    received: int
    without_reading: int
    imbalance: int


async def stored(pool: Any) -> Stored:
    """Counts rows, not counters: what is asked is what is there."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        readings = sum([await stored_count(connection, kind) for kind in SENSOR_KINDS if kind is not CANARY])
        canaries = await stored_count(connection, CANARY)
        totals = await ledger_totals(connection)
        letters = await dead_letter_counts(connection)
    return Stored(
        readings=readings,
        duplicates=totals.readings_duplicate,
        dead_lettered=sum(letters.values()),
        received=totals.messages_received - canaries,
        without_reading=totals.messages_without_reading,
        imbalance=abs(totals.messages_imbalance) + abs(totals.readings_imbalance),
    )


async def hours_to_full(pool: Any) -> dict[str, float | None]:
    """Container → hours until the median path is full; None when that is not within the horizon."""
    async with pool.acquire() as connection:
        forecasts = await current_forecasts(connection)
    found: dict[str, float | None] = {}
    for item in forecasts:
        full = time_to_level(item, 1.0).by(0.5)
        found[item.container_id] = None if full is None else (full - item.cutoff).total_seconds() / 3600
    return found


class Api:
    """The API's answers as JSON."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=20)

    def page_is_alive(self) -> bool:
        """Whether page and API answer."""
        try:
            return self._http.get("/").status_code == 200 and self._http.get("/v1/health").status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, path: str) -> Any | None:
        """The answer, or None for a 404. Raises `httpx.HTTPStatusError` for any other error."""
        answer = self._http.get(path)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return answer.json()

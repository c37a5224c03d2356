"""A clock that follows a simulated city, which lags behind the wall clock until it has caught up.

Whoever simulates writes a moment, a wall time and a speed into a small file; services read it and count on from there, never past the
wall clock. A real city has no such file and lives by the system's clock.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from models.domain.failures import UserError
from runtime.clock import Clock, SystemClock

REREAD_SECONDS = 1.0


def write_city_clock(file: Path, city_time: datetime, wall_time: datetime, speed: float) -> None:
    """From `wall_time` on the city's time runs at `speed` from `city_time`; 0 makes it stand still. Readers never see half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"city_time": city_time.isoformat(), "wall_time": wall_time.isoformat(), "speed": speed})
    new = file.with_name(file.name + ".new")
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(file)


class CityClock:
    """`Clock` of a simulated city. Until the file is there, and past what it says, it is the system's clock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_at = float("-inf")
        self._said: tuple[datetime, datetime, float] | None = None

    def now(self) -> datetime:
        wall = datetime.now(UTC)
        if wall.timestamp() - self._read_at > REREAD_SECONDS:
            self._read_at, self._said = wall.timestamp(), self._read()
        if self._said is None:
            return wall
        city_time, wall_time, speed = self._said
        return min(wall, city_time + speed * (wall - wall_time))

    async def sleep(self, seconds: float) -> None:
        """Sleeps on the wall clock: what a service waits for is other programs, not the city."""
        await asyncio.sleep(seconds)

    def _read(self) -> tuple[datetime, datetime, float] | None:
        if not self._file.exists():
            return None
        try:
            said = json.loads(self._file.read_text(encoding="utf-8"))
            return datetime.fromisoformat(said["city_time"]), datetime.fromisoformat(said["wall_time"]), float(said["speed"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self._file} does not say a city's time ({error}): remove it, or let the simulator write it again"
            ) from error


def clock_by(file: Path | None) -> Clock:
    """The clock of a city whose time that file says (`STADSPULS_CITY_CLOCK_FILE`); None: of a real city."""
    return CityClock(file) if file else SystemClock()

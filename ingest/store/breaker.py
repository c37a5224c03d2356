"""The limit that stops `store` instead of dead-lettering a whole day because of a bad deployment.

It counts sensors, not messages, and only those whose earlier messages were readable: one broken device, a pile of garbage or an
unregistered district never stops the city. Kept by the store's handler, which asks before it writes and notes after the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from models.domain.failures import StadspulsError


class TooManyUnreadable(StadspulsError):
    """So many sensors that were readable before are unreadable now that the fault is ours: the process stops uncommitted."""


class ReadabilityBreaker:
    """A sensor fails when its last `in_a_row` messages were all dead-lettered, though one before them was readable.

    `earlier_failures` is what earlier processes saw: sensors known as readable, with the number of their messages that were
    dead-lettered since. They count only once this process has seen one fail too, so that a repaired decoder can start.
    """

    def __init__(
        self,
        earlier_failures: Mapping[str, int] | None = None,
        *,
        least_sensors: int = 10,
        least_share: float = 0.2,
        in_a_row: int = 3,
    ) -> None:
        self._least_sensors = least_sensors
        self._least_share = least_share
        self._in_a_row = in_a_row
        self._failures: dict[str, int] = dict(earlier_failures or {})
        self._heard: set[str] = set()
        self._failed_here: set[str] = set()

    def check(self, readable: Collection[str], unreadable: Iterable[str]) -> None:
        """Raises `TooManyUnreadable` if noting this batch would reach the limit. Changes nothing."""
        if self._least_sensors <= 0:
            return
        failures = self._counted(readable, unreadable)
        if not failures:
            return
        failing = {sensor for sensor, count in failures.items() if count >= self._in_a_row}
        failing |= {
            sensor for sensor in self._failed_here if sensor not in failures and sensor not in readable and self._fails(sensor)
        }
        heard = len(self._heard | set(readable) | failures.keys())
        if len(failing) >= self._least_sensors and len(failing) >= self._least_share * heard:
            raise TooManyUnreadable(
                f"{len(failing)} of {heard} sensors whose earlier messages were readable sent {self._in_a_row} messages in a row that are "
                f"not, e.g. {', '.join(sorted(failing)[:3])}: the decoder, the registry or the clock is wrong rather than the sensors. "
                "Nothing of this batch was written. `stadspuls explain-payload` shows why one is refused"
            )

    def note(self, readable: Collection[str], unreadable: Iterable[str]) -> None:
        """The batch is durable: these sensors sent something readable in it, these messages (one entry each) were dead-lettered."""
        failures = self._counted(readable, unreadable)
        for sensor in readable:
            self._failures[sensor] = 0
        self._heard.update(readable)
        self._failed_here.difference_update(readable)
        if failures:
            self._failures.update(failures)
            self._heard.update(failures)
            self._failed_here.update(failures)

    def _counted(self, readable: Collection[str], unreadable: Iterable[str]) -> dict[str, int]:
        """Messages in a row that were dead-lettered, after this batch, of known sensors that had nothing readable in it."""
        counted: dict[str, int] = {}
        for sensor in unreadable:
            if sensor in self._failures and sensor not in readable:
                counted[sensor] = counted.get(sensor, self._failures[sensor]) + 1
        return counted

    def _fails(self, sensor: str) -> bool:
        return self._failures[sensor] >= self._in_a_row

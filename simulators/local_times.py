"""Times out of recorded files: with their zone, or local times that are given one, in the hours that clocks repeat or skip too."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.domain.failures import UserError


def zone_by_name(name: str) -> ZoneInfo:
    """The IANA zone of this name; `UserError` if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(f"there is no time zone {name!r}; a name looks like Europe/Amsterdam") from None


class LocalTimes:
    """Reads the times of one file, row by row in the file's order.

    Local times in the hour that occurs twice when clocks go back are the earlier ones, until the same thing's times go back or
    repeat within that hour: from there on they are the later ones. `doubtful` counts the times this rule decided.
    """

    def __init__(self, zone: ZoneInfo | None, time_format: str = "") -> None:
        self._zone = zone
        self._format = time_format
        self._last: dict[str, tuple[datetime, int]] = {}
        self.doubtful = 0

    def read(self, text: str, thing: str) -> datetime:
        """The moment in UTC. Raises ValueError for what is no time, or one that clocks skipped, and `UserError` for a time without
        zone where none was given."""
        moment = datetime.strptime(text, self._format) if self._format else datetime.fromisoformat(text)  # noqa: DTZ007  # given below
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        if self._zone is None:
            raise UserError(
                f"{text!r} has no time zone: say in which zone the file's times are, for example --timezone Europe/Amsterdam"
            )
        return self._localised(moment, thing)

    def _localised(self, moment: datetime, thing: str) -> datetime:
        first, second = moment.replace(tzinfo=self._zone), moment.replace(tzinfo=self._zone, fold=1)
        if first.utcoffset() == second.utcoffset():
            self._last[thing] = moment, 0
            return first.astimezone(UTC)
        if first.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != moment:
            raise ValueError(f"{moment} does not exist in {self._zone}: clocks went forward over it")
        self.doubtful += 1
        last, fold = self._last.get(thing, (None, 0))
        if last is not None and last >= moment:
            fold = 1
        self._last[thing] = moment, fold
        return (second if fold else first).astimezone(UTC)

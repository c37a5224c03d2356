"""From samples of a wired sensor, a hundred a second, to windows with their mean, lowest, highest and spread: what is sent and stored.

Raw samples of every structure would be billions a year; a window of a second keeps what alarms and fatigue counts are made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import fmean, pstdev
from typing import NamedTuple

from models.domain.failures import UserError

STATISTICS: Mapping[str, tuple[str, str, str]] = {
    "strain_um_m": ("strain_min_um_m", "strain_max_um_m", "strain_std_um_m"),
    "inclination_deg": ("inclination_min_deg", "inclination_max_deg", "inclination_std_deg"),
}
"""Quantity, which becomes the mean → the quantities of the lowest, the highest and the standard deviation."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMALS = 9


class Window(NamedTuple):
    """One window: whose, from when on, and its quantities."""

    thing_id: str
    begins_at: datetime
    values: Mapping[str, float | int]


class Windows:
    """Collects samples per thing. Samples come in the order of their times; a window is given out when the next one begins."""

    def __init__(self, window_s: int, quantities: list[str]) -> None:
        without = [name for name in quantities if name not in STATISTICS]
        if without:
            raise UserError(f"windows are made of {' and '.join(STATISTICS)}, not of {', '.join(without)}")
        self._window_s = window_s
        self._open: dict[str, tuple[datetime, dict[str, list[float]]]] = {}
        self.samples = 0

    def add(self, thing_id: str, observed_at: datetime, values: Mapping[str, float | int | bool]) -> Window | None:
        """The window that this sample closes, if it does. Raises ValueError for a sample of a window that is closed already."""
        begins_at = _EPOCH + (observed_at - _EPOCH) // timedelta(seconds=self._window_s) * timedelta(seconds=self._window_s)
        held = self._open.get(thing_id)
        if held is not None and begins_at < held[0]:
            raise ValueError(f"the time goes back, before the window that begins at {held[0].isoformat()}")
        closed = None
        if held is None or begins_at > held[0]:
            closed = self._close(thing_id)
            held = self._open[thing_id] = (begins_at, {})
        for name, value in values.items():
            held[1].setdefault(name, []).append(float(value))
        self.samples += 1
        return closed

    def rest(self) -> list[Window]:
        """The windows that no later sample has closed."""
        return [window for thing_id in list(self._open) if (window := self._close(thing_id)) is not None]

    def _close(self, thing_id: str) -> Window | None:
        held = self._open.pop(thing_id, None)
        if held is None:
            return None
        begins_at, samples = held
        values: dict[str, float | int] = {"window_s": self._window_s, "sample_count": max(map(len, samples.values()))}
        for name, found in samples.items():
            lowest, highest, spread = STATISTICS[name]
            values |= {name: fmean(found), lowest: min(found), highest: max(found), spread: pstdev(found)}
        return Window(thing_id, begins_at, {name: round(value, _DECIMALS) for name, value in values.items()})

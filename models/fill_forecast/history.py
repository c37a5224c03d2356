"""One container's readings as arrays: what every function of this package takes.

Times are seconds since 1970 UTC, levels fill ratios. Nothing here knows a database; the service and the backtest build
histories, forecasters cut them with `History.seen` before they look at anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

HOUR = 3600.0
DAY = 86_400.0


def _no_times() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Readings of one container. `times` rise strictly; `levels` lie in 0..1 and have the same length.

    `known` holds when each reading was stored (none: each was known as soon as observed). `collections` are moments at which
    a truck reported to have emptied it, rising; they count as known when they happened.
    """

    container_id: str
    fraction: str
    times: FloatArray
    levels: FloatArray
    known: FloatArray | None = None
    collections: FloatArray = field(default_factory=_no_times)

    def __post_init__(self) -> None:
        if len(self.times) != len(self.levels) or (self.known is not None and len(self.known) != len(self.times)):
            raise ValueError(f"{self.container_id}: times, levels and known differ in length")
        if len(self.times) > 1 and not bool(np.all(np.diff(self.times) > 0)):
            raise ValueError(f"{self.container_id}: times must rise strictly")

    def seen(self, cutoff: float, known_at: float) -> History:
        """The part that was observed by `cutoff` and stored by `known_at`."""
        end = int(np.searchsorted(self.times, cutoff, side="right"))
        times, levels, known = self.times[:end], self.levels[:end], None
        if self.known is not None:
            known = self.known[:end]
            if not bool(np.all(known <= known_at)):
                kept = known <= known_at
                times, levels, known = times[kept], levels[kept], known[kept]
        elif known_at < cutoff:
            end = int(np.searchsorted(times, known_at, side="right"))
            times, levels = times[:end], levels[:end]
        collections = self.collections[: int(np.searchsorted(self.collections, min(cutoff, known_at), side="right"))]
        return History(self.container_id, self.fraction, times, levels, known, collections)


def history_of(container_id: str, fraction: str, observed: Sequence[datetime], levels: Sequence[float]) -> History:
    """A history from aware datetimes; sorts nothing and checks what `History` checks."""
    return History(container_id, fraction, np.array([moment.timestamp() for moment in observed]), np.array(levels, dtype=float))


def moment(seconds: float) -> datetime:
    """Seconds since 1970 → aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def usual_interval(times: FloatArray) -> float:
    """The median seconds between the last 200 readings; one day where there are fewer than two."""
    return float(np.median(np.diff(times[-201:]))) if len(times) > 1 else DAY

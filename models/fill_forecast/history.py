"""One container's readings as arrays: what every function of this package takes.

Times are seconds since 1970 UTC, levels fill ratios. Beside levels stands what else is known of it: deposits, weights, reported collections.
Nothing here knows a database; the service and the backtest build histories, forecasters cut them with `History.seen` before they look at
anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.fill_forecast.deposit_volume import VolumePrior
    from models.fill_forecast.fusion import Fusion

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

LEAST_COUNTED = 10.0
"""Deposits below which a counter tells nothing."""
HOUR = 3600.0
DAY = 86_400.0
FIRST_WEEK_DAYS = 7.0
"""Until then a container's own readings say too little of it."""


def _no_times() -> FloatArray:
    return np.empty(0)


def _no_days() -> IntArray:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Another quantity of a container at moments of its own, rising strictly: deposits since the report before, or net weights in kg.
    `known` holds when each was stored (none: as soon as observed)."""

    times: FloatArray
    values: FloatArray
    known: FloatArray | None = None

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values) or (self.known is not None and len(self.known) != len(self.times)):
            raise ValueError("times, values and known of a series differ in length")

    def of(self, chosen: BoolArray) -> Series:
        return Series(self.times[chosen], self.values[chosen], None if self.known is None else self.known[chosen])

    def seen(self, cutoff: float, known_at: float) -> Series:
        """The part that was observed by `cutoff` and stored by `known_at`."""
        return self.of((self.times <= cutoff) & ((self.times if self.known is None else self.known) <= known_at))


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Readings of one container. `times` rise strictly; `levels` lie in 0..1 and have the same length; both are empty where nothing reads
    the level.

    `known` holds when each reading was stored (none: each was known as soon as observed). `collections` are moments at which
    a truck reported to have emptied it, rising; they count as known when they happened. `swapped` are moments from which on another
    sensor reads it, as the registry says, `tilted` those of readings at which it said that it is out of its position. `holidays` are public
    holidays where it stands, past and coming, as days since 1970. `volume` is what is known of a deposit's size before looking at this container,
    `fused` what `fusion.fused` has made of levels and deposits together.
    """

    container_id: str
    fraction: str
    times: FloatArray
    levels: FloatArray
    known: FloatArray | None = None
    collections: FloatArray = field(default_factory=_no_times)
    deposits: Series | None = None
    weights: Series | None = None
    swapped: FloatArray = field(default_factory=_no_times)
    tilted: FloatArray = field(default_factory=_no_times)
    capacity_l: float | None = None
    volume: VolumePrior | None = None
    holidays: IntArray = field(default_factory=_no_days)
    fused: Fusion | None = None

    def __post_init__(self) -> None:
        if len(self.times) != len(self.levels) or (self.known is not None and len(self.known) != len(self.times)):
            raise ValueError(f"{self.container_id}: times, levels and known differ in length")
        if len(self.times) > 1 and not bool(np.all(np.diff(self.times) > 0)):
            raise ValueError(f"{self.container_id}: times must rise strictly")

    def seen(self, cutoff: float, known_at: float) -> History:
        """The part that was observed by `cutoff` and stored by `known_at`. One that is fused was cut before, and stays as it is."""
        if self.fused is not None:
            return self
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
        until = min(cutoff, known_at)
        return replace(
            self,
            times=times,
            levels=levels,
            known=known,
            collections=self.collections[: int(np.searchsorted(self.collections, until, side="right"))],
            swapped=self.swapped[self.swapped <= until],
            tilted=self._tilted_of(times, until),
            deposits=self.deposits.seen(cutoff, known_at) if self.deposits else None,
            weights=self.weights.seen(cutoff, known_at) if self.weights else None,
        )

    def _tilted_of(self, times: FloatArray, until: float) -> FloatArray:
        """Without the moments of readings that are not among `times`."""
        if not len(self.tilted):
            return self.tilted
        unknown = np.isin(self.tilted, self.times) & ~np.isin(self.tilted, times)
        return self.tilted[(self.tilted <= until) & ~unknown]

    def since(self, begin: float) -> History:
        """The part that was observed from `begin` on."""
        if self.fused is not None:
            if begin > self.times[0]:
                raise ValueError(f"{self.container_id}: levels and deposits are one already; cut it before")
            return self
        first = int(np.searchsorted(self.times, begin))
        return replace(
            self,
            times=self.times[first:],
            levels=self.levels[first:],
            known=None if self.known is None else self.known[first:],
            collections=self.collections[int(np.searchsorted(self.collections, begin)) :],
            swapped=self.swapped[self.swapped >= begin],
            tilted=self.tilted[self.tilted >= begin],
            deposits=self.deposits.of(self.deposits.times >= begin) if self.deposits else None,
            weights=self.weights.of(self.weights.times >= begin) if self.weights else None,
        )

    def is_read(self) -> bool:
        """Whether anything at all is known: a level, or deposits enough to tell one."""
        return bool(len(self.times)) or self.is_counted()

    def is_counted(self) -> bool:
        """Whether deposits enough were counted to say anything; what the first report counts does not, since nobody knows since when."""
        return self.deposits is not None and float(self.deposits.values[1:].sum()) >= LEAST_COUNTED


def history_of(container_id: str, fraction: str, observed: Sequence[datetime], levels: Sequence[float]) -> History:
    """A history from aware datetimes; sorts nothing and checks what `History` checks."""
    return History(container_id, fraction, np.array([moment.timestamp() for moment in observed]), np.array(levels, dtype=float))


def moment(seconds: float) -> datetime:
    """Seconds since 1970 → aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)


SPARSE = 8 * HOUR
"""Further apart than this, neighbouring readings tell no shape of a day, and a rise and fall between them is ordinary life."""


def is_sparse(times: FloatArray) -> bool:
    """Whether a container is read less than three times a day."""
    return usual_interval(times) > SPARSE


def days_read(times: FloatArray) -> float:
    """For how many days these readings show a container: from the first to the last, gaps of more than three usual intervals as no longer than
    these, or a day."""
    return float(np.minimum(np.diff(times), max(DAY, 3 * usual_interval(times))).sum() / DAY)


def tells_for(times: FloatArray) -> float:
    """Seconds for which the last of these readings tells the level: a quarter of a day, or the usual interval where that is longer, up to a day."""
    return max(DAY / 4, min(DAY, 1.01 * usual_interval(times)))


def usual_interval(times: FloatArray) -> float:
    """The median seconds between the last 200 readings; one day where there are fewer than two."""
    return float(np.median(np.diff(times[-201:]))) if len(times) > 1 else DAY

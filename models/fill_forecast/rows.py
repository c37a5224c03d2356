"""Forecast cases as rows: a container, a cutoff, a horizon, what was seen then, and the level that was read later.

Rows are made once for all of a container's time; who may look at a row's truth is decided by `resolved_by`, never by where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.fill_forecast.features import STATE_NAMES, state_at
from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, History, IntArray, tells_for
from models.fill_forecast.spread import Spread, in_turn
from models.fill_forecast.window_features import WINDOW_NAMES, windows_of

ERROR_LEVELS, RECENT_ERROR_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9), (0.1, 0.5, 0.9)
PAST_ERROR_NAMES: tuple[str, ...] = (
    *(f"error_{level}" for level in ERROR_LEVELS),
    *(f"recent_error_{level}" for level in RECENT_ERROR_LEVELS),
)
"""Quantiles of what forecasts of the same container and days ahead missed before; told by `own_errors.with_past_errors`."""
Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


def silent(stage: str, done: int, total: int) -> None:
    """Shows no progress."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """`state` [row, STATE_NAMES], `window` [row, WINDOW_NAMES], `past_errors` [row, PAST_ERROR_NAMES] (NaN: not told), `container` an
    index, `cutoff` and `target_at` in seconds, `truth` the level as observed at `target_at` (NaN: not read)."""

    state: FloatArray
    window: FloatArray
    past_errors: FloatArray
    container: IntArray
    cutoff: FloatArray
    horizon_days: IntArray
    target_at: FloatArray
    truth: FloatArray

    def __len__(self) -> int:
        return len(self.cutoff)

    def of(self, chosen: BoolArray | IntArray) -> Rows:
        return Rows(*(getattr(self, name)[chosen] for name in Rows.__dataclass_fields__))

    def named(self, name: str) -> FloatArray:
        """One feature of all rows."""
        if name in STATE_NAMES:
            return self.state[:, STATE_NAMES.index(name)]
        return self.window[:, WINDOW_NAMES.index(name)]

    def block(self, prefix: str) -> FloatArray:
        """The columns of the container's own quantiles with this prefix, in the order of OWN_LEVELS."""
        columns = [index for index, name in enumerate(WINDOW_NAMES) if name.startswith(f"{prefix}_0.")]
        return self.window[:, columns]

    def features(self) -> FloatArray:
        return np.concatenate([self.state, self.window, self.past_errors], axis=1)

    def resolved_by(self, moment: float) -> BoolArray:
        """Rows whose truth was read by `moment`."""
        return (self.target_at <= moment) & ~np.isnan(self.truth)


def build_rows(
    histories: Sequence[History],
    *,
    origin_hour: int,
    horizon_days: int,
    plans: Sequence[FloatArray],
    days_only: bool = False,
    progress: Progress = silent,
    spread: Spread = in_turn,
) -> Rows:
    """One row per container, daily cutoff at `origin_hour` UTC and horizon. `plans[i]` are the collections of container i that are
    told to a forecaster, of its whole time; a row is told those between its cutoff and its target, with `days_only` their day (UTC) alone."""
    horizons = 24.0 * np.arange(1, horizon_days + 1, dtype=np.float64)
    pieces = (
        _Piece(index, history, plan, days_only, origin_hour, horizons)
        for index, (history, plan) in enumerate(zip(histories, plans, strict=True))
    )
    parts: list[Rows] = []
    for done, part in enumerate(spread(_rows_of, pieces), start=1):
        parts += [part] if part is not None else []
        progress("looking back from each day", done, len(histories))
    return joined(parts)


def silent_rows(rows: Rows, histories: Sequence[History], *, origin_hour: int, test_share: float) -> Rows:
    """Rows of the cutoffs in the last share of each container's time that `rows` lack, because nothing had been read for so long: without any
    feature."""
    horizons = np.unique(rows.horizon_days)
    made: list[Rows] = [rows.of(np.empty(0, dtype=np.int64))]
    for index, history in enumerate(histories):
        cutoffs = scored_cutoffs(history, origin_hour, test_share)
        missing = cutoffs[~np.isin(cutoffs, rows.cutoff[rows.container == index])]
        ahead, cutoff = np.tile(horizons, len(missing)), np.repeat(missing, len(horizons))
        targets = cutoff + ahead * DAY
        made.append(
            Rows(
                state=np.full((len(cutoff), len(STATE_NAMES)), np.nan),
                window=np.full((len(cutoff), len(WINDOW_NAMES)), np.nan),
                past_errors=np.full((len(cutoff), len(PAST_ERROR_NAMES)), np.nan),
                container=np.full(len(cutoff), index),
                cutoff=cutoff,
                horizon_days=ahead,
                target_at=targets,
                truth=observed_levels(history, targets),
            )
        )
    return joined(made)


def scored_cutoffs(history: History, origin_hour: int, test_share: float) -> FloatArray:
    """Those of its daily cutoffs that lie in the last share of its time."""
    cutoffs = daily_cutoffs(history, origin_hour)
    chosen: FloatArray = cutoffs[cutoffs >= test_begins(history, test_share)]
    return chosen


def test_begins(history: History, test_share: float) -> float:
    """When the last share of a container's time begins."""
    first, last = float(history.times[0]), float(history.times[-1])
    return first + (1 - test_share) * (last - first)


def daily_cutoffs(history: History, origin_hour: int) -> FloatArray:
    """Every day at the origin hour, from the first reading to the last."""
    offset = origin_hour * HOUR
    first = np.ceil((history.times[0] - offset) / DAY) * DAY + offset
    return np.arange(first, history.times[-1] + 1.0, DAY)


def observed_levels(history: History, at: FloatArray) -> FloatArray:
    """The level as observed: the last reading at or before each moment, NaN where it is older than a quarter of a day (or the
    usual interval until then, up to a day). What is read later, and how often, changes nothing."""
    ends = np.searchsorted(history.times, at, side="right")
    newest = np.maximum(ends - 1, 0)
    tolerance = np.array([tells_for(history.times[:end]) for end in ends.tolist()])
    known = (ends > 0) & (at - history.times[newest] < tolerance)
    return np.where(known, history.levels[newest], np.nan)


def without_truth(rows: Rows) -> Rows:
    """The same cases for somebody who must not know how they ended."""
    return replace(rows, truth=np.full(len(rows), np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """One container's part of the work."""

    index: int
    history: History
    plan: FloatArray
    days_only: bool
    origin_hour: int
    horizons: FloatArray


def _rows_of(piece: _Piece) -> Rows | None:
    """None where nothing was read before any cutoff."""
    index, history, plan, horizons = piece.index, piece.history, piece.plan, piece.horizons
    made: list[Rows] = []
    for cutoff in daily_cutoffs(history, piece.origin_hour):
        state = state_at(history, float(cutoff), float(cutoff))
        if state is None:
            continue
        last = float(cutoff + horizons[-1] * HOUR)
        soon = _by_day(plan, float(cutoff), last) if piece.days_only else plan[(plan > cutoff) & (plan <= last)]
        targets = cutoff + horizons * HOUR
        made.append(
            Rows(
                state=np.tile(state.values, (len(horizons), 1)),
                window=windows_of(state, horizons, soon).values,
                past_errors=np.full((len(horizons), len(PAST_ERROR_NAMES)), np.nan),
                container=np.full(len(horizons), index),
                cutoff=np.full(len(horizons), cutoff),
                horizon_days=np.arange(1, len(horizons) + 1),
                target_at=targets,
                truth=observed_levels(history, targets),
            )
        )
    return joined(made) if made else None


def _by_day(plan: FloatArray, cutoff: float, last: float) -> FloatArray:
    """Collections after the cutoff, up to the day of the last target, as somebody expects them who knows their day alone: at its noon, or in the
    middle of what is left of today."""
    days = np.unique(np.floor(plan[plan > cutoff] / DAY) * DAY)
    days = days[days <= last]
    return np.maximum(days, cutoff) + 0.5 * (days + DAY - np.maximum(days, cutoff))


def joined(parts: Sequence[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__dataclass_fields__))

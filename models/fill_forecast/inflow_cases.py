"""Cases that a served model learns from: a container, a cutoff, a horizon, what was seen then, and what truly flowed in afterwards.

The truth of a case is read from the inflow curve of all that is known at fitting: how far the level would stand at the target above the
robust level at the cutoff, had nobody collected. Windows that end in a gap, or that stood at full for half of their time, have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from models.fill_forecast.explain import shows_its_level
from models.fill_forecast.features import FILLING_NAMES, STATE_NAMES, State, state_at
from models.fill_forecast.forecaster import FittedForecaster
from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, History, IntArray, usual_interval
from models.fill_forecast.inflow import InflowCurve, inflow_curve
from models.fill_forecast.overlay import uncut_levels
from models.fill_forecast.window_features import WINDOW_NAMES, windows_of

_NOT_SERVED = ("level_carried_1d", *FILLING_NAMES, "by_filling_rate", "steady_level")
"""What a backtest's models see beside: the served one was no better by it, and worse on containers that are new."""
_ALL_NAMES = (*STATE_NAMES, *WINDOW_NAMES)
FEATURES: tuple[str, ...] = tuple(name for name in _ALL_NAMES if name not in _NOT_SERVED)
SERVED_COLUMNS: IntArray = np.array([_ALL_NAMES.index(name) for name in FEATURES])
"""Where FEATURES stand among all that `features` makes of a state and a window."""
BANDS = (24, 72, 168, 336)
"""Horizons up to so many hours share weights and calibration."""
CUTOFF_STEP = 29 * HOUR
"""Not a day, so that every hour of the day is forecast from."""
_FIRST_DAYS = 8 * DAY
_MOST_CENSORED = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Arrays of one length. `features` in the order of FEATURES, `own` the quantiles of the container's own past; `fraction` as
    index into the fractions that the caller keeps."""

    features: FloatArray
    own: FloatArray
    fraction: IntArray
    cutoff: FloatArray
    horizon_hours: FloatArray
    target_at: FloatArray
    truth: FloatArray

    def __len__(self) -> int:
        return len(self.cutoff)

    def of(self, chosen: BoolArray | IntArray) -> Cases:
        return Cases(*(getattr(self, name)[chosen] for name in Cases.__dataclass_fields__))

    def named(self, name: str) -> FloatArray:
        """One feature of all cases."""
        column: FloatArray = self.features[:, FEATURES.index(name)]
        return column

    def bands(self) -> IntArray:
        """Index into BANDS of each case."""
        return band_of(self.horizon_hours)


def band_of(horizon_hours: FloatArray) -> IntArray:
    return np.minimum(np.searchsorted(BANDS, horizon_hours), len(BANDS) - 1).astype(np.int64)


def features_of(state: State, horizon_hours: FloatArray) -> FloatArray:
    """Features [horizon, FEATURES] of windows without a collection in them."""
    window = windows_of(state, horizon_hours, np.empty(0)).values
    return np.concatenate([np.tile(state.values, (len(horizon_hours), 1)), window], axis=1)[:, SERVED_COLUMNS]


def cutoffs_between(history: History, begin: float, end: float, most: int) -> FloatArray:
    """At most `most` cutoffs of a container, evenly spread, none in its first days."""
    begin = max(begin, float(history.times[0]) + _FIRST_DAYS)
    found = np.arange(begin, min(end, float(history.times[-1])), CUTOFF_STEP)
    if len(found) <= most:
        return found
    chosen: FloatArray = found[np.linspace(0, len(found) - 1, most).astype(np.int64)]
    return chosen


def build_cases(
    histories: Sequence[History],
    fractions: Sequence[str],
    *,
    begin: float,
    end: float,
    most_cutoffs: int,
    known_at: float,
    horizon_hours: tuple[int, ...],
    quantiles: tuple[float, ...],
    own_past: FittedForecaster | None = None,
) -> Cases:
    """Cases with a cutoff in `begin` ≤ t < `end` and a truth, of histories that the caller has cut at what may be seen. Without `own_past`
    the column `own` stays NaN (the global model does not look at it)."""
    horizons = np.array(horizon_hours, dtype=float)
    parts: list[Cases] = []
    for history in histories:
        if len(history.times) < 2:
            continue
        curve = inflow_curve(history)
        if not curve.days_of_data:  # uninformative
            continue
        fraction = fractions.index(history.fraction)
        for cutoff in cutoffs_between(history, begin, end, most_cutoffs).tolist():
            state = state_at(history, cutoff, known_at)
            if state is None or state.curve.emptied_unread is not None:
                continue
            targets = cutoff + horizons * HOUR
            truth = true_inflow(curve, state, targets)
            kept = ~np.isnan(truth)
            if not bool(kept.any()):
                continue
            own = _own(own_past, history, state, cutoff, known_at, horizon_hours, quantiles)
            if own is None:
                continue
            parts.append(
                Cases(
                    features=features_of(state, horizons),
                    own=own,
                    fraction=np.full(len(targets), fraction),
                    cutoff=np.full(len(targets), cutoff),
                    horizon_hours=horizons,
                    target_at=targets,
                    truth=truth,
                ).of(kept)
            )
    if not parts:
        empty = np.empty(0)
        return Cases(
            np.empty((0, len(FEATURES))), np.empty((0, len(quantiles))), np.empty(0, dtype=np.int64), empty, empty, empty, empty
        )
    return Cases(*(np.concatenate([getattr(part, name) for part in parts]) for name in Cases.__dataclass_fields__))


def true_inflow(curve: InflowCurve, state: State, targets: FloatArray) -> FloatArray:
    """What flowed in by each target, above the robust level that was seen at the cutoff; NaN where it was not read."""
    if len(curve.times) < 2:
        return np.full(len(targets), np.nan)
    at = np.searchsorted(curve.times, targets, side="left")
    inside = (at > 0) & (at < len(curve.times))
    at = np.clip(at, 1, len(curve.times) - 1)
    gap = curve.times[at] - curve.times[at - 1]
    read = inside & (gap <= max(1.01 * DAY, 4 * usual_interval(curve.times)))
    last = max(0, int(np.searchsorted(curve.times, state.observed_at, side="right")) - 1)
    flowed = np.interp(targets, curve.times, curve.cumulative) - curve.cumulative[last] + curve.levels[last] - state.counted_level
    full_seconds = np.concatenate([[0.0], np.cumsum(np.diff(curve.times) * curve.censored)])
    stood = np.interp(targets, curve.times, full_seconds) - np.interp(state.observed_at, curve.times, full_seconds)
    readable = stood <= _MOST_CENSORED * np.maximum(targets - state.observed_at, 1.0)
    return np.where(read & readable, flowed, np.nan)


def _own(
    own_past: FittedForecaster | None,
    history: History,
    state: State,
    cutoff: float,
    known_at: float,
    horizon_hours: tuple[int, ...],
    quantiles: tuple[float, ...],
) -> FloatArray | None:
    """Quantiles [horizon, quantile] of the container's own past, above the robust level at the last reading; None where no other member would have a
    say beside it."""
    if own_past is None:
        return np.full((len(horizon_hours), len(quantiles)), np.nan)
    made = own_past.forecast(history, cutoff=cutoff, known_at=known_at, horizon_hours=horizon_hours, quantiles=quantiles)
    if made is None or not shows_its_level(made):
        return None
    ends = [made.cutoff + timedelta(hours=hours) for hours in horizon_hours]
    own: FloatArray = uncut_levels(made, (), ends).T - state.counted_level
    return own

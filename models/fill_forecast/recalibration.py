"""The spread of forecasts, set right by how the same model's of the last 60 days turned out: renewed every day, lower and upper side apart.

Of each forecast whose truth has come, two figures are kept: by how many of its own lower (upper) half-widths the truth lay below (above) its
median. The nine-in-ten quantile of these, by fraction and length of the window, is the factor by which that side of the next forecasts is spread
(conformal prediction on normalised residuals; Romano 2019, one-sided). What windows that begin with a collection need beyond those that begin at the
cutoff is a factor of its own. A truth at full that the upper bound reaches too is a tie and counts as half a miss. Where few have ended, a factor is
drawn towards that of the whole fraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.domain.forecast import InflowForecast, Uncalibrated
from models.fill_forecast.explain import shows_its_level
from models.fill_forecast.forecaster import in_order
from models.fill_forecast.history import FIRST_WEEK_DAYS, BoolArray, FloatArray, IntArray
from models.fill_forecast.suspects import FULL

WINDOW_DAYS = 60.0
LENGTH_BANDS = (9.0, 15.0, 33.0, 60.0, 110.0, 180.0, 336.0)
"""Windows of up to so many hours share factors."""
LOW, HIGH = 0.1, 0.9
LEAST_HALF_WIDTH = 0.005
_LEAST_CASES = 60
_HALF_TRUSTED_CASES = 300
"""Nine outcomes of one forecast, and forecasts of one container, have much in common: so many are worth a tenth of them."""
_NARROWEST, _WIDEST = 0.4, 4.0

Factors = Mapping[str, tuple[float, float]]
"""(lower side, upper side) by cell, see `cell`."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Factors for the forecasts of one version of a forecaster, made at a moment (seconds since 1970) from outcomes of its own that were known then:
    how wide another version would have had to be says nothing of this one."""

    forecaster: str
    version: str
    made_at: float
    cases: int
    factors: Factors


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Arrays of one length: forecasts at one moment whose truth has come. `collected` whether the window began with a collection, `below` and
    `above` as in the module's text, `full` whether the truth stood at full."""

    fraction: tuple[str, ...]
    length_hours: FloatArray
    collected: BoolArray
    below: FloatArray
    above: FloatArray
    full: FloatArray

    def __len__(self) -> int:
        return len(self.fraction)


def cell(fraction: str, band: int) -> str:
    """The name under which the factors of a fraction and a band of lengths are kept."""
    return f"{fraction}|{LENGTH_BANDS[band]:g}"


def cell_after_collection(fraction: str) -> str:
    """The name under which `InflowForecast.after_collection_spread` of a fraction is kept."""
    return f"{fraction}|after collection"


def band_of(length_hours: FloatArray) -> IntArray:
    return np.minimum(np.searchsorted(LENGTH_BANDS, length_hours), len(LENGTH_BANDS) - 1).astype(np.int64)


def misses(
    quantiles: Sequence[float], levels: FloatArray, truth: FloatArray, *, truth_error: FloatArray | float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """(below, above) of truths [case] against uncut level quantiles [quantile, case]. `truth_error` is half the width of the truth's own 80 %
    interval: a miss by it is none of the forecast's."""
    low, middle, high = (levels[quantiles.index(quantile)] for quantile in (LOW, 0.5, HIGH))
    below = (middle - truth) / np.hypot(np.maximum(middle - low, LEAST_HALF_WIDTH), truth_error)
    above = (truth - middle) / np.hypot(np.maximum(high - middle, LEAST_HALF_WIDTH), truth_error)
    # At full the truth is "at least": it lies below nothing.
    return np.where(truth >= FULL, np.minimum(below, 0.0), below), above


def factors_of(resolved: Resolved) -> dict[str, tuple[float, float]]:
    """The factors that these forecasts teach. Those of lengths come from windows that begin at the cutoff: cells with fewer than 60 of them have
    none, each is drawn towards that of its fraction, and this towards that of all. What windows that begin with a collection need beyond those is
    one pair for all lengths of a fraction."""
    found: dict[str, tuple[float, float]] = {}
    names = np.array(resolved.fraction)
    bands = band_of(resolved.length_hours)
    at_cutoff = ~resolved.collected
    every = _sides(resolved, at_cutoff, (1.0, 1.0))
    for name in sorted(set(resolved.fraction)):
        of_it = at_cutoff & (names == name)
        usual = _sides(resolved, of_it, every)
        for band in range(len(LENGTH_BANDS)):
            here = of_it & (bands == band)
            if here.sum() >= _LEAST_CASES:
                found[cell(name, band)] = _sides(resolved, here, usual)
    spread = _spread_by(resolved, found)
    usual_after = _sides(spread, resolved.collected, (1.0, 1.0))
    for name in sorted(set(resolved.fraction)):
        here = resolved.collected & (names == name)
        if here.sum() >= _LEAST_CASES:
            found[cell_after_collection(name)] = _sides(spread, here, usual_after)
    return found


def _spread_by(resolved: Resolved, factors: Factors) -> Resolved:
    """As if the forecasts had been spread by the factors of their lengths."""
    low, high = np.ones(len(resolved)), np.ones(len(resolved))
    names = np.array(resolved.fraction)
    bands = band_of(resolved.length_hours)
    for name in set(resolved.fraction):
        for band, hours in enumerate(LENGTH_BANDS):
            here = (names == name) & (bands == band)
            low[here], high[here] = _factors(name, hours, factors) or (1.0, 1.0)
    return replace(resolved, below=resolved.below / low, above=resolved.above / high)


def _sides(resolved: Resolved, here: BoolArray, otherwise: tuple[float, float]) -> tuple[float, float]:
    """(lower, upper) factor of some cases, drawn towards what else would be taken."""
    count = int(here.sum())
    if not count:
        return otherwise
    trust = count / (count + _HALF_TRUSTED_CASES)
    below = _ninety(resolved.below[here], np.zeros(count))
    above = _ninety(resolved.above[here], 0.5 * resolved.full[here])
    return otherwise[0] + trust * (below - otherwise[0]), otherwise[1] + trust * (above - otherwise[1])


def is_calibrated(forecast: InflowForecast) -> bool:
    """Whether outcomes say something of a forecast: not of a container in its first week, of one that has gone silent or may have been emptied
    unseen, or of one whose level nothing reads, which are few and unlike the others."""
    young = forecast.evidence is None or forecast.evidence.days_of_data < FIRST_WEEK_DAYS
    unread = forecast.evidence is not None and not forecast.evidence.level_is_read
    return not young and not unread and shows_its_level(forecast)


def recalibrated(forecast: InflowForecast, fraction: str, factors: Factors) -> InflowForecast:
    """The forecast with its sides spread by the factors of its fraction; unchanged where nothing is known of it."""
    by_horizon = [_factors(fraction, hours, factors) for hours in forecast.horizon_hours]
    if all(item is None for item in by_horizon):
        return forecast
    inflow = np.array(forecast.inflow_quantiles)
    quantiles = np.array(forecast.quantiles)
    error = np.array(forecast.level_error or (0.0,) * len(quantiles))[:, None]
    middle = np.array([np.interp(0.5, quantiles, column) for column in inflow.T])
    sides = np.array([item or (1.0, 1.0) for item in by_horizon]).T
    factor = np.where(quantiles[:, None] < 0.5, sides[0], sides[1])
    spread = factor * np.hypot(inflow - middle, error)
    own = np.sqrt(np.maximum(0.0, spread**2 - error**2))
    moved = middle + np.sign(quantiles - 0.5)[:, None] * own
    lower, upper = factors.get(cell_after_collection(fraction), (1.0, 1.0))
    return forecast.model_copy(
        update={
            "inflow_quantiles": tuple(tuple(row) for row in in_order(moved).tolist()),
            "after_collection_spread": (forecast.after_collection_spread[0] * lower, forecast.after_collection_spread[1] * upper),
            "uncalibrated": Uncalibrated(
                inflow_quantiles=forecast.inflow_quantiles,
                level_error=forecast.level_error,
                after_collection_spread=forecast.after_collection_spread,
            ),
        }
    )


def _factors(fraction: str, hours: float, factors: Factors) -> tuple[float, float] | None:
    """Those of the band, or of the nearest shorter, then longer one that has some."""
    (band,) = band_of(np.array([float(hours)])).tolist()
    for near in (*range(band, -1, -1), *range(band + 1, len(LENGTH_BANDS))):
        found = factors.get(cell(fraction, near))
        if found is not None:
            return found
    return None


def _ninety(values: FloatArray, missed: FloatArray) -> float:
    """The smallest figure that all but a tenth of the values stay below, and a little more where they are few, as for the next of so many;
    `missed` is which part of a value is a miss whatever the figure."""
    share = min(0.97, 0.9 * (1 + 1 / len(values)))
    order = np.argsort(values)
    kept = np.cumsum((1 - missed)[order])
    enough = np.flatnonzero(kept >= share * len(values))
    figure = float(values[order[enough[0]]]) if len(enough) else _WIDEST
    return float(np.clip(figure, _NARROWEST, _WIDEST))

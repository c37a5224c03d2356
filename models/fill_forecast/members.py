"""The simple members that are weighed beside the global model, and the baselines that both must beat.

Each takes rows and gives quantiles [row, quantile] of the level. A point forecast gets its spread from the container's own past errors
at that horizon: without it, it would have no interval and its pinball loss would only be half an absolute error.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.fill_forecast.history import BoolArray, FloatArray
from models.fill_forecast.own_errors import LEAST_ERRORS, weeks_with_errors
from models.fill_forecast.rows import Rows
from models.fill_forecast.window_features import OWN_LEVELS

Quantiles = tuple[float, ...]
Member = Callable[[Rows, Quantiles], FloatArray]


def at_quantiles(own: FloatArray, quantiles: Quantiles) -> FloatArray:
    """From the OWN_LEVELS of a distribution to other quantiles; beyond the outermost two the slope goes on."""
    levels = np.array(OWN_LEVELS)
    result = np.empty((len(own), len(quantiles)))
    for column, quantile in enumerate(quantiles):
        right = int(np.clip(np.searchsorted(levels, quantile), 1, len(levels) - 1))
        share = (quantile - levels[right - 1]) / (levels[right] - levels[right - 1])
        result[:, column] = own[:, right - 1] + share * (own[:, right] - own[:, right - 1])
    return result


def levels_at(own: FloatArray, quantiles: Quantiles) -> FloatArray:
    """The same of levels, which lie between empty and full."""
    return np.clip(at_quantiles(own, quantiles), 0.0, 1.0)


def own_levels(rows: Rows, quantiles: Quantiles) -> FloatArray:
    """Empirical quantiles of the container's own levels, eight weeks."""
    return _filled(levels_at(rows.block("own_level"), quantiles), quantiles)


def weekday_levels(rows: Rows, quantiles: Quantiles) -> FloatArray:
    """Weekday climatology: its levels on the target's weekday, eight weeks."""
    own = own_levels(rows, quantiles)
    return _or(levels_at(rows.block("weekday_level"), quantiles), own)


def after_such_levels(rows: Rows, quantiles: Quantiles) -> FloatArray:
    """What its level was, as many days after it had been about where it is now."""
    few = rows.named("after_such_level_count") < 5
    found = levels_at(rows.block("after_such_level"), quantiles)
    found[few] = np.nan
    return _or(found, own_levels(rows, quantiles))


def own_inflow(rows: Rows, quantiles: Quantiles) -> FloatArray:
    """With the plan: what it stands at after the last collection, plus its own inflow of windows that long."""
    level = rows.named("base")[:, None] + np.maximum(0.0, at_quantiles(rows.block("own_inflow"), quantiles))
    return _or(np.clip(level, 0.0, 1.0), own_levels(rows, quantiles))


MEMBERS_WITHOUT_PLAN: dict[str, Member] = {
    "own levels": own_levels,
    "weekday levels": weekday_levels,
    "after such levels": after_such_levels,
}
MEMBERS_WITH_PLAN: dict[str, Member] = {
    "own inflow": own_inflow,
    "weekday levels": weekday_levels,
}


def persistence(rows: Rows) -> FloatArray:
    """The last level read."""
    return rows.named("level_last")


def linear_since_emptying(rows: Rows) -> FloatArray:
    """The line through the last emptying and now, continued."""
    hours = rows.named("since_emptying_hours")
    rate = np.where(hours >= 12, np.maximum(0.0, rows.named("inflow_since_emptying")) / np.maximum(hours, 1.0), np.nan)
    rate = np.where(np.isnan(rate), rows.named("rate_28d") / 24, rate)
    return np.clip(rows.named("level_robust") + rate * rows.named("horizon_hours"), 0.0, 1.0)


def median_rate(rows: Rows) -> FloatArray:
    """Level now plus the median daily inflow of 90 days; with a plan from its last collection on."""
    return np.clip(_begin(rows) + rows.named("by_median_rate_90d"), 0.0, 1.0)


def weekday_rate(rows: Rows) -> FloatArray:
    """The same with the weekdays' mean inflow of eight weeks."""
    return np.clip(_begin(rows) + rows.named("by_week_profile"), 0.0, 1.0)


def _begin(rows: Rows) -> FloatArray:
    """What a planner would count from: the level as the last three readings tell it, or what the last collection leaves."""
    return np.where(rows.named("lead_hours") == 0, rows.named("level_robust"), rows.named("base"))


POINT_BASELINES: dict[str, Callable[[Rows], FloatArray]] = {
    "persistence": persistence,
    "linear since emptying": linear_since_emptying,
    "median rate": median_rate,
    "weekday rate": weekday_rate,
}
RATES_WITH_PLAN = ("median rate", "weekday rate")
"""Point baselines that count from a planned collection on: members, too, where a plan is known."""
DISTRIBUTION_BASELINES: dict[str, Member] = {
    "weekday climatology": weekday_levels,
    "own empirical quantiles": own_levels,
}


def with_own_errors(rows: Rows, point: FloatArray, quantiles: Quantiles) -> FloatArray:
    """A point forecast with the quantiles of the container's own errors at that horizon, of all forecasts resolved before the
    cutoff's week began; the point itself where there are fewer than ten."""
    result = np.repeat(point[:, None], len(quantiles), axis=1)
    for here, errors, _ in weeks_with_errors(rows, point):
        if len(errors) >= LEAST_ERRORS:
            result[here] += np.quantile(errors, quantiles)
    return np.clip(result, 0.0, 1.0)


def anything(rows: int, quantiles: Quantiles) -> FloatArray:
    """Quantiles [row, quantile] where nothing is known: any level between empty and full, as likely as any other."""
    return np.tile(np.array(quantiles), (rows, 1))


def _filled(levels: FloatArray, quantiles: Quantiles) -> FloatArray:
    """Next to nothing read in eight weeks: anything."""
    return _or(levels, anything(len(levels), quantiles))


def _or(levels: FloatArray, instead: FloatArray) -> FloatArray:
    unknown: BoolArray = np.asarray(np.isnan(levels).any(axis=1))[:, None]
    return np.where(unknown, instead, levels)

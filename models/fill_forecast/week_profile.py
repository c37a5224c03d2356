"""When in the week a container is used: its usual inflow by weekday and hour, from its own past, drawn towards even where data is thin.

Hours count from 1970 in UTC, as everywhere in this package.
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import FloatArray, IntArray


def week_profile(hours: FloatArray, values: FloatArray) -> FloatArray | None:
    """Usual inflow in each of the 168 hours of the week: weekday share × hour share, each drawn towards 1 where data is thin."""
    increments = np.diff(values)
    known = ~np.isnan(increments)
    if known.sum() < 21 * 24:
        return None
    of_week = hours[:-1][known].astype(np.int64) % 168
    increments = increments[known]
    mean = float(increments.mean())
    if mean <= 0:
        return None
    spread = float(increments.std())

    def shares(groups: IntArray, count: int) -> FloatArray:
        totals = np.bincount(groups, increments, count)
        sizes = np.bincount(groups, minlength=count)
        # Shrinkage by the error of a group's mean against the overall mean.
        means = totals / np.maximum(sizes, 1)
        error = spread**2 / np.maximum(sizes, 1)
        between = max(0.0, float(means.var() - error.mean()))
        weight = between / (between + error) if between > 0 else np.zeros(count)
        shares_: FloatArray = np.maximum(0.05, 1 + weight * (means / mean - 1))
        return shares_

    by_day, by_hour = shares(of_week // 24, 7), shares(of_week % 24, 24)
    return mean * np.repeat(by_day, 24) * np.tile(by_hour, 7)


def usual_inflow(profile: FloatArray, begin: IntArray, span: IntArray) -> FloatArray:
    """What usually flows in within `span` whole hours from the hour `begin`; the two broadcast against each other."""
    # Full weeks and a part, from the cumulative profile over two weeks.
    running = np.concatenate([[0.0], np.cumsum(np.tile(profile, 2))])
    part = begin % 168
    total: FloatArray = (span // 168) * running[168] + running[part + span % 168] - running[part]
    return total

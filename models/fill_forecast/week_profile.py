"""When in the week a container is used: its usual inflow by weekday and hour, from its own past, drawn towards even where data is thin.

A public holiday is a Sunday. Hours count from 1970 in UTC, as everywhere in this package, and so do a holiday's.
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import BoolArray, FloatArray, IntArray

WEEK_HOURS = 168
_SUNDAY = 3
"""1970 began on a Thursday, which is day 0 here."""


def hour_of_week(hours: IntArray, holidays: IntArray) -> IntArray:
    """0 to 167 from Thursday 00:00 on; those of a Sunday in the days (since 1970) of `holidays`."""
    usual: IntArray = hours % WEEK_HOURS
    if not len(holidays):
        return usual
    return np.where(is_holiday(hours // 24, holidays), _SUNDAY * 24 + hours % 24, usual)


def is_holiday(days: IntArray, holidays: IntArray) -> BoolArray:
    """Whether each day since 1970 is one of `holidays`."""
    return np.isin(days, holidays)


def week_profile(hours: FloatArray, values: FloatArray, holidays: IntArray) -> FloatArray | None:
    """Usual inflow in each of the 168 hours of the week: weekday share × hour share, each drawn towards 1 where data is thin."""
    increments = np.diff(values)
    known = ~np.isnan(increments)
    if known.sum() < 21 * 24:
        return None
    of_week = hour_of_week(hours[:-1][known].astype(np.int64), holidays)
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


def usual_inflow(profile: FloatArray, begin: IntArray, span: IntArray, holidays: IntArray) -> FloatArray:
    """What usually flows in within `span` whole hours from the hour `begin`; the two broadcast against each other."""
    # Full weeks and a part, from the cumulative profile over two weeks.
    running = np.concatenate([[0.0], np.cumsum(np.tile(profile, 2))])
    part = begin % WEEK_HOURS
    total: FloatArray = (span // WEEK_HOURS) * running[WEEK_HOURS] + running[part + span % WEEK_HOURS] - running[part]
    near = holidays[(holidays * 24 < (begin + span).max()) & (holidays * 24 + 24 > begin.min())]
    if not len(near):
        return total
    # What those days get more or less than on their weekday, hour by hour.
    hours = (near[:, None] * 24 + np.arange(24)).ravel()
    more = np.concatenate([[0.0], np.cumsum(profile[hour_of_week(hours, near)] - profile[hours % WEEK_HOURS])])
    moved: FloatArray = total + more[np.searchsorted(hours, begin + span)] - more[np.searchsorted(hours, begin)]
    return moved

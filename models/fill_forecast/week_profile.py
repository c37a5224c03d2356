"""When in the week a container is used: its usual inflow by weekday and hour, from its own past, drawn towards even where data is thin.

A public holiday is a Sunday. Hours count from 1970 in UTC, as everywhere in this package, and so do a holiday's.
"""

from __future__ import annotations

import numpy as np

from models.fill_forecast.history import BoolArray, FloatArray, IntArray

WEEK_HOURS = 168
_SUNDAY = 3
_BY_CHANCE = 2.0
"""Seven means of equal weekdays vary twice as much as their error says in one case of sixteen: so much of it is taken for chance."""
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
    starts = hours[:-1][known].astype(np.int64)
    of_week = hour_of_week(starts, holidays)
    increments = increments[known]
    mean = float(increments.mean())
    if mean <= 0:
        return None
    by_hour = _hour_shares(of_week % 24, increments / mean)
    by_day = weekday_factors(starts // 24, of_week // 24, increments, mean * by_hour[of_week % 24])
    return mean * np.repeat(by_day, 24) * np.tile(by_hour, 7)


def _hour_shares(of_day: IntArray, increments: FloatArray) -> FloatArray:
    """Shares [24] of hours, whose mean is 1, from increments in units of their mean; drawn towards 1 by the error of each hour's mean."""
    sizes = np.bincount(of_day, minlength=24)
    means = np.bincount(of_day, increments, 24) / np.maximum(sizes, 1)
    error = increments.var() / np.maximum(sizes, 1)
    between = max(0.0, float(means.var() - error.mean()))
    weight = between / (between + error) if between > 0 else np.zeros(24)
    shares: FloatArray = np.maximum(0.05, 1 + weight * (means - 1))
    return shares


def weekday_factors(day: IntArray, weekday: IntArray, increments: FloatArray, expected: FloatArray) -> FloatArray:
    """How much more than `expected` comes in by weekday: factors [7] from hours' increments, the day that each lies in and which of the seven it
    counts as. Days of one weekday differ in proportion to what is usual of it. As far as the seven would differ by that alone they are drawn towards
    their mean, a quiet one less than a busy one; all are 1 where they differ by little more."""
    days, place = np.unique(day, return_inverse=True)
    of_days = np.zeros(len(days), dtype=np.int64)
    of_days[place] = weekday
    got, wanted = np.bincount(place, increments), np.bincount(place, expected)
    total, sizes = np.bincount(of_days, wanted, 7), np.bincount(of_days, minlength=7)
    if not (total > 0).all() or sizes.min() < 2:
        return np.ones(7)
    ratio = np.maximum(0.0, np.bincount(of_days, got, 7) / total)
    usual = ratio[of_days] * wanted
    scatter = float(((got - usual) ** 2).sum() / max((usual**2).sum(), 1e-12)) * len(days) / max(1, len(days) - 7)
    error = scatter * np.bincount(of_days, usual**2, 7) / total**2
    between = float(ratio.var() - _BY_CHANCE * error.mean())
    if between <= 0:
        return np.ones(7)
    mean = float(ratio.mean())
    factors = np.maximum(0.05, 1 + between / (between + error) * (ratio / mean - 1))
    scaled: FloatArray = factors * mean / factors.mean()
    return scaled


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

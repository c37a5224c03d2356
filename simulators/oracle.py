"""How far a forecast of the time to a level can get at all: the median that somebody would say who knows a container's true level and rate.

What nobody can know stays drawn by chance: how much each coming day is used, how many deposits an hour brings, and how large they are. The
error of these medians is what is left to any forecaster. `knowing_median` is told the rate as it has drifted until now; `learning_median` is
told everything else, the habits, the statistics and all that has flowed in so far without any error, and has to learn the rate from that
(a Kalman filter over days). No forecaster in the field knows as much as the second.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import numpy as np

from simulators.batch import Floats, Ints
from simulators.sensor_simulator import CITY_ZONE
from simulators.true_course import HOUR, TrueCourse
from simulators.usage import MEASURED_USAGE

_GAMMA_SHAPE = 4.0
"""As the simulator draws the size of a deposit."""


def knowing_median(
    course: TrueCourse, level: float, since: float, *, days: float, rng: np.random.Generator, paths: int = 201
) -> float | None:
    """The median moment at which `paths` drawn courses reach `level`, had nobody emptied the container; None when half of them do not within
    `days`."""
    rate = float(course.use.share_per_day[max(0, int(np.searchsorted(course.hours, since, side="right")) - 1)])
    return _median_of_paths(course, level, since, np.full(paths, rate), days=days, rng=rng)


def learning_median(
    course: TrueCourse,
    level: float,
    since: float,
    *,
    days: float,
    rng: np.random.Generator,
    log_drift_per_day: float = MEASURED_USAGE.log_drift_per_day,
    paths: int = 201,
) -> float | None:
    """The same by somebody who has to learn the rate. The first rate of the course is told, too."""
    rate, variance = _learnt_rate(course, since, log_drift_per_day)
    rates = np.maximum(0.1 * rate, rng.normal(rate, np.sqrt(variance), paths))
    return _median_of_paths(course, level, since, rates, days=days, rng=rng)


def _median_of_paths(
    course: TrueCourse, level: float, since: float, rates: Floats, *, days: float, rng: np.random.Generator
) -> float | None:
    """`rates` [path] are shares of a day."""
    use = course.use
    missing = level - float(course.level_at(np.array([since]))[0])
    if missing <= 0:
        return since
    hours = np.arange(int(since // HOUR), int(since // HOUR) + round(days * 24))
    hour_of_day, weekday, day = _calendar(hours)
    usual = use.hour_share[hour_of_day] * use.weekday_factor[weekday] / use.deposit
    days_from_first = day - day[0]
    factors = rng.lognormal(-(use.day_spread**2) / 2, use.day_spread, (len(rates), int(days_from_first[-1]) + 1))
    deposits = rng.poisson(rates[:, None] * usual * factors[:, days_from_first])
    filled = np.cumsum(use.deposit / _GAMMA_SHAPE * rng.standard_gamma(_GAMMA_SHAPE * deposits), axis=1)
    reached = filled >= missing
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(hours)).astype(np.float64)
    middle = float(np.median(first))
    return None if middle >= len(hours) else since + (middle + 0.5) * HOUR


def _learnt_rate(course: TrueCourse, until: float, log_drift_per_day: float) -> tuple[float, float]:
    """(mean, variance) of the rate at `until`, learnt from each local day before, the last as far as it went; days that touched full tell
    nothing."""
    use = course.use
    hours = np.arange(int(np.ceil(course.times[0] / HOUR)), int(until // HOUR))
    hour_of_day, weekday, day = _calendar(hours)
    flowed = np.diff(np.interp(np.append(hours, hours[-1] + 1) * HOUR, course.times, course.inflow))
    full = np.interp((hours + 1) * HOUR, course.times, course.levels) >= 1.0
    rate = float(use.share_per_day[0])
    variance = 0.0
    for one in np.unique(day)[1:].tolist():
        of_it = day == one
        variance += (log_drift_per_day * rate) ** 2
        usual = float((use.hour_share[hour_of_day[of_it]] * use.weekday_factor[weekday[of_it]]).sum())
        if usual == 0 or bool(full[of_it].any()):
            continue
        # The day's own factor, the number of deposits, and their sizes.
        noise = (rate * usual) ** 2 * np.expm1(use.day_spread**2) + rate * usual * use.deposit * (1 + 1 / _GAMMA_SHAPE)
        gain = variance * usual / (usual**2 * variance + noise)
        rate = max(0.1 * rate, rate + gain * (float(flowed[of_it].sum()) - usual * rate))
        variance *= 1 - gain * usual
    return rate, variance


def _calendar(hours: Ints) -> tuple[Ints, Ints, Ints]:
    """(hour of the day, weekday, day number) in the city of each hour since 1970."""
    hour_of_day, weekday, day = (np.array(column) for column in zip(*(_local(hour) for hour in hours.tolist()), strict=True))
    return hour_of_day, weekday, day


@lru_cache(maxsize=20_000)
def _local(hour: int) -> tuple[int, int, int]:
    """(hour of the day, weekday, day number) in the city, of an hour since 1970."""
    moment = datetime.fromtimestamp(hour * HOUR, CITY_ZONE)
    return moment.hour, moment.weekday(), moment.toordinal()

"""How far a forecast of the time to a level can get at all: the median that somebody would say who knows a container's true level and rate.

What nobody can know stays drawn by chance: how much each coming day is used, how many deposits an hour brings, and how large they are. The
error of these medians is what is left to any forecaster.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import numpy as np

from simulators.sensor_simulator import CITY_ZONE
from simulators.true_course import HOUR, TrueCourse

_GAMMA_SHAPE = 4.0
"""As the simulator draws the size of a deposit."""


def knowing_median(
    course: TrueCourse, level: float, since: float, *, days: float, rng: np.random.Generator, paths: int = 201
) -> float | None:
    """The median moment at which `paths` drawn courses reach `level`, had nobody emptied the container; None when half of them do not within
    `days`."""
    use = course.use
    missing = level - float(course.level_at(np.array([since]))[0])
    if missing <= 0:
        return since
    hours = np.arange(int(since // HOUR), int(since // HOUR) + round(days * 24))
    local = [_local(hour) for hour in hours.tolist()]
    hour_of_day, weekday, day = (np.array(column) for column in zip(*local, strict=True))
    rate = float(use.share_per_day[max(0, int(np.searchsorted(course.hours, since, side="right")) - 1)])
    mean = rate * use.hour_share[hour_of_day] * use.weekday_factor[weekday] / use.deposit
    days_from_first = day - day[0]
    factors = rng.lognormal(-(use.day_spread**2) / 2, use.day_spread, (paths, int(days_from_first[-1]) + 1))
    deposits = rng.poisson(mean * factors[:, days_from_first])
    filled = np.cumsum(use.deposit / _GAMMA_SHAPE * rng.standard_gamma(_GAMMA_SHAPE * deposits), axis=1)
    reached = filled >= missing
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(hours)).astype(np.float64)
    middle = float(np.median(first))
    return None if middle >= len(hours) else since + (middle + 0.5) * HOUR


@lru_cache(maxsize=20_000)
def _local(hour: int) -> tuple[int, int, int]:
    """(hour of the day, weekday, day number) in the city, of an hour since 1970."""
    moment = datetime.fromtimestamp(hour * HOUR, CITY_ZONE)
    return moment.hour, moment.weekday(), moment.toordinal()

"""How far a forecast can get at all: what somebody would say who knows a container's true level and rate, of the time to a level and of levels.

What nobody can know stays drawn by chance: how much each coming day is used, how many deposits an hour brings, and how large they are. What
these forecasts miss is left to any forecaster. Who `knows` is told the rate as it has drifted until now; who `learns` everything else, the
habits, the statistics and all that has flowed in so far without any error, and has to learn the rate from that (a Kalman filter over days);
who reads a sensor (`simulators.reading_oracle`) has to learn the level, too. No forecaster in the field knows as much as any of them. None
concludes from coming collections how full a container will be by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np

from simulators.batch import Floats, Ints
from simulators.sensor_simulator import CITY_ZONE
from simulators.true_course import HOUR, TrueCourse, Use
from simulators.usage import MEASURED_USAGE
from simulators.waste import BRIM, LEFT_BEHIND

_GAMMA_SHAPE = 4.0
"""Of the size of a deposit."""


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What may be so at a moment, drawn, all equally likely: `levels` [path], up to the brim, `rates` [path], a share of a day, and
    `day_factors` [path], how much more than usual the day that goes on is used (None: nothing is known of that)."""

    levels: Floats
    rates: Floats
    day_factors: Floats | None = None


def knows(course: TrueCourse, since: float, *, paths: int) -> Belief:
    """True level and rate, the same on every path."""
    rate = course.use.share_per_day[max(0, int(np.searchsorted(course.hours, since, side="right")) - 1)]
    return Belief(_true_levels(course, since, paths), np.full(paths, float(rate)))


def learns(
    course: TrueCourse,
    since: float,
    *,
    paths: int,
    rng: np.random.Generator,
    log_drift_per_day: float = MEASURED_USAGE.log_drift_per_day,
) -> Belief:
    """The true level, and rates that may be. The first rate of the course is told, too."""
    rate, variance = _learnt_rate(course, since, log_drift_per_day)
    rates = np.maximum(0.1 * rate, rng.normal(rate, np.sqrt(variance), paths))
    return Belief(_true_levels(course, since, paths), rates)


def _true_levels(course: TrueCourse, since: float, paths: int) -> Floats:
    return np.full(paths, float(np.interp(since, course.times, course.levels)))


def median_time(
    course: TrueCourse, level: float, since: float, belief: Belief, *, days: float, rng: np.random.Generator
) -> float | None:
    """The median moment at which drawn courses reach `level`, had nobody emptied the container; None when half of them do not within `days`."""
    hours = round(days * 24)
    reached = belief.levels[:, None] + np.cumsum(filled(course, belief, since, hours, rng), axis=1) >= level
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), hours).astype(np.float64)
    middle = float(np.median(np.where(belief.levels >= level, -0.5, first)))
    return None if middle >= hours else since + (middle + 0.5) * HOUR


def level_quantiles(
    course: TrueCourse,
    targets: Floats,
    since: float,
    belief: Belief,
    collections: Floats,
    quantiles: tuple[float, ...],
    *,
    rng: np.random.Generator,
    log_drift_per_day: float = MEASURED_USAGE.log_drift_per_day,
    as_read: bool = False,
) -> Floats:
    """Quantiles [target, quantile] of the true level, whole hours after `since`, of drawn courses whose rates drift from then on, with
    `collections` at these moments. `as_read`: of what a sensor in order would say."""
    ends = np.rint((targets - since) / HOUR).astype(np.int64)
    inflow = filled(course, belief, since, int(ends.max()), rng, log_drift_per_day)
    paths = len(belief.levels)
    levels = np.empty((paths, inflow.shape[1] + 1))
    levels[:, 0] = belief.levels
    for hour in range(inflow.shape[1]):
        begin, end = since + hour * HOUR, since + (hour + 1) * HOUR
        within = collections[(collections > begin) & (collections <= end)]
        if len(within):
            left = np.abs(rng.normal(0.0, LEFT_BEHIND, paths))
            reached = left + inflow[:, hour] * (end - float(within.max())) / HOUR
        else:
            reached = levels[:, hour] + inflow[:, hour]
        levels[:, hour + 1] = np.minimum(reached, BRIM)
    asked = levels[:, ends]
    if as_read:
        asked = asked + rng.normal(0.0, 1.0, asked.shape) * np.hypot(MEASURED_USAGE.jitter, MEASURED_USAGE.heap_at(asked))
    found: Floats = np.quantile(np.clip(asked, 0.0, 1.0), quantiles, axis=0).T
    return found


def filled(
    course: TrueCourse, belief: Belief, since: float, hours: int, rng: np.random.Generator, log_drift_per_day: float = 0.0
) -> Floats:
    """What comes in [path, hour] within so many hours from that of `since` on, drawn."""
    use, rates = course.use, belief.rates
    hour_of_day, weekday, day = calendar(int(since // HOUR) + np.arange(hours))
    usual = use.hour_share[hour_of_day] * use.weekday_factor[weekday] / use.deposit
    days_from_first = day - day[0]
    shape = (len(rates), int(days_from_first[-1]) + 1)
    factors = day_factors(use, shape, rng)
    if belief.day_factors is not None:
        factors[:, 0] = belief.day_factors
    if log_drift_per_day > 0:
        drifts = rng.normal(0.0, log_drift_per_day, shape)
        drifts[:, 0] = 0.0  # until now it is known
        factors *= np.exp(np.cumsum(drifts, axis=1))
    deposits = rng.poisson(rates[:, None] * usual * factors[:, days_from_first])
    return size_of(deposits, use.deposit, rng)


def day_factors(use: Use, shape: int | tuple[int, ...], rng: np.random.Generator) -> Floats:
    """How much more than usual a day is used, drawn."""
    return rng.lognormal(-(use.day_spread**2) / 2, use.day_spread, shape)


def size_of(deposits: Ints, mean: float, rng: np.random.Generator) -> Floats:
    """What so many deposits fill, drawn as the simulator draws their sizes."""
    drawn: Floats = mean / _GAMMA_SHAPE * rng.standard_gamma(_GAMMA_SHAPE * deposits)
    return drawn


def _learnt_rate(course: TrueCourse, until: float, log_drift_per_day: float) -> tuple[float, float]:
    """(mean, variance) of the rate at `until`, learnt from each local day before, the last as far as it went; days that touched full tell
    nothing."""
    use = course.use
    hours = np.arange(int(np.ceil(course.times[0] / HOUR)), int(until // HOUR))
    hour_of_day, weekday, day = calendar(hours)
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


def calendar(hours: Ints) -> tuple[Ints, Ints, Ints]:
    """(hour of the day, weekday, day number) in the city of each hour since 1970."""
    hour_of_day, weekday, day = (np.array(column) for column in zip(*(_local(hour) for hour in hours.tolist()), strict=True))
    return hour_of_day, weekday, day


@lru_cache(maxsize=20_000)
def _local(hour: int) -> tuple[int, int, int]:
    """(hour of the day, weekday, day number) in the city, of an hour since 1970."""
    moment = datetime.fromtimestamp(hour * HOUR, CITY_ZONE)
    return moment.hour, moment.weekday(), moment.toordinal()

"""How far a forecast can get that reads a container's level from its sensor: see `simulators.oracle`.

Who `reads` is told every habit and statistic of the container, when it was emptied, and which of its readings are wrong. The level is learnt from
the others, jitter and heaps in them, and the rate with it, by a particle filter: courses are drawn hour by hour as the simulator draws them, and
those that the readings contradict die out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_ndtr

from simulators.batch import Floats, Ints
from simulators.faults import ClockErrors, CoveredLens, Drift, FalseFull, Noise, Spikes, Stuck, Tilt
from simulators.fill_series import FillSeries, false_readings
from simulators.oracle import Belief, calendar, day_factors, size_of
from simulators.true_course import HOUR, Use
from simulators.usage import MEASURED_USAGE
from simulators.waste import BRIM, LEFT_BEHIND

_WRONG = sum(fault.bit for fault in (Noise, Spikes, Drift, Stuck, FalseFull, CoveredLens, Tilt, ClockErrors))
_UNLIKELY = np.log(1e-6)
"""Of a reading that no course explains: the fault that it may have is none that is told."""
_EXPLAINED, _LOST_AFTER = -8.0, 3
"""So many readings in a row that hardly any course explains: what was drawn has lost the container (a blocked inlet), and starts from them."""


def reads(series: FillSeries, moments: Sequence[float], *, paths: int, rng: np.random.Generator) -> list[Belief]:
    """What is believed at each of `moments` (whole hours, rising, seconds since 1970), late readings as if they had come at once. As in
    `oracle.learns`, the first level and rate of the course are told. A second for a hundred days and a thousand paths."""
    course = series.course
    first = int(np.ceil(course.times[0] / HOUR))
    hours = np.arange(first, int(moments[-1] // HOUR) + 1)
    hour_of_day, weekday, day = calendar(hours)
    usual = course.use.hour_share[hour_of_day] * course.use.weekday_factor[weekday]
    new_day = np.diff(day, prepend=day[0]) > 0
    sound = ~false_readings(series, _WRONG)
    times, levels = series.times[sound], series.levels[sound]
    particles = _Particles(course.use, float(np.interp(first * HOUR, course.times, course.levels)), paths, rng)
    wanted, found = {int(moment // HOUR) for moment in moments}, []
    for hour, of_usual, begins in zip(hours.tolist(), usual.tolist(), new_day.tolist(), strict=True):
        if hour in wanted:
            found.append(particles.belief())
        if begins:
            particles.begin_day()
        inside = slice(*np.searchsorted(times, (hour * HOUR, (hour + 1) * HOUR)))
        emptied = series.emptied[(series.emptied > hour * HOUR) & (series.emptied <= (hour + 1) * HOUR)]
        particles.live_through(hour * HOUR, of_usual, emptied, times[inside], levels[inside])
    return found


class _Particles:
    """Courses that may be so, with how likely each is."""

    def __init__(self, use: Use, level: float, paths: int, rng: np.random.Generator) -> None:
        self._use, self._rng, self._paths = use, rng, paths
        self._levels: Floats = np.full(paths, level)
        self._heaps: Floats = rng.normal(0.0, 1.0, paths)
        self._log_rates: Floats = np.full(paths, np.log(use.share_per_day[0]))
        self._factors = day_factors(use, paths, rng)
        self._log_weights: Floats = np.zeros(paths)
        self._unexplained = 0

    def belief(self) -> Belief:
        self._resample()
        return Belief(self._levels.copy(), np.exp(self._log_rates), self._factors.copy())

    def begin_day(self) -> None:
        """The rate drifts, and the new day is used more or less than usual."""
        self._log_rates = self._log_rates + self._rng.normal(0.0, MEASURED_USAGE.log_drift_per_day, self._paths)
        self._factors = day_factors(self._use, self._paths, self._rng)

    def live_through(self, begin: float, usual: float, emptied: Floats, times: Floats, read: Floats) -> None:
        """One hour from `begin` on: what comes in, the emptyings in it, and what is read at `times`."""
        deposits = self._rng.poisson(np.exp(self._log_rates) * self._factors * usual / self._use.deposit)
        inflow = size_of(deposits, self._use.deposit, self._rng)
        kept = 1 - 1 / MEASURED_USAGE.heap_hours
        self._heaps = kept * self._heaps + self._rng.normal(0.0, np.sqrt(1 - kept**2), self._paths)
        since, start = begin, self._levels
        for moment in emptied.tolist():
            self._read(start, inflow, since, times[times < moment], read[times < moment])
            since, start = moment, np.abs(self._rng.normal(0.0, LEFT_BEHIND, self._paths))
            read, times = read[times >= moment], times[times >= moment]
        start = self._read(start, inflow, since, times, read)
        self._levels = np.minimum(start + inflow * (begin + HOUR - since) / HOUR, BRIM)
        if len(times):
            self._thin_out()

    def _read(self, start: Floats, inflow: Floats, since: float, times: Floats, read: Floats) -> Floats:
        """Weighs the courses, which stood at `start` at the moment `since`; returns where they start if they had lost the container."""
        for at, level in zip(times.tolist(), read.tolist(), strict=True):
            likely = self._log_likelihood(level, np.minimum(start + inflow * (at - since) / HOUR, BRIM))
            self._log_weights = self._log_weights + likely
            self._unexplained = self._unexplained + 1 if float(np.mean(likely > _EXPLAINED)) < 0.01 else 0
            if self._unexplained == _LOST_AFTER:
                start = self._around(level)
                self._log_weights, self._unexplained = np.zeros(self._paths), 0
        return start

    def _around(self, level: float) -> Floats:
        error = self._heaps * MEASURED_USAGE.heap_at(np.array([level])) + self._rng.normal(0.0, MEASURED_USAGE.jitter, self._paths)
        return np.clip(level - error, 0.0, BRIM)

    def _log_likelihood(self, read: float, levels: Floats) -> Floats:
        """Of a reading, where the courses stand at `levels`. One at empty or full says "at most" or "at least"."""
        shown = levels + self._heaps * MEASURED_USAGE.heap_at(levels)
        if read >= 1.0 or read <= 0.0:
            beyond: Floats = log_ndtr((shown - read if read >= 1.0 else read - shown) / MEASURED_USAGE.jitter)
            return np.maximum(beyond, _UNLIKELY)
        return np.logaddexp(-0.5 * ((read - shown) / MEASURED_USAGE.jitter) ** 2, _UNLIKELY)

    def _thin_out(self) -> None:
        """Once half of the courses have nothing to say any more."""
        share = np.exp(self._log_weights - self._log_weights.max())
        if share.sum() ** 2 < 0.5 * self._paths * np.sum(share**2):
            self._resample()

    def _resample(self) -> None:
        """Likely courses several times, unlikely ones not at all; all are equally likely then."""
        reached = np.cumsum(np.exp(self._log_weights - self._log_weights.max()))
        places = (np.arange(self._paths) + self._rng.random()) / self._paths * reached[-1]
        chosen: Ints = np.minimum(np.searchsorted(reached, places), self._paths - 1)
        self._levels, self._heaps = self._levels[chosen], self._heaps[chosen]
        self._log_rates, self._factors = self._log_rates[chosen], self._factors[chosen]
        self._log_weights = np.zeros(self._paths)

"""What is known of the containers each morning: levels and rates with their uncertainty, from noisy or silent sensors.

A fast stand-in for the forecaster that serves: thousands of days of hundreds of containers are simulated. Every policy that looks at
levels is told the same. A level is an anchor (the last reading, blended with what was expected) plus the usual inflow since;
the rate is a running mean that follows changes as fast as the scenario's rates change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from experiments.whatif.arrivals import Arrivals
from experiments.whatif.city import LITRES_VARIANCE, MEAN_LITRES, Bools, City, Floats, Ints
from experiments.whatif.scenario import Scenario, Sensors

LITRES_PER_DEPOSIT_SQUARED = (MEAN_LITRES**2 + LITRES_VARIANCE) / MEAN_LITRES
"""Variance of a day's inflow per litre of it, deposits being Poisson."""
CREW_NOISE = 0.15
"""Standard deviation of the fill that a crew enters on emptying, as a ratio: all that is learnt of a silent container."""
FULL = 0.98


@dataclass(frozen=True, eq=False)
class Readings:
    """Drawn once per seed: errors of the morning's readings [day, stop] and which sensors are silent then."""

    noise: Floats
    silent: Bools
    crew_noise: Floats

    @classmethod
    def drawn(cls, sensors: Sensors, days: int, stops: int, seed: int) -> Readings:
        rng = np.random.default_rng([seed, 3])
        noise = sensors.noise * rng.standard_normal((days, stops))
        crew_noise = CREW_NOISE * rng.standard_normal((days, stops))
        silent = np.zeros((days, stops), dtype=bool)
        chance = rng.random((days, stops))
        stays = 1 - 1 / sensors.silent_days
        starts = (1 - stays) * sensors.silent_share / max(1e-9, 1 - sensors.silent_share)
        silent[0] = chance[0] < sensors.silent_share
        for day in range(1, days):
            silent[day] = np.where(silent[day - 1], chance[day] < stays, chance[day] < starts)
        return cls(noise, silent, crew_noise)


class Belief:
    """Level and rate of every container as far as they are known. Mutated by `read`, `emptied`; asked by policies."""

    def __init__(self, scenario: Scenario, city: City, arrivals: Arrivals, readings: Readings) -> None:
        self._city, self._arrivals, self._readings, self._sensors = city, arrivals, readings, scenario.sensors
        daily = arrivals.history_l
        weights = arrivals.weekday_weights[(np.arange(len(daily)) - len(daily)) % 7][:, None]
        self.rate: Floats = np.maximum(1.0, (daily / weights).mean(axis=0))
        spread = ((daily / weights).var(axis=0) + 1e-9) / self.rate
        # One figure for all: a container's own spread over eight weeks is too rough to be trusted.
        self._dispersion = max(LITRES_PER_DEPOSIT_SQUARED, float(np.median(spread)))
        week = scenario.rate_week_spread
        drift_per_week = week**2 * (1 - scenario.rate_week_memory**2) + scenario.rate_walk**2
        self._drift_per_day = drift_per_week / 7
        self._most_rate_variance = week**2 + 4 * scenario.rate_walk**2 + 0.05**2
        self._rate_variance = np.minimum(self._most_rate_variance, self._dispersion / (self.rate * len(daily)) + week**2 / 4)
        self._anchor_l = arrivals.initial_l.copy()
        self._anchor_variance = np.zeros(len(city))
        self._anchor_s = np.zeros(len(city))
        self._counted_from = np.zeros(len(city))
        self._counted_start = arrivals.initial_l.copy()

    def expected(self, at_s: Floats | float) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the content in litres at a moment, if nobody comes before."""
        days = self._arrivals.typical_days(self._anchor_s, at_s)
        mean = self._anchor_l + self.rate * days
        variance = self._anchor_variance + self._dispersion * self.rate * days + self._rate_variance * (self.rate * days) ** 2
        return mean, np.sqrt(variance + 1.0)

    def overflow_probability(self, by_s: float) -> Floats:
        """P(content over capacity at a moment, if nobody comes before)."""
        mean, deviation = self.expected(by_s)
        probability: Floats = ndtr((mean - self._city.capacity_l) / deviation)
        return probability

    def read(self, day: int, at_s: float, content_l: Floats) -> None:
        """The morning's readings: `content_l` is the truth, of which the sensors tell what they can."""
        self._rate_variance = np.minimum(self._most_rate_variance, self._rate_variance + self._drift_per_day)
        heard = ~self._readings.silent[day]
        if self._sensors.mode == "perfect":
            self._learn(heard, at_s, content_l, np.ones(len(heard)))
        elif self._sensors.mode == "deposits":
            count = self._arrivals.deposits_until(at_s) - self._counted_from
            litres = self._counted_start + MEAN_LITRES * count
            bias = self._sensors.litre_bias * MEAN_LITRES * count
            self._learn(heard, at_s, litres, LITRES_VARIANCE * count + bias**2 + 1.0, blend=False)
        else:
            capacity = self._city.capacity_l
            seen = np.clip(content_l / capacity + self._readings.noise[day], 0.0, 1.0)
            expected = self.expected(at_s)[0]
            # A full reading says "at least": it lowers nothing.
            usable = heard & ~((seen >= FULL) & (expected >= FULL * capacity))
            self._learn(usable, at_s, seen * capacity, (max(self._sensors.noise, 0.005) * capacity) ** 2)

    def emptied(self, stops: Ints, day: int, at_s: Floats, content_l: Floats) -> None:
        """Containers emptied at their moments; the crew's word on how full they were teaches the rate of silent ones."""
        capacity = self._city.capacity_l
        told = np.zeros(len(capacity), dtype=bool)
        told[stops] = self._readings.silent[day][stops]
        moment = self._anchor_s.copy()
        moment[stops] = at_s
        truth = np.zeros(len(capacity))
        truth[stops] = content_l
        seen = np.maximum(0.0, truth / capacity + self._readings.crew_noise[day]) * capacity
        self._learn(told, moment, seen, (CREW_NOISE * capacity) ** 2)
        self._anchor_l[stops] = 0.0
        self._anchor_variance[stops] = 0.0
        self._anchor_s[stops] = at_s
        self._counted_start[stops] = 0.0
        self._counted_from[stops] = self._arrivals.deposits_until(moment)[stops]

    def _learn(self, heard: Bools, at_s: Floats | float, litres: Floats, noise_variance: Floats, *, blend: bool = True) -> None:
        """Moves the anchor to the reading where one was heard, and the rate towards the inflow since the last anchor."""
        days = self._arrivals.typical_days(self._anchor_s, at_s)
        moved = heard & (days > 0.05)
        span = np.where(moved, days, 1.0)
        inflow_variance = (noise_variance * blend + self._anchor_variance * blend + self._dispersion * self.rate * span) / span**2
        own_variance = self._rate_variance * self.rate**2
        gain = np.where(moved, own_variance / (own_variance + inflow_variance), 0.0)
        mean, deviation = self.expected(at_s)
        measured = np.maximum(0.0, (litres - self._anchor_l) / span)
        level_gain = deviation**2 / (deviation**2 + noise_variance) if blend else np.ones(len(litres))
        self._anchor_l = np.where(heard, mean + level_gain * (litres - mean), self._anchor_l)
        self._anchor_variance = np.where(heard, (1 - level_gain) * deviation**2 if blend else noise_variance, self._anchor_variance)
        self._anchor_s = np.where(heard, at_s, self._anchor_s)
        self.rate = np.maximum(1.0, self.rate + gain * (measured - self.rate))
        self._rate_variance = self._rate_variance * (1 - gain)


class Foresight:
    """The oracle's belief: the same questions, answered by what will really come in."""

    def __init__(self, city: City, arrivals: Arrivals) -> None:
        self._city, self._arrivals = city, arrivals
        self._mark = -arrivals.initial_l

    @property
    def rate(self) -> Floats:
        mean: Floats = np.maximum(1.0, self._arrivals.history_l.mean(axis=0))
        return mean

    def expected(self, at_s: Floats | float) -> tuple[Floats, Floats]:
        return self._arrivals.until(at_s) - self._mark, np.zeros(len(self._city))

    def overflow_probability(self, by_s: float) -> Floats:
        probability: Floats = (self.expected(by_s)[0] > self._city.capacity_l).astype(float)
        return probability

    def read(self, day: int, at_s: float, content_l: Floats) -> None:
        """Nothing to learn."""

    def emptied(self, stops: Ints, day: int, at_s: Floats, content_l: Floats) -> None:
        moment = np.zeros(len(self._city))
        moment[stops] = at_s
        self._mark[stops] = self._arrivals.until(moment)[stops]

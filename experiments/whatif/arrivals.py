"""What comes into the containers, hour by hour: drawn once per seed, the same for every policy (common random numbers).

Deposits are Poisson per hour, each of a triangular volume. A rate may change from week to week and day to day, as the scenario
says. The days before the simulation (`history`) are what rates and fixed schedules are learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.whatif.city import LITRES, MEAN_LITRES, City, Floats, Ints
from experiments.whatif.scenario import Scenario

HOUR_WEIGHTS = np.array([1, 1, 1, 1, 1, 1, 2, 4, 6, 7, 7, 7, 7, 7, 6, 6, 7, 8, 8, 7, 5, 4, 3, 2], dtype=float)
"""How a day's deposits are spread over its hours, in any unit."""
FORESEEN_DAYS = 9
"""Days after the last simulated one whose arrivals the oracle sees, so that it does not end by leaving containers to nobody."""


@dataclass(frozen=True, eq=False)
class Arrivals:
    """`history_l[day, stop]` are litres of the days before; `litres[hour, stop]` and `deposits[hour, stop]` are cumulative from the
    first hour of the simulation on (one row more than hours); they go on for some days after the simulated `days`, which only the oracle
    sees. `hour_share[hour of day]` is cumulative too, 25 values up to 1.
    `litre_bias[stop]`: litres per deposit over the usual ones."""

    history_l: Floats
    litres: Floats
    deposits: Floats
    hour_share: Floats
    weekday_weights: Floats
    initial_l: Floats
    days: int

    def until(self, seconds: Floats | float) -> Floats:
        """Cumulative litres [stop] at a moment, or at one moment per stop, in seconds from the simulation's first midnight."""
        return _at(self.litres, seconds)

    def deposits_until(self, seconds: Floats | float) -> Floats:
        return _at(self.deposits, seconds)

    def typical_days(self, start_s: Floats | float, end_s: Floats | float) -> Floats:
        """How many usual days lie between two moments: weekday and hour of the day counted in."""
        return self._typical(end_s) - self._typical(start_s)

    def _typical(self, seconds: Floats | float) -> Floats:
        day, rest = np.divmod(np.asarray(seconds, dtype=float), 86_400)
        whole = np.concatenate([[0.0], np.cumsum(self.weekday_weights)])
        week, weekday = np.divmod(day.astype(np.int64), 7)
        within = np.interp(rest / 3600, np.arange(25), self.hour_share) * self.weekday_weights[weekday]
        total: Floats = week * whole[-1] + whole[weekday] + within
        return total


def _at(cumulative: Floats, seconds: Floats | float) -> Floats:
    hours = np.asarray(seconds, dtype=float) / 3600
    low = np.minimum(hours.astype(np.int64), len(cumulative) - 2)
    stops = np.arange(cumulative.shape[1])
    start = cumulative[low, stops]
    value: Floats = start + (hours - low) * (cumulative[low + 1, stops] - start)
    return value


def drawn(scenario: Scenario, city: City, days: int, seed: int) -> Arrivals:
    """The arrivals of one seed: history, then `days` simulated days and `FORESEEN_DAYS` beyond them."""
    rng = np.random.default_rng([seed, 2])
    total = scenario.history_days + days + FORESEEN_DAYS
    usual = _deposits_per_day(scenario, city, rng)
    rates = usual * _week_factors(scenario, total, len(city), rng)
    if scenario.day_spread:
        shape = 1 / scenario.day_spread**2
        rates = rates * rng.gamma(shape, 1 / shape, rates.shape)
    weights = np.array(scenario.weekday_weights) * 7 / sum(scenario.weekday_weights)
    # The first simulated day is a Monday; history ends the day before.
    rates *= weights[(np.arange(total) - scenario.history_days) % 7][:, None]
    hours = HOUR_WEIGHTS / HOUR_WEIGHTS.sum()
    history, daily = rates[: scenario.history_days], rates[scenario.history_days :]
    bias = np.exp(scenario.sensors.litre_bias * rng.standard_normal(len(city)))
    deposits = rng.poisson((daily[:, None, :] * hours[None, :, None]).reshape(-1, len(city)))
    litres = _volumes(deposits, rng) * bias
    past = rng.poisson(history)
    return Arrivals(
        history_l=_volumes(past, rng) * bias,
        litres=np.vstack([np.zeros(len(city)), np.cumsum(litres, axis=0)]),
        deposits=np.vstack([np.zeros(len(city)), np.cumsum(deposits, axis=0, dtype=float)]),
        hour_share=np.concatenate([[0.0], np.cumsum(hours)]),
        weekday_weights=weights,
        initial_l=rng.uniform(0.0, 0.8, len(city)) * city.capacity_l,
        days=days,
    )


def _deposits_per_day(scenario: Scenario, city: City, rng: np.random.Generator) -> Floats:
    """A usual container of its fraction fills up in `days_to_full`; others faster or slower."""
    days = np.array([item.days_to_full for item in scenario.fractions])[city.fraction]
    spread = scenario.rate_spread
    faster = np.exp(spread * rng.standard_normal(len(city)) - spread**2 / 2)
    usual: Floats = np.minimum(city.capacity_l / days * faster, 0.45 * city.capacity_l) / MEAN_LITRES
    return usual


def _week_factors(scenario: Scenario, days: int, stops: int, rng: np.random.Generator) -> Floats:
    """[day, stop]: a first-order autoregression over weeks plus a random walk, as the logarithm of the rate."""
    weeks = days // 7 + 2
    steps = rng.standard_normal((weeks, stops))
    memory, spread = scenario.rate_week_memory, scenario.rate_week_spread
    passing = np.empty((weeks, stops))
    passing[0] = steps[0] * spread
    for week in range(1, weeks):
        passing[week] = memory * passing[week - 1] + spread * (1 - memory**2) ** 0.5 * steps[week]
    lasting = scenario.rate_walk * np.cumsum(rng.standard_normal((weeks, stops)), axis=0)
    factors: Floats = np.exp(passing + lasting - spread**2 / 2)
    return np.repeat(factors, 7, axis=0)[:days]


def _volumes(deposits: Ints, rng: np.random.Generator) -> Floats:
    """Litres of so many deposits each."""
    flat = deposits.ravel()
    each = rng.triangular(*LITRES, int(flat.sum()))
    ends = np.cumsum(flat)
    total = np.concatenate([[0.0], np.cumsum(each)])
    volumes: Floats = np.diff(total[ends], prepend=0.0).reshape(deposits.shape)
    return volumes

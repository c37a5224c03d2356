"""Containers that look like real ones: a stand-in for tuning, since the data that acceptance is measured on is not here.

Made from what is known about 30 public containers with 2-3 h readings over three years: slow fractions (glass, metal) get 2-3 points
a day under jitter of the same size; fast ones (paper) 44 points a day, emptied about every two days and at 100 % on one day in five;
false plateaus at full of several days, spikes of single readings, gaps of weeks, rates that drift by a factor of two in a year, and
a weekday that explains a third of the daily inflow of fast containers and next to nothing of slow ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from models.fill_forecast.history import DAY, HOUR, FloatArray, History

_START = datetime(2021, 3, 1, tzinfo=UTC).timestamp()  # a Monday
_FAST_WEEK = np.array([1.3, 0.95, 0.85, 0.95, 1.1, 1.6, 0.25])
_SLOW_WEEK = np.array([1.05, 0.97, 0.97, 0.98, 1.0, 1.08, 0.95])


@dataclass(frozen=True, slots=True)
class _Usage:
    """How one container is used and read."""

    per_day: float
    week: FloatArray
    deposit: float
    jitter: float
    slow_noise: float
    collect_every_days: float
    collect_above: float
    steadiness: float


def real_like(seed: int, *, containers: int = 30, years: float = 3.0) -> list[History]:
    """Two slow containers for each fast one. `collections` of each history are the true ones of its whole time."""
    rng = np.random.default_rng(seed)
    fractions = ("glass", "metal", "paper")
    return [
        _one(np.random.default_rng(rng.integers(2**63)), f"{fractions[i % 3]}-{i:02}", fractions[i % 3], years)
        for i in range(containers)
    ]


def _one(rng: np.random.Generator, container_id: str, fraction: str, years: float) -> History:
    usage = _usage(rng, fraction)
    hours = int(years * 365 * 24)
    deposits = _deposits(rng, usage, hours)
    true_level, collections = _sawtooth(rng, usage, deposits)
    times, levels = _read(rng, usage, true_level)
    return History(container_id, fraction, times, levels, None, collections)


def _usage(rng: np.random.Generator, fraction: str) -> _Usage:
    if fraction == "paper":
        return _Usage(
            per_day=0.44 * rng.lognormal(0, 0.15),
            week=_FAST_WEEK * rng.lognormal(0, 0.08, 7),
            deposit=0.012,
            jitter=0.02,
            slow_noise=0.04,
            collect_every_days=2.0,
            collect_above=0.55,
            steadiness=14.0,
        )
    return _Usage(
        per_day=0.025 * rng.lognormal(0, 0.35),
        week=_SLOW_WEEK * rng.lognormal(0, 0.03, 7),
        deposit=0.004,
        jitter=0.018,
        slow_noise=0.03,
        collect_every_days=21.0,
        collect_above=0.5,
        steadiness=4.0,
    )


def _deposits(rng: np.random.Generator, usage: _Usage, hours: int) -> FloatArray:
    """What is thrown in per hour, as a share of the container."""
    clock = np.arange(hours) % 24
    day = np.arange(hours) // 24
    by_hour = np.where((clock >= 7) & (clock < 21), 1.6, 0.15)
    by_hour = by_hour / by_hour.mean()
    days = hours // 24 + 1
    drift = np.exp(np.cumsum(rng.normal(0, 0.69 / np.sqrt(365), days)))  # a factor of two in a year, one standard deviation
    drift = drift / np.exp(0.5 * (np.log(drift).max() + np.log(drift).min()))
    season = 1 + 0.12 * np.sin(2 * np.pi * (np.arange(days) / 365 + rng.random()))
    daily = drift * season * rng.gamma(usage.steadiness, 1 / usage.steadiness, days)
    mean = usage.per_day * usage.week[day % 7] * by_hour * daily[day] / 24
    counts = rng.poisson(mean / usage.deposit)
    return np.asarray(rng.gamma(np.maximum(counts, 1e-9), usage.deposit), dtype=np.float64)


def _sawtooth(rng: np.random.Generator, usage: _Usage, deposits: FloatArray) -> tuple[FloatArray, FloatArray]:
    level, levels, collections = rng.uniform(0.1, 0.6), np.empty(len(deposits)), []
    truck_hour, since, wait = int(rng.integers(7, 14)), 0.0, usage.collect_every_days
    for hour, deposited in enumerate(deposits):
        level = level + deposited
        since += 1 / 24
        if hour % 24 == truck_hour and (hour // 24) % 7 != 6:
            due = since >= wait * 0.95 or level > 0.85
            if due and (level > usage.collect_above * rng.uniform(0.4, 1.1)):
                level = float(np.clip(rng.normal(0.03, 0.03), 0, 0.3)) if rng.random() > 0.03 else 0.4 * min(level, 1.0)
                collections.append(_START + hour * HOUR + rng.uniform(0, HOUR))
                since, wait = 0.0, usage.collect_every_days * rng.choice([0.5, 1.0, 1.0, 1.5])
                truck_hour = int(np.clip(truck_hour + rng.integers(-2, 3), 6, 16))
        levels[hour] = level
    return levels, np.array(collections)


def _read(rng: np.random.Generator, usage: _Usage, true_level: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The sensor: every 2-3 h, jitter of its own and a slow one (a heap that shifts), spikes, plateaus, gaps."""
    end = len(true_level) * HOUR
    times = np.cumsum(rng.uniform(2.0, 3.0, int(end / (2.5 * HOUR) * 1.1)) * HOUR)
    times = times[times < end - HOUR]
    levels = true_level[(times / HOUR).astype(np.int64)]
    heap = np.zeros(len(times))
    shock = rng.normal(0, 1, len(times))
    for i in range(1, len(times)):
        heap[i] = 0.85 * heap[i - 1] + shock[i]
    heap *= usage.slow_noise * np.sqrt(1 - 0.85**2)
    levels = levels + heap * np.sqrt(np.clip(levels, 0.05, 1)) + rng.normal(0, usage.jitter, len(times))
    spike = rng.random(len(times)) < rng.choice([0.001, 0.005, 0.027])
    levels[spike] = rng.uniform(0, 1.2, int(spike.sum()))
    for start in rng.integers(0, len(times), rng.poisson(4 * end / (365 * DAY))):
        levels[start : start + int(rng.uniform(0.5, 5) * DAY / (2.5 * HOUR))] = 1.0
    keep = rng.random(len(times)) > 0.02
    for start in rng.uniform(0, end, rng.poisson(2.0 * end / (365 * DAY))):
        keep &= ~((times > start) & (times < start + rng.uniform(3, 21) * DAY))
    return _START + np.round(times[keep]), np.round(np.clip(levels[keep], 0, 1), 2).astype(np.float64)

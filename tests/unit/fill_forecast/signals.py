"""Made-up container signals whose truth is known, for the tests of this folder and the forecasters' contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from models.fill_forecast.history import DAY, HOUR, FloatArray, History

START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()  # a Monday


@dataclass(frozen=True)
class Signal:
    """A history with the moments at which the container was emptied and what truly flowed in up to each reading."""

    history: History
    emptied: FloatArray
    inflow: FloatArray


def sawtooth(
    seed: int,
    *,
    days: float = 60,
    interval_hours: float = 1.0,
    per_day: float = 0.15,
    empty_at: float = 0.7,
    noise: float = 0.008,
    container_id: str = "c-0001",
    fraction: str = "glass",
) -> Signal:
    """Deposits by day and night, emptied at 09:30 of a day that begins above `empty_at`, read with noise."""
    rng = np.random.default_rng(seed)
    times = START + np.arange(0.0, days * 24, interval_hours) * HOUR
    level, total, levels, inflow, emptied = 0.0, 0.0, [], [], []
    for time in times:
        hour = (time % DAY) / HOUR
        activity = 1.7 if 7 <= hour < 21 else 0.1
        deposited = rng.gamma(0.8, per_day / 24 * interval_hours * activity / 0.8)
        total += deposited
        level += deposited
        if level > empty_at and 9.5 <= hour < 9.5 + interval_hours:
            level = 0.02
            emptied.append(time)
        levels.append(float(np.clip(level + rng.normal(0, noise), 0, 1)))
        inflow.append(total)
    history = History(container_id, fraction, times, np.array(levels))
    return Signal(history, np.array(emptied), np.array(inflow))


def changed_after(history: History, cutoff: float, seed: int = 0) -> History:
    """The same readings up to the cutoff, nonsense after it."""
    rng = np.random.default_rng(seed)
    levels = np.where(history.times > cutoff, rng.random(len(history.times)), history.levels)
    return History(history.container_id, history.fraction, history.times, levels, history.known, history.collections)

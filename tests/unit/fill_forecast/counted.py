"""Made-up containers whose deposits are counted: each deposit has litres of its own, each container a mean of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from models.fill_forecast.history import DAY, HOUR, BoolArray, FloatArray, History, Series
from tests.unit.fill_forecast.signals import START

CAPACITY_L = 4500.0
KG_PER_LITRE = 0.11
Told = Literal["levels", "deposits", "both"]


@dataclass(frozen=True)
class Counted:
    """Hourly: the true level (before it is cut at full), what a sensor reads of it, deposits since the hour before; emptyings and what a crane
    weighed at them."""

    times: FloatArray
    truth: FloatArray
    read: FloatArray
    deposits: FloatArray
    emptied: FloatArray
    weights_kg: FloatArray
    litres: float

    def history(self, told: Told, *, weighed: bool = False, container_id: str = "c-0001", every: int = 3) -> History:
        """As a forecaster sees it; trucks report their collections."""
        levels = np.arange(len(self.times)) % every == every - 1
        if told == "deposits":
            levels[:] = False
        return History(
            container_id,
            "residual",
            self.times[levels],
            np.clip(self.read, 0.0, 1.0)[levels],
            collections=self.emptied,
            deposits=Series(self.times, self.deposits) if told != "levels" else None,
            weights=Series(self.emptied, self.weights_kg) if weighed else None,
            capacity_l=CAPACITY_L,
        )

    def true_level(self, at: FloatArray) -> FloatArray:
        level: FloatArray = np.clip(self.truth[np.searchsorted(self.times, at)], 0.0, 1.0)
        return level


def counted(
    seed: int,
    *,
    days: int = 90,
    noise: float = 0.02,
    litres: float | None = None,
    share_per_day: float | None = None,
    empty_at: float | None = None,
) -> Counted:
    """Deposits are Poisson by hour, weekday and day; their volumes triangular between 10, 30 and 60 l, times what this container's are over the
    usual (12.5 to 57.1 l in the mean). Emptied in the morning above a level of its own."""
    rng = np.random.default_rng(seed)
    mean_l = litres or float(np.clip(rng.normal(33.4, 9.0), 12.5, 57.1))
    per_day = (share_per_day or rng.uniform(0.04, 0.35)) * CAPACITY_L / mean_l
    hour = np.arange(days * 24)
    by_hour = np.where((hour % 24 >= 7) & (hour % 24 < 21), 1.66, 0.08)
    by_weekday, by_day = rng.lognormal(0, 0.15, 7), rng.lognormal(-0.02, 0.2, days)
    deposits = rng.poisson(per_day / 24 * by_hour * (by_weekday / by_weekday.mean())[hour // 24 % 7] * by_day[hour // 24])
    volume = np.array([rng.triangular(10, 30, 60, count).sum() for count in deposits]) * mean_l / (100 / 3) / CAPACITY_L
    times = START + HOUR * np.arange(1.0, days * 24 + 1)
    limit = empty_at or rng.uniform(0.6, 0.95)
    level, truth, emptied, weights = rng.uniform(0.0, 0.5), np.empty(len(times)), [], []
    for index, added in enumerate(volume):
        level += added
        if index % 24 == 9 and level > limit:
            emptied.append(times[index] - HOUR / 2)
            weights.append((level - added / 2) * CAPACITY_L * KG_PER_LITRE * rng.lognormal(0, 0.05))
            level = 0.02 + added / 2
        truth[index] = level
    read: FloatArray = truth + rng.normal(0, noise, len(times))
    return Counted(times, truth, read, deposits.astype(float), np.array(emptied), np.array(weights), mean_l)


def without_levels(history: History, chosen: BoolArray) -> History:
    """The same without some of its level readings."""
    return replace(history, times=history.times[~chosen], levels=history.levels[~chosen])


def silent_from(history: History, at: float) -> History:
    """The same with a level sensor that reports nothing from a moment on."""
    return without_levels(history, history.times > at)


CUTOFF = START + 60 * DAY + 4 * HOUR

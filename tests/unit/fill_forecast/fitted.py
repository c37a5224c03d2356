"""One small fitted model for several tests: eight made-up containers, ten weeks, few trees. Made once per process."""

from __future__ import annotations

from functools import cache

from models.fill_forecast.fit_served import FittedModel, fit_served
from models.fill_forecast.history import DAY, HOUR, History
from tests.unit.fill_forecast.signals import START, sawtooth

CUTOFF = START + 65 * DAY + 4 * HOUR
ITERATIONS = 8


@cache
def histories(count: int = 8, days: float = 75) -> tuple[History, ...]:
    kinds = [("glass", 0.03), ("glass", 0.05), ("paper", 0.4), ("paper", 0.3)]
    return tuple(
        sawtooth(
            seed,
            days=days,
            per_day=kinds[seed % 4][1],
            interval_hours=3.0,
            container_id=f"c-{seed:04}",
            fraction=kinds[seed % 4][0],
        ).history
        for seed in range(count)
    )


@cache
def fitted() -> FittedModel:
    return fit_served(histories(), cutoff=CUTOFF, known_at=CUTOFF, iterations=ITERATIONS)

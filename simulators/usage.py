"""How containers are used, emptied and read: two ways in which a simulated city can live.

"planned" is the demo's city: a fixed schedule that a planner can better, good sensors, a report an hour. "measured" is made so that its fill
series look like published ones of real containers (`simulators.series_statistics` has the figures and a test holds them): slow glass under
sensor jitter of the same size, paper that is full on one day in five, readings every two to three hours. Figures about forecasts
and emptying detection rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.domain.failures import UserError
from models.domain.registry import Fraction
from simulators.batch import Floats


@dataclass(frozen=True, slots=True)
class FractionUsage:
    """Of the containers of one fraction: the share of itself that a container gets in a day, how much that differs between them
    (log-normal), the factors of Monday to Sunday, the spread of a single day (log-normal), and what one deposit fills. A container is emptied
    after about `emptied_every_days`, or when it is fuller than `emptied_at_once_above`, if it is worth a stop: about `emptied_above`."""

    share_per_day: float
    spread: float
    week: tuple[float, float, float, float, float, float, float]
    day_spread: float
    share_per_deposit: float
    emptied_every_days: float
    emptied_above: float
    emptied_at_once_above: float


@dataclass(frozen=True, slots=True)
class MeasuredUsage:
    """All fractions, and the sensors. `jitter` is the error of one reading and `heap` that of a surface that is not level and shifts
    within `heap_hours`, both as shares of the container; `log_drift_per_day` is a random walk of the rate."""

    fractions: Mapping[Fraction, FractionUsage]
    jitter: float
    heap: float
    heap_hours: float
    log_drift_per_day: float

    def heap_at(self, levels: Floats) -> Floats:
        """The standard deviation of what a surface that is not level adds to a reading."""
        sd: Floats = self.heap * np.sqrt(np.clip(levels, 0.05, 1.0))
        return sd


Usage = Literal["planned", "measured"]
USAGES: tuple[Usage, ...] = ("planned", "measured")

_STEADY_WEEK = (1.05, 0.97, 0.97, 0.98, 1.0, 1.08, 0.95)
_SHOPS_WEEK = (1.2, 1.05, 0.95, 1.05, 1.2, 1.2, 0.35)

MEASURED_USAGE = MeasuredUsage(
    # Published: glass as slow and paper as fast. Nobody published the others; they lie between.
    fractions={
        "glass": FractionUsage(0.023, 0.20, _STEADY_WEEK, 0.45, 0.004, 21.0, 0.5, 0.85),
        "paper": FractionUsage(0.44, 0.08, _SHOPS_WEEK, 0.25, 0.012, 2.0, 0.5, 0.56),
        "residual": FractionUsage(0.15, 0.25, (1.05, 0.95, 0.95, 0.95, 1.0, 1.15, 0.95), 0.3, 0.008, 4.0, 0.4, 0.85),
        "plastic": FractionUsage(0.10, 0.25, (1.05, 0.95, 0.95, 0.95, 1.0, 1.2, 0.9), 0.3, 0.008, 7.0, 0.4, 0.85),
        "organic": FractionUsage(0.08, 0.30, _STEADY_WEEK, 0.35, 0.008, 7.0, 0.3, 0.85),
    },
    jitter=0.018,
    heap=0.03,
    heap_hours=16.0,
    log_drift_per_day=0.69 / 365**0.5,
)


def parse_usage(text: str) -> Usage:
    """The usage of that name. Raises `UserError` with what there is."""
    for usage in USAGES:
        if text == usage:
            return usage
    raise UserError(f"there is no usage {text!r}; a city's containers are used as {' or '.join(USAGES)}")

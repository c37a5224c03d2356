"""Sets of containers of other shapes than `real_like` has: other sensors, intervals, gaps and lengths.

Each shape changes what a set looks like to a forecaster, not what happens in the containers, and comes with a plan of the true collections.
The seeds are frozen here. The first check on these sets led to changes (docs/forecasting.md), so they are no longer untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.fill_forecast.history import DAY, HOUR, FloatArray, History
from tests.benchmarks.real_like_containers import real_like

_Change = Callable[[History, np.random.Generator], History]


def _read_at(history: History, times: FloatArray, rng: np.random.Generator, jitter: float, step: float) -> History:
    """Another sensor over the same container: other moments, more jitter, other steps between levels."""
    slots = np.clip(np.searchsorted(history.times, times, side="right") - 1, 0, None)
    levels = history.levels[slots] + rng.normal(0, jitter, len(times))
    return replace(history, times=times, levels=np.clip(np.round(levels / step) * step, 0, 1))


def _hourly(history: History, rng: np.random.Generator) -> History:
    return _read_at(history, np.arange(history.times[0], history.times[-1], HOUR), rng, 0.005, 0.001)


def _noisy(history: History, rng: np.random.Generator) -> History:
    return _read_at(history, history.times, rng, 0.05, 0.01)


def _coarse(history: History, rng: np.random.Generator) -> History:
    return _read_at(history, history.times, rng, 0.0, 0.05)


def _with_gaps(history: History, rng: np.random.Generator) -> History:
    kept = rng.random(len(history.times)) > 0.15
    for start in rng.uniform(history.times[0], history.times[-1], 6):
        kept &= ~((history.times > start) & (history.times < start + rng.uniform(2, 12) * DAY))
    return replace(history, times=history.times[kept], levels=history.levels[kept])


def _twice_a_day(history: History, rng: np.random.Generator) -> History:
    return _read_at(history, np.arange(history.times[0] + 2 * HOUR, history.times[-1], DAY / 2), rng, 0.01, 0.01)


def _starting_late(history: History, rng: np.random.Generator) -> History:
    begin = history.times[0] + rng.uniform(0, 0.5) * (history.times[-1] - history.times[0])
    kept = history.times >= begin
    return replace(history, times=history.times[kept], levels=history.levels[kept])


SHAPES: dict[str, tuple[int, int, float, _Change]] = {
    "hourly, fine steps": (9101, 6, 0.7, _hourly),
    "noisy sensors": (9102, 9, 0.7, _noisy),
    "steps of five": (9103, 9, 0.7, _coarse),
    "many gaps": (9104, 9, 0.8, _with_gaps),
    "twice a day": (9105, 9, 0.8, _twice_a_day),
    "starting at different times": (9106, 9, 1.0, _starting_late),
}
"""(seed, containers, years, what is changed) by name."""


def other_shapes(shape: str) -> list[History]:
    """The set of that shape."""
    seed, containers, years, change = SHAPES[shape]
    rng = np.random.default_rng(seed)
    return [change(history, rng) for history in real_like(seed, containers=containers, years=years)]

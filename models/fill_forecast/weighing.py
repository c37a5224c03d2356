"""How much each member counts: learnt from forecasts that were made, and have ended, before.

Per fraction and horizon, by greedy selection: start with the best member, or with some that count from the start, and keep adding, with
repetition, the one that lowers the mean pinball loss of the average most. Deterministic, and slow to chase noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.fill_forecast.history import FloatArray
from models.fill_forecast.scores import mean_pinball

_STEPS = 12
LEAST_ROWS = 150
"""Fewer ended forecasts do not tell members apart."""


def weigh(
    members: Mapping[str, FloatArray], truth: FloatArray, quantiles: tuple[float, ...], *, begin: Sequence[str] = ()
) -> dict[str, float]:
    """Weights that sum to 1; all on the first member where fewer than 150 cases are known. Of `begin` those that are members count once each from the
    start."""
    names = list(members)
    counts = dict.fromkeys(names, 0)
    if len(truth) < LEAST_ROWS or len(names) == 1:
        return {name: float(name == names[0]) for name in names}
    counts |= {name: 1 for name in begin if name in counts}
    first = sum(counts.values())
    total = np.sum([counts[name] * members[name] for name in names], axis=0)
    best = mean_pinball(truth, total / first, quantiles) if first else np.inf
    for step in range(first + 1, first + _STEPS + 1):
        losses = {name: mean_pinball(truth, (total + members[name]) / step, quantiles) for name in names}
        chosen = min(names, key=lambda name: losses[name])
        if losses[chosen] >= best:
            break
        best = losses[chosen]
        total = total + members[chosen]
        counts[chosen] += 1
    return {name: count / sum(counts.values()) for name, count in counts.items()}


def combined(members: Mapping[str, FloatArray], weights: Mapping[str, float]) -> FloatArray:
    """The average of the members' quantiles: quantile by quantile, so that it does not cross where they do not."""
    parts = [weights[name] * members[name] for name in members if weights.get(name, 0.0) > 0]
    total: FloatArray = np.sum(parts, axis=0)
    return total

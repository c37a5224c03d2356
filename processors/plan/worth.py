"""What going to a container today is worth, in the unit of its arguments: money for the planner, metres for `experiments.whatif`.

One formula for both. Going today is weighed against waiting for the next *chance* (a day on which trucks collect), and that
against waiting for the one after it, from the last chance looked at backwards:

    worth(k) = overflow_cost × (P(k+1) − P(k)) + saved(k+1) − visit_cost × used(k)
    saved(k) = visit_cost × (P(k) + (1 − P(k)) × (1 − exp(−worth(k) / visit_cost)))

P(k) is the probability that the container overflows before chance k if nobody comes, and used(k) the part of a container that flows in
between chances k and k+1. The first term is the overflow that going avoids. The second is the visit that it saves: one at the
next chance, made by all means if it overflowed by then, and else when its detour costs less than it is worth then. Detours are taken to
be exponential around `visit_cost`, so a container that can wait for many chances will find a cheap one and is worth little now. The third
is the room that is still there: over all chances until it is full, an early visit wastes `visit_cost` times the room left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def worth_of_going(overflow: Floats, used: Floats, visit_cost: Floats | float, overflow_cost: float) -> Floats:
    """Worth of going today, without what must be done whatever it costs; negative where the room wasted outweighs the rest.

    `overflow[k, container]` is P(overflow before chance k), k = 0 being today's; `used[k, container]`, one row fewer, what flows in
    between chances k and k + 1 as a share of the container, as far as it fits. What lies beyond the last chance is worth nothing.
    """
    cost = np.maximum(1e-9, np.broadcast_to(np.asarray(visit_cost, dtype=float), used.shape[1:]))
    worth = np.zeros(used.shape[1:])
    for chance in range(len(used) - 1, -1, -1):
        # Where going then would be worth less than nothing nobody goes, and waiting goes on.
        wanted = np.where(worth > 0, cost * -np.expm1(-np.maximum(worth, 0.0) / cost), worth)
        full = overflow[chance + 1]
        saved = cost * full + wanted * (1 - full)
        worth = overflow_cost * (full - overflow[chance]) + saved - cost * used[chance]
    return worth

"""Readings at which the sensor itself said that it is out of its position: it sees the wall, or looks past the waste.

What it reads then is not the level. Deposits go on counting.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.fill_forecast.history import DAY, FIRST_WEEK_DAYS, BoolArray, History

_MOSTLY = 0.5


def in_position(history: History) -> History:
    """The history without such readings. Its `tilted` are the moments since its newest reading in position at which the sensor said so: none where
    it is in position."""
    if not len(history.tilted):
        return history
    said = np.isin(history.times, history.tilted) & ~_mounted_like_that(history)
    if not bool(said.any()):
        # None of these readings, or told already: then they lie after all that are left.
        after = history.tilted[history.tilted > history.times[-1]] if len(history.times) else history.tilted
        return history if len(after) == len(history.tilted) else replace(history, tilted=after)
    kept = ~said
    newest = float(history.times[kept][-1]) if bool(kept.any()) else -np.inf
    return replace(
        history,
        times=history.times[kept],
        levels=history.levels[kept],
        known=None if history.known is None else history.known[kept],
        tilted=history.times[said & (history.times > newest)],
    )


def _mounted_like_that(history: History) -> BoolArray:
    """Readings of sensors that said so of most of their first week. Each sensor begins where the one before it was swapped."""
    sensor = np.searchsorted(history.swapped, history.times, side="right")
    found = np.zeros(len(history.times), dtype=bool)
    for which in np.unique(sensor).tolist():
        times = history.times[sensor == which]
        first = times[times < times[0] + FIRST_WEEK_DAYS * DAY]
        found[sensor == which] = float(np.isin(first, history.tilted).mean()) > _MOSTLY
    return found


def tilted_since(history: History) -> float | None:
    """Since when no reading counts because of that, of a history that `in_position` has been through."""
    return float(history.tilted[0]) if len(history.tilted) else None

"""Readings at which the sensor itself said that it is out of its position: it sees the wall, or looks past the waste.

What it reads then is not the level. Deposits go on counting.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.fill_forecast.history import History

_MOSTLY = 0.5
"""A sensor that says so of more of its readings was mounted like that."""


def in_position(history: History) -> History:
    """The history without such readings; `tilted` holds their moments then."""
    said = np.isin(history.times, history.tilted)
    if not bool(said.any()):
        return history
    if float(said.mean()) > _MOSTLY:
        return replace(history, tilted=np.empty(0))
    return replace(
        history,
        times=history.times[~said],
        levels=history.levels[~said],
        known=None if history.known is None else history.known[~said],
        tilted=history.times[said],
    )


def tilted_since(history: History, read_at: float) -> float | None:
    """The first moment after its newest reading in position at which it said so; None where it is in position."""
    later = history.tilted[history.tilted > read_at]
    return float(later[0]) if len(later) else None

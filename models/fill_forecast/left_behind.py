"""What emptyings leave in a container: something sticks, and some is thrown in while the truck drives off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.fill_forecast.emptyings import Emptyings
from models.fill_forecast.history import FloatArray

_FEWEST = 3
_MOST = 0.5
LEFT_BEHIND_SD = 0.02
"""Of containers of which less is known."""
_MIDDLE_EIGHT_TENTHS = 2.563
"""Of a normal distribution, in standard deviations."""
_NOISE_OF_LEVEL_AFTER = 0.7
"""The level after an emptying is the lower of one reading and the median of three, whose error is so much of a reading's."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The level that an emptying leaves, and its standard deviation: how emptyings differ and how sure their middle is."""

    level: float
    sd: float


def left_behind(emptyings: Emptyings, usual: FloatArray, jitter: float) -> LeftBehind:
    """From what was read after each emptying, less half of what usually comes in (`usual`, by steps between readings) between the two readings
    around it. The sensor's jitter, and not knowing when between the two it was, are no differences between emptyings."""
    if len(emptyings) < _FEWEST:
        return LeftBehind(0.0, LEFT_BEHIND_SD)
    between = usual[emptyings.last_before]
    left = emptyings.level_after - 0.5 * between
    low, high = np.quantile(left, (0.1, 0.9)).tolist()
    seen = (high - low) / _MIDDLE_EIGHT_TENTHS
    when = float(np.median(between)) / np.sqrt(12)
    own = max(0.0, seen**2 - (_NOISE_OF_LEVEL_AFTER * jitter) ** 2 - when**2)
    middle = max(0.0, float(np.median(left)))
    return LeftBehind(min(_MOST, middle), float(np.sqrt(own + 1.57 * seen**2 / len(emptyings))))

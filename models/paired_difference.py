"""The mean of paired differences with Student's 95 % interval, and the words for it. Pure.

Used wherever two ways of collecting are held against each other in the same arrivals: by `experiments.whatif` per seed, by the score of shadow
plans per week.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences with its interval; infinite bounds where there is only one pair."""

    mean: float
    low: float
    high: float

    @property
    def proven(self) -> bool:
        return self.low > 0 or self.high < 0

    def says(self, unit: str, digits: int = 1) -> str:
        """ "−16.2 % (−17.0 to −15.4)", or with the words "not proven"."""
        if not np.isfinite(self.low):
            return f"{self.mean:+.{digits}f}{unit} (one pair: not proven)"
        doubt = "" if self.proven else ", not proven"
        return f"{self.mean:+.{digits}f}{unit} ({self.low:+.{digits}f} to {self.high:+.{digits}f}{doubt})"


def difference(values: Sequence[float]) -> Difference:
    """The interval of a mean of paired differences."""
    array = np.array(values, dtype=float)
    mean = float(array.mean())
    if len(array) < 2:
        return Difference(mean, -np.inf, np.inf)
    half = float(student.ppf(0.5 + CONFIDENCE / 2, len(array) - 1) * array.std(ddof=1) / len(array) ** 0.5)
    return Difference(mean, mean - half, mean + half)

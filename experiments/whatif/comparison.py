"""Policies side by side: differences paired by seed, how sure they are, and which plans are not recommended. Pure.

The same seed means the same arrivals for every policy, so that each seed gives one difference; the interval is Student's, 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from experiments.whatif.outcome import Outcome

CONFIDENCE = 0.95
DAYS_OF_WEEK = 7
REFERENCE = "fixed_tuned"
"""The fixed schedule that plans are held against, in kilometres and in each district."""

Measure = Callable[[Outcome], float]


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


def paired(outcomes: Sequence[Outcome], policy: str, other: str, measure: Measure, *, percent: bool = False) -> Difference:
    """`policy` minus `other` by seed; in per cent of `other` where asked."""
    ours, theirs = of_policy(outcomes, policy), of_policy(outcomes, other)
    seeds = sorted(set(ours) & set(theirs))
    values = [(measure(ours[seed]) - measure(theirs[seed])) * (100 / measure(theirs[seed]) if percent else 1.0) for seed in seeds]
    return difference(values)


def by_week(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Whole weeks as outcomes of their own, numbered like seeds: the pairs of a recorded history, whose arrivals are the same for
    every seed. Only kilometres, emptyings, service and overflow-hours are of the week."""
    found = []
    for item in outcomes:
        for week in range(item.days // DAYS_OF_WEEK):
            days = slice(week * DAYS_OF_WEEK, (week + 1) * DAYS_OF_WEEK)
            found.append(
                replace(
                    item,
                    seed=1000 * item.seed + week,
                    days=DAYS_OF_WEEK,
                    km=sum(item.daily_km[days]),
                    emptyings=sum(item.daily_emptyings[days]),
                    over_capacity=sum(item.daily_over_capacity[days]),
                    overflow_hours=sum(item.daily_overflow_hours[days]),
                )
            )
    return found


def of_policy(outcomes: Sequence[Outcome], policy: str) -> dict[int, Outcome]:
    return {item.seed: item for item in outcomes if item.policy == policy}


def mean(outcomes: Sequence[Outcome], policy: str, measure: Measure) -> float:
    return float(np.mean([measure(item) for item in of_policy(outcomes, policy).values()]))


def worse_districts(outcomes: Sequence[Outcome], policy: str, names: Sequence[str]) -> list[str]:
    """Districts that overflow more under a policy than under the fixed route, in the mean over the seeds."""
    if policy == REFERENCE or not of_policy(outcomes, REFERENCE):
        return []

    def in_district(index: int) -> Measure:
        return lambda item: item.district_overflow_hours[index]

    return [name for index, name in enumerate(names) if paired(outcomes, policy, REFERENCE, in_district(index)).mean > 0]


def recommended(outcomes: Sequence[Outcome], policy: str, names: Sequence[str]) -> str:
    """ "no: ..." where the policy drives less than the fixed route and some district overflows more; else what is to be said."""
    worse = worse_districts(outcomes, policy, names)
    if policy == REFERENCE:
        return "the reference"
    if not of_policy(outcomes, REFERENCE):
        return "not judged: the fixed route was not simulated"
    fewer = paired(outcomes, policy, REFERENCE, lambda item: item.km, percent=True)
    if worse:
        return f"no: more overflow than under the fixed route in {', '.join(worse)}"
    if fewer.high < 0:
        return "yes"
    return "no gain in kilometres proven"

"""Policies side by side: differences paired by seed, how sure they are, and which plans are not recommended. Pure.

The same seed means the same arrivals for every policy, so that each seed gives one difference; the interval is Student's, 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from experiments.whatif.outcome import Outcome
from models.paired_difference import Difference, difference

DAYS_OF_WEEK = 7
THRESHOLDS = ("threshold", "threshold_60", "threshold_50")
"""The same rule, safer and safer: between two of them lies one that is as safe as any policy between their services."""
LEAST_OVER_SHARE = 1e-5
REFERENCE = "fixed_tuned"
"""The fixed schedule that plans are held against, in kilometres and in each district."""

Measure = Callable[[Outcome], float]


def paired(outcomes: Sequence[Outcome], policy: str, other: str, measure: Measure, *, percent: bool = False) -> Difference:
    """`policy` minus `other` by seed; in per cent of `other` where asked."""
    ours, theirs = of_policy(outcomes, policy), of_policy(outcomes, other)
    seeds = sorted(set(ours) & set(theirs))
    values = [(measure(ours[seed]) - measure(theirs[seed])) * (100 / measure(theirs[seed]) if percent else 1.0) for seed in seeds]
    return difference(values)


@dataclass(frozen=True, slots=True)
class EquallySafe:
    """A policy's kilometres against the threshold rule at the same service: `share` of the way from `riskier` to `safer`."""

    riskier: str
    safer: str
    share: float
    km: Difference


def against_equally_safe_threshold(outcomes: Sequence[Outcome], policy: str) -> EquallySafe | None:
    """Kilometres against a threshold that reaches the policy's mean service, in per cent and paired by seed. The threshold rule's
    kilometres are taken between two of `THRESHOLDS`, on the logarithm of the share of emptyings over capacity; None where the
    policy's service is not between theirs."""
    present = [name for name in THRESHOLDS if of_policy(outcomes, name)]
    wanted = _log_over(outcomes, policy)
    for riskier, safer in pairwise(present):
        high, low = _log_over(outcomes, riskier), _log_over(outcomes, safer)
        if low <= wanted <= high and low < high:
            share = (high - wanted) / (high - low)
            ours, first, second = (of_policy(outcomes, name) for name in (policy, riskier, safer))
            mixed = {seed: (1 - share) * first[seed].km + share * second[seed].km for seed in set(first) & set(second)}
            seeds = sorted(set(ours) & set(mixed))
            return EquallySafe(riskier, safer, share, difference([100 * (ours[seed].km / mixed[seed] - 1) for seed in seeds]))
    return None


def _log_over(outcomes: Sequence[Outcome], policy: str) -> float:
    return float(np.log(max(LEAST_OVER_SHARE, 1 - mean(outcomes, policy, lambda item: item.service_level))))


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

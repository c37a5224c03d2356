"""Days on which not everything can be collected (snow, a strike, a market): the trucks that are left go where most is expected to
overflow, district by district if asked. Such days are left out of learning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from models.domain.failures import UserError
from models.domain.registry import Truck
from models.domain.verdict import Disrupted, Tours
from processors.plan.judgement import Judgement

STEP = 3.0
"""A container of a district counts so many times one of the next district."""
STEPS = 4
"""Districts further down the list than this count alike."""


@dataclass(frozen=True, slots=True)
class Disruption:
    """What is left: so many trucks, for these fractions. `reason` is what disrupts the day."""

    trucks: int
    fractions: tuple[str, ...]
    district_by_district: bool
    reason: str

    def verdict(self, tours: Tours) -> Disrupted:
        """What the plan's verdict is about."""
        return Disrupted(
            reason=self.reason,
            trucks_left=self.trucks,
            fractions=self.fractions,
            district_by_district=self.district_by_district,
            tours=tours,
        )


def trucks_left(
    disruption: Disruption, trucks: Sequence[Truck], judged: Mapping[str, Sequence[Judgement]]
) -> dict[str, list[Truck]]:
    """Fraction → its trucks: in turn the largest truck that can, for the fraction with most expected overflow per truck given. Raises
    `UserError` for a fraction that the city does not collect."""
    unknown = set(disruption.fractions) - set(judged)
    if unknown:
        raise UserError(f"there are no containers for {', '.join(sorted(unknown))}; the city collects {', '.join(sorted(judged))}")
    given: dict[str, list[Truck]] = {fraction: [] for fraction in judged}
    free = sorted(trucks, key=lambda truck: (-truck.capacity_l, truck.truck_id))
    expected = {fraction: expected_overflows(judged[fraction]) for fraction in disruption.fractions}
    for _ in range(disruption.trucks):
        options = [
            (expected[fraction] / (1 + len(given[fraction])), fraction)
            for fraction in disruption.fractions
            if any(fraction in truck.fractions for truck in free)
        ]
        if not options:
            break
        _, fraction = max(options)
        chosen = next(truck for truck in free if fraction in truck.fractions)
        free.remove(chosen)
        given[fraction].append(chosen)
    return given


def without_law(disruption: Disruption | None, judged: Judgement) -> Judgement:
    """On a disrupted day only expected overflow counts: the law sends no truck, and is still told."""
    if disruption is None or not judged.legally_due or judged.legal is None:
        return judged
    return replace(judged, legal=judged.legal.model_copy(update={"due": False}))


def expected_overflows(judgements: Sequence[Judgement]) -> float:
    """How many of these containers are expected to overflow before the next chance."""
    return sum(judged.overflow_by_next or 0.0 for judged in judgements)


def district_weights(disruption: Disruption | None, judgements: Sequence[Judgement]) -> dict[str, float]:
    """What the overflow of each district counts for on a disrupted day; empty on other days."""
    if disruption is None:
        return {}
    ranked = _ranked(judgements)
    if not disruption.district_by_district:
        return dict.fromkeys(ranked, 1.0)
    return {district: STEP ** max(0, STEPS - index) for index, district in enumerate(ranked)}


def district_ranks(disruption: Disruption | None, judgements: Sequence[Judgement]) -> dict[str, tuple[int, int]]:
    """Each district's place by expected overflow, from 1, and of how many; empty on other days."""
    if disruption is None:
        return {}
    ranked = _ranked(judgements)
    return {district: (index, len(ranked)) for index, district in enumerate(ranked, start=1)}


def _ranked(judgements: Sequence[Judgement]) -> list[str]:
    """Districts, most expected overflow first."""
    by_district: dict[str, list[Judgement]] = defaultdict(list)
    for judged in judgements:
        by_district[judged.container.district].append(judged)
    return sorted(by_district, key=lambda name: (-expected_overflows(by_district[name]), name))

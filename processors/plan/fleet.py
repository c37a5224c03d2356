"""Which truck works for which fraction on a day: each truck for one, so that no truck is on two plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from models.domain.registry import FixedCollection, Truck


def trucks_by_fraction(
    trucks: Sequence[Truck],
    lines: Sequence[FixedCollection],
    fraction_of: Mapping[str, str],
    wanted_l: Mapping[str, int],
) -> dict[str, list[Truck]]:
    """Fraction → its trucks. A truck works for the fraction that the fixed schedule uses it for most; one without a tour goes where
    most litres wait per litre of truck. A fraction without a truck takes one from the fraction that has most to spare.

    `fraction_of` is the fraction of each container, `wanted_l` the litres that are worth collecting per fraction.
    """
    tours: dict[str, Counter[str]] = {}
    for line in lines:
        if line.container_id in fraction_of:
            tours.setdefault(line.truck_id, Counter())[fraction_of[line.container_id]] += 1
    given: dict[str, list[Truck]] = {fraction: [] for fraction in sorted(wanted_l)}
    reserve = []
    for truck in sorted(trucks, key=lambda item: item.truck_id):
        usual = [name for name, _ in tours.get(truck.truck_id, Counter()).most_common() if name in truck.fractions]
        if usual and usual[0] in given:
            given[usual[0]].append(truck)
        else:
            reserve.append(truck)
    for truck in reserve:
        able = [fraction for fraction in truck.fractions if fraction in given]
        if able:
            given[max(able, key=lambda name: (not given[name], _pressure(given[name], wanted_l[name]), name))].append(truck)
    for fraction in [name for name, own in given.items() if not own and wanted_l[name] > 0]:
        donors = [
            (_pressure(own, wanted_l[name]), truck.truck_id, name, truck)
            for name, own in given.items()
            if len(own) > 1
            for truck in own
            if fraction in truck.fractions
        ]
        if donors:
            _, _, name, truck = min(donors)
            given[name].remove(truck)
            given[fraction].append(truck)
    return given


def _pressure(trucks: Sequence[Truck], litres: int) -> float:
    """Litres that wait per litre of truck."""
    return litres / max(1, sum(truck.capacity_l for truck in trucks))

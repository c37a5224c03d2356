"""What an experiment found, as lines for a terminal and rows for files. Pure but for `write_csv`.

Every figure of a made-up city is named as simulated; money, CO₂ and weight come with the factors they were made from.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.whatif.comparison import REFERENCE, against_equally_safe_threshold, mean, of_policy, paired, recommended
from experiments.whatif.outcome import Outcome
from experiments.whatif.policies import POLICIES
from models.paired_difference import Difference
from runtime.settings import WhatIfSettings


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: per day or a ratio, as a number of one outcome."""

    head: str
    form: str
    value: Callable[[Outcome], float]


def columns(settings: WhatIfSettings) -> tuple[Column, ...]:
    """All figures of a policy, in the table's order."""

    def euro(item: Outcome) -> float:
        return item.km * settings.whatif_cost_per_km + item.hours * settings.whatif_cost_per_h

    def tonnes(item: Outcome) -> float:
        return max(1e-9, item.litres * settings.whatif_weight_kg_per_l / 1000)

    return (
        Column("km/day", "{:.1f}", lambda item: item.km_per_day),
        Column("h/day", "{:.1f}", lambda item: item.hours / item.days),
        Column("trucks", "{:.2f}", lambda item: item.truck_days / item.days),
        Column("emptied/day", "{:.1f}", lambda item: item.emptyings / item.days),
        Column("fill %", "{:.1f}", lambda item: 100 * item.fill_at_emptying),
        Column("service %", "{:.2f}", lambda item: 100 * item.service_level),
        Column("overflow h/day", "{:.1f}", lambda item: item.overflow_hours / item.days),
        Column("l over/day", "{:.0f}", lambda item: item.litres_over / item.days),
        Column("never", "{:.1f}", lambda item: item.never_served),
        Column("change %", "{:.0f}", lambda item: 100 * item.plan_change),
        Column("€/day", "{:.0f}", lambda item: euro(item) / item.days),
        Column("CO₂ kg/day", "{:.0f}", lambda item: item.km * settings.whatif_co2_kg_per_km / item.days),
        Column("km/t", "{:.2f}", lambda item: item.km / tonnes(item)),
    )


def table(outcomes: Sequence[Outcome], settings: WhatIfSettings) -> list[list[str]]:
    """Head and one row per policy: means over the seeds."""
    shown = columns(settings)
    rows = [["policy", *(column.head for column in shown)]]
    for policy in _policies(outcomes):
        rows.append([policy, *(column.form.format(mean(outcomes, policy, column.value)) for column in shown)])
    return rows


def factors(settings: WhatIfSettings) -> str:
    return (
        f"factors: € {settings.whatif_cost_per_km:g} per km, € {settings.whatif_cost_per_h:g} per truck hour, "
        f"{settings.whatif_co2_kg_per_km:g} kg CO₂ per km, {settings.whatif_weight_kg_per_l:g} kg per litre"
    )


def findings(outcomes: Sequence[Outcome], districts: Sequence[str]) -> Iterator[str]:
    """Each policy against the fixed schedule and ours against each rival, with intervals; then who is recommended."""
    policies = _policies(outcomes)
    if REFERENCE in policies:
        for policy in policies:
            if policy != REFERENCE:
                yield _against(outcomes, policy, REFERENCE)
    if "ours" in policies:
        for rival in policies:
            if rival not in ("ours", REFERENCE):
                yield _against(outcomes, "ours", rival)
        if (found := against_equally_safe_threshold(outcomes, "ours")) is not None:
            between = f"{100 * found.share:.0f} % of the way from {found.riskier} to {found.safer}"
            yield f"ours against a threshold of the same service ({between}): km {found.km.says(' %')}"
    for policy in policies:
        yield f"recommended: {policy}: {recommended(outcomes, policy, districts)}"


def _against(outcomes: Sequence[Outcome], policy: str, rival: str) -> str:
    km = paired(outcomes, policy, rival, lambda item: item.km, percent=True)
    service = paired(outcomes, policy, rival, lambda item: 100 * item.service_level)
    overflow = paired(outcomes, policy, rival, lambda item: item.overflow_hours / item.days)
    return (
        f"{policy} against {rival}: km {km.says(' %')}; service {service.says(' points', 2)}; "
        f"overflow-hours per day {overflow.says('')}{_unequal(service)}"
    )


def _unequal(service: Difference) -> str:
    """Kilometres are compared at equal or better service only."""
    return "; at lower service, so the kilometres do not compare" if service.high < 0 else ""


def district_rows(outcomes: Sequence[Outcome], districts: Sequence[str]) -> list[list[str]]:
    """Per policy and district: overflow-hours per day and the longest days without an emptying, means and the worst over the seeds."""
    rows = [["policy", "district", "overflow_hours_per_day", "longest_days_without_emptying"]]
    for policy in _policies(outcomes):
        seeds = list(of_policy(outcomes, policy).values())
        for index, district in enumerate(districts):
            hours = sum(item.district_overflow_hours[index] / item.days for item in seeds) / len(seeds)
            longest = max(item.district_longest_days[index] for item in seeds)
            rows.append([policy, district, f"{hours:.3f}", f"{longest:.1f}"])
    return rows


def run_rows(outcomes: Sequence[Outcome], settings: WhatIfSettings) -> list[list[str]]:
    """One row per policy and seed with all figures."""
    shown = columns(settings)
    rows = [["policy", "seed", "days", *(column.head for column in shown)]]
    for item in outcomes:
        rows.append([item.policy, str(item.seed), str(item.days), *(f"{column.value(item):.5g}" for column in shown)])
    return rows


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _policies(outcomes: Sequence[Outcome]) -> list[str]:
    present = {item.policy for item in outcomes}
    return [name for name in POLICIES if name in present]

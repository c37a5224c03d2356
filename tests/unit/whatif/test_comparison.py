"""Differences say how sure they are, and a saving at a district's cost is not recommended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.whatif.comparison import REFERENCE, against_equally_safe_threshold, by_week, paired, recommended
from experiments.whatif.outcome import Outcome
from experiments.whatif.report import findings, run_rows, table
from models.paired_difference import difference
from runtime.settings import WhatIfSettings

DISTRICTS = ("centre", "north")


def outcome(policy: str, seed: int, km: float, districts: list[float] | None = None, over: int = 0) -> Outcome:
    days = 14
    return Outcome(
        policy=policy,
        seed=seed,
        days=days,
        km=km,
        hours=10.0,
        truck_days=14,
        emptyings=140,
        fill_sum=100.0,
        over_capacity=over,
        overflow_hours=sum(districts or [1.0, 1.0]),
        litres_over=5.0,
        never_served=0,
        litres=100_000.0,
        kept_share=0.25,
        daily_km=[km / days] * days,
        daily_emptyings=[10] * days,
        daily_over_capacity=[over] + [0] * (days - 1),
        daily_overflow_hours=[0.1] * days,
        district_overflow_hours=districts or [1.0, 1.0],
        district_longest_days=[5.0, 6.0],
    )


def runs(ours_km: list[float], fixed_km: list[float], districts: list[float] | None = None) -> list[Outcome]:
    pairs = enumerate(zip(ours_km, fixed_km, strict=True))
    return [
        item for seed, (ours, fixed) in pairs for item in (outcome("ours", seed, ours, districts), outcome(REFERENCE, seed, fixed))
    ]


def test_the_interval_is_students() -> None:
    found = difference([1.0, 2.0, 3.0])
    assert found.mean == pytest.approx(2.0)
    assert found.high - found.mean == pytest.approx(4.302653 / 3**0.5, rel=1e-6)


def test_pairs_are_compared_so_that_what_seeds_share_cancels() -> None:
    km = paired(runs([80, 160, 240], [100, 200, 300]), "ours", REFERENCE, lambda item: item.km, percent=True)
    assert (km.mean, km.low, km.high) == pytest.approx((-20.0, -20.0, -20.0))
    assert km.proven


@pytest.mark.parametrize("values", [[1.0, -1.0, 2.0], [5.0]])
def test_an_interval_with_zero_in_it_or_a_single_pair_is_not_proven(values: list[float]) -> None:
    assert "not proven" in difference(values).says(" %")
    assert "not proven" not in difference([5.0, 5.1, 5.2]).says(" %")


def test_a_saving_is_recommended_and_one_at_a_districts_cost_is_not() -> None:
    saved: tuple[list[float], list[float]] = ([80, 81, 82], [100, 100, 101])
    assert recommended(runs(*saved), "ours", DISTRICTS) == "yes"
    assert "north" in recommended(runs(*saved, districts=[0.5, 1.5]), "ours", DISTRICTS)
    assert recommended(runs([100, 99, 101], [100, 100, 100]), "ours", DISTRICTS) == "no gain in kilometres proven"


def test_kilometres_at_lower_service_are_said_not_to_compare() -> None:
    worse = [replace(item, over_capacity=5 + item.seed) if item.policy == "ours" else item for item in runs([1, 2, 3], [4, 5, 6])]
    assert "do not compare" in next(iter(findings(worse, DISTRICTS)))
    assert "do not compare" not in next(iter(findings(runs([1, 2, 3], [4, 5, 6]), DISTRICTS)))


def test_a_recorded_history_is_paired_by_week() -> None:
    weeks = by_week([outcome("ours", 1, 140.0, over=3)])
    assert [week.km for week in weeks] == pytest.approx([70.0, 70.0])
    assert [week.over_capacity for week in weeks] == [3, 0]
    assert len({week.seed for week in weeks}) == 2


def test_money_and_co2_come_from_the_settings() -> None:
    settings = WhatIfSettings(whatif_cost_per_km=2.0, whatif_cost_per_h=10.0, whatif_co2_kg_per_km=0.5, whatif_weight_kg_per_l=0.2)
    head, row = run_rows([outcome("ours", 1, 140.0)], settings)
    figures = dict(zip(head, row, strict=True))
    assert float(figures["€/day"]) == pytest.approx((140 * 2 + 10 * 10) / 14, rel=1e-3)
    assert float(figures["CO₂ kg/day"]) == pytest.approx(5.0)
    assert float(figures["km/t"]) == pytest.approx(7.0)
    assert np.isclose(float(figures["service %"]), 100.0)
    assert table([outcome("ours", 1, 140.0)], settings)[0][0] == "policy"


def thresholds(ours_over: int) -> list[Outcome]:
    """100 km at 10 of 140 over capacity, 200 km at 1, and ours with 90 km between."""
    return [
        item
        for seed in (1, 2, 3)
        for item in (
            outcome("threshold", seed, 100 + seed, over=10),
            outcome("threshold_60", seed, 200 + seed, over=1),
            outcome("ours", seed, 90 + seed, over=ours_over),
        )
    ]


def test_kilometres_at_the_same_service_lie_between_two_thresholds() -> None:
    found = against_equally_safe_threshold(thresholds(ours_over=3), "ours")
    assert found is not None
    assert (found.riskier, found.safer) == ("threshold", "threshold_60")
    assert found.share == pytest.approx(np.log(10 / 3) / np.log(10))
    assert found.km.mean == pytest.approx(100 * (92 / (102 + 100 * found.share) - 1), abs=0.1)
    assert any("same service" in line for line in findings(thresholds(ours_over=3), DISTRICTS))


def test_a_service_that_no_threshold_reached_has_no_kilometres_to_compare() -> None:
    assert against_equally_safe_threshold(thresholds(ours_over=0), "ours") is None
    assert not any("same service" in line for line in findings(thresholds(ours_over=0), DISTRICTS))

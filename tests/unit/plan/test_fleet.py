"""Each truck works for one fraction a day."""

from __future__ import annotations

from processors.plan.fleet import trucks_by_fraction
from tests.unit.plan.small_city import line, truck


def test_truck_keeps_the_fraction_of_its_tours_and_a_reserve_goes_where_most_waits() -> None:
    trucks = [
        truck(1, fractions=("residual", "glass")),
        truck(2, fractions=("glass", "residual")),
        truck(3, fractions=("residual", "glass")),
    ]
    lines = [line("r1", "truck-1"), line("g1", "truck-2")]
    given = trucks_by_fraction(trucks, lines, {"r1": "residual", "g1": "glass"}, {"residual": 50_000, "glass": 1000})
    assert [item.truck_id for item in given["residual"]] == ["truck-1", "truck-3"]
    assert [item.truck_id for item in given["glass"]] == ["truck-2"]


def test_fraction_without_a_truck_gets_one_that_can() -> None:
    trucks = [truck(1, fractions=("residual", "glass")), truck(2, fractions=("residual",))]
    lines = [line("r1", "truck-1"), line("r1", "truck-2")]
    given = trucks_by_fraction(trucks, lines, {"r1": "residual", "g1": "glass"}, {"residual": 100, "glass": 900})
    assert [item.truck_id for item in given["glass"]] == ["truck-1"]


def test_no_truck_is_given_twice() -> None:
    trucks = [truck(number, fractions=("residual", "glass", "paper")) for number in range(6)]
    given = trucks_by_fraction(trucks, [], {"r1": "residual"}, {"residual": 100, "glass": 100, "paper": 0})
    assert sorted(item.truck_id for own in given.values() for item in own) == sorted(item.truck_id for item in trucks)

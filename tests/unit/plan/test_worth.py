"""What going today is worth: the overflow avoided, the visit saved, the room wasted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.plan.worth import worth_of_going

CHANCES = 8


def filling(level: float, per_chance: float, sure: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A container whose level is known exactly: overflowing or not before each chance."""
    levels = level + per_chance * np.arange(CHANCES)
    overflow = (levels > 1).astype(float) if sure else np.zeros(CHANCES)
    return overflow, np.diff(np.minimum(1.0, levels))


def worth(level: float, per_chance: float, visit_cost: float = 5.0, overflow_cost: float = 200.0) -> float:
    return float(worth_of_going(*filling(level, per_chance), visit_cost, overflow_cost))


def test_an_overflow_before_the_next_chance_is_worth_its_cost_and_the_visit_then_less_the_room_left() -> None:
    assert worth(0.95, 0.1) == pytest.approx(200 + 5 - 5 * 0.05)


def test_one_that_must_go_at_the_next_chance_is_worth_nearly_a_visit_today() -> None:
    assert worth(0.85, 0.1) == pytest.approx(5 - 5 * 0.1, abs=0.01)


def test_the_longer_a_container_can_wait_the_less_it_is_worth() -> None:
    values = [worth(level, 0.1) for level in (0.95, 0.85, 0.75, 0.65, 0.55)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1.5


def test_at_the_same_days_to_full_a_fast_container_is_worth_less_because_more_room_is_wasted() -> None:
    assert worth(1 - 1.5 * 0.3, 0.3) < worth(1 - 1.5 * 0.1, 0.1)


def test_an_empty_container_is_worth_less_than_nothing() -> None:
    assert worth(0.0, 0.05) < 0


def test_many_containers_are_weighed_at_once_as_each_alone() -> None:
    found = [filling(0.85, 0.1), filling(0.4, 0.2)]
    overflow, used = (np.column_stack(parts) for parts in zip(*found, strict=True))
    together = worth_of_going(overflow, used, np.array([5.0, 3.0]), 200.0)
    assert together == pytest.approx([worth(0.85, 0.1), worth(0.4, 0.2, visit_cost=3.0)])


@given(st.floats(0, 1.2), st.floats(0, 0.5), st.floats(0.1, 100))
def test_the_unit_of_costs_does_not_matter(level: float, per_chance: float, factor: float) -> None:
    once = worth(level, per_chance)
    assert worth(level, per_chance, 5.0 * factor, 200.0 * factor) == pytest.approx(once * factor, rel=1e-6, abs=1e-6)


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_a_riskier_container_is_never_worth_less(level: float, per_chance: float) -> None:
    overflow, used = filling(level, per_chance, sure=False)
    riskier = np.linspace(0, 0.5, CHANCES)
    assert worth_of_going(overflow + riskier, used, 5.0, 200.0) >= worth_of_going(overflow, used, 5.0, 200.0)

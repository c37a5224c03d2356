"""Contradictory problems are refused with a sentence that names the stop and the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.domain.failures import UserError
from processors.routing.problem import BreakRule
from tests.unit.routing.small_town import HOUR, make_problem, make_truck


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"load_l": 5000}, "s0 cannot be served: its 5000 l do not fit truck t1 of 1000 l"),
        ({"pinned": True, "forbidden": True}, "s0 is pinned and forbidden"),
        ({"windows": ((HOUR, 2 * HOUR),)}, "arrives at 07:03 at the earliest, after its last window"),
        ({"windows": ((9 * HOUR, 8 * HOUR),)}, "window of stop s0 closes (08:00) before it opens (09:00)"),
        ({"windows": ((int(14.9 * HOUR), 20 * HOUR),)}, "would be back at 15:11, after the end of its shift at 15:00"),
        ({"trucks": ("t9",)}, "s0 is for truck t9, which does not drive that day"),
        ({"node": "s1"}, "s1 is named 2 times"),
        ({"place": 99}, "s0 is at place 99, but the matrices have only 4 places"),
        ({"windows": ()}, "s0 has no window"),
    ],
)
def test_contradiction_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        make_problem([(2, 0), (3, 0)], [100, 100], stop_changes={0: change})
    assert said in str(caught.value)


def test_optional_stop_that_cannot_be_served_is_no_contradiction() -> None:
    make_problem([(2, 0)], [5000], stop_changes={0: {"required": False, "prize": 5}})


def test_disposal_that_closes_too_early_is_named() -> None:
    with pytest.raises(UserError, match="every disposal site has closed when its load could be there"):
        make_problem([(2, 0)], [100], site_changes={"closes_s": 7 * HOUR})


def test_daily_caps_that_cannot_hold_the_required_loads_say_what_would_help() -> None:
    trucks = [make_truck("t1", shift_load_l=1000), make_truck("t2", shift_load_l=1000)]
    with pytest.raises(UserError, match="add a truck or make 400 l optional"):
        make_problem([(1, 1), (2, 1), (3, 1)], [800, 800, 800], trucks=trucks)


def test_break_outside_the_shift_is_named() -> None:
    rule = BreakRule(earliest_start_s=16 * HOUR, latest_start_s=17 * HOUR, duration_s=HOUR)
    with pytest.raises(UserError, match="break of truck t1 does not fit into its shift"):
        make_problem([(1, 1)], [100], trucks=[make_truck(break_rule=rule)])


def test_matrices_cannot_be_changed_afterwards() -> None:
    problem = make_problem([(1, 1)], [100])
    with pytest.raises(ValueError, match="read-only"):
        problem.metres[0, 1] = 5
    assert problem.seconds.dtype == np.int64

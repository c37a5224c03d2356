"""Weeks that must be corrected in one transaction."""

from __future__ import annotations

import pytest

from storage.correction_diff import joined_weeks


@pytest.mark.parametrize(
    ("moves", "joined"),
    [
        ([], {}),
        ([(2, 3)], {2: 2, 3: 2}),
        ([(5, 4), (1, 2), (3, 2), (4, 3)], dict.fromkeys(range(1, 6), 1)),
        ([(7, 8), (1, 2)], {7: 7, 8: 7, 1: 1, 2: 1}),
    ],
)
def test_weeks_are_joined_by_any_chain_of_moves(moves: list[tuple[int, int]], joined: dict[int, int]) -> None:
    assert joined_weeks(moves) == joined

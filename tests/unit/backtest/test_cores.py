"""Work over several processes gives what work in turn gives."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from models.fill_forecast.rows import build_rows
from stadspuls.cores import Cores
from tests.unit.fill_forecast.signals import sawtooth


def test_results_come_in_the_order_of_the_pieces_and_pieces_are_taken_as_needed() -> None:
    taken: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(12):
            taken.append(piece)
            yield piece

    with Cores(2) as spread:
        results = spread(math.factorial, pieces())
        assert next(results) == 1
        assert len(taken) <= 4
        assert list(results) == [math.factorial(piece) for piece in range(1, 12)]


def test_what_a_piece_raises_is_raised_here() -> None:
    with Cores(2) as spread, pytest.raises(ValueError, match="not defined for negative values"):
        list(spread(math.factorial, [-1]))


@pytest.mark.lengthy
def test_rows_are_the_same_from_two_processes_as_from_one() -> None:
    histories = [sawtooth(seed, days=20, interval_hours=6, container_id=f"c-{seed}").history for seed in range(2)]
    plans = [np.empty(0)] * 2
    alone = build_rows(histories, origin_hour=4, horizon_days=2, plans=plans)
    with Cores(2) as spread:
        together = build_rows(histories, origin_hour=4, horizon_days=2, plans=plans, spread=spread)
    for name in alone.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(alone, name), getattr(together, name), err_msg=name)

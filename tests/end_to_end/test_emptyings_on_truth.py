"""Emptyings are found in series that look like real ones, with every fault on, on frozen seeds; detection was not tuned on them."""

from __future__ import annotations

import pytest

from simulators.evaluation import evaluation_seeds, score_emptyings, total, tuning_seeds
from simulators.faults import EVERY_FAULT
from simulators.fill_series import simulate_fill


def test_evaluation_seeds_stay_as_they_are_and_are_no_tuning_seeds() -> None:
    assert evaluation_seeds() == tuple(range(710241, 710249))
    assert not set(evaluation_seeds()) & set(tuning_seeds())


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nearly_all_emptyings_that_readings_show_are_found_and_nearly_nothing_else() -> None:
    score = total([score_emptyings(item) for item in simulate_fill(evaluation_seeds()[0], EVERY_FAULT, containers=60, days=90)])
    print(
        f"{score}: recall {score.recall:.2%} of what a sound sensor saw, {score.recall_of_all:.2%} of all; precision {score.precision:.2%}"
    )
    assert score.seen > 1000
    assert score.recall >= 0.98
    assert score.precision >= 0.98
    assert score.recall_of_all >= 0.93

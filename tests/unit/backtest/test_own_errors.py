"""Past errors of a container as features: what was missed, and nothing that had not ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.fill_forecast.history import DAY
from models.fill_forecast.level_model import usual_level
from models.fill_forecast.own_errors import weeks_with_errors, with_past_errors
from models.fill_forecast.rows import PAST_ERROR_NAMES, Rows, build_rows
from tests.unit.fill_forecast.signals import sawtooth


def rows() -> Rows:
    signals = [sawtooth(seed, days=80, interval_hours=3, container_id=f"c-{seed}") for seed in (1, 2)]
    return build_rows(
        [signal.history for signal in signals], origin_hour=4, horizon_days=7, plans=[signal.emptied for signal in signals]
    )


def test_every_row_is_told_once_and_by_forecasts_that_had_ended_alone() -> None:
    made = rows()
    seen = np.zeros(len(made), dtype=int)
    for here, errors, ago in weeks_with_errors(made, usual_level(made)):
        seen[here] += 1
        week = np.floor(made.cutoff[here] / (7 * DAY))
        assert len(np.unique(week)) == 1
        ended = week[0] * 7 * DAY - ago
        assert (ended <= made.cutoff[here].min()).all()
        assert len(errors) == len(ago)
    assert (seen == 1).all()


def test_a_container_that_is_always_missed_by_as_much_is_told_so() -> None:
    made = rows()
    point = made.truth - np.where(made.container == 0, 0.2, -0.1)
    told = with_past_errors(made, point).past_errors
    late = made.cutoff > made.cutoff.min() + 40 * DAY
    for container, missed in ((0, 0.2), (1, -0.1)):
        here = late & (made.container == container)
        np.testing.assert_allclose(told[here], missed)
    early = made.cutoff < made.cutoff.min() + 7 * DAY
    assert np.isnan(told[early]).all()


def test_truths_after_a_cutoff_change_nothing_of_what_it_is_told() -> None:
    made = rows()
    cutoff = float(np.unique(made.cutoff)[50])
    altered = replace(made, truth=np.where(made.target_at > cutoff, 0.5, made.truth))
    until = made.cutoff <= cutoff
    before, after = (with_past_errors(item, usual_level(made)).past_errors[until] for item in (made, altered))
    np.testing.assert_array_equal(before, after)


def test_features_hold_them_in_the_order_of_their_names() -> None:
    made = with_past_errors(rows(), np.zeros(len(rows())))
    features = made.features()
    np.testing.assert_array_equal(features[:, -len(PAST_ERROR_NAMES) :], made.past_errors)

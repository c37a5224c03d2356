"""The spread of forecasts follows how forecasts turned out: each side for itself, from enough of them, and never from what came later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.domain.forecast import InflowForecast
from models.fill_forecast import fit_served
from models.fill_forecast.empirical import EmpiricalInflow
from models.fill_forecast.forecaster import HORIZON_HOURS, QUANTILES
from models.fill_forecast.history import DAY, HOUR, History, moment
from models.fill_forecast.inflow import inflow_curve
from models.fill_forecast.overlay import level_quantiles, uncut_levels
from models.fill_forecast.recalibration import (
    LENGTH_BANDS,
    Resolved,
    Spread,
    cell,
    cell_after_collection,
    factors_of,
    misses,
    recalibrated,
)
from models.fill_forecast.resolving import (
    ForecastMany,
    Hindsight,
    before_calibration,
    hindsight,
    joined,
    resolved,
    resolved_of,
)
from models.fill_forecast.settled import settled_levels
from processors.forecast.serving import ServingModel
from tests.unit.fill_forecast.fitted import CUTOFF, ITERATIONS, fitted
from tests.unit.fill_forecast.fitted import histories as fitted_on
from tests.unit.fill_forecast.signals import START, changed_after, sawtooth

LOW, HIGH = QUANTILES.index(0.1), QUANTILES.index(0.9)


def forecast(container: int = 0) -> InflowForecast:
    history = sawtooth(container, days=60, per_day=0.3, interval_hours=2).history
    cutoff = START + 50 * DAY
    made = EmpiricalInflow().fit([], cutoff=cutoff, known_at=cutoff).forecast(history, cutoff=cutoff, known_at=cutoff)
    assert made is not None
    return made


def outcomes(below_sd: float, above_sd: float, count: int = 2000, *, collected: bool = False) -> Resolved:
    """Of windows of a day, the truth scattered so many times wider than was said, each side for itself."""
    rng = np.random.default_rng(1)
    scatter = np.abs(rng.normal(0, 1, count)) / 1.2816  # one half-width is where nine in ten of the whole lie
    side = rng.random(count) < 0.5
    missed = np.where(side, scatter * below_sd, -scatter * above_sd)
    return Resolved(("glass",) * count, np.full(count, 24.0), np.full(count, collected), missed, -missed, np.zeros(count))


def test_each_side_is_spread_by_what_its_misses_ask_for() -> None:
    low, high = factors_of(outcomes(2.0, 0.7))[cell("glass", LENGTH_BANDS.index(33.0))]
    assert low == pytest.approx(2.0, rel=0.1)
    assert high == pytest.approx(0.7, rel=0.1)


def test_windows_after_a_collection_teach_what_they_need_beyond_windows_without_one() -> None:
    both = joined([outcomes(2.0, 0.7), outcomes(1.0, 1.4, collected=True)])
    factors = factors_of(both)
    assert (
        factors[cell("glass", LENGTH_BANDS.index(33.0))] == factors_of(outcomes(2.0, 0.7))[cell("glass", LENGTH_BANDS.index(33.0))]
    )
    low, high = factors[cell_after_collection("glass")]
    assert low == pytest.approx(0.5, rel=0.12)
    assert high == pytest.approx(2.0, rel=0.12)
    assert cell_after_collection("glass") not in factors_of(outcomes(2.0, 0.7))


def test_levels_after_a_collection_are_spread_by_their_own_factors_too() -> None:
    made = forecast().model_copy(update={"level_after_sd": 0.02})
    lengths = {cell("glass", band): (1.5, 0.8) for band in range(len(LENGTH_BANDS))}
    factors = {**lengths, cell_after_collection("glass"): (0.5, 2.0)}
    without, told = recalibrated(made, "glass", lengths), recalibrated(made, "glass", factors)
    emptied = moment(made.cutoff.timestamp() + 20 * HOUR)
    at = [moment(made.cutoff.timestamp() + hours * HOUR) for hours in (10, 60)]
    plain, spread = (uncut_levels(item, [emptied], at) for item in (without, told))
    assert spread[:, 0] == pytest.approx(plain[:, 0]), "before the collection"
    middle = QUANTILES.index(0.5)
    assert spread[middle, 1] == pytest.approx(plain[middle, 1])
    assert spread[middle, 1] - spread[LOW, 1] == pytest.approx(0.5 * (plain[middle, 1] - plain[LOW, 1]))
    assert spread[HIGH, 1] - spread[middle, 1] == pytest.approx(2.0 * (plain[HIGH, 1] - plain[middle, 1]))
    assert (np.diff(spread, axis=0) >= 0).all()
    twice = recalibrated(told.model_copy(update={"uncalibrated": None}), "glass", factors)
    assert twice.after_collection_spread == (0.25, 4.0), "of the fit, and of the night"
    assert before_calibration(twice).after_collection_spread == (0.5, 2.0)


def test_an_outcome_knows_whether_its_window_began_with_a_collection() -> None:
    history = sawtooth(0, days=60, per_day=0.3, interval_hours=2).history
    made, curve = forecast(), inflow_curve(history)
    told = resolved_of(made, "glass", curve, known_until=made.cutoff.timestamp() + 7 * DAY)
    emptied = curve.times[curve.emptyings.first_after]
    first = float(emptied[emptied > made.cutoff.timestamp()][0] - made.cutoff.timestamp()) / HOUR
    assert 0 < told.collected.sum() < len(told)
    assert (told.length_hours[~told.collected] < first).all()


def test_few_outcomes_teach_nothing_and_more_teach_slowly() -> None:
    assert factors_of(outcomes(3.0, 3.0, count=59)) == {}
    few, many = (factors_of(outcomes(3.0, 3.0, count=count))[cell("glass", 2)][0] for count in (80, 4000))
    assert 1.3 < few < many


def test_a_truth_at_full_that_the_upper_bound_reaches_is_half_a_miss() -> None:
    levels = np.array([[0.5], [0.8], [1.1]]).repeat(200, axis=1)
    truth = np.where(np.arange(200) < 30, 1.0, 0.8)
    below, above = misses((0.1, 0.5, 0.9), levels, truth)
    assert (below[:30] <= 0).all(), "what is at least full lies below nothing"
    at_full = Resolved(
        ("paper",) * 200, np.full(200, 24.0), np.zeros(200, dtype=np.bool_), below, above, (truth >= 0.98).astype(float)
    )
    exact = replace(at_full, full=np.zeros(200))
    assert factors_of(at_full)[cell("paper", 2)][1] >= factors_of(exact)[cell("paper", 2)][1]


def test_a_recalibrated_forecast_keeps_its_median_and_its_order_and_says_what_it_was() -> None:
    made = forecast()
    factors = {cell("glass", band): (1.8, 0.6) for band in range(len(LENGTH_BANDS))}
    wider = recalibrated(made, "glass", factors)
    before, after = np.array(made.inflow_quantiles), np.array(wider.inflow_quantiles)
    middle = QUANTILES.index(0.5)
    day = HORIZON_HOURS.index(24)
    assert after[middle] == pytest.approx(before[middle])
    assert after[middle, day] - after[LOW, day] == pytest.approx(1.8 * (before[middle, day] - before[LOW, day]), rel=0.01)
    assert after[HIGH, day] - after[middle, day] == pytest.approx(0.6 * (before[HIGH, day] - before[middle, day]), rel=0.01)
    assert (np.diff(after, axis=0) >= 0).all()
    assert (np.diff(after, axis=1) >= 0).all()
    assert before_calibration(wider) == made
    assert recalibrated(made, "paper", factors) == made, "nothing is known of its fraction"


def test_the_error_of_the_level_widens_what_starts_from_it_and_ends_with_a_collection() -> None:
    made = forecast()
    error = tuple((0.08 * np.sign(np.array(QUANTILES) - 0.5)).tolist())
    unsure = made.model_copy(update={"level_error": error})
    soon, later = made.cutoff, moment(made.cutoff.timestamp() + 30 * HOUR)
    assert np.ptp(level_quantiles(made, at=[soon]).levels) == 0
    assert np.ptp(level_quantiles(unsure, at=[soon]).levels) == pytest.approx(0.16)
    emptied = moment(made.cutoff.timestamp() + 6 * HOUR)
    assert (uncut_levels(unsure, [emptied], [later]) == uncut_levels(made, [emptied], [later])).all()


def test_a_settled_level_is_nearer_to_the_truth_than_a_reading_and_unknown_at_an_emptying() -> None:
    rng = np.random.default_rng(4)
    times = START + np.arange(0, 60 * 24, 2.5) * HOUR
    truth = 0.02 * ((times - START) / DAY % 30)
    history = History("c", "glass", times, np.clip(truth + rng.normal(0, 0.02, len(times)), 0, 1))
    curve = inflow_curve(history)
    at = START + np.arange(8.0, 28.0, dtype=np.float64) * DAY
    expected = np.interp(at, times, truth)
    assert np.abs(settled_levels(curve, at) - expected).mean() < 0.5 * 0.016  # a reading is off by 0.016 on average
    fall = times[np.searchsorted(times, START + 30 * DAY) - 1] + HOUR
    assert np.isnan(settled_levels(curve, np.array([fall]))).all()
    assert np.isnan(settled_levels(curve, np.array([times[-1] + DAY]))).all()


def test_a_level_after_a_jump_out_of_all_proportion_is_no_settled_truth() -> None:
    """It may be a heap or a covered sensor; after the next emptying the level is known again."""
    history = sawtooth(0, days=60, per_day=0.1, interval_hours=2).history
    curve = inflow_curve(history)
    begin, end = curve.times[curve.emptyings.first_after[2]], curve.times[curve.emptyings.last_before[3]]
    jump = begin + 0.5 * (end - begin)
    raised = np.where((history.times > jump) & (history.times <= end), np.minimum(1, history.levels + 0.4), history.levels)
    curve = inflow_curve(replace(history, levels=raised))
    sound, doubtful, after = jump - DAY, jump + DAY, end + 2 * DAY
    known = ~np.isnan(settled_levels(curve, np.array([sound, doubtful, after])))
    assert known.tolist() == [True, False, True]


def test_the_truth_of_an_outcome_uses_nothing_that_the_forecast_started_from() -> None:
    made = forecast()
    history = sawtooth(0, days=60, per_day=0.3, interval_hours=2).history
    cutoff = made.cutoff.timestamp()
    curve = inflow_curve(history)
    levels = np.where((curve.times > cutoff - 6 * HOUR) & (curve.times <= cutoff), curve.levels + 0.05, curve.levels)
    disturbed = replace(curve, levels=levels)
    end = cutoff + 4 * DAY
    first, second = (resolved_of(made, "glass", item, known_until=end) for item in (curve, disturbed))
    assert len(first) > 3
    assert first.above.tolist() == second.above.tolist()


def test_misses_may_be_counted_in_half_widths_of_another_forecast() -> None:
    """Where its own medians lie does not matter."""
    made = forecast()
    curve = inflow_curve(sawtooth(0, days=60, per_day=0.3, interval_hours=2).history)
    wider = recalibrated(made, "glass", {cell("glass", band): (2.0, 3.0) for band in range(len(LENGTH_BANDS))})
    elsewhere = wider.model_copy(update={"level_at_cutoff": 0.3, "level_after_emptying": 0.2})
    end = made.cutoff.timestamp() + 4 * DAY
    own = resolved_of(made, "glass", curve, known_until=end)
    wide, as_wide = (
        resolved_of(wider, "glass", curve, known_until=end),
        resolved_of(made, "glass", curve, known_until=end, wide_as=elsewhere),
    )
    assert len(own) > 3
    assert as_wide.above == pytest.approx(wide.above)
    assert as_wide.below == pytest.approx(wide.below)
    assert np.abs(as_wide.above).sum() < 0.8 * np.abs(own.above).sum()


@pytest.mark.lengthy
def test_a_fitted_model_starts_with_factors_for_its_own_half_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of misses of a model that had not learnt what came, counted in widths of the one that will serve, which had."""
    found: list[Hindsight] = []

    def spied(*asked: Any, **wide: Any) -> list[Hindsight]:
        told = hindsight(*asked, **wide)
        found.extend(told)
        return told

    monkeypatch.setattr(fit_served, "hindsight", spied)
    histories = fitted_on()
    model = fit_served.fit_served(histories, cutoff=CUTOFF, known_at=CUTOFF, iterations=ITERATIONS).model
    assert model.description.factors == factors_of(resolved(found, known_until=CUTOFF))
    bare = replace(model, description=model.description.model_copy(update={"factors": {}}))
    for item in found[:: len(found) // 5]:
        (told,) = bare.forecast_many([item.history], cutoff=item.forecast.cutoff.timestamp(), known_at=CUTOFF)
        assert item.wide_as == told
        assert item.forecast != told


@pytest.mark.lengthy
def test_first_factors_come_from_all_containers_however_few_forecasts_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from all cutoffs of a few containers, which say the same thing again and again."""
    asked: dict[str, list[float]] = {}

    def told_nothing(histories: Sequence[History], cutoff: float) -> list[InflowForecast | None]:
        for history in histories:
            asked.setdefault(history.container_id, []).append(cutoff)
        return [None] * len(histories)

    def spied(_: ForecastMany, *asked_of: Any, **wide: Any) -> list[Hindsight]:
        return hindsight(told_nothing, *asked_of, **wide)

    monkeypatch.setattr(fit_served, "hindsight", spied)
    monkeypatch.setattr(fit_served, "_MOST_SPREAD", 40)
    histories = fitted_on()
    fit_served.fit_served(histories, cutoff=CUTOFF, known_at=CUTOFF, iterations=ITERATIONS)
    assert sorted(asked) == [history.container_id for history in histories]
    assert sum(map(len, asked.values())) <= 40
    assert len({cutoff for cutoffs in asked.values() for cutoff in cutoffs}) == 17


@pytest.mark.lengthy
def test_what_comes_after_the_cutoff_changes_no_factor() -> None:
    histories = [
        sawtooth(seed, days=90, per_day=0.3, interval_hours=3, container_id=f"c-{seed}", fraction="paper").history
        for seed in range(12)
    ]
    cutoff = START + 75 * DAY
    first = EmpiricalInflow().fit(histories, cutoff=cutoff, known_at=cutoff)
    changed = [changed_after(history, cutoff) for history in histories]
    assert EmpiricalInflow().fit(changed, cutoff=cutoff, known_at=cutoff).factors == first.factors
    assert len(first.factors) >= 3
    assert first.level_errors["paper"][LOW] < 0 < first.level_errors["paper"][HIGH]


def test_hindsight_leaves_out_containers_that_are_young_or_have_ended() -> None:
    history = sawtooth(1, days=60, per_day=0.3, interval_hours=2).history
    asked: list[tuple[float, int]] = []

    def forecast_many(histories: Sequence[History], cutoff: float) -> list[InflowForecast | None]:
        asked.append(((cutoff - START) / DAY, len(histories)))
        return [None] * len(histories)

    assert hindsight(forecast_many, [history], [START + days * DAY for days in (10, 40, 70)]) == []
    assert asked == [(10, 0), (40, 1), (70, 0)]


@pytest.mark.lengthy
def test_a_spread_that_was_made_after_the_cutoff_or_of_another_model_is_not_used() -> None:
    serving = ServingModel(stale_days=30)
    serving.model = fitted().model
    factors = {cell("paper", band): (3.0, 3.0) for band in range(len(LENGTH_BANDS))}
    history = sawtooth(2, days=75, per_day=0.4, interval_hours=3, fraction="paper").history
    at = CUTOFF + HOUR

    serves = serving.model.description.forecaster_version

    def width(made_at: float, version: str = serves) -> float:
        serving.spreads = {("weighed_inflow", version): Spread("weighed_inflow", version, made_at, 500, factors)}
        made = serving.forecast(None, [history], cutoff=moment(at), known_at=moment(at))[0]
        assert made is not None
        assert made.forecaster_version == serves
        assert (made.uncalibrated is None) == (made_at > at or version != serves)
        day = HORIZON_HOURS.index(24)
        return made.inflow_quantiles[HIGH][day] - made.inflow_quantiles[LOW][day]

    assert width(at - HOUR) > 1.5 * width(at + HOUR)
    assert width(at - HOUR, "7-3fa09c1e") == width(at + HOUR)

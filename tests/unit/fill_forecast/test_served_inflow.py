"""The model that serves: no leakage, no crossing, the same twice, and honest about what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.domain.forecast import FALLBACK, FULL_MODEL, PARTIAL, STALE_MODEL
from models.fill_forecast.artifact import pack, sha256
from models.fill_forecast.evidence import explained
from models.fill_forecast.explain import DOUBTFUL
from models.fill_forecast.fit_served import LEAST_COMPARED, Comparison, compare, fit_served
from models.fill_forecast.forecaster import QUANTILES
from models.fill_forecast.history import DAY, HOUR, History, moment
from models.fill_forecast.inflow_cases import Cases
from models.fill_forecast.overlay import level_quantiles
from models.fill_forecast.served_inflow import GLOBAL_MODEL, NAME, OF_ITS_FRACTION, OWN_PAST, ServedInflow
from processors.forecast.serving import ServingModel
from tests.unit.fill_forecast.counted import CUTOFF as COUNTED_CUTOFF
from tests.unit.fill_forecast.counted import counted
from tests.unit.fill_forecast.fitted import CUTOFF, ITERATIONS, fitted, histories
from tests.unit.fill_forecast.signals import changed_after

pytestmark = pytest.mark.lengthy


def served(**description: object) -> ServedInflow:
    model = fitted().model
    return replace(model, version="7-abcdef01", description=model.description.model_copy(update=description))


def only_global() -> ServedInflow:
    """With weights by which the global model alone counts, whatever it had learnt."""
    weights = {cell: {GLOBAL_MODEL: 1.0} for cell in fitted().model.description.weights}
    return served(weights=weights)


@pytest.mark.parametrize("model", [served, only_global], ids=["as learnt", "the global model alone"])
def test_quantiles_do_not_cross_and_do_not_fall_with_time(model: Callable[[], ServedInflow]) -> None:
    made = model().forecast_many(histories(), cutoff=CUTOFF, known_at=CUTOFF)
    for forecast in made:
        assert forecast is not None
        inflow = np.array(forecast.inflow_quantiles)
        assert (inflow >= 0).all()
        assert (np.diff(inflow, axis=0) >= 0).all()
        assert (np.diff(inflow, axis=1) >= 0).all()
        assert forecast.model_grade == FULL_MODEL
        assert (forecast.forecaster, forecast.forecaster_version) == (NAME, "7-abcdef01")


def test_readings_after_the_cutoff_change_nothing_neither_in_the_fit_nor_in_a_forecast() -> None:
    changed = [changed_after(history, CUTOFF) for history in histories()]
    again = fit_served(changed, cutoff=CUTOFF, known_at=CUTOFF, iterations=ITERATIONS)
    assert sha256(pack(again.model)) == sha256(pack(fitted().model)), "the same readings up to the cutoff give the same artifact"
    assert again.comparison == fitted().comparison
    for before, after in zip(histories()[:4], changed[:4], strict=True):
        first = served().forecast(before, cutoff=CUTOFF, known_at=CUTOFF)
        assert first == served().forecast(after, cutoff=CUTOFF, known_at=CUTOFF)
        assert first is not None


@pytest.mark.slow
def test_one_reading_before_the_cutoff_does_change_the_fit() -> None:
    """So that the test above cannot pass by a fit that looks at nothing."""
    first = histories()[0]
    levels = first.levels.copy()
    levels[100:140] = 0.9
    other = History(first.container_id, first.fraction, first.times, levels)
    again = fit_served((other, *histories()[1:]), cutoff=CUTOFF, known_at=CUTOFF, iterations=ITERATIONS)
    assert sha256(pack(again.model)) != sha256(pack(fitted().model))


def test_many_at_once_are_forecast_as_each_alone() -> None:
    together = served().forecast_many(histories()[:4], cutoff=CUTOFF, known_at=CUTOFF)
    assert together == [served().forecast(history, cutoff=CUTOFF, known_at=CUTOFF) for history in histories()[:4]]


def test_the_global_model_follows_each_containers_own_rate() -> None:
    slow, fast = (only_global().forecast(histories()[index], cutoff=CUTOFF, known_at=CUTOFF) for index in (0, 2))
    assert slow is not None
    assert fast is not None
    day, middle = slow.horizon_hours.index(24), slow.quantiles.index(0.5)
    assert 0.01 < slow.inflow_quantiles[middle][day] < 0.08
    assert 0.25 < fast.inflow_quantiles[middle][day] < 0.6


def test_a_missing_member_is_left_out_and_said() -> None:
    lacking = replace(only_global(), regressors=())
    assert lacking.missing_members() == (GLOBAL_MODEL,)
    forecast = lacking.forecast(histories()[2], cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert forecast.model_grade == PARTIAL
    assert "lacks its global model" in forecast.basis
    assert forecast.evidence is not None
    assert forecast.evidence.members == {OWN_PAST: 1.0}


def test_a_member_of_a_newer_release_is_missing_too() -> None:
    forecast = served(members=(OWN_PAST, GLOBAL_MODEL, "weather")).forecast(histories()[2], cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert forecast.model_grade == PARTIAL
    assert "weather" in forecast.basis


def test_a_stale_model_still_serves_and_says_so() -> None:
    serving = ServingModel(stale_days=30)
    serving.model = served()
    early, late = (
        serving.forecast(None, histories()[:1], cutoff=moment(at), known_at=moment(at))[0]
        for at in (CUTOFF + DAY, CUTOFF + 9 * DAY)
    )
    assert early is not None
    assert early.model_grade == FULL_MODEL
    serving.model = served(data_until=moment(CUTOFF - 40 * DAY))
    late = serving.forecast(None, histories()[:1], cutoff=moment(CUTOFF), known_at=moment(CUTOFF))[0]
    assert late is not None
    assert late.model_grade == STALE_MODEL
    assert "not been fitted for long" in late.basis


def test_a_model_that_has_seen_what_comes_after_the_cutoff_is_not_asked() -> None:
    serving = ServingModel(stale_days=30)
    serving.model = served()
    before = moment(CUTOFF - 10 * DAY)
    made = serving.forecast(served().own_past, histories()[:1], cutoff=before, known_at=before)[0]
    assert made is not None
    assert made.model_grade == FALLBACK
    assert "learnt from later readings" in made.basis


def test_silent_containers_are_forecast_by_their_own_past_alone_and_young_ones_by_their_fraction() -> None:
    history = histories()[2]
    kept = history.times <= CUTOFF - 4 * DAY
    silent = History(history.container_id, history.fraction, history.times[kept], history.levels[kept])
    late = history.times >= CUTOFF - 3 * DAY
    young = History(history.container_id, history.fraction, history.times[late], history.levels[late])
    for container, members in ((silent, {OWN_PAST: 1.0}), (young, {OF_ITS_FRACTION: 1.0})):
        forecast = only_global().forecast(container, cutoff=CUTOFF, known_at=CUTOFF)
        assert forecast is not None
        assert forecast.evidence is not None
        assert forecast.evidence.members == members


def test_a_container_that_may_have_been_emptied_unseen_is_forecast_by_its_own_past_alone() -> None:
    """The global model and the rates know nothing of that."""
    history = histories()[2]
    stuck = replace(history, levels=np.where(history.times > CUTOFF - 5 * DAY, 0.4, history.levels))
    forecast = only_global().forecast(stuck, cutoff=CUTOFF, known_at=CUTOFF)
    alone = fitted().model.own_past.forecast(stuck, cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert forecast.evidence is not None
    assert alone is not None
    assert forecast.evidence.members == {OWN_PAST: 1.0}
    assert forecast.emptied_unseen == alone.emptied_unseen > 0
    assert forecast.level_error == alone.level_error


def test_from_the_second_to_the_fourth_week_the_fraction_counts_once_and_is_named() -> None:
    """A container of a tenth of a usual one: the distribution of its fraction has the share that it is told to have, whoever else counts."""
    usual = histories()[2]
    late = usual.times >= CUTOFF - 14 * DAY
    times = usual.times[late]
    quiet = History("c-quiet", usual.fraction, times, np.interp(times, times[[0, -1]], [0.05, 0.5]))
    only_own = served(weights={cell: {OWN_PAST: 1.0} for cell in fitted().model.description.weights}, offsets={}, factors={})
    forecast = only_own.forecast(quiet, cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert forecast.evidence is not None
    assert forecast.evidence.members == {OWN_PAST: pytest.approx(0.5, abs=0.01), OF_ITS_FRACTION: pytest.approx(0.5, abs=0.01)}
    assert "and usual of its fraction (50 %)" in explained(forecast, None)
    week, middle = forecast.horizon_hours.index(168), forecast.quantiles.index(0.5)
    of_fraction = only_own.own_past.pooled(usual.fraction, np.array([168.0]), (0.5,))[0, 0]
    expected = 0.5 * 7 * (0.45 / 14) + 0.5 * of_fraction
    assert forecast.inflow_quantiles[middle][week] == pytest.approx(expected, rel=0.1)


def test_where_deposits_are_counted_a_model_uses_them_and_says_so() -> None:
    """With a level the members count as ever, without one the container's own past alone; what was counted stands in the evidence."""
    made = counted(3, litres=30.0)
    both, alone = served().forecast_many(
        [made.history("both"), made.history("deposits")], cutoff=COUNTED_CUTOFF, known_at=COUNTED_CUTOFF
    )
    for forecast in (both, alone):
        assert forecast is not None
        assert forecast.evidence is not None
        assert forecast.evidence.deposits_since_emptying is not None
        assert forecast.model_grade == FULL_MODEL
    assert both is not None
    assert both.evidence is not None
    assert both.evidence.level_is_read
    assert alone is not None
    assert alone.evidence is not None
    assert alone.evidence.members == {OWN_PAST: 1.0}
    assert alone.level_sd > both.level_sd
    assert abs(both.level_at_cutoff - made.true_level(np.array([COUNTED_CUTOFF]))[0]) < 0.03


@pytest.mark.slow
def test_a_candidate_is_compared_on_cases_that_neither_has_learnt_from() -> None:
    later = CUTOFF + 7 * DAY
    many = histories(16)
    comparison = fit_served(many, cutoff=later, known_at=later, serving=served(), iterations=ITERATIONS).comparison
    assert comparison.rival == "model 7-abcdef01"
    assert comparison.not_worse or comparison.ratio > 1.005
    # From the serving model's last reading on; the fit alone leaves twice as much time.
    alone = fit_served(many, cutoff=later, known_at=later, iterations=ITERATIONS).comparison
    assert LEAST_COMPARED <= comparison.cases < alone.cases
    at_once = fit_served(histories(), cutoff=CUTOFF + 6 * HOUR, known_at=CUTOFF + 6 * HOUR, serving=served(), iterations=ITERATIONS)
    assert not at_once.comparison.not_worse
    assert "not compared" in at_once.comparison.sentence


@pytest.mark.slow
def test_a_serving_model_that_knows_nothing_loses_and_a_candidate_that_knows_nothing_is_not_taken() -> None:
    later = CUTOFF + 7 * DAY
    lost = dict.fromkeys(fitted().model.description.weights, (5.0,) * 9)
    won = fit_served(histories(16), cutoff=later, known_at=later, serving=served(offsets=lost), iterations=ITERATIONS).comparison
    assert won.not_worse
    assert won.ratio < 0.5


TRUTH = 0.5 + np.random.default_rng(3).uniform(-0.3, 0.3, 2000)
"""A true spread of ±0.3 around 0.5: rivals know it, miss it a little, or miss it by far."""


def at(half: float, shift: float = 0.0, cases: int = len(TRUTH)) -> np.ndarray:
    return np.tile(0.5 + shift + half * (2 * np.array(QUANTILES) - 1), (cases, 1))


def against(mine: np.ndarray, its: np.ndarray, cases: tuple[int, ...] = (len(TRUTH),)) -> Comparison:
    """By hand: of as many cases of each fraction, in order."""

    class Told(ServedInflow):
        def predict_cases(self, cases: Cases, fractions: object) -> np.ndarray:
            return mine

    truth = np.resize(TRUTH, sum(cases))
    fresh = Cases(
        features=np.empty((len(truth), 0)), own=its, fraction=np.repeat(np.arange(len(cases)), cases), cutoff=truth, horizon_hours=truth,
        target_at=truth, truth=truth,
    )  # fmt: skip
    model = fitted().model
    return compare(
        Told(model.description, model.own_past, model.regressors), None, fresh, ["glass", "paper", "textile"][: len(cases)]
    )


def test_worse_is_decided_by_pinball_loss_and_by_what_intervals_cover() -> None:
    assert against(at(0.3), at(0.3)).not_worse
    assert against(at(0.3), at(0.1)).not_worse
    assert not against(at(0.1), at(0.3)).not_worse
    assert not against(at(0.3, 0.1), at(0.3)).not_worse
    wide_but_honest = against(at(0.3, 0.07), at(0.22))
    assert wide_but_honest.ratio > 1.005
    assert wide_but_honest.not_worse
    assert "nearer to 80 %" in wide_but_honest.sentence


def test_a_fraction_counts_by_its_cases_and_not_at_all_where_these_are_few() -> None:
    lost, alike, won = at(0.3, 0.3), at(0.3), at(0.1, 0.2)
    few = against(np.concatenate([alike, lost[:49]]), np.concatenate([alike, alike[:49]]), (2000, 49))
    assert (few.ratio, few.cases, few.not_worse) == (1.0, 2000, True)
    assert "on 2000 fresh cases, fractions by their cases (glass 2000; too few of paper 49), coverage" in few.sentence
    some = against(np.concatenate([at(0.3, 0.1), alike[:100]]), np.concatenate([alike, won[:100]]), (2000, 100))
    assert not some.not_worse, "a hundred cases do not make up for two thousand"
    assert "(glass 2000, paper 100), coverage" in some.sentence
    first = against(at(0.3, 0.1), alike).ratio
    second = against(alike[:300], won[:300], (300,)).ratio
    assert some.ratio == pytest.approx((2000 * first + 100 * second) / 2100, rel=0.02)
    scattered = against(alike[:340], alike[:340], (260, 40, 40))
    assert not scattered.not_worse
    assert "only 260 cases are fresh to both, 300 are needed; too few of paper 40, textile 40" in scattered.sentence


def test_after_a_jump_the_global_model_too_counts_from_half_of_it() -> None:
    """It tells what comes in, not that the level is what the sensor reads: hours later the forecast stands about where it began."""
    history = histories()[0]
    raised = np.where(history.times > CUTOFF - 0.6 * DAY, 0.95, history.levels)
    made = fitted().model.forecast(replace(history, levels=raised), cutoff=CUTOFF, known_at=CUTOFF)
    assert made is not None
    assert "half of it is counted" in made.basis
    assert 0.4 < made.level_at_cutoff < 0.9
    later = level_quantiles(made, (), [made.cutoff + timedelta(hours=12)]).levels[made.quantiles.index(0.5), 0]
    assert later < made.level_at_cutoff + 0.08


def test_a_gap_of_weeks_makes_no_container_old() -> None:
    """One reading, and after forty days of silence a few hours of them: as young as those hours."""
    times = CUTOFF - np.array([40 * DAY, *(HOUR * np.arange(6.0, 0.0, -1.0))])
    forecast = served().forecast(History("c-gap", "glass", times, np.linspace(0.1, 0.2, 7)), cutoff=CUTOFF, known_at=CUTOFF)
    assert forecast is not None
    assert forecast.evidence is not None
    assert forecast.evidence.members == {OF_ITS_FRACTION: 1.0}
    assert forecast.data_grade == DOUBTFUL
    assert "only 29 h of readings" in forecast.basis

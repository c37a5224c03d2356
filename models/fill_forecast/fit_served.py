"""Fits a served model, and says whether it may take over: compared on recent cases that neither it nor the serving model has learnt from.

Time is cut in three. Up to the validation the global model learns; in the first half of the validation the members' weights are learnt; in its
second half the result is compared with the serving model (or, where there is none, with the container's own past), on cutoffs after all that
either has seen. What is handed back learns by the same procedure from everything up to the cutoff.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sklearn

from models.domain.forecast_model import ModelDescription, ModelScore
from models.fill_forecast.empirical import EmpiricalInflow, FittedEmpiricalInflow
from models.fill_forecast.forecaster import HORIZON_HOURS, QUANTILES
from models.fill_forecast.history import DAY, FloatArray, History, moment
from models.fill_forecast.inflow_cases import BANDS, FEATURES, Cases, build_cases
from models.fill_forecast.inflow_model import ITERATIONS, Regressors, fit_inflow_model
from models.fill_forecast.recalibration import factors_of
from models.fill_forecast.resolving import ForecastMany, hindsight, resolved
from models.fill_forecast.scores import scores
from models.fill_forecast.served_inflow import (
    EVERY_FRACTION,
    GLOBAL_MODEL,
    NAME,
    OWN_PAST,
    VERSION,
    ServedInflow,
    cell,
)
from models.fill_forecast.simple_rates import SIMPLE_RATES
from models.fill_forecast.weighing import LEAST_ROWS, weigh

VALIDATION_DAYS = 28.0
LEAST_COMPARED = 300
LEAST_OF_A_FRACTION = 50
"""Fewer fresh cases of a fraction may be one container's, of which a rival may lose next to nothing: their ratio can be anything."""
TOLERANCE = 0.005
"""How much worse, as a share of the pinball loss, still counts as not worse."""
COVERED_TOLERANCE = 0.05
COVERAGE_GAIN = 0.03
_VALIDATION_SHARE = 0.35
_LEARNING_CUTOFFS = 24
_VALIDATION_CUTOFFS = 16
_SPREAD_CUTOFFS = 17
_MOST_SPREAD = 1700
_LONGEST_COMPARED_HOURS = 168
_BEGIN = (OWN_PAST, GLOBAL_MODEL)
"""Members that count from the start: weights of so few weeks are drawn towards these two alike (docs/forecasting.md)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ratio` is the candidate's mean pinball over the rival's, of each fraction by itself and averaged by their cases; below 1 it is better. `rival`
    names a model version or "own past", `cases` counts those of the fractions that were compared. Not worse is who loses at most half a per cent of
    pinball, or at most five per cent while the coverage of the 80 % interval comes nearer to 80 % by three points: an interval that promises too much
    costs planners more."""

    rival: str
    cases: int
    ratio: float
    not_worse: bool
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """What a refit gives: the model that would serve and whether it may."""

    model: ServedInflow
    comparison: Comparison


class WeighedInflow:
    """The `Forecaster` of served models."""

    name = NAME

    def __init__(self, *, seed: int = 0, iterations: int = ITERATIONS) -> None:
        self._seed, self._iterations = seed, iterations

    def fit(self, histories: Sequence[History], *, cutoff: float, known_at: float) -> ServedInflow:
        return fit_served(histories, cutoff=cutoff, known_at=known_at, seed=self._seed, iterations=self._iterations).model


def fit_served(
    histories: Sequence[History],
    *,
    cutoff: float,
    known_at: float,
    serving: ServedInflow | None = None,
    seed: int = 0,
    iterations: int = ITERATIONS,
) -> FittedModel:
    """Learns from what was observed by `cutoff` and stored by `known_at`. Minutes for hundreds of containers, one thread; deterministic."""
    seen = [item for item in (history.seen(cutoff, known_at) for history in histories) if len(item.times)]
    work = _Work(seen, cutoff, known_at, seed, iterations)
    early = work.fit_until(work.validation_begin)
    validation = work.validation_cases(early.own_past)
    half = work.validation_begin + (cutoff - work.validation_begin) / 2
    trial = work.weighed(early, validation.of(validation.target_at <= half), until=half)
    learnt_until = half if serving is None else max(half, serving.description.data_until.timestamp())
    fresh = validation.of((validation.cutoff >= learnt_until) & (validation.horizon_hours <= _LONGEST_COMPARED_HOURS))
    comparison = compare(trial, serving, fresh, work.fractions)
    weighed = work.weighed(early, validation, until=cutoff)
    model = ServedInflow(
        replace_description(weighed.description, scores=_scores(trial, serving, fresh, work.fractions)),
        EmpiricalInflow().fit(seen, cutoff=cutoff, known_at=known_at),
        work.fit_until(cutoff).regressors,
    )
    return FittedModel(work.spread(model, missed_by=weighed), comparison)


def compare(candidate: ServedInflow, serving: ServedInflow | None, fresh: Cases, fractions: Sequence[str]) -> Comparison:
    """On cases that neither has learnt from. Too few of them decide nothing: the serving model stays.

    Fractions are compared each by itself, since a point of loss is much for one that fills slowly and little for a fast one, and count by their
    cases: few cases say little. Those with fewer than 50 are left out, and named.
    """
    rival = OWN_PAST if serving is None else f"model {serving.version or serving.description.forecaster_version}"
    of_each = dict(enumerate(np.bincount(fresh.fraction, minlength=len(fractions)).tolist()))
    compared = {index: cases for index, cases in of_each.items() if cases >= LEAST_OF_A_FRACTION}
    too_few = {index: cases for index, cases in of_each.items() if 0 < cases < LEAST_OF_A_FRACTION}
    cases = sum(compared.values())
    left_out = f"; too few of {_named(too_few, fractions)}" if too_few else ""
    if cases < LEAST_COMPARED:
        needed = f"{cases} cases are fresh to both, {LEAST_COMPARED} are needed{left_out}"
        return Comparison(rival, cases, 1.0, False, f"not compared with {rival}: only {needed}")
    mine = candidate.predict_cases(fresh, fractions)
    its = fresh.own if serving is None else serving.predict_cases(fresh, fractions)
    quantiles = candidate.description.quantiles
    ratios, nearer = [], []
    for index in compared:
        here = fresh.fraction == index
        loss = scores(fresh.truth[here], its[here], quantiles).pinball
        ratios.append(scores(fresh.truth[here], mine[here], quantiles).pinball / max(loss, 1e-9))
        nearer.append(_coverage_miss(fresh.truth[here], its[here]) - _coverage_miss(fresh.truth[here], mine[here]))
    ratio, gain = (float(np.average(values, weights=list(compared.values()))) for values in (ratios, nearer))
    not_worse = ratio <= 1 + TOLERANCE or (ratio <= 1 + COVERED_TOLERANCE and gain >= COVERAGE_GAIN)
    sentence = (
        f"pinball loss {100 * ratio:.1f} % of that of {rival} on {cases} fresh cases, "
        f"fractions by their cases ({_named(compared, fractions)}{left_out}), coverage {abs(100 * gain):.1f} points "
        f"{'nearer to' if gain >= 0 else 'further from'} 80 %: {'not worse' if not_worse else 'worse'}"
    )
    return Comparison(rival, cases, ratio, not_worse, sentence)


def _named(cases: Mapping[int, int], fractions: Sequence[str]) -> str:
    return ", ".join(f"{fractions[index]} {count}" for index, count in cases.items())


def _coverage_miss(truth: FloatArray, forecast: FloatArray) -> float:
    """How far from 80 % the coverage of the 80 % interval is, ties counted half."""
    return abs(scores(truth, forecast, QUANTILES).coverage_ties_half - 0.8)


def replace_description(description: ModelDescription, **changes: object) -> ModelDescription:
    return description.model_copy(update=changes)


class _Work:
    """One fit: histories cut at what may be seen, and the borders in time."""

    def __init__(self, histories: Sequence[History], cutoff: float, known_at: float, seed: int, iterations: int) -> None:
        self._histories = histories
        self._cutoff, self._known_at = cutoff, known_at
        self._seed, self._iterations = seed, iterations
        self.fractions = sorted({item.fraction for item in histories})
        self.first = min((float(item.times[0]) for item in histories), default=cutoff)
        self.validation_begin = cutoff - min(VALIDATION_DAYS * DAY, _VALIDATION_SHARE * (cutoff - self.first))

    def fit_until(self, until: float) -> ServedInflow:
        """The global model on what was read by `until`, with neutral weights; knows nothing later."""
        histories = [item.seen(until, self._known_at) for item in self._histories]
        histories = [item for item in histories if len(item.times)]
        own_past = EmpiricalInflow().fit(histories, cutoff=until, known_at=self._known_at)
        histories = [own_past.told_of(item) for item in histories]
        cases = self._cases(histories, self.first, until, _LEARNING_CUTOFFS, None)
        regressors = fit_inflow_model(cases, QUANTILES, seed=self._seed, iterations=self._iterations)
        return ServedInflow(self._description(len(cases), regressors, until), own_past, regressors)

    def validation_cases(self, own_past: FittedEmpiricalInflow) -> Cases:
        histories = [own_past.told_of(item) for item in self._histories]
        return self._cases(histories, self.validation_begin, self._cutoff, _VALIDATION_CUTOFFS, own_past)

    def weighed(self, model: ServedInflow, cases: Cases, *, until: float) -> ServedInflow:
        """The model with the weights that these cases teach."""
        members = model.members(cases.own, cases.features) if len(cases) else {}
        weights: dict[str, dict[str, float]] = {}
        for name, band, here in self._cells(cases):
            if here.sum() < LEAST_ROWS and name != EVERY_FRACTION:
                continue
            chosen = weigh({key: values[here] for key, values in members.items()}, cases.truth[here], QUANTILES, begin=_BEGIN)
            if name != EVERY_FRACTION:
                of_all = weights[cell(EVERY_FRACTION, band)]
                chosen = {key: 0.5 * (weight + of_all[key]) for key, weight in chosen.items()}
            weights[cell(name, band)] = chosen
        description = replace_description(model.description, weights=weights, data_until=moment(until))
        return replace(model, description=description)

    def spread(self, model: ServedInflow, *, missed_by: ServedInflow) -> ServedInflow:
        """The model with the factors that its forecasts of the validation would have needed, as levels with the collections that really happened:
        so wide as it is, and wrong by as much as one that had not learnt from the validation."""
        days = (self._cutoff - self.validation_begin) / DAY
        cutoffs = (self._cutoff - DAY * np.unique(np.round(np.linspace(1, max(1.0, days), _SPREAD_CUTOFFS)))).tolist()
        step = max(1, -(-len(self._histories) * _SPREAD_CUTOFFS // _MOST_SPREAD))

        def told_by(forecaster: ServedInflow) -> ForecastMany:
            return lambda histories, at: forecaster.forecast_many(histories, cutoff=at, known_at=self._known_at)

        found = hindsight(told_by(missed_by), self._histories, cutoffs, wide_as=told_by(model), step=step)
        factors = factors_of(resolved(found, known_until=self._cutoff))
        return replace(model, description=replace_description(model.description, factors=factors))

    def _cases(
        self, histories: Sequence[History], begin: float, end: float, most: int, own_past: FittedEmpiricalInflow | None
    ) -> Cases:
        return build_cases(
            histories,
            self.fractions,
            begin=begin,
            end=end,
            most_cutoffs=most,
            known_at=self._known_at,
            horizon_hours=HORIZON_HOURS,
            quantiles=QUANTILES,
            own_past=own_past,
        )

    def _cells(self, cases: Cases) -> list[tuple[str, int, np.ndarray[tuple[int], np.dtype[np.bool_]]]]:
        bands = cases.bands()
        found = []
        for band in range(len(BANDS)):
            in_band = bands == band
            if bool(in_band.any()):
                found.append((EVERY_FRACTION, band, in_band))
                found += [(name, band, in_band & (cases.fraction == index)) for index, name in enumerate(self.fractions)]
        return found

    def _description(self, cases: int, regressors: Regressors, until: float) -> ModelDescription:
        return ModelDescription(
            forecaster=NAME,
            forecaster_version=VERSION,
            scikit_learn=sklearn.__version__,
            numpy=np.__version__,
            python=platform.python_version(),
            features=FEATURES,
            quantiles=QUANTILES,
            horizon_hours=HORIZON_HOURS,
            data_from=moment(self.first),
            data_until=moment(until),
            containers=len(self._histories),
            cases=cases,
            seed=self._seed,
            iterations=self._iterations,
            members=(OWN_PAST, *((GLOBAL_MODEL,) if regressors else ()), *SIMPLE_RATES),
            weights={},
            scores=(),
        )


def _scores(
    candidate: ServedInflow, serving: ServedInflow | None, fresh: Cases, fractions: Sequence[str]
) -> tuple[ModelScore, ...]:
    """Candidate, its members and the serving model on the fresh cases, by fraction."""
    if not len(fresh):
        return ()
    forecasts = {NAME: candidate.predict_cases(fresh, fractions), **candidate.members(fresh.own, fresh.features)}
    if serving is not None:
        forecasts["serving"] = serving.predict_cases(fresh, fractions)
    made = []
    for index in np.unique(fresh.fraction).tolist():
        here = fresh.fraction == index
        for name, values in forecasts.items():
            found = scores(fresh.truth[here], values[here], QUANTILES)
            made.append(
                ModelScore(
                    name=name,
                    fraction=fractions[index],
                    cases=found.cases,
                    pinball=found.pinball,
                    coverage=found.coverage_ties_half,
                    width=found.width,
                )
            )
    return tuple(made)

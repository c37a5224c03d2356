"""The model that the forecast service serves: members weighed by fraction and horizon, then spread by how such forecasts turned out, with what is
known about it.

Members are the container's own past (`empirical`), a global model (`inflow_model`) and the simple rates (`simple_rates`). By its own past alone is
forecast a container that has gone silent or may have been emptied unseen, one of which deposits are counted and no level is read, and one that a
truck has emptied since it was read. In its first week a container gets the distribution of its fraction, which until the fourth counts beside the
members. A member that an artifact lacks is left out, and the forecast says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from models.domain.forecast import FALLBACK, FULL_MODEL, PARTIAL, InflowForecast
from models.domain.forecast_model import ModelDescription
from models.fill_forecast.empirical import FittedEmpiricalInflow, own_weight
from models.fill_forecast.evidence import evidence_of
from models.fill_forecast.explain import shows_its_level
from models.fill_forecast.features import TAIL_DAYS, State, state_at
from models.fill_forecast.forecaster import HORIZON_HOURS, QUANTILES, in_order
from models.fill_forecast.fusion import fused
from models.fill_forecast.history import DAY, FIRST_WEEK_DAYS, FloatArray, History
from models.fill_forecast.inflow_cases import BANDS, Cases, band_of, features_of
from models.fill_forecast.inflow_model import Regressors, predict_inflow
from models.fill_forecast.overlay import apart_from_level_error, uncut_levels
from models.fill_forecast.recalibration import recalibrated
from models.fill_forecast.simple_rates import SIMPLE_RATES, by_simple_rates

NAME = "weighed_inflow"
VERSION = "2"
OWN_PAST, GLOBAL_MODEL, OF_ITS_FRACTION = "own past", "global model", "usual of its fraction"
EVERY_FRACTION = "*"
_LEAST_WIDTH = 0.01

_Value = TypeVar("_Value")
Weights = Mapping[str, Mapping[str, float]]
Offsets = Mapping[str, tuple[float, ...]]


def cell(fraction: str, band: int) -> str:
    """The name under which weights and offsets of a fraction and a band of horizons are kept."""
    return f"{fraction}|{BANDS[band]}"


@dataclass(frozen=True, slots=True, eq=False)
class ServedInflow:
    """A `FittedForecaster`. `version` names the stored artifact that it came from, empty before it is stored."""

    description: ModelDescription
    own_past: FittedEmpiricalInflow
    regressors: Regressors
    version: str = ""

    def missing_members(self) -> tuple[str, ...]:
        """Members that the description counts on and that are not there, or that this release does not know."""
        there = (OWN_PAST, *SIMPLE_RATES, *((GLOBAL_MODEL,) if self.regressors else ()))
        return tuple(name for name in self.description.members if name not in there)

    def members(self, own: FloatArray, features: FloatArray) -> dict[str, FloatArray]:
        """Quantiles [case, quantile] above the robust level at the last reading, by member that is there. `own` are those of the container's own
        past, `features` as in `inflow_cases.FEATURES`."""
        found = {OWN_PAST: own}
        if self.regressors:
            found[GLOBAL_MODEL] = predict_inflow(self.regressors, features)
        return found | by_simple_rates(own, own[:, self.description.quantiles.index(0.5)], features)

    def forecast(
        self,
        history: History,
        *,
        cutoff: float,
        known_at: float,
        horizon_hours: tuple[int, ...] = HORIZON_HOURS,
        quantiles: tuple[float, ...] = QUANTILES,
    ) -> InflowForecast | None:
        """See `FittedForecaster`."""
        (made,) = self.forecast_many([history], cutoff=cutoff, known_at=known_at, horizon_hours=horizon_hours, quantiles=quantiles)
        return made

    def forecast_many(
        self,
        histories: Sequence[History],
        *,
        cutoff: float,
        known_at: float,
        horizon_hours: tuple[int, ...] = HORIZON_HOURS,
        quantiles: tuple[float, ...] = QUANTILES,
    ) -> list[InflowForecast | None]:
        """The same for many containers, whose global model is asked once; None for those without a reading."""
        horizons = np.array(horizon_hours, dtype=float)
        seen = [fused(self.own_past.told_of(item).seen(cutoff, known_at)) for item in histories]
        own = [
            self.own_past.forecast(
                item, cutoff=cutoff, known_at=known_at, horizon_hours=horizon_hours, quantiles=self.description.quantiles
            )
            for item in seen
        ]
        states = [
            state_at(self._of_the_tail(history, item, cutoff), cutoff, known_at) if made else None
            for history, item, made in zip(histories, seen, own, strict=True)
        ]
        asked = [
            (self._unmixed(item, made, state.curve.days_of_data, cutoff, known_at, horizon_hours), state)
            for item, made, state in zip(seen, own, states, strict=True)
            if made is not None and state is not None
        ]
        told = iter(self._told(asked, horizons))
        return [
            self._weighed(item, made, {} if state is None else next(told), cutoff, quantiles) if made else None
            for item, made, state in zip(seen, own, states, strict=True)
        ]

    def _told(self, asked: Sequence[tuple[InflowForecast, State]], horizons: FloatArray) -> list[dict[str, FloatArray]]:
        """What the members tell of each container above its level at the cutoff; all are asked at once."""
        if not asked:
            return []
        unseen = [own.level_at_cutoff - state.counted_level for own, state in asked]
        above_reading = [above_level(own) + since for (own, _), since in zip(asked, unseen, strict=True)]
        members = self.members(np.concatenate(above_reading), np.concatenate([features_of(state, horizons) for _, state in asked]))
        shape = (len(asked), len(horizons), -1)
        above_cutoff = {name: values.reshape(shape) - np.array(unseen)[:, None, None] for name, values in members.items()}
        return [{name: values[index] for name, values in above_cutoff.items()} for index in range(len(asked))]

    def _unmixed(
        self, seen: History, alone: InflowForecast, days: float, cutoff: float, known_at: float, horizon_hours: tuple[int, ...]
    ) -> InflowForecast:
        """Its own past as a member: without the distribution of its fraction, which counts beside the members once."""
        if own_weight(days) in (0.0, 1.0):
            return alone
        own = replace(self.own_past, alone=True).forecast(
            seen, cutoff=cutoff, known_at=known_at, horizon_hours=horizon_hours, quantiles=self.description.quantiles
        )
        return own or alone

    def _of_the_tail(self, history: History, seen: History, cutoff: float) -> History:
        """What the global model looks at: the seen one, made one from levels and deposits already, unless it reaches further back than features
        do."""
        long = len(seen.times) and seen.times[0] < cutoff - TAIL_DAYS * DAY
        return self.own_past.told_of(history) if seen.fused is not None and long else seen

    def _weighed(
        self,
        seen: History,
        alone: InflowForecast,
        members: Mapping[str, FloatArray],
        cutoff: float,
        quantiles: tuple[float, ...],
    ) -> InflowForecast:
        evidence = evidence_of(seen, cutoff)
        horizons = np.array(alone.horizon_hours, dtype=float)
        calibrate = (
            evidence.days_of_data >= FIRST_WEEK_DAYS
            and shows_its_level(alone)
            and evidence.level_is_read
            and not evidence.emptied_unread
        )
        own = own_weight(evidence.days_of_data)
        made, used = alone, _with_its_fraction({OWN_PAST: 1.0}, own)
        if calibrate:
            curves, weights = self.combine(members, seen.fraction, horizons)
            used = _with_its_fraction(weights, own)
            usual = self.own_past.pooled(seen.fraction, horizons, self.description.quantiles, cutoff)
            inflow = in_order(own * apart_from_level_error(alone, curves.T) + (1 - own) * usual)
            made = alone.model_copy(update={"inflow_quantiles": tuple(tuple(row) for row in inflow.tolist())})
            made = recalibrated(made, seen.fraction, self.description.factors).model_copy(update={"uncalibrated": None})
        at = np.array([np.interp(quantiles, self.description.quantiles, row) for row in np.array(made.inflow_quantiles).T])
        grade = PARTIAL if self.missing_members() else FULL_MODEL
        return made.model_copy(
            update={
                "level_error": tuple(np.interp(quantiles, self.description.quantiles, made.level_error).tolist())
                if made.level_error
                else (),
                "forecaster": NAME,
                "forecaster_version": self.version or self.description.forecaster_version,
                "quantiles": quantiles,
                "inflow_quantiles": tuple(tuple(row) for row in in_order(at.T).tolist()),
                "model_grade": grade,
                "basis": alone.basis + _remark(used, grade, self.missing_members()),
                "evidence": evidence.model_copy(update={"members": used}),
            }
        )

    def combine(
        self, members: Mapping[str, FloatArray], fraction: str, horizon_hours: FloatArray
    ) -> tuple[FloatArray, dict[str, float]]:
        """(quantiles [case, quantile] of cases of one fraction, mean weights): members weighed, and moved by the offsets of a model that has some."""
        bands = band_of(horizon_hours)
        curves = np.empty_like(members[OWN_PAST])
        used = dict.fromkeys(members, 0.0)
        for band in np.unique(bands).tolist():
            here = bands == band
            weights = self._weights(fraction, band, members)
            mixed = np.sum([weights[name] * members[name][here] for name in weights], axis=0)
            curves[here] = moved(mixed, _of_cell(self.description.offsets, fraction, band, (0.0,) * mixed.shape[1]))
            for name, weight in weights.items():
                used[name] += weight * float(here.mean())
        return curves, {name: round(weight, 3) for name, weight in used.items() if weight > 0}

    def predict_cases(self, cases: Cases, fractions: Sequence[str]) -> FloatArray:
        """Quantiles [case, quantile] of cases whose `own` is filled, for comparisons."""
        members = self.members(cases.own, cases.features)
        made = np.empty_like(cases.own)
        for index in np.unique(cases.fraction).tolist():
            here = cases.fraction == index
            made[here], _ = self.combine(
                {name: values[here] for name, values in members.items()}, fractions[index], cases.horizon_hours[here]
            )
        return np.sort(made, axis=1)

    def _weights(self, fraction: str, band: int, members: Mapping[str, FloatArray]) -> dict[str, float]:
        """The weights of the members that are there, summing to 1; the container's own past where none of them counts."""
        learnt = _of_cell(self.description.weights, fraction, band, MappingProxyType({OWN_PAST: 1.0}))
        there = {name: learnt.get(name, 0.0) for name in members}
        total = sum(there.values())
        return {name: weight / total for name, weight in there.items()} if total > 0 else {OWN_PAST: 1.0}


def above_level(made: InflowForecast) -> FloatArray:
    """Quantiles [horizon, quantile] of what a level stands above the one at the cutoff, the error of that one in them."""
    ends = [made.cutoff + timedelta(hours=hours) for hours in made.horizon_hours]
    above: FloatArray = uncut_levels(made, (), ends).T - made.level_at_cutoff
    return above


def moved(curves: FloatArray, offsets: tuple[float, ...]) -> FloatArray:
    """Quantiles [case, quantile] moved by offsets in units of their own width, in order."""
    width = np.maximum(curves[:, -1] - curves[:, 0], 0.0)[:, None] + _LEAST_WIDTH
    shifted: FloatArray = np.sort(curves + width * np.array(offsets), axis=1)
    return shifted


def fallback(made: InflowForecast, history: History, cutoff: float, known_at: float, why: str) -> InflowForecast:
    """A forecast of the container's own past alone that says, in grade and sentence, that no model served and why."""
    evidence = evidence_of(history.seen(cutoff, known_at), cutoff)
    return made.model_copy(
        update={
            "model_grade": FALLBACK,
            "basis": f"{made.basis.removesuffix('.')}; its own past alone, because {why}.",
            "evidence": evidence.model_copy(
                update={"members": _with_its_fraction({OWN_PAST: 1.0}, own_weight(evidence.days_of_data))}
            ),
        }
    )


def _with_its_fraction(weights: Mapping[str, float], own: float) -> dict[str, float]:
    """Weights of members with that of the distribution of the container's fraction beside them, where it counts."""
    told = {name: round(own * weight, 3) for name, weight in weights.items() if own * weight > 0}
    return told | ({OF_ITS_FRACTION: round(1 - own, 3)} if own < 1 else {})


def _of_cell(kept: Mapping[str, _Value], fraction: str, band: int, otherwise: _Value) -> _Value:
    return kept.get(cell(fraction, band), kept.get(cell(EVERY_FRACTION, band), otherwise))


def _remark(used: Mapping[str, float], grade: str, missing: Sequence[str]) -> str:
    if grade == PARTIAL:
        return f" The model lacks its {' and '.join(missing)}."
    if len(used) < 2:
        return f" Told by the {next(iter(used))} alone."
    return f" Told by the {', '.join(f'{name} ({100 * weight:.0f} %)' for name, weight in used.items())}."

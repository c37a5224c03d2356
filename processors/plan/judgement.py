"""What a forecast says about going to a container now: how full it will be, how likely it overflows before the next chance, and
what going now is worth. Pure; called once per container and plan.

The prize of a container is what going now is worth by `worth.py`: the overflow avoided and the later visit saved, minus the room
that is still in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from models.domain.forecast import InflowForecast
from models.domain.legal_interval import LastCollection, LegalInterval
from models.domain.plan import Unusable
from models.domain.registry import Thing
from models.fill_forecast.overlay import level_quantiles, overflow_probability
from processors.plan.calendar import Chances
from processors.plan.legal import legal_interval
from processors.plan.worth import worth_of_going
from runtime.settings import PlanSettings


@dataclass(frozen=True, slots=True)
class BroughtForward:
    """Why a container goes on the planned day although it can wait: it is due on `busy_day`, whose work would take `busy_share` of its
    trucks' hours. `overflow_by_due` is P(overflow) if that day leaves it out; `by_law`: its legal interval would be over then."""

    busy_day: date
    busy_share: float
    overflow_by_due: float
    by_law: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """A container on the planned day. Without usable data the probabilities are None and `unusable` says why."""

    container: Thing
    level: float | None
    level_observed_at: datetime | None
    level_at_collection: float
    load_l: int
    overflow_before: float | None
    """P(overflow before a truck can come on the planned day)."""
    overflow_by_next: float | None
    """P(overflow before the next chance, if nobody comes on the planned day)."""
    prize: float
    required: bool
    worth_without_risk: float = 0.0
    """What of going now is not the overflow avoided before the next chance: below zero where much room is left."""
    doubtful: bool = False
    unusable: Unusable | None = None
    brought_forward: BroughtForward | None = None
    legal: LegalInterval | None = None

    @property
    def usable(self) -> bool:
        return self.unusable is None

    @property
    def legally_due(self) -> bool:
        return self.legal is not None and self.legal.due

    @property
    def must_go(self) -> bool:
        """By what may overflow, or by law."""
        return self.required or self.legally_due


def judge(
    container: Thing,
    forecast: InflowForecast | None,
    when: Chances,
    settings: PlanSettings,
    now: datetime,
    last: LastCollection | None = None,
) -> Judgement:
    """The judgement of one container for the planned day, as of `now`. `last` is its last collection, where it is known and counts."""
    legal = legal_interval(container, last, when)
    unusable = _unusable(forecast, when, settings, now)
    if forecast is None or unusable is not None:
        level = settings.plan_unknown_level
        return Judgement(
            container=container,
            level=forecast.level_at_cutoff if forecast else None,
            level_observed_at=forecast.level_observed_at if forecast else None,
            level_at_collection=level,
            load_l=round(level * (container.capacity_l or 0)),
            overflow_before=None,
            overflow_by_next=None,
            prize=0.0,
            required=False,
            unusable=unusable,
            legal=legal,
        )
    reach = forecast.cutoff + timedelta(hours=forecast.horizon_hours[-1])
    moments = [when.today, when.next_latest, *(moment for moment in when.later if moment <= reach)]
    levels = level_quantiles(forecast, at=moments)
    medians = np.array([np.interp(0.5, levels.quantiles, column) for column in levels.levels.T])
    load = float(np.interp(settings.plan_load_quantile, levels.quantiles, levels.levels[:, 0]))
    risks = np.array([overflow_probability(forecast, moment) for moment in moments])
    before, by_next = float(risks[0]), float(risks[1])
    worth = float(worth_of_going(risks, np.diff(medians), settings.plan_room_cost, settings.plan_overflow_cost))
    return Judgement(
        container=container,
        level=forecast.level_at_cutoff,
        level_observed_at=forecast.level_observed_at,
        level_at_collection=float(medians[0]),
        load_l=round(load * (container.capacity_l or 0)),
        overflow_before=before,
        overflow_by_next=by_next,
        prize=max(0.0, round(worth, 2)),
        required=by_next >= settings.plan_required_probability,
        worth_without_risk=worth - settings.plan_overflow_cost * (by_next - before),
        doubtful=forecast.data_grade != "good",
        legal=legal,
    )


def _unusable(forecast: InflowForecast | None, when: Chances, settings: PlanSettings, now: datetime) -> Unusable | None:
    """Why the forecast must not decide; None when it may."""
    if forecast is None:
        return Unusable.NO_FORECAST
    if now - forecast.level_observed_at > timedelta(hours=settings.plan_stale_hours):
        return Unusable.STALE
    if when.today < forecast.cutoff:
        return Unusable.BEGINS_LATER
    if when.next_latest > forecast.cutoff + timedelta(hours=forecast.horizon_hours[-1]):
        return Unusable.TOO_SHORT
    return None

"""One honest sentence per container on why it is on the plan or off it, made of the same figures that decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from models.domain.plan import ContainerDecision, DecisionRule
from processors.plan.calendar import Chances
from processors.plan.judgement import Judgement
from runtime.settings import PlanSettings

ON_THE_WAY_M = 300
"""An optional stop with a detour up to this, and hardly any risk, is collected because the truck passes."""
HARDLY_ANY_RISK = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the plan does with a container. `detour_m`: metres that it adds, or would add; None where no truck drives.
    `cost` is that detour in money, time and service included."""

    judgement: Judgement
    truck_id: str | None
    detour_m: int | None
    cost: float | None
    due_today: bool
    next_due: date | None
    kept_fixed: bool = False


def decision(outcome: Outcome, when: Chances, settings: PlanSettings, zone: ZoneInfo) -> ContainerDecision:
    """The decision with its rule and its sentence."""
    judged = outcome.judgement
    rule = _rule(outcome)
    return ContainerDecision(
        container_id=judged.container.thing_id,
        collected=outcome.truck_id is not None,
        rule=rule,
        truck_id=outcome.truck_id,
        level_now=judged.level,
        level_observed_at=judged.level_observed_at,
        overflow_probability=judged.overflow_by_next,
        prize=judged.prize,
        detour_m=outcome.detour_m,
        reason=_sentence(rule, outcome, when, settings, zone),
    )


def _rule(outcome: Outcome) -> DecisionRule:
    judged = outcome.judgement
    if outcome.truck_id is not None:
        if outcome.kept_fixed or not judged.usable:
            return DecisionRule.SCHEDULE
        if judged.required:
            return DecisionRule.REQUIRED
        near = outcome.detour_m is not None and outcome.detour_m <= ON_THE_WAY_M
        return DecisionRule.ON_THE_WAY if near and (judged.overflow_by_next or 0) < HARDLY_ANY_RISK else DecisionRule.PRIZE
    if not judged.usable:
        return DecisionRule.NO_ROOM if outcome.due_today else DecisionRule.NO_DATA
    worth = outcome.cost is not None and judged.prize > outcome.cost
    return DecisionRule.NO_ROOM if judged.required or worth else DecisionRule.NOT_WORTH_IT


def _sentence(rule: DecisionRule, outcome: Outcome, when: Chances, settings: PlanSettings, zone: ZoneInfo) -> str:
    judged = outcome.judgement
    level = _level(judged, zone)
    risk = f"{_per_cent(judged.overflow_by_next)} chance to overflow before the next chance on {_day(when.next_date)}"
    detour = _detour(outcome)
    if rule is DecisionRule.REQUIRED:
        return f"Must go: {level}, {risk}; {_per_cent(settings.plan_required_probability)} is the limit. {detour}"
    if rule is DecisionRule.PRIZE:
        return f"Worth going: {level}, {risk}; going now is worth € {judged.prize:.2f}. {detour}"
    if rule is DecisionRule.ON_THE_WAY:
        return f"On the way: {level}, {risk}, and a truck passes. {detour}"
    if rule is DecisionRule.SCHEDULE:
        if judged.usable:
            return f"The fixed schedule is driven today and collects it: {level}, {risk}."
        return f"Follows the fixed schedule, which collects it today: {judged.why_unusable}{_last_level(judged, zone)}."
    if rule is DecisionRule.NO_DATA:
        following = f"next on {_day(outcome.next_due)}" if outcome.next_due else "which does not know it either"
        return f"Follows the fixed schedule, {following}: {judged.why_unusable}{_last_level(judged, zone)}."
    if rule is DecisionRule.NO_ROOM:
        wanted = f"{level}, {risk}" if judged.usable else f"the fixed schedule collects it today and {judged.why_unusable}"
        return f"Should go, but {_what_lacks(outcome, when)}: {wanted}. {detour}"
    cost = f" for € {outcome.cost:.2f}" if outcome.cost is not None else ""
    return f"Can wait: {level}, {risk}; going now is worth € {judged.prize:.2f}{cost}. {detour}"


def _what_lacks(outcome: Outcome, when: Chances) -> str:
    if outcome.detour_m is None:
        return f"no truck for it drives on {_day(when.plan_date)}"
    return "no truck has room or time left"


def _level(judged: Judgement, zone: ZoneInfo) -> str:
    measured = _moment(judged.level_observed_at, zone) if judged.level_observed_at else "an unknown time"
    doubt = " (doubtful data)" if judged.doubtful else ""
    return (
        f"{_per_cent(judged.level)} full on {measured}{doubt}, {_per_cent(judged.level_at_collection)} expected when a truck comes"
    )


def _last_level(judged: Judgement, zone: ZoneInfo) -> str:
    if judged.level is None or judged.level_observed_at is None:
        return ""
    return f" ({_per_cent(judged.level)} full on {_moment(judged.level_observed_at, zone)})"


def _detour(outcome: Outcome) -> str:
    if outcome.detour_m is None:
        return "No truck drives for it."
    kilometres = f"{outcome.detour_m / 1000:.1f} km"
    return f"Its detour is {kilometres}." if outcome.truck_id else f"Its detour would be {kilometres}."


def _per_cent(share: float | None) -> str:
    return "unknown" if share is None else f"{share * 100:.0f} %"


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{_day(local.date())} {local:%H:%M}"


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"

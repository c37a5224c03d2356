"""Which rule decided on a container, and the figures behind it; the sentence is written from them by `models.domain.reason_words`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from models.domain.plan import ContainerDecision, DecisionFigures, DecisionRule
from models.domain.plan_day import WishKind
from models.domain.reason_words import HELD, reason
from processors.plan.calendar import Chances
from processors.plan.judgement import Judgement
from runtime.settings import PlanSettings

ON_THE_WAY_M = 300
"""An optional stop with a detour up to this, and hardly any risk, is collected because the truck passes."""
HARDLY_ANY_RISK = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the plan does with a container. `detour_m`: metres that it adds, or would add; None where no truck drives.
    `cost` is that detour in money, time and service included; `extra_m` what closed bridges add to the way there."""

    judgement: Judgement
    truck_id: str | None
    detour_m: int | None
    cost: float | None
    due_today: bool
    next_due: date | None
    kept_fixed: bool = False
    wish: WishKind | None = None
    bridges: tuple[str, ...] = ()
    extra_m: int = 0
    left_by_crew: str | None = None
    rank: tuple[int, int] | None = None
    """On a disrupted day: the district's place by expected overflow, and of how many."""


def decision(outcome: Outcome, when: Chances, settings: PlanSettings, zone: ZoneInfo) -> ContainerDecision:
    """The decision with its rule, its figures and its sentence."""
    judged = outcome.judgement
    rule, unasked = _rule(outcome), None
    if outcome.wish is not None and (outcome.wish is WishKind.PIN) == (outcome.truck_id is not None):
        unasked = _unasked(outcome)
        rule = DecisionRule.PINNED if outcome.wish is WishKind.PIN else DecisionRule.FORBIDDEN
    elif outcome.wish is WishKind.PIN:
        rule = DecisionRule.NO_ROOM
    rank, ranks = outcome.rank or (None, None)
    forward = judged.brought_forward
    made = ContainerDecision(
        container_id=judged.container.thing_id,
        collected=outcome.truck_id is not None,
        rule=rule,
        truck_id=outcome.truck_id,
        level_now=judged.level,
        level_observed_at=judged.level_observed_at,
        overflow_probability=judged.overflow_by_next,
        prize=judged.prize,
        detour_m=outcome.detour_m,
        reason="",
        figures=DecisionFigures(
            plan_date=when.plan_date,
            next_chance=when.next_date,
            level_expected=judged.level_at_collection,
            doubtful=judged.doubtful,
            unusable=judged.unusable,
            stale_hours=settings.plan_stale_hours,
            required_from=settings.plan_required_probability,
            due_today=outcome.due_today,
            next_due=outcome.next_due,
            cost=None if outcome.cost is None else round(outcome.cost, 4),
            turning_probability=_turning(outcome, settings),
            rule_without_wish=unasked,
            bridges=outcome.bridges if outcome.extra_m > 0 else (),
            extra_m=outcome.extra_m,
            district=judged.container.district,
            left_by_crew=outcome.left_by_crew if rule is DecisionRule.LEFT_BY_CREW else None,
            rank=rank,
            ranks=ranks,
            busy_day=forward.busy_day if forward else None,
            busy_share=round(forward.busy_share, 4) if forward else None,
            windows=judged.container.windows,
            max_truck_width_mm=judged.container.max_truck_width_mm,
            max_truck_weight_kg=judged.container.max_truck_weight_kg,
            legal=judged.legal,
            rule_without_law=_by_figures(outcome) if judged.legally_due else None,
        ),
    )
    return made.model_copy(update={"reason": reason(made, settings.plan_language, zone)})


def _rule(outcome: Outcome) -> DecisionRule:
    judged = outcome.judgement
    if outcome.left_by_crew is not None and outcome.truck_id is None:
        return DecisionRule.LEFT_BY_CREW
    if outcome.rank is not None and judged.usable and not outcome.kept_fixed:
        return DecisionRule.OVERFLOW_FIRST if outcome.truck_id is not None else DecisionRule.NO_ROOM
    if outcome.truck_id is not None:
        if judged.legally_due and not outcome.kept_fixed:
            return DecisionRule.LEGAL_INTERVAL
        if outcome.kept_fixed or not judged.usable:
            return DecisionRule.SCHEDULE
        if judged.required:
            return DecisionRule.REQUIRED
        if judged.brought_forward is not None:
            return DecisionRule.BROUGHT_FORWARD
        near = outcome.detour_m is not None and outcome.detour_m <= ON_THE_WAY_M
        return DecisionRule.ON_THE_WAY if near and (judged.overflow_by_next or 0) < HARDLY_ANY_RISK else DecisionRule.PRIZE
    if judged.legally_due:
        return DecisionRule.NO_ROOM
    if not judged.usable and not outcome.due_today:
        return DecisionRule.SCHEDULE if judged.unusable in HELD else DecisionRule.NO_DATA
    if not judged.usable:
        return DecisionRule.NO_ROOM
    worth = outcome.cost is not None and judged.prize > outcome.cost
    return DecisionRule.NO_ROOM if judged.required or worth else DecisionRule.NOT_WORTH_IT


def _unasked(outcome: Outcome) -> DecisionRule:
    """The rule that decides on the same figures without the wish."""
    return DecisionRule.LEGAL_INTERVAL if outcome.judgement.legally_due else _by_figures(outcome)


def _by_figures(outcome: Outcome) -> DecisionRule:
    """The rule that decides on level, risk and way alone."""
    judged = outcome.judgement
    if not judged.usable:
        return DecisionRule.SCHEDULE if outcome.due_today else DecisionRule.NO_DATA
    if judged.required:
        return DecisionRule.REQUIRED
    if outcome.cost is None or judged.prize <= outcome.cost:
        return DecisionRule.NOT_WORTH_IT
    return DecisionRule.PRIZE if judged.brought_forward is None else DecisionRule.BROUGHT_FORWARD


def _turning(outcome: Outcome, settings: PlanSettings) -> float | None:
    """The P(overflow before the next chance) from which this container is collected, all else equal: at the limit of what is required, or
    where the prize pays for the detour. None without usable data or a truck, and where the week decided."""
    judged = outcome.judgement
    if not judged.usable or outcome.cost is None or judged.brought_forward is not None:
        return None
    limit = settings.plan_required_probability
    if settings.plan_overflow_cost <= 0:
        return limit
    pays_from = (judged.overflow_before or 0.0) + (outcome.cost - judged.worth_without_risk) / settings.plan_overflow_cost
    return round(min(limit, max(0.0, pays_from)), 6)

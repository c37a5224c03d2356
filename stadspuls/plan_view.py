"""A day's plans as text: the figures against the fixed schedule, then the verdict and some reasons per fraction."""

from __future__ import annotations

from collections.abc import Sequence

from models.domain.plan import CollectionPlan, ContainerDecision, DecisionRule, left_in_all

_RULE_ORDER = (
    DecisionRule.PINNED,
    DecisionRule.FORBIDDEN,
    DecisionRule.OVERFLOW_FIRST,
    DecisionRule.LEFT_BY_CREW,
    DecisionRule.NO_ROOM,
    DecisionRule.REQUIRED,
    DecisionRule.PRIZE,
    DecisionRule.ON_THE_WAY,
    DecisionRule.SCHEDULE,
    DecisionRule.NO_DATA,
    DecisionRule.NOT_WORTH_IT,
)


def as_text(plans: Sequence[CollectionPlan], reasons: int) -> str:
    """The plans of one day. `reasons`: how many per plan, -1 for all."""
    if not plans:
        return "There is no plan."
    lines = [_headline(plans), "", *_table(plans)]
    for plan in plans:
        lines += ["", f"{plan.fraction}, revision {plan.revision}: {plan.verdict}"]
        lines += [f"  CHECK FAILED  {failure}" for failure in plan.check_failures]
        lines += [f"  {_line(decision)}" for decision in _told(plan.decisions, reasons)]
    roads = ", ".join(sorted({plan.matrix_source for plan in plans}))
    lines += ["", f"Roads: {roads}. Every container's reason: stadspuls plan --date {plans[0].plan_date} --reasons -1"]
    return "\n".join(lines)


def _headline(plans: Sequence[CollectionPlan]) -> str:
    trucks = len({route.truck_id for plan in plans for route in plan.routes})
    stops = sum(plan.stop_count for plan in plans)
    kilometres = sum(plan.distance_m for plan in plans) / 1000
    fixed = [plan.fixed_schedule for plan in plans if plan.fixed_schedule is not None]
    return (
        f"Plan for {plans[0].plan_date:%A %d %B %Y}: {trucks} trucks, {stops} stops, {kilometres:.1f} km. The fixed schedule of that "
        f"day: {sum(item.trucks for item in fixed)} trucks, {sum(item.stops for item in fixed)} stops, "
        f"{sum(item.distance_m for item in fixed) / 1000:.1f} km.\n{left_standing(plans)}"
    )


def left_standing(plans: Sequence[CollectionPlan]) -> str:
    """What both leave until the next collection, without which their kilometres do not compare."""
    ours = left_in_all([plan.left_by_plan for plan in plans])
    fixed = left_in_all([plan.left_by_fixed_schedule for plan in plans if plan.fixed_schedule is not None])
    return (
        f"Left standing until the next collection: {ours.required} that must go by the plan, {fixed.required} by the fixed schedule; "
        f"expected to overflow by then {ours.expected_overflows:.1f} and {fixed.expected_overflows:.1f}."
    )


def _table(plans: Sequence[CollectionPlan]) -> list[str]:
    lines = [
        f"{'fraction':<10} {'trucks':>6} {'stops':>6} {'km':>8} {'hours':>6}   {'fixed: trucks':>13} {'stops':>6} {'km':>8} {'hours':>6}"
    ]
    for plan in plans:
        hours = sum(route.duration_s for route in plan.routes) / 3600
        ours = f"{plan.fraction:<10} {len(plan.routes):>6} {plan.stop_count:>6} {plan.distance_m / 1000:>8.1f} {hours:>6.1f}"
        fixed = plan.fixed_schedule
        theirs = (
            f"   {fixed.trucks:>13} {fixed.stops:>6} {fixed.distance_m / 1000:>8.1f} {fixed.duration_s / 3600:>6.1f}"
            if fixed
            else ""
        )
        lines.append(ours + theirs)
    return lines


def _told(decisions: Sequence[ContainerDecision], count: int) -> list[ContainerDecision]:
    """All, or one of each rule in turn until there are enough."""
    if count < 0:
        return sorted(decisions, key=lambda item: (_RULE_ORDER.index(item.rule), item.container_id))
    by_rule = [sorted((d for d in decisions if d.rule is rule), key=_urgency) for rule in _RULE_ORDER]
    told: list[ContainerDecision] = []
    while len(told) < count and any(by_rule):
        for group in by_rule:
            if group and len(told) < count:
                told.append(group.pop(0))
    return told


def _urgency(decision: ContainerDecision) -> tuple[float, str]:
    return (-(decision.overflow_probability or 0.0), decision.container_id)


def _line(decision: ContainerDecision) -> str:
    where = decision.truck_id if decision.collected else "not today"
    return f"{decision.container_id}  {where}: {decision.reason}"

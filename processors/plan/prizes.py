"""What the search pays for collecting a container, beyond what going is worth. Prizes, not conditions: a day with too few trucks still gets
the best plan, and who was left is said (docs/decisions/0014)."""

from __future__ import annotations

from processors.plan.judgement import Judgement
from runtime.settings import PlanSettings

REQUIRED_PRIZE = 1000.0
"""Added to what must be collected."""
PINNED_PRIZE = 10_000.0
"""For a container that a planner asked for."""
SCHEDULE_PRIZE = 500.0
"""For a container without data that the fixed schedule collects today."""


def prize_of(judged: Judgement, due: bool, settings: PlanSettings) -> float:
    """Of a container that nobody wished for or forbade; `due`: the fixed schedule collects it today.

    What the law sends a truck to gets as much as one that is certain to overflow, and the price of a visit more: no container gets more for what
    may overflow. A much larger prize would hide the fleet's limits from the search: it would overload trucks for long before it minds them.
    """
    if judged.legally_due:
        return REQUIRED_PRIZE + max(judged.prize, settings.plan_overflow_cost) + settings.plan_room_cost
    if judged.required:
        return REQUIRED_PRIZE + judged.prize
    return judged.prize + (SCHEDULE_PRIZE if due and not judged.usable else 0.0)

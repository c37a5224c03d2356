"""Shadow plans against the fixed routes as text: totals, then differences per week with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from models.domain.plan import WHOLE_CITY
from models.domain.shadow_report import MeasuredDifference, ShadowComparison

HOW = (
    "Fixed routes: emptyings and levels as observed, tours costed on the same roads. Shadow plan: what flowed in is read from the observed levels, "
    "its trucks empty the containers instead of the real ones. Differences are plan minus fixed routes per whole week, with 95 % intervals."
)


def as_text(comparisons: Sequence[ShadowComparison], days: int) -> str:
    """All comparisons, the whole city first."""
    if not comparisons:
        return (
            f"No day of the last {days} has a score in shadow mode. It is switched on by STADSPULS_PLAN_SHADOW or "
            "STADSPULS_PLAN_SHADOW_DISTRICTS; each day is scored the morning after."
        )
    return "\n\n".join([*(_block(item) for item in comparisons), HOW])


def _block(item: ShadowComparison) -> str:
    name = "All districts in shadow mode" if item.district == WHOLE_CITY else item.district
    headline = (
        f"{name}: {item.days} days scored from {item.first_day} to {item.last_day}, {item.weeks} whole weeks; "
        f"{item.counted_share * 100:.0f} % of the containers' days were read all day long."
    )
    return "\n".join([headline, f"  {'':<26}{'fixed routes':>14}{'shadow plan':>14}   a week", *(_line(m) for m in item.measures)])


def _line(item: MeasuredDifference) -> str:
    name = f"{item.measure} ({item.unit})" if item.unit else item.measure
    _, _, told = item.sentence.partition(": ")
    return f"  {name:<26}{_figure(item.fixed):>14}{_figure(item.plan):>14}   {told}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"

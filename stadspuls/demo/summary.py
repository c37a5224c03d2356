"""The demo's closing figures: asked of the API as any user would, beside the simulator's own ledger."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel


class Ledger(BaseModel):
    """What became of every message, from the API, and what the simulator says it sent."""

    sent: int
    received: int
    stored: int
    duplicate: int
    dead_lettered: int
    without_reading: int
    lost: int
    imbalance: int
    expected_stored: int
    expected_dead_lettered: int

    @property
    def balances(self) -> bool:
        """Nothing lost, nothing unaccounted for, and the same as the simulator's own books."""
        return (
            self.lost == 0
            and self.imbalance == 0
            and self.stored == self.expected_stored
            and self.dead_lettered == self.expected_dead_lettered
        )


class FillSummary(BaseModel):
    """How full the city is: containers by band of their level."""

    containers: int
    with_reading: int
    with_forecast: int
    under_60: int
    from_60_to_80: int
    from_80: int
    silent: int
    full_within_2_days: int


class PlanSummary(BaseModel):
    """Tomorrow's plan beside the fixed schedule, costed on the same roads."""

    plan_date: date
    trucks: int
    stops: int
    km: float
    hours: float
    fixed_trucks: int
    fixed_stops: int
    fixed_km: float
    fixed_hours: float
    left_required: int
    left_overflows: float
    fixed_left_required: int
    fixed_left_overflows: float
    check_passed: bool


class DemoSummary(BaseModel):
    """Everything that the demo claims, and whether it may end with status 0."""

    city: str
    engine: str
    simulated: bool = True
    seconds_to_page: float
    seconds_to_plan: float
    step_seconds: dict[str, float]
    store_killed_at: int
    store_back_after_s: float
    history_messages_per_s: float
    ledger: Ledger
    fill: FillSummary
    plan: PlanSummary | None
    page: str

    @property
    def passed(self) -> bool:
        """The ledger balances, every container with readings has a forecast, and the plan passes its check."""
        return (
            self.ledger.balances
            and self.fill.with_forecast == self.fill.with_reading
            and self.fill.with_reading > 0
            and self.plan is not None
            and self.plan.check_passed
        )


def plan_summary(day: dict[str, Any]) -> PlanSummary:
    """From the answer of `/v1/plans/{date}`."""
    ours, fixed = day["totals"], day["fixed_schedule"]
    left, fixed_left = day["left_by_plan"], day["left_by_fixed_schedule"]
    return PlanSummary(
        plan_date=day["plan_date"],
        trucks=ours["trucks"],
        stops=ours["stops"],
        km=round(ours["distance_m"] / 1000, 1),
        hours=round(ours["duration_s"] / 3600, 1),
        fixed_trucks=fixed["trucks"],
        fixed_stops=fixed["stops"],
        fixed_km=round(fixed["distance_m"] / 1000, 1),
        fixed_hours=round(fixed["duration_s"] / 3600, 1),
        left_required=left["required"],
        left_overflows=left["expected_overflows"],
        fixed_left_required=fixed_left["required"],
        fixed_left_overflows=fixed_left["expected_overflows"],
        check_passed=day["checked"],
    )


def fill_summary(things: list[dict[str, Any]], forecasts: dict[str, float | None]) -> FillSummary:
    """From `/v1/things` and each forecast's hours to full (None: not within the horizon)."""
    containers = [thing for thing in things if thing["thing_type"] == "container"]
    levels = [thing["values"]["fill_ratio"] for thing in containers if thing["values"].get("fill_ratio") is not None]
    return FillSummary(
        containers=len(containers),
        with_reading=len(levels),
        with_forecast=len(forecasts),
        under_60=sum(level < 0.6 for level in levels),
        from_60_to_80=sum(0.6 <= level < 0.8 for level in levels),
        from_80=sum(level >= 0.8 for level in levels),
        silent=sum(thing["state"] == "silent" for thing in containers),
        full_within_2_days=sum(hours is not None and hours <= 48 for hours in forecasts.values()),
    )


def sentences(summary: DemoSummary) -> list[str]:
    """The summary in words that anybody understands."""
    ledger, fill = summary.ledger, summary.fill
    lines = [
        f"Of {ledger.sent:,} messages that the simulated sensors sent, {ledger.stored:,} readings are stored once each, "
        f"{ledger.duplicate:,} were recognised as sent twice, {ledger.dead_lettered:,} could not be read and are kept as dead letters, "
        f"{ledger.lost:,} are lost.",
        "The simulator's own books say the same." if ledger.balances else "THE BOOKS DO NOT BALANCE: see stadspuls ledger.",
        f"The service that writes the database was killed after {summary.store_killed_at:,} messages and was back "
        f"{summary.store_back_after_s:.0f} s later.",
        f"Of {fill.containers} containers {fill.with_reading} have a level: {fill.under_60} are under 60 %, {fill.from_60_to_80} from 60 to "
        f"80 %, {fill.from_80} at 80 % or more; {fill.silent} silent.",
        f"{fill.with_forecast} containers have a forecast; {fill.full_within_2_days} of them are expected to be full within two days.",
    ]
    if summary.plan is not None:
        plan = summary.plan
        lines.append(
            f"The plan for {plan.plan_date}: {plan.trucks} trucks, {plan.stops} stops, {plan.km} km, {plan.hours} h of work. The fixed "
            f"schedule of that day: {plan.fixed_trucks} trucks, {plan.fixed_stops} stops, {plan.fixed_km} km, {plan.fixed_hours} h, same roads."
        )
        lines.append(
            f"What they leave standing until the next collection: the plan {plan.left_required} containers that must go, the fixed schedule "
            f"{plan.fixed_left_required}; expected to overflow by then: {plan.left_overflows:.0f} and {plan.fixed_left_overflows:.0f}."
        )
        lines.append("The plan passed its independent check." if plan.check_passed else "THE PLAN FAILED ITS CHECK.")
    else:
        lines.append("THERE IS NO PLAN.")
    lines.append("The city is simulated: no reading, street or plan of it is real.")
    return lines

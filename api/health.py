"""`/v1/health`: one sentence on whether the line works, with the figures behind it: canary, ledger, newest reading."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import BackendOf
from models.domain.plan_day import DayState, state_of
from models.sensor_kinds.canary import CANARY
from runtime import metrics
from storage.ledger import LedgerTotals, ledger_totals
from storage.plan_days import state_changes
from storage.plans import has_plans, newest_plan_date
from storage.readings import latest_readings

router = APIRouter(tags=["health"])

CANARY_LATE_SECONDS = 30.0


class LedgerView(BaseModel):
    """Messages received = decoded + without reading + dead-lettered; readings decoded = stored + duplicate + rejected.
    `imbalance` is what either identity misses: always 0."""

    messages_received: int
    messages_decoded: int
    messages_without_reading: int
    messages_dead_lettered: int
    readings_decoded: int
    readings_stored: int
    readings_duplicate: int
    readings_rejected: int
    imbalance: int


class Health(BaseModel):
    """`state` is good, waiting (nothing arrives yet) or bad; `sentence` says why in words."""

    state: str
    sentence: str
    city_name: str
    city_timezone: str
    plan_date: date
    canary_age_s: float | None
    canary_observed_at: datetime | None
    ledger: LedgerView


@router.get("/health")
async def health(backend: BackendOf) -> Health:
    """Whether readings come through from MQTT to here, and whether the books balance."""
    now = backend.now()
    async with backend.connection() as connection:
        totals = await ledger_totals(connection)
        canaries = await latest_readings(connection, CANARY)
        planned = await _shown_day(connection, now.astimezone(backend.city.zone).date())
    newest = max((row["observed_at"] for row in canaries), default=None)
    age = (now - newest).total_seconds() if newest else None
    ledger = _ledger_view(totals)
    state, sentence = _verdict(age, ledger.imbalance)
    return Health(
        state=state,
        sentence=sentence,
        city_name=backend.city.city_name,
        city_timezone=backend.city.city_timezone,
        plan_date=planned or _tomorrow(now, backend.city.zone),
        canary_age_s=age,
        canary_observed_at=newest,
        ledger=ledger,
    )


async def _shown_day(connection: Any, today: date) -> date | None:
    """The day whose plan people look at: today until its trucks are back, else the newest."""
    back = (DayState.DRIVEN, DayState.CLOSED)
    if await has_plans(connection, today) and state_of(await state_changes(connection, today)) not in back:
        return today
    return await newest_plan_date(connection)


def _verdict(canary_age_s: float | None, imbalance: int) -> tuple[str, str]:
    if imbalance != 0:
        return "bad", f"the ledger misses {imbalance}: run stadspuls ledger"
    if canary_age_s is None:
        return "waiting", "no canary has come through yet"
    if canary_age_s > CANARY_LATE_SECONDS:
        return "bad", f"the newest canary is {canary_age_s:.0f} s old: run stadspuls status"
    # A simulated city's clock may lag a second behind what is read there.
    return "good", f"working: the newest canary is {max(0.0, canary_age_s):.0f} s old, nothing unaccounted for"


def _ledger_view(totals: LedgerTotals) -> LedgerView:
    view = LedgerView(
        messages_received=totals.messages_received,
        messages_decoded=totals.messages_decoded,
        messages_without_reading=totals.messages_without_reading,
        messages_dead_lettered=totals.messages_dead_lettered,
        readings_decoded=totals.readings_decoded,
        readings_stored=totals.readings_stored,
        readings_duplicate=totals.readings_duplicate,
        readings_rejected=totals.readings_rejected,
        imbalance=abs(totals.messages_imbalance) + abs(totals.readings_imbalance),
    )
    metrics.ACCOUNTING_IMBALANCE.labels("database").set(view.imbalance)
    return view


def _tomorrow(now: datetime, zone: Any) -> date:
    return now.astimezone(zone).date() + timedelta(days=1)

"""`/v1/shadow`: what shadow plans would have come to, beside the fixed routes that were driven."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.dependencies import BackendOf
from models.domain.shadow import DistrictDay
from models.domain.shadow_report import ShadowComparison, compared
from storage.shadow import district_days

router = APIRouter(tags=["shadow mode"])


class ShadowReport(BaseModel):
    """`shadow` is true while the whole city is in shadow mode, `districts` are single ones that are. `comparisons` have the whole city (`*`)
    first; a difference whose interval includes zero is not proven. `scores` are the days behind them."""

    first_day: date
    last_day: date
    shadow: bool
    districts: list[str]
    comparisons: list[ShadowComparison]
    scores: list[DistrictDay]


@router.get("/shadow")
async def shadow_report(
    backend: BackendOf, days: Annotated[int, Query(ge=1, le=730, description="The last so many days")] = 28
) -> ShadowReport:
    """Shadow plans against the fixed routes, per district, with differences paired by week."""
    today = backend.now().astimezone(backend.city.zone).date()
    first, last = today - timedelta(days=days), today - timedelta(days=1)
    async with backend.connection() as connection:
        scores = await district_days(connection, first, last)
    return ShadowReport(
        first_day=first,
        last_day=last,
        shadow=backend.plan.plan_shadow,
        districts=sorted(backend.plan.shadow_districts),
        comparisons=compared(scores),
        scores=scores,
    )
